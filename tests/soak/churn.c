/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An openvpn whose clients come and go all the time: connects, disconnects, rekeys, commands in
 * the wrong order, twice, or for nobody, peers that fall silent. Every answer, report and dump is
 * compared with what they must be (book.h). Which happens when is decided by the seed; what the
 * clock decides, such as who expires before he is removed, is not.
 */
#include <errno.h>
#include <dirent.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>

#include "book.h"
#include "soak_keys.h"

#define REMOTES_MAX 8
#define CHECK_EVERY 100	 /* connects between two looks at everything */
#define PATIENCE_MS 1500 /* how long it sometimes reads nothing */

struct churn {
	struct nlc *c;
	struct book book;
	struct book_counts counts;
	uint64_t random;
	struct udp_addr remotes[REMOTES_MAX];
	unsigned int nb_remotes;
	const char *device;
	const struct nlc_family *family;
	uint16_t port;
	uint32_t window;
	uint32_t connects, disconnects, rekeys, odd, restarts;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static uint32_t below(struct churn *u, uint32_t n)
{
	return (uint32_t)(soak_random(&u->random) % n);
}

static unsigned int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n;
}

/* --- what clients and openvpn do ---------------------------------------------------------- */

static struct book_peer *any_peer(struct churn *u)
{
	struct book *b = &u->book;

	return b->nb_live == 0 ? NULL : &b->peers[b->live[below(u, b->nb_live)]];
}

static void new_key(struct churn *u, struct book_peer *p, enum nlc_slot slot, uint8_t id)
{
	struct nlc_key k = soak_key(p->conf.id, id);
	int ret = nlc_key_new(u->c, p->conf.id, slot, &k);

	/* openvpn exits over any error here */
	if (ret != 0)
		breach("NEW_KEY for peer %u was answered by error %d", p->conf.id, -ret);
	p->has[slot] = true;
	p->newest = id;
}

static void set_peer(struct churn *u, struct book_peer *p, uint32_t interval, uint32_t timeout)
{
	uint64_t asked = now_ms();
	int ret = nlc_peer_set(u->c, p->conf.id, interval, timeout);

	if (!book_answered(&u->book, p, ret, "SET_PEER"))
		return;
	p->conf.interval = interval;
	p->conf.timeout = timeout;
	p->due_ms = asked + (uint64_t)timeout * 1000;
}

static void connect_one(struct churn *u)
{
	struct book *b = &u->book;
	uint32_t slot = below(u, BOOK_SLOTS);
	struct book_peer *p;
	int ret;

	while (b->peers[slot].live)
		slot = (slot + 1) % BOOK_SLOTS;
	p = book_begin(b, slot);
	p->conf.remote = u->remotes[below(u, u->nb_remotes)];
	p->conf.remote.port = (uint16_t)(1024 + below(u, 64000));
	ret = nlc_peer_new(u->c, &p->conf);
	if (ret != 0)
		breach("NEW_PEER of peer %u, which is free, was answered by error %d", p->conf.id,
			-ret);
	book_begun(b, p);
	u->connects++;
	if (p->mortal)
		set_peer(u, p, below(u, 2), 1 + below(u, 2));
	else if (below(u, 8) != 0)
		set_peer(u, p, below(u, 3), below(u, 2) * 600);
	new_key(u, p, NLC_PRIMARY, 0);
}

static void disconnect_one(struct churn *u)
{
	struct book_peer *p = any_peer(u);

	if (p == NULL)
		return;
	/* sometimes its keys first, which openvpn does not do */
	if (below(u, 8) == 0)
		book_answered(&u->book, p, nlc_key_del(u->c, p->conf.id, NLC_PRIMARY), "DEL_KEY");
	book_removed(&u->book, p, nlc_peer_del(u->c, p->conf.id));
	u->disconnects++;
}

static uint8_t next_key_id(const struct book_peer *p)
{
	return p->newest == 7 ? 1 : (uint8_t)(p->newest + 1);
}

/* New key, swap, old key away: as openvpn does, or left half done. */
static void rekey_one(struct churn *u)
{
	struct book_peer *p = any_peer(u);
	uint32_t id;

	if (p == NULL)
		return;
	id = p->conf.id;
	new_key(u, p, NLC_SECONDARY, next_key_id(p));
	u->rekeys++;
	if (below(u, 4) == 0 || !book_answered(&u->book, p, nlc_keys_swap(u->c, id), "SWAP_KEYS"))
		return;
	if (below(u, 4) != 0)
		book_answered(&u->book, p, nlc_key_del(u->c, id, NLC_SECONDARY), "DEL_KEY");
}

static void refused(int ret, int want, const char *what)
{
	if (ret != want)
		breach("%s was answered by error %d, not %d", what, -ret, -want);
}

