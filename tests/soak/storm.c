/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An openvpn to whose peers everything happens at once: all get new keys, all move, all fall silent
 * in the same second while dumps are in flight. Every event must be told exactly once, to whom it
 * belongs, and nothing else may be; what dumps show must be what is written here. The first
 * breach ends the program.
 *
 * At stages it writes down its peers and waits for a word, so that whoever runs it can compare them
 * with what others see. `--send` is the other ends of its peers, `--watch` another openvpn on the
 * same daemon with one peer: it asks for it all the time, and tells how long an answer took.
 */
#include "storm_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "book.h"

#define SILENCE_MS    1500 /* from the last request to the first expiry */
#define SET_PER_MS    14   /* requests that are made at least, on most machines */
#define SLOWER	      4	   /* or so many times slower than the rekeys' were */
#define SLOW_MAX      10   /* answers beyond the limit: the kernel's locks are shared by all */
#define SLOW_FACTOR   20   /* but none so many times beyond it */
#define CONTROL_EVERY 8	   /* peers whose control packets' names are looked at: that part of them */

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

/* --- stages ------------------------------------------------------------------------------- */

/* Waits for a word of whoever runs this, with the peers written down. */
static void stage(struct storm *s, const char *name, uint32_t live)
{
	FILE *f = fopen(s->book, "w");
	char text[UDP_ADDR_STRLEN], four[IP_STRLEN], six[IP_STRLEN], line[16];

	if (f == NULL)
		breach("%s cannot be written: %s", s->book, strerror(errno));
	for (uint32_t i = 0; i < s->peers; i++) {
		const struct ip_addr a = storm_vpn4(i), b = storm_vpn6(i);

		if (s->p[i].gone == 0)
			fprintf(f, "%u %s %s %s %u %u\n", i, udp_addr_str(&s->p[i].remote, text),
				ip_str(&a, four), ip_str(&b, six), s->key_id,
				i < s->active ? s->rounds : 0);
	}
	fclose(f);
	printf("stage %s %u\n", name, live);
	if (fgets(line, sizeof(line), stdin) == NULL || strcmp(line, "on\n") != 0)
		exit(1);
}

/* --- phases ------------------------------------------------------------------------------- */

static void start(struct storm *s, const struct ip_addr *v4, const struct ip_addr *v6)
{
	must(nlc_link(s->c, s->device, true), "no device");
	must(nlc_link_address(s->c, v4, 12), "the device takes no IPv4 address");
	must(nlc_link_address(s->c, v6, 64), "the device takes no IPv6 address");
	must(nlc_udp(s->c, IP_V6, s->port), "no UDP socket");
}

static void connect_all(struct storm *s)
{
	uint64_t began = now_ms();

	for (uint32_t i = 0; i < s->peers; i++) {
		struct nlc_peer p = {.id = i,
			.remote = storm_place(&s->sources, i, 0),
			.vpn4 = storm_vpn4(i),
			.vpn6 = storm_vpn6(i)};
		struct nlc_key k = storm_key(s->seed, i, s->key_id);

		must(nlc_peer_new(s->c, &p), "no peer");
		s->p[i] = (struct mark){.remote = p.remote, .name = p.remote};
		must(nlc_key_new(s->c, i, NLC_PRIMARY, &k), "no key");
	}
	said(began, "%u peers with keys", s->peers);
	storm_neighbours(s, storm_dump(s));
}

/* Everybody is elsewhere from now on, and sends with its new key. */
static void float_all(struct storm *s, uint32_t round)
{
	uint64_t began = now_ms(), last = began;

	s->round = round;
	s->rounds++;
	s->nb_moved = 0;
	s->floating = true;
	for (uint32_t i = 0; i < s->active; i++)
		s->p[i].moved = 0;
	order(s, "ping %u %u %u\n", round, s->key_id, s->active);
	while (s->nb_moved < s->active) {
		storm_take(s);
		storm_ask(s);
		if (!s->tells && now_ms() - last > 200) {
			storm_dump(s);
			last = now_ms();
			s->nb_moved = 0;
			for (uint32_t i = 0; i < s->active; i++)
				s->nb_moved += s->p[i].moved;
		}
		if (now_ms() - began > PATIENCE_MS)
			breach("%u of %u peers moved, and only so many were followed and told",
				s->nb_moved, s->active);
		poll(NULL, 0, 1);
	}
	said(began, "%u floats", s->active);
	for (last = now_ms(); now_ms() - last < QUIET_MS; poll(NULL, 0, 10))
		storm_take(s);
	for (uint32_t i = 0; i < s->active; i++)
		s->p[i].remote = storm_place(&s->sources, i, round);
	order(s, "rest\n");
	s->floating = false;
	if (storm_dump(s) != s->peers)
		breach("peers are gone that only moved");
}

