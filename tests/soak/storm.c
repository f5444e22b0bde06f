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
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "book.h"
#include "soak_keys.h"

#define PATIENCE_MS   20000 /* for all of one kind */
#define QUIET_MS      600   /* after the last one: then a second one would have come */
#define SILENCE_MS    1500  /* from the last request to the first expiry */
#define SET_PER_MS    14    /* requests that are made at least, on any machine */
#define CONTROL_EVERY 8 /* peers whose control packets' names are looked at: that part of them */

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static void said(uint64_t since_ms, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void said(uint64_t since_ms, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf(": %.2f s\n", (double)(now_ms() - since_ms) / 1000);
}

static void order(struct storm *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void order(struct storm *s, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vfprintf(s->orders, format, ap) < 0 || fflush(s->orders) != 0)
		breach("nobody takes orders");
	va_end(ap);
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
			fprintf(f, "%u %s %s %s %s %u\n", i, udp_addr_str(&s->p[i].remote, text),
				ip_str(&a, four), ip_str(&b, six),
				i < s->active ? (s->key_id == 0 ? "0" : "1") : "-",
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
	must(nlc_udp(s->c, IP_V4, s->port), "no UDP socket");
}

static void connect_all(struct storm *s)
{
	uint64_t began = now_ms();

	for (uint32_t i = 0; i < s->peers; i++) {
		struct nlc_peer p = {.id = i,
			.remote = storm_place(&s->sources, i, 0),
			.vpn4 = storm_vpn4(i),
			.vpn6 = storm_vpn6(i)};
		struct nlc_key k = soak_key(i, 0);

		must(nlc_peer_new(s->c, &p), "no peer");
		s->p[i] = (struct mark){.remote = p.remote, .name = p.remote};
		if (i < s->active)
			must(nlc_key_new(s->c, i, NLC_PRIMARY, &k), "no key");
	}
	said(began, "%u peers, %u with keys", s->peers, s->active);
	storm_neighbours(s, storm_dump(s));
}

/* All at once, under traffic with the old keys. */
static void rekey_all(struct storm *s)
{
	uint64_t began = now_ms();
	uint8_t got;

	order(s, "data 0 0 %u\n", s->active);
	for (uint32_t i = 0; i < s->active; i++) {
		struct nlc_key k = soak_key(i, 1);

		must(nlc_key_new(s->c, i, NLC_SECONDARY, &k), "no new key");
		must(nlc_keys_swap(s->c, i), "keys do not change places");
		must(nlc_key_del(s->c, i, NLC_SECONDARY), "the old key cannot be removed");
		if (i % 64 == 0)
			storm_take(s);
	}
	s->key_id = 1;
	said(began, "%u rekeys", s->active);
	for (uint32_t i = 0; i < s->active; i++) {
		int ret = nlc_key_get(s->c, i, NLC_PRIMARY, &got);

		if (ret == -EOPNOTSUPP)
			break;
		if (ret != 0 || got != 1 || nlc_key_get(s->c, i, NLC_SECONDARY, &got) != -ENOENT)
			breach("peer %u has not its new key alone", i);
	}
	storm_dump(s);
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
	order(s, "data %u %u %u\n", round, s->key_id, s->active);
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
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint32_t heard = 0, id;
	struct udp_addr a;

	while (recvfrom(nlc_udp_fd(s->c), b, sizeof(b), 0, (struct sockaddr *)&from, &len) ==
		STORM_CONTROL_LEN) {
		id = be32_load(b + 1);
		a = (struct udp_addr){
			ip_from_bytes(IP_V4, &from.sin_addr), ntohs(from.sin_port), 0};
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
	uint64_t target = now_ms() + SILENCE_MS + s->peers / SET_PER_MS, last;
	uint32_t timeout;

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
	const struct ip_addr v4 = {IP_V4, {10, 79, 255, 254}};
	const struct ip_addr v6 = {IP_V6, {0xfd, 0x78, [8] = 1, [15] = 1}};

	start(s, &v4, &v6);
	for (uint32_t i = 0; i < s->peers; i++)
		s->p[i].gone = 1;
	stage(s, "made", 0);
	connect_all(s);
	rekey_all(s);
	float_all(s, 1);
	control_all(s);
	float_all(s, 2);
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

static void watch(struct storm *s, uint32_t limit_ms)
{
	const struct ip_addr v4 = {IP_V4, {10, 95, 255, 254}};
	const struct ip_addr v6 = {IP_V6, {0xfd, 0x79, [15] = 1}};
	struct nlc_peer p = {
		.id = 1, .remote = storm_place(&s->sources, 0, 3), .vpn4 = {IP_V4, {10, 95, 0, 1}}};
	struct nlc_notice n;
	uint64_t asked = 0;

	start(s, &v4, &v6);
	must(nlc_peer_new(s->c, &p), "no peer");
	for (; !stopped; asked++, poll(NULL, 0, 3)) {
		uint64_t began = now_us();

		must(nlc_peer_get(s->c, 1, &p), "the peer is gone");
		longest(&s->slowest_us, began);
		if (nlc_notification(s->c, &n))
			breach("peer %u of another process is told of", n.peer_id);
	}
	must(nlc_unlink(s->c), "the device cannot be removed");
	printf("%llu answers to another openvpn, the slowest after %.1f ms\n",
		(unsigned long long)asked, (double)s->slowest_us / 1000);
	if (s->slowest_us > limit_ms * 1000ull)
		breach("an answer took %llu ms", (unsigned long long)s->slowest_us / 1000);
}

/* --- life --------------------------------------------------------------------------------- */

static void usage(void)
{
	fputs("usage: ovpn-dpdkctl run -- storm --family FAMILY --source ADDRESS... [OPTION...]\n"
	      "       ovpn-dpdkctl run -- storm --family FAMILY --source ADDRESS --watch MS\n"
	      "       storm --send ADDRESS --source ADDRESS... <ORDERS\n"
	      "  --family NAME     ovpn-dco-v2 or ovpn\n"
	      "  --source ADDRESS  where peers are (IPv4), up to 64\n"
	      "  --peers N         (default 65536)\n"
	      "  --active N        of these have keys, get new ones, and move (default 10000)\n"
	      "  --orders FILE     to --send\n"
	      "  --book FILE       what peers there should be, at each stage\n"
	      "  --watch MS        another openvpn, none of whose answers may take longer\n"
	      "  --device NAME     (default storm0)\n"
	      "  --port N          (default 1196)\n",
		stderr);
	exit(2);
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a = {IP_V4, {0}};

	if (inet_pton(AF_INET, text, a.b) != 1)
		usage();
	return a;
}

static void run(struct storm *s, const char *family, uint32_t limit_ms)
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
		watch(s, limit_ms);
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
		{"send", required_argument, NULL, 'x'}, {0}};
	struct storm s = {
		.random = 1, .device = "storm0", .port = 1196, .peers = 65536, .active = 10000};
	struct udp_addr to = {0};
	const char *family = NULL;
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
		else if (c == 'x')
			to.ip = address(optarg);
		else if (c != 'o')
			usage();
	}
	to.port = s.port;
	if (optind != argc || s.sources.nb == 0 || s.active > s.peers ||
		s.peers > STORM_PEERS_MAX || s.peers / s.sources.nb >= STORM_PORTS || s.peers == 0)
		usage();
	if (to.ip.family != IP_NONE)
		return storm_send(&s.sources, &to);
	if (family == NULL || (limit_ms == 0 && (s.orders == NULL || s.book == NULL)))
		usage();
	run(&s, family, limit_ms);
	return 0;
}