static void for_nobody(struct churn *u)
{
	uint32_t id = BOOK_STRANGER + below(u, 100000);
	struct nlc_key k = soak_key(id, 0);
	struct nlc_peer p;

	refused(nlc_peer_del(u->c, id), -ENOENT, "DEL_PEER of nobody");
	refused(nlc_peer_set(u->c, id, 1, 1), -ENOENT, "SET_PEER of nobody");
	refused(nlc_keys_swap(u->c, id), -ENOENT, "SWAP_KEYS of nobody");
	refused(nlc_key_del(u->c, id, NLC_SECONDARY), -ENOENT, "DEL_KEY of nobody");
	refused(nlc_peer_get(u->c, id, &p), -ENOENT, "GET_PEER of nobody");
	if (u->book.strangers != 0)
		return;
	/* never refused; openvpn hears later that there is no such peer */
	refused(nlc_key_new(u->c, id, NLC_PRIMARY, &k), 0, "NEW_KEY of nobody");
	u->book.stranger_ms = now_ms();
	u->book.strangers++;
}

/* Commands that openvpn never sends so, or sends when it has lost count. */
static void odd_one(struct churn *u)
{
	struct book_peer *p = any_peer(u);
	struct nlc_peer info;
	uint32_t id;

	u->odd++;
	if (p == NULL) {
		for_nobody(u);
		return;
	}
	id = p->conf.id;
	switch (below(u, 7)) {
	case 0:
		if (!p->mortal) /* of one that has ended it would be right */
			refused(nlc_peer_new(u->c, &p->conf), -EEXIST, "NEW_PEER of a live peer");
		break;
	case 1:
		book_answered(&u->book, p, nlc_keys_swap(u->c, id), "SWAP_KEYS");
		book_answered(&u->book, p, nlc_keys_swap(u->c, id), "SWAP_KEYS");
		break;
	case 2:
		book_answered(&u->book, p, nlc_key_del(u->c, id, NLC_SECONDARY), "DEL_KEY");
		book_answered(&u->book, p, nlc_key_del(u->c, id, NLC_SECONDARY), "DEL_KEY");
		break;
	case 3: /* the same key again, over itself */
		new_key(u, p, NLC_PRIMARY, p->newest);
		new_key(u, p, NLC_SECONDARY, p->newest);
		p->twice = true;
		break;
	case 4:
		book_answered(&u->book, p, nlc_key_del(u->c, id, NLC_PRIMARY), "DEL_KEY");
		new_key(u, p, NLC_SECONDARY, next_key_id(p));
		book_answered(&u->book, p, nlc_keys_swap(u->c, id), "SWAP_KEYS");
		break;
	case 5:
		for_nobody(u);
		break;
	default:
		if (book_answered(&u->book, p, nlc_peer_get(u->c, id, &info), "GET_PEER") &&
			info.remote.ip.family == IP_NONE && !p->mortal)
			breach("GET_PEER shows peer %u as gone, nothing ended it", id);
	}
}

static void step(struct churn *u)
{
	uint32_t dice = below(u, 100);
	uint32_t live = u->book.nb_live;

	if (dice < 30 && live < u->window)
		connect_one(u);
	else if (dice < 55 && live > u->window / 2)
		disconnect_one(u);
	else if (dice < 85)
		rekey_one(u);
	else
		odd_one(u);
	if (below(u, 4) == 0)
		book_read(&u->book);
}

/*
 * All keepalives run out in the same second while nobody reads the reports; some of the dead are
 * removed before they were reported.
 */
static void epidemic(struct churn *u)
{
	struct book *b = &u->book;

	book_check(b);
	for (uint32_t i = 0; i < b->nb_live; i++) {
		b->peers[b->live[i]].mortal = true;
		set_peer(u, &b->peers[b->live[i]], 0, 1);
	}
	poll(NULL, 0, 2 * PATIENCE_MS);
	for (unsigned int i = 0; i < 20; i++)
		disconnect_one(u);
}

/* --- life --------------------------------------------------------------------------------- */

static void must(int ret, const char *what)
{
	if (ret < 0)
		breach("%s: %s", what, strerror(-ret));
}

static void start(struct churn *u)
{
	const struct ip_addr v4 = {IP_V4, {10, 77, 255, 1}};
	const struct ip_addr v6 = {IP_V6, {0xfd, 0x77, [15] = 1}};

	must(nlc_link(u->c, u->device, true), "no device");
	must(nlc_link_address(u->c, &v4, 16), "the device takes no IPv4 address");
	must(nlc_link_address(u->c, &v6, 64), "the device takes no IPv6 address");
	must(nlc_udp(u->c, IP_V6, u->port), "no UDP socket");
}

/* As openvpn does for SIGUSR1: everything goes, by name or with the device, and comes again. */
static void restart(struct churn *u)
{
	unsigned int fds = open_fds();

	epidemic(u);
	while (u->book.nb_live > u->window / 4)
		disconnect_one(u);
	must(nlc_unlink(u->c), "the device cannot be removed");
	start(u);
	book_init(&u->book, u->c, &u->counts, &u->random);
	u->restarts++;
	if (open_fds() != fds)
		breach("%u descriptors are open after a restart, %u before", open_fds(), fds);
}