static uint32_t listen_control(struct storm *s)
{
	uint8_t b[STORM_CONTROL_LEN + 1];
	char text[UDP_ADDR_STRLEN];
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	uint32_t heard = 0, id;
	struct udp_addr a;

	while (recvfrom(nlc_udp_fd(s->c), b, sizeof(b), 0, (struct sockaddr *)&from, &len) ==
		STORM_CONTROL_LEN) {
		id = be32_load(b + 1);
		a = (struct udp_addr){IN6_IS_ADDR_V4MAPPED(&from.sin6_addr)
				? ip_from_bytes(IP_V4, &from.sin6_addr.s6_addr[12])
				: ip_from_bytes(IP_V6, &from.sin6_addr),
			ntohs(from.sin6_port), 0};
		if (id >= s->active)
			breach("a control packet of nobody");
		if (!udp_addr_equal(&a, &s->p[id].name))
			breach("peer %u's control packet bears the name %s", id,
				udp_addr_str(&a, text));
		heard += s->p[id].heard == 0;
		s->p[id].heard = 1;
	}
	return heard;
}

/* A family that tells of floats names control packets by their true address; the other one by
 * that from which the peer connected. */
static void control_all(struct storm *s)
{
	uint32_t count = s->active / CONTROL_EVERY, heard = 0;
	struct pollfd pfd = {.fd = nlc_udp_fd(s->c), .events = POLLIN};
	uint64_t began = now_ms();

	for (uint32_t i = 0; i < s->active; i++)
		s->p[i].heard = 0;
	order(s, "control %u %u\n", s->round, count);
	while (heard < count) {
		poll(&pfd, 1, 50);
		heard += listen_control(s);
		storm_take(s);
		if (now_ms() - began > PATIENCE_MS)
			breach("control packets of %u peers were sent, of %u came", count, heard);
	}
	order(s, "rest\n");
	said(began, "control packets of %u peers under the right name", count);
}

static void expire_all(struct storm *s)
{
	uint64_t set_ms = SLOWER * s->request_us * s->peers / 1000, target, last;
	uint32_t timeout;

	if (set_ms < s->peers / SET_PER_MS)
		set_ms = s->peers / SET_PER_MS;
	target = now_ms() + SILENCE_MS + set_ms;
	for (uint32_t i = 0; i < s->peers; i++) {
		uint64_t now = now_ms();

		if (now + SILENCE_MS / 2 > target)
			breach("this machine is too slow: %u timeouts set, %u left", i,
				s->peers - i);
		timeout = (uint32_t)((target - now + 999) / 1000);
		must(nlc_peer_set(s->c, i, 0, timeout), "no keepalive");
		s->p[i].due_ms = now + timeout * 1000ull;
	}
	storm_take(s);
	if (storm_dump(s) != s->peers)
		breach("peers are gone before their time");
	while (now_ms() < target + 100) {
		storm_take(s);
		storm_ask(s);
		poll(NULL, 0, 1);
	}
	/* nobody reads what is told while a dump is under way */
	while (s->nb_gone < s->peers) {
		for (unsigned int i = 0; i < 20; i++)
			storm_ask(s);
		storm_dump(s);
		if (now_ms() > target + PATIENCE_MS)
			breach("%u of %u peers should have expired long ago and were not told so",
				s->peers - s->nb_gone, s->peers);
	}
	said(target, "%u peers gone and told so since the first", s->peers);
	for (last = now_ms(); now_ms() - last < QUIET_MS; poll(NULL, 0, 10))
		storm_take(s);
	storm_dump(s);
	storm_dump(s);
	storm_dump(s);
	for (uint32_t i = 0; i < s->peers; i++) {
		if (s->p[i].dumped != DUMPED_NOT)
			breach("peer %u is still in dumps", i);
	}
	storm_neighbours(s, 0);
}

