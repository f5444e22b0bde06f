/* SPDX-License-Identifier: BSD-3-Clause */
/* The agent's beginning and end: devices that outlive it, and who may be the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_rig.h"

static bool sh(const char *command)
{
	return system(command) == 0;
}

static bool closed(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;

	return poll(&p, 1, 20000) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

/* LINK_NEW; device: to be taken back, or -1. Its error; *fd: what came along. */
static int link_new(struct shim *s, uint32_t ifindex, int device, int *fd)
{
	struct shim_link l = {.name = "ovpn7", .mode = DP_MODE_MP, .kind = "ovpn-dco"};
	int ret;

	l.ifindex = ifindex;
	shim_send(s, SHIM_LINK_NEW, 0, &l, sizeof(l), device);
	ret = shim_answer_fd(s, fd);
	if (ret == 0) {
		memcpy(&l, s->body, sizeof(l));
		s->ifindex = l.ifindex;
	}
	return ret;
}

/* --- devices ----------------------------------------------------------------------------- */

/* As openvpn would have it, with a route of its own and the neighbour entry of a peer. */
static int device_in_use(struct shim *s, const struct rig *rig)
{
	int fd;

	shim_attach(s, rig);
	assert_int_equal(link_new(s, 0, -1, &fd), 0);
	assert_true(fd >= 0);
	assert_true(sh("ip address add 10.8.0.1/24 dev ovpn7 && ip link set ovpn7 up mtu 1400 &&"
		       "ip route add 192.168.7.0/24 via 10.8.0.2 dev ovpn7 &&"
		       "ip neigh add 10.8.0.2 lladdr 02:0b:64:00:00:02 nud permanent dev ovpn7 &&"
		       "ip neigh add 10.8.0.9 lladdr 06:00:00:00:00:09 nud permanent dev ovpn7"));
	return fd;
}

static void device_outlives_the_daemon_and_is_taken_back(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	struct shim next;
	enum dp_mode mode;
	int device = device_in_use(&s, rig);
	int fd;

	rig_stop(rig);
	assert_true(closed(s.conn));
	assert_int_equal(if_nametoindex("ovpn7"), s.ifindex);
	rig_start(rig);
	shim_attach(&next, rig);
	assert_int_equal(link_new(&next, s.ifindex, device, &fd), 0);
	assert_int_equal(fd, -1); /* the shim has one */
	assert_int_equal(next.ifindex, s.ifindex);
	assert_int_equal(fake_dp_left(rig->dp).devices, 1);
	fake_dp_newest(rig->dp, &mode);
	assert_int_equal(mode, DP_MODE_MP);
	assert_true(sh("ip address show dev ovpn7 | grep -q 10.8.0.1/24"));
	assert_true(sh("ip link show ovpn7 | grep -q 'UP.*mtu 1400'"));
	assert_true(sh("ip route show dev ovpn7 | grep -q 192.168.7.0/24"));
	/* entries of peers that are no more are gone, others are not ours */
	assert_false(sh("ip neigh show dev ovpn7 | grep -q '10.8.0.2 '"));
	assert_true(sh("ip neigh show dev ovpn7 | grep -q '10.8.0.9 '"));
	/* from here on it is like any other: it ends with its process, at once */
	shim_detach(&s);
	shim_detach(&next);
	EVENTUALLY(if_nametoindex("ovpn7") == 0);
	close(device);
}

static void without_openvpn_the_device_ends_with_the_daemon(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	int device = device_in_use(&s, rig);

	rig_stop(rig);
	close(device);
	EVENTUALLY(if_nametoindex("ovpn7") == 0);
	shim_detach(&s);
	rig_start(rig);
}

static void say_leave(struct shim *s, uint32_t ifindex)
{
	struct shim_link l = {.ifindex = ifindex};

	shim_send(s, SHIM_LINK_LEAVE, 0, &l, sizeof(l), -1);
}

enum last_request { NONE, ANSWERED, PENDING, LAST_REQUESTS };

/* As a shim that waited in vain. What the agent says to it then finds nobody. */
static void give_up(struct shim *s, const struct rig *rig, enum last_request last)
{
	struct pollfd p = {.fd = s->conn, .events = POLLIN};

	if (last == ANSWERED) { /* a moment too late: it is not read */
		shim_send(s, SHIM_CLOSE, 99, NULL, 0, -1);
		assert_int_equal(poll(&p, 1, 20000), 1);
	}
	rig_hold(rig);
	if (last == PENDING)
		shim_send(s, SHIM_CLOSE, 99, NULL, 0, -1);
	say_leave(s, s->ifindex);
	shim_detach(s);
	rig_release();
	EVENTUALLY(fake_dp_left(rig->dp).devices == 0);
}

