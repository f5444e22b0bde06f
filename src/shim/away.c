/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the end of one daemon to the next.
 *
 * The end of a socketpair is readable for ever, and openvpn would spin on it: while no daemon is
 * there, an idle socket is in the place of every emulated one. openvpn's waits (poll, epoll,
 * select) are cut into slices, between which a daemon is looked for; so there is no thread, no
 * signal handler and no timer, and signals and the management interface are served as always.
 *
 * A daemon that is back gets everything anew, in place: sockets with their options and addresses,
 * and the devices, whose descriptors kept them alive. Peers and keys are gone, so openvpn restarts
 * its sessions (SIGUSR1). Where that cannot be, openvpn ends, and not well, so that whoever watches
 * over it starts it again.
 */
#include "shim.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS	     30000 /* for a daemon */
#define ATTEMPT_MS   250
#define NOT_READY_MS 1000 /* after a daemon that has not got our addresses yet */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool away(void)
{
	return shim.state == SHIM_AWAY && shim.owner == getpid();
}

/* One sentence, and the end of this process. */
__attribute__((format(printf, 1, 2))) static void give_up(const char *fmt, ...)
{
	char why[SHIM_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	shim.state = SHIM_FAILED;
	rpc_disconnect();
	tell("%s: without ovpn-dpdkd there is no data channel, ending this process", why);
	kill(getpid(), SIGTERM);
}

static bool root_changed(void)
{
	struct stat root;

	return stat("/", &root) < 0 || root.st_dev != shim.root_dev || root.st_ino != shim.root_ino;
}

static bool link_unkept(void)
{
	for (unsigned int i = 0; i < SHIM_LINKS; i++) {
		if (shim.links[i].link.ifindex != 0 && shim.links[i].fd < 0)
			return true;
	}
	return false;
}

static bool carries(const struct sock *s)
{
	return s->kind == KIND_GENL || s->kind == KIND_UDP;
}

static void silence(void)
{
	for (unsigned int i = 0; i < SHIM_SOCKS; i++) {
		struct sock *s = &shim.socks[i];

		if (!carries(s))
			continue;
		sock_idle(s);
		s->id = 0;
		shim.away.sessions = true;
	}
}

void away_begin(const char *why)
{
	uint64_t now = now_ms();
	bool again = shim.away.deadline != 0; /* it went while it took us back */

	shim.state = SHIM_AWAY;
	silence();
	shim.away.next = now + ATTEMPT_MS;
	if (again)
		return;
	shim.away.since = now;
	shim.away.deadline = now + WAIT_MS;
	if (root_changed())
		give_up("lost ovpn-dpdkd (%s), and from a changed root directory (chroot) its "
			"socket cannot be reached again",
			why);
	else if (link_unkept())
		give_up("lost ovpn-dpdkd (%s), and the device with it", why);
	else
		tell("lost ovpn-dpdkd (%s), waiting %u seconds for it to come back", why,
			WAIT_MS / 1000);
}

/*
 * Says everything again. *what: what was refused. Sockets come first: if they have to wait, the
 * device must not have been given away yet, because it would end with this connection.
 */
static int restore(const char **what)
{
	int ret = 0;

	for (unsigned int i = 0; i < SHIM_SOCKS && ret == 0; i++) {
		*what = "a socket";
		if (carries(&shim.socks[i]))
			ret = sock_again(&shim.socks[i]);
	}
	for (unsigned int i = 0; i < SHIM_LINKS && ret == 0; i++) {
		*what = shim.links[i].link.name;
		if (shim.links[i].link.ifindex != 0)
			ret = rtnl_again(&shim.links[i]);
	}
	return ret;
}

static void attached(void)
{
	uint64_t ms = now_ms() - shim.away.since;
	bool sessions = shim.away.sessions;

	shim.away = (struct away){0};
	tell("attached to ovpn-dpdkd again after %u.%u s%s", (unsigned int)(ms / 1000),
		(unsigned int)(ms % 1000 / 100), sessions ? ", restarting the sessions" : "");
	if (sessions)
		kill(getpid(), SIGUSR1);
}

static void take_up(void)
{
	const char *what;
	int ret;

	shim.state = SHIM_ATTACHED;
	ret = restore(&what);
	if (shim.state != SHIM_ATTACHED)
		return; /* it went again */
	if (ret == 0) {
		attached();
	} else if (ret == -EADDRNOTAVAIL) {
		/* an address that is set after the daemon's start, by whoever sets it */
		shim.state = SHIM_AWAY;
		rpc_disconnect();
		silence();
		shim.away.next = now_ms() + NOT_READY_MS;
	} else {
		silence();
		give_up("ovpn-dpdkd is back, but does not take %s back (%s)", what, strerror(-ret));
	}
}

static void attempt(void)
{
	char why[SHIM_TEXT];
	uint64_t now = now_ms();
	int ret = rpc_again(why);

	shim.away.next = now + ATTEMPT_MS;
	if (ret == 0)
		take_up();
	else if (ret == -EACCES)
		give_up("lost ovpn-dpdkd, and this process has no right to attach again");
	else if (ret == -EPROTO)
		give_up("ovpn-dpdkd is back, but %s", why);
	if (away() && now >= shim.away.deadline)
		give_up("ovpn-dpdkd did not come back in %u seconds", WAIT_MS / 1000);
}

int away_sleep(int timeout_ms)
{
	uint64_t now = now_ms();
	int left = now < shim.away.next ? (int)(shim.away.next - now) : 0;

	return timeout_ms < 0 || left < timeout_ms ? left : timeout_ms;
}

void away_step(void)
{
	int saved = errno;

	if (now_ms() >= shim.away.next)
		attempt();
	errno = saved;
}

bool away_wait(void)
{
	while (away()) {
		if (real()->poll(NULL, 0, away_sleep(-1)) < 0)
			break;
		away_step();
	}
	return shim.state == SHIM_ATTACHED;
}

static void drop(int *fd)
{
	if (*fd >= 0)
		real()->close(*fd);
	*fd = -1;
}

void away_forked(void)
{
	if (shim.forking)
		return;
	for (unsigned int i = 0; i < SHIM_SOCKS && shim.nb_socks != 0; i++) {
		if (carries(&shim.socks[i]))
			real()->close(shim.socks[i].fd);
	}
	/* the numbers are the child's own from here on */
	shim.nb_socks = 0;
	for (unsigned int i = 0; i < SHIM_LINKS; i++) {
		if (shim.links[i].link.ifindex != 0)
			drop(&shim.links[i].fd);
	}
	drop(&shim.rpc_fd);
	drop(&shim.netns_fd);
	drop(&shim.idle[0]);
	drop(&shim.idle[1]);
}