static void storm(struct storm *s)
{
	start(s, &STORM_OWN4, &STORM_OWN6);
	for (uint32_t i = 0; i < s->peers; i++)
		s->p[i].gone = 1;
	stage(s, "made", 0);
	connect_all(s);
	storm_inside_open(s);
	storm_wear(s);
	stage(s, "worn", s->peers);
	storm_rekey(s);
	storm_talk(s);
	float_all(s, 1);
	control_all(s);
	float_all(s, STORM_AWAY);
	/* to where they came from */
	float_all(s, 0);
	control_all(s);
	stage(s, "floated", s->peers);
	expire_all(s);
	stage(s, "gone", 0);
	must(nlc_unlink(s->c), "the device cannot be removed");
	printf("%llu requests, %llu dumps, the slowest of %.0f ms; the slowest question for one "
	       "peer %.1f ms\n",
		(unsigned long long)nlc_requests(s->c), (unsigned long long)s->dumps,
		(double)s->slowest_dump_us / 1000, (double)s->slowest_us / 1000);
}

/* --- another openvpn ---------------------------------------------------------------------- */

/* How long a process's first thread has waited for a CPU so far; fd: its schedstat. */
static uint64_t waited_us(int fd)
{
	unsigned long long ran, waited;
	char text[96] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) <= 0 ||
		sscanf(text, "%llu %llu", &ran, &waited) != 2)
		breach("the kernel does not say how long a thread waited for a CPU");
	return waited / 1000;
}