static void device_outlives_a_connection_that_was_given_up(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	struct shim next;
	int device = device_in_use(&s, rig);
	int fd;

	for (enum last_request last = NONE; last < LAST_REQUESTS; last++) {
		print_message("last request: %d\n", last);
		give_up(&s, rig, last);
		assert_int_equal(if_nametoindex("ovpn7"), s.ifindex);
		shim_attach(&next, rig);
		assert_int_equal(link_new(&next, s.ifindex, device, &fd), 0);
		assert_int_equal(next.ifindex, s.ifindex);
		s = next;
	}
	assert_true(sh("ip address show dev ovpn7 | grep -q 10.8.0.1/24"));
	give_up(&s, rig, PENDING);
	/* nobody else keeps it: openvpn ends */
	assert_int_equal(if_nametoindex("ovpn7"), s.ifindex);
	close(device);
	EVENTUALLY(if_nametoindex("ovpn7") == 0);
}

static void only_its_own_device_is_left(void **state)
{
	struct rig *rig = *state;
	struct shim other;
	struct shim s;
	int device = device_in_use(&s, rig);

	shim_attach(&other, rig);
	say_leave(&other, s.ifindex); /* it has none, and no socket either */
	assert_int_equal(shim_link(&other, "ovpn8", DP_MODE_MP), 0);
	say_leave(&other, s.ifindex);
	shim_detach(&other);
	EVENTUALLY(if_nametoindex("ovpn8") == 0);
	say_leave(&s, other.ifindex);
	shim_detach(&s);
	EVENTUALLY(if_nametoindex("ovpn7") == 0);
	close(device);
}