/* Until there may be one more connect. */
static void pace(struct churn *u, uint64_t due)
{
	struct pollfd pfd = {.fd = nlc_fd(u->c), .events = POLLIN};

	while (!stopped && now_ms() < due) {
		poll(&pfd, 1, 20);
		book_read(&u->book);
	}
}

static void run(struct churn *u, uint32_t connects, uint32_t seconds, uint32_t restarts)
{
	uint64_t began = now_ms();
	uint32_t checked = 0;

	for (uint32_t last = 0; !stopped && u->connects < connects;) {
		step(u);
		if (u->connects == last)
			continue;
		last = u->connects;
		pace(u, began + (uint64_t)last * seconds * 1000 / connects);
		if (below(u, 500) == 0)
			poll(NULL, 0, PATIENCE_MS);
		if (last - checked >= CHECK_EVERY) {
			checked = last;
			book_check(&u->book);
		}
		if (u->restarts < restarts &&
			last >= (u->restarts + 1) * (connects / (restarts + 1)))
			restart(u);
	}
	book_settle(&u->book);
}

static void report(const struct churn *u)
{
	const struct book_counts *n = &u->counts;

	printf("churn: %s: %u connects, %u disconnects, %llu expired, %llu told of as floats, %u "
	       "rekeys, %u odd requests, %llu "
	       "keys for nobody, %llu dumps compared, %u restarts, %llu requests\n",
		nlc_family_name(u->family), u->connects, u->disconnects,
		(unsigned long long)n->expired, (unsigned long long)n->floats, u->rekeys, u->odd,
		(unsigned long long)n->strange, (unsigned long long)n->dumps, u->restarts,
		(unsigned long long)nlc_requests(u->c));
}

static void add_remote(struct churn *u, const char *text)
{
	struct udp_addr *r = &u->remotes[u->nb_remotes];

	if (u->nb_remotes < REMOTES_MAX && inet_pton(AF_INET, text, r->ip.b) == 1)
		r->ip.family = IP_V4;
	else if (u->nb_remotes < REMOTES_MAX && inet_pton(AF_INET6, text, r->ip.b) == 1)
		r->ip.family = IP_V6;
	else
		breach("--remote %s: at most %d addresses", text, REMOTES_MAX);
	u->nb_remotes++;
}

static void usage(void)
{
	fputs("usage: ovpn-dpdkctl run -- churn --remote ADDRESS... [OPTION...]\n"
	      "  --remote ADDRESS  where peers claim to be; IPv4 or IPv6, up to 8\n"
	      "  --family NAME     ovpn-dco-v2 (default) or ovpn\n"
	      "  --noise ADDRESS   from where noise moves peers\n"
	      "  --seed N          decides what happens (default 1)\n"
	      "  --connects N      then it ends (default 1000)\n"
	      "  --seconds N       spread over so long (default 0: as fast as it goes)\n"
	      "  --window N        peers there at a time, at most 1000 (default 300)\n"
	      "  --restarts N      of device and sockets on the way (default 3)\n"
	      "  --device NAME     (default churn0)\n"
	      "  --port N          UDP port of its own (default 1195)\n",
		stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"remote", required_argument, NULL, 'r'},
		{"family", required_argument, NULL, 'f'}, {"noise", required_argument, NULL, 'o'},
		{"seed", required_argument, NULL, 's'}, {"connects", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 't'}, {"window", required_argument, NULL, 'w'},
		{"restarts", required_argument, NULL, 'n'},
		{"device", required_argument, NULL, 'd'}, {"port", required_argument, NULL, 'p'},
		{0}};
	struct churn *u = calloc(1, sizeof(*u));
	struct sigaction act = {.sa_handler = on_signal};
	uint32_t connects = 1000, seconds = 0, restarts = 3;
	int c;

	if (u == NULL)
		return 1;
	u->random = 1;
	u->device = "churn0";
	u->port = 1195;
	u->family = &nlc_ovpn_dco_v2;
	u->window = 300;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			add_remote(u, optarg);
			break;
		case 'f':
			u->family = nlc_family_by_name(optarg);
			break;
		case 'o':
			u->book.noise.family = IP_V4;
			if (inet_pton(AF_INET, optarg, u->book.noise.b) != 1)
				usage();
			break;
		case 's':
			u->random = strtoull(optarg, NULL, 10);
			break;
		case 'c':
			connects = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 't':
			seconds = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			u->window = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			restarts = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			u->device = optarg;
			break;
		case 'p':
			u->port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		default:
			usage();
		}
	}
	if (optind != argc || u->family == NULL || u->nb_remotes == 0 || connects <= restarts ||
		u->window == 0 || u->window > 1000)
		usage();
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	must(nlc_open(u->family, &u->c), "no such family");
	start(u);
	book_init(&u->book, u->c, &u->counts, &u->random);
	run(u, connects, seconds, restarts);
	report(u);
	while (u->book.nb_live > 0)
		disconnect_one(u);
	must(nlc_unlink(u->c), "the device cannot be removed");
	nlc_free(u->c);
	free(u);
	return 0;
}