static int open_schedstat(const char *pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* agent: the daemon's pid. Its answers count without waits for a CPU, which others took. */
static void watch(struct storm *s, const char *agent, uint32_t limit_ms)
{
	const struct ip_addr v4 = {IP_V4, {10, 95, 255, 254}};
	const struct ip_addr v6 = {IP_V6, {0xfd, 0x79, [15] = 1}};
	struct nlc_peer p = {
		.id = 1, .remote = storm_place(&s->sources, 0, 3), .vpn4 = {IP_V4, {10, 95, 0, 1}}};
	uint64_t asked = 0, slow = 0, busy_us = 0, when_ms = 0, start_ms = now_ms();
	int its = open_schedstat(agent), own = open_schedstat("self");
	struct nlc_notice n;

	start(s, &v4, &v6);
	must(nlc_peer_new(s->c, &p), "no peer");
	for (; !stopped; asked++, poll(NULL, 0, 3)) {
		uint64_t waited = waited_us(its) + waited_us(own), began = now_us(), took;

		must(nlc_peer_get(s->c, 1, &p), "the peer is gone");
		longest(&s->slowest_us, began);
		took = now_us() - began;
		waited = waited_us(its) + waited_us(own) - waited;
		took -= took < waited ? took : waited;
		slow += took > limit_ms * 1000ull;
		if (took > busy_us) {
			busy_us = took;
			when_ms = now_ms() - start_ms;
		}
		if (nlc_notification(s->c, &n))
			breach("peer %u of another process is told of", n.peer_id);
	}
	must(nlc_unlink(s->c), "the device cannot be removed");
	printf("%llu answers to another openvpn, the slowest after %.1f ms; without waits for a CPU "
	       "after %.1f ms, in second %llu\n",
		(unsigned long long)asked, (double)s->slowest_us / 1000, (double)busy_us / 1000,
		(unsigned long long)when_ms / 1000);
	if (slow > SLOW_MAX || busy_us > limit_ms * 1000ull * SLOW_FACTOR)
		breach("%llu answers took the agent more than %u ms, one %llu ms, in second %llu",
			(unsigned long long)slow, limit_ms, (unsigned long long)busy_us / 1000,
			(unsigned long long)when_ms / 1000);
}

/* --- life --------------------------------------------------------------------------------- */

static void usage(void)
{
	fputs("usage: ovpn-dpdkctl run -- storm --family FAMILY --source ADDRESS... [OPTION...]\n"
	      "       ovpn-dpdkctl run -- storm --family FAMILY --source ADDRESS --watch MS --agent PID\n"
	      "       storm --send ADDRESS4 --send ADDRESS6 --source ADDRESS... <ORDERS >REPORTS\n"
	      "  --family NAME     ovpn-dco-v2 or ovpn\n"
	      "  --source ADDRESS  where peers are, in turn, up to 64\n"
	      "  --peers N         (default 65536)\n"
	      "  --active N        of these move (default 10000)\n"
	      "  --seed N          of keys, 0 to 255 (default 1)\n"
	      "  --orders FILE     to --send\n"
	      "  --reports FILE    from --send\n"
	      "  --book FILE       what peers there should be, at each stage\n"
	      "  --watch MS        another openvpn, none of whose answers may take the agent longer\n"
	      "  --agent PID       the daemon's\n"
	      "  --device NAME     (default storm0)\n"
	      "  --port N          (default 1196)\n",
		stderr);
	exit(2);
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a = {IP_V4, {0}};

	if (inet_pton(AF_INET, text, a.b) == 1)
		return a;
	a.family = IP_V6;
	if (inet_pton(AF_INET6, text, a.b) != 1)
		usage();
	return a;
}

static void run(struct storm *s, const char *family, const char *agent, uint32_t limit_ms)
{
	const struct nlc_family *f = nlc_family_by_name(family);
	struct sigaction act = {.sa_handler = on_signal};

	s->p = calloc(s->peers, sizeof(*s->p));
	if (f == NULL || s->p == NULL)
		usage();
	s->tells = nlc_family_tells_floats(f);
	sigaction(SIGTERM, &act, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	must(nlc_open(f, &s->c), "no such family");
	if (limit_ms != 0)
		watch(s, agent, limit_ms);
	else
		storm(s);
	nlc_free(s->c);
	free(s->p);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"family", required_argument, NULL, 'f'},
		{"source", required_argument, NULL, 's'}, {"peers", required_argument, NULL, 'n'},
		{"active", required_argument, NULL, 'a'}, {"orders", required_argument, NULL, 'o'},
		{"book", required_argument, NULL, 'b'}, {"watch", required_argument, NULL, 'w'},
		{"device", required_argument, NULL, 'd'}, {"port", required_argument, NULL, 'p'},
		{"send", required_argument, NULL, 'x'}, {"seed", required_argument, NULL, 'e'},
		{"reports", required_argument, NULL, 'r'}, {"agent", required_argument, NULL, 'g'},
		{0}};
	struct storm s = {.random = 1,
		.seed = 1,
		.device = "storm0",
		.port = 1196,
		.peers = 65536,
		.active = 10000};
	struct udp_addr to[2] = {0};
	const char *family = NULL, *agent = NULL;
	struct ip_addr a;
	uint32_t limit_ms = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'f')
			family = optarg;
		else if (c == 's' && s.sources.nb < STORM_SOURCES_MAX)
			s.sources.a[s.sources.nb++] = address(optarg);
		else if (c == 'n')
			s.peers = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'a')
			s.active = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'o' && (s.orders = fopen(optarg, "w")) == NULL)
			breach("%s: %s", optarg, strerror(errno));
		else if (c == 'b')
			s.book = optarg;
		else if (c == 'w')
			limit_ms = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'd')
			s.device = optarg;
		else if (c == 'p')
			s.port = (uint16_t)strtoul(optarg, NULL, 10);
		else if (c == 'g')
			agent = optarg;
		else if (c == 'e')
			s.seed = (uint8_t)strtoul(optarg, NULL, 10);
		else if (c == 'r' && (s.reports = fopen(optarg, "r")) == NULL)
			breach("%s: %s", optarg, strerror(errno));
		else if (c == 'x') {
			a = address(optarg);
			to[a.family == IP_V6] = (struct udp_addr){a, s.port, 0};
		} else if (c != 'o' && c != 'r')
			usage();
	}
	if (optind != argc || s.sources.nb == 0 || s.active > s.peers ||
		s.peers > STORM_PEERS_MAX || s.peers / s.sources.nb >= STORM_PORTS || s.peers == 0)
		usage();
	if (to[0].ip.family != IP_NONE && to[1].ip.family != IP_NONE)
		return storm_send(&s.sources, s.seed, to);
	if (s.reports != NULL)
		setvbuf(s.reports, NULL, _IONBF,
			0); /* or poll() would not see what has been read */
	if (family == NULL || (limit_ms != 0 && agent == NULL) ||
		(limit_ms == 0 && (s.orders == NULL || s.reports == NULL || s.book == NULL)))
		usage();
	run(&s, family, agent, limit_ms);
	return 0;
}