static int tap(const char *name, int flags)
{
	struct ifreq ifr = {.ifr_flags = (short)flags};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	strcpy(ifr.ifr_name, name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

static int tap_elsewhere(const char *name)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = tap(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
	return fd;
}

static int waiting_tap(const char *name)
{
	int fd = tap(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);

	assert_int_equal(fcntl(fd, F_SETFL, O_RDWR), 0);
	return fd;
}

/*
 * A folder of a file system whose server, *server, never answers: whoever asks for more than the
 * kernel knows of it waits for ever. Where there is none, any folder.
 */
static int silent_folder(int *server)
{
	char dir[] = "/tmp/ovpn-silent-XXXXXX";
	char options[80];
	int fd;

	*server = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", *server);
	assert_non_null(mkdtemp(dir));
	if (*server < 0 || mount("silent", dir, "fuse", 0, options) < 0)
		print_message("no file system here that never answers\n");
	fd = open(dir, O_PATH | O_CLOEXEC);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return fd;
}

/* What comes from another process is looked at before it is touched. */
static void descriptors_that_are_no_such_device_are_refused(void **state)
{
	const int ours = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	struct rig *rig = *state;
	struct shim s;
	struct shim other;
	int pair[2];
	int server;
	int fd;

	shim_attach(&s, rig);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	struct {
		const char *name; /* NULL: index 1 is asked for */
		int fd;
	} wrong[] = {
		{NULL, open("/dev/null", O_RDWR | O_CLOEXEC)},
		{NULL, pair[0]},
		{NULL, open("/dev/net/tun", O_RDWR | O_CLOEXEC)}, /* attached to nothing */
		{NULL, tap("right0", ours)},			  /* but that is not index 1 */
		{"tun0", tap("tun0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR)},
		{"plain0", tap("plain0", IFF_TAP | IFF_NO_PI)},
		{"queues0", tap("queues0", ours | IFF_MULTI_QUEUE)},
		{"waits0", waiting_tap("waits0")},
		{"right0", tap_elsewhere("right0")}, /* our right0 is another device */
		{NULL, silent_folder(&server)},
	};

	for (unsigned int i = 0; i < ARRAY_LEN(wrong); i++) {
		uint32_t index = wrong[i].name == NULL ? 1 : if_nametoindex(wrong[i].name);

		print_message("wrong[%u]\n", i);
		assert_int_equal(link_new(&s, index, wrong[i].fd, &fd), -ENODEV);
		assert_int_equal(fd, -1);
	}
	assert_int_equal(fake_dp_left(rig->dp).devices, 0);
	assert_int_equal(link_new(&s, if_nametoindex("right0"), wrong[3].fd, &fd), 0);
	shim_attach(&other, rig);
	assert_int_equal(link_new(&other, s.ifindex, wrong[3].fd, &fd), -EEXIST);
	shim_detach(&other);
	for (unsigned int i = 0; i < ARRAY_LEN(wrong); i++)
		close(wrong[i].fd);
	close(pair[1]);
	close(server);
	shim_detach(&s);
}

/* Asks for devices and their ends until the agent waits for its reader, which sleeps. */
static uint32_t ask_until_full(struct shim *s)
{
	struct shim_link l = {.name = "ovpn7", .mode = DP_MODE_MP, .kind = "ovpn-dco"};
	struct pollfd p = {.fd = s->conn, .events = POLLOUT};
	uint32_t asked = 0;

	l.ifindex = s->ifindex;
	while (asked < 600 && poll(&p, 1, 300) == 1) {
		bool del = asked % 2 == 0;

		shim_send(s, del ? SHIM_LINK_DEL : SHIM_LINK_NEW, 0, &l, sizeof(l), -1);
		l.ifindex += del; /* the next one's */
		asked++;
	}
	assert_in_range(asked, 100, 599);
	return asked;
}

/* Answers wait when their reader is slow; what goes with them must wait, too. */
static void each_new_device_brings_its_descriptor_however_late(void **state)
{
	struct rig *rig = *state;
	struct shim_link made;
	struct shim s;
	int fd;

	/* one answer is the first to wait; with other sizes before it, another one */
	for (unsigned int shift = 0; shift < 2; shift++) {
		uint32_t asked;

		shim_attach(&s, rig);
		assert_int_equal(link_new(&s, 0, -1, &fd), 0);
		close(fd);
		for (unsigned int i = 0; i < shift; i++)
			shim_send(&s, SHIM_CLOSE, 99, NULL, 0, -1);
		asked = ask_until_full(&s);
		s.seq -= asked + shift;
		for (unsigned int i = 0; i < shift; i++) {
			s.seq++;
			assert_int_equal(shim_answer_fd(&s, &fd), 0);
		}
		for (uint32_t i = 0; i < asked; i++) {
			s.seq++;
			assert_int_equal(shim_answer_fd(&s, &fd), 0);
			assert_int_equal(fd >= 0, i % 2 == 1);
			if (fd < 0)
				continue;
			close(fd);
			memcpy(&made, s.body, sizeof(made));
			assert_int_equal(made.ifindex, s.ifindex + 1 + i / 2);
		}
		shim_detach(&s);
		/* the fake has room for some hundred instances in its life */
		rig_stop(rig);
		rig_start(rig);
	}
}

/* --- who comes in -------------------------------------------------------------------------- */

static void connection_without_hello_is_closed(void **state)
{
	struct rig *rig = *state;
	struct shim s;
	struct pollfd p;
	time_t start = time(NULL);
	int fd;

	shim_attach(&s, rig);
	fd = shim_connect(rig);
	p = (struct pollfd){.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 30000), 1);
	assert_true(closed(fd));
	assert_true(time(NULL) - start >= 4);
	close(fd);
	/* who said it may be silent */
	p = (struct pollfd){.fd = s.conn, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 500), 0);
	shim_detach(&s);
}

/* Between "nobody listens there" and listening there is room for another who thinks the same. */
static void of_two_daemons_at_once_one_starts(void **state)
{
	struct rig *rig = *state;
	struct agent_conf conf = rig_conf(rig);
	struct agent *second;
	char lock[80];
	FILE *f;

	snprintf(lock, sizeof(lock), "%s.lock", rig->dco);
	assert_int_equal(unlink(rig->dco), 0);
	assert_int_equal(agent_new(&conf, rig->dp, rig->h, &second), -EADDRINUSE);
	assert_int_equal(access(lock, F_OK), 0);
	rig_stop(rig);
	assert_int_equal(access(lock, F_OK), -1);
	/* one that a killed daemon left behind is no obstacle */
	f = fopen(lock, "w");
	assert_non_null(f);
	fclose(f);
	rig_start(rig);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

/* With an argument: the tests of that name, which may have a * in it. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(device_outlives_the_daemon_and_is_taken_back),
		RIG_TEST(device_outlives_a_connection_that_was_given_up),
		RIG_TEST(only_its_own_device_is_left),
		RIG_TEST(without_openvpn_the_device_ends_with_the_daemon),
		RIG_TEST(descriptors_that_are_no_such_device_are_refused),
		RIG_TEST(each_new_device_brings_its_descriptor_however_late),
		RIG_TEST(connection_without_hello_is_closed),
		RIG_TEST(of_two_daemons_at_once_one_starts),
	};

	rig_enter();
	if (argc == 2)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
