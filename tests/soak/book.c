/* SPDX-License-Identifier: BSD-3-Clause */
#include "book.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "soak_keys.h"

#define EARLY_MS 100   /* what the two clocks may differ by */
#define LATE_MS	 10000 /* a report comes within a second or so, if the machine lets it */
#define STOOD_MS 4000  /* churn sleeps for three seconds at most */

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void breach(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	exit(1);
}

/* --- slots -------------------------------------------------------------------------------- */

uint32_t book_id(uint32_t slot)
{
	return slot % 64 == 63 ? 0xfffffeu - slot : slot;
}

static struct book_peer *peer_of(struct book *b, uint32_t id)
{
	uint32_t slot = id > 0x800000 ? 0xfffffeu - id : id;

	return slot < BOOK_SLOTS && book_id(slot) == id ? &b->peers[slot] : NULL;
}

static uint32_t slot_of(const struct book *b, const struct book_peer *p)
{
	return (uint32_t)(p - b->peers);
}

void book_init(struct book *b, struct nlc *c, struct book_counts *counts, uint64_t *random)
{
	*b = (struct book){.c = c, .counts = counts, .nb_addresses = BOOK_SLOTS, .noise = b->noise};
	for (uint32_t i = 0; i < BOOK_SLOTS; i++) {
		uint32_t j = (uint32_t)(soak_random(random) % (i + 1));

		b->addresses[i] = b->addresses[j];
		b->addresses[j] = (uint16_t)i;
	}
}

struct ip_addr book_vpn4(uint32_t i)
{
	return (struct ip_addr){IP_V4, {10, 77, (uint8_t)(i / 250), (uint8_t)(i % 250 + 2)}};
}

struct ip_addr book_vpn6(uint32_t i)
{
	struct ip_addr a = {IP_V6, {0xfd, 0x77}};

	be16_store(a.b + 14, (uint16_t)(i + 2));
	return a;
}

struct book_peer *book_begin(struct book *b, uint32_t slot)
{
	struct book_peer *p = &b->peers[slot];
	uint32_t i = b->addresses[--b->nb_addresses];

	*p = (struct book_peer){.address = i};
	p->conf =
		(struct nlc_peer){.id = book_id(slot), .vpn4 = book_vpn4(i), .vpn6 = book_vpn6(i)};
	p->mortal = book_slot_is_mortal(slot);
	return p;
}

void book_begun(struct book *b, struct book_peer *p)
{
	uint32_t slot = slot_of(b, p);

	p->live = true;
	b->place[slot] = (uint16_t)b->nb_live;
	b->live[b->nb_live++] = (uint16_t)slot;
}

void book_end(struct book *b, struct book_peer *p)
{
	uint32_t slot = slot_of(b, p);
	uint16_t last = b->live[--b->nb_live];

	b->live[b->place[slot]] = last;
	b->place[last] = b->place[slot];
	b->addresses[b->nb_addresses++] = (uint16_t)p->address;
	p->live = false;
}

/* --- answers ------------------------------------------------------------------------------ */

static bool may_have_ended(const struct book_peer *p)
{
	return p->mortal && now_ms() + EARLY_MS >= p->due_ms;
}

bool book_answered(struct book *b, struct book_peer *p, int ret, const char *what)
{
	(void)b;
	if (ret == 0)
		return true;
	if (ret != -ENOENT || !may_have_ended(p))
		breach("%s of peer %u, which lives, was answered by error %d", what, p->conf.id,
			-ret);
	if (p->owed_ms == 0)
		p->owed_ms = now_ms();
	return false;
}

void book_removed(struct book *b, struct book_peer *p, int ret)
{
	if (ret == 0) {
		if (p->owed_ms != 0)
			breach("peer %u was gone, and then could be removed", p->conf.id);
		/* what was told of it before: later its id may be another's */
		book_read(b);
		book_end(b, p);
		return;
	}
	if (ret != -ENOENT || !may_have_ended(p))
		breach("DEL_PEER of peer %u, which lives, was answered by error %d", p->conf.id,
			-ret);
	/* its report is in our socket by now, or will never come: we have just heard of it */
	book_read(b);
	if (p->live) {
		b->counts->expired++;
		book_end(b, p);
	}
}

/* --- reports ------------------------------------------------------------------------------ */

static void on_stranger(struct book *b, uint32_t id, enum nlc_gone why)
{
	if (b->strangers == 0 || id < BOOK_STRANGER || why != NLC_GONE_ERROR)
		breach("peer %u is reported gone (reason %d): there never was such a peer", id,
			(int)why);
	b->strangers--;
	b->counts->strange++;
}

/*
 * Where it was, or where noise has spoken for it meanwhile. Those that are mortal from the
 * beginning it leaves alone; of who became so later, floats of before may still be unread.
 */
static bool may_be_at(const struct book *b, const struct book_peer *p, const struct udp_addr *a)
{
	return udp_addr_equal(&p->conf.remote, a) ||
		(!book_slot_is_mortal(slot_of(b, p)) && b->noise.family != IP_NONE &&
			ip_equal(&b->noise, &a->ip));
}

/* Only a family that has a word for it says so, and of nobody twice. */
static void on_float(struct book *b, struct book_peer *p, const struct nlc_notice *n)
{
	char text[UDP_ADDR_STRLEN];

	if (p == NULL || !p->live || !may_be_at(b, p, &n->remote) ||
		udp_addr_equal(&p->conf.remote, &n->remote))
		breach("peer %u is said to be at %s: it has not moved there", n->peer_id,
			udp_addr_str(&n->remote, text));
	p->conf.remote = n->remote;
	b->counts->floats++;
}

/*
 * Time in which nothing ran, we included, is no silence of a peer's: the data plane does not count
 * it, so the report may be late by as much.
 */
static void notice_standstill(struct book *b)
{
	uint64_t now = now_ms();

	if (b->read_ms != 0 && now > b->read_ms + STOOD_MS)
		b->stood_ms = now;
	b->read_ms = now;
}

static bool is_late(const struct book *b, uint64_t since_ms)
{
	uint64_t from = since_ms > b->stood_ms ? since_ms : b->stood_ms;

	return now_ms() > from + LATE_MS;
}

void book_read(struct book *b)
{
	struct nlc_notice n;

	notice_standstill(b);
	while (nlc_notification(b->c, &n)) {
		struct book_peer *p = peer_of(b, n.peer_id);
		enum nlc_gone why = n.why;
		uint32_t id = n.peer_id;

		if (n.kind == NLC_PEER_FLOAT) {
			on_float(b, p, &n);
			continue;
		}
		if (n.kind == NLC_KEY_SWAP && p != NULL && p->live && p->twice)
			continue;
		if (n.kind == NLC_KEY_SWAP)
			breach("another key is asked for peer %u, whose keys are young", id);
		if (p == NULL) {
			on_stranger(b, id, why);
			continue;
		}
		if (!p->live)
			breach("peer %u is reported gone (reason %d), but was gone before", id,
				(int)why);
		if (!p->mortal || why != NLC_GONE_EXPIRED)
			breach("peer %u is reported gone (reason %d), but nothing ended it", id,
				(int)why);
		if (!may_have_ended(p))
			breach("peer %u is reported gone %llu ms too early", id,
				(unsigned long long)(p->due_ms - now_ms()));
		b->counts->expired++;
		book_end(b, p);
	}
}

/* Whoever should have been reported long ago was forgotten. */
static void check_late(const struct book *b)
{
	for (uint32_t i = 0; i < b->nb_live; i++) {
		const struct book_peer *p = &b->peers[b->live[i]];

		if (p->mortal && is_late(b, p->due_ms))
			breach("peer %u should have expired %llu ms ago: %s", p->conf.id,
				(unsigned long long)(now_ms() - p->due_ms),
				p->owed_ms != 0 ? "it is gone, but was never reported"
						: "nobody reported it");
		if (p->owed_ms != 0 && is_late(b, p->owed_ms))
			breach("peer %u is gone, but was never reported", p->conf.id);
	}
	if (b->strangers != 0 && is_late(b, b->stranger_ms))
		breach("%u keys were given to peers that do not exist, and nobody said so",
			b->strangers);
}

/* --- dumps -------------------------------------------------------------------------------- */

struct dump {
	struct book *b;
	uint8_t seen[BOOK_SLOTS]; /* 1: lives, 2: gone */
	uint32_t live;
};

static void check_same(const struct book *b, const struct book_peer *p, const struct nlc_peer *d)
{
	const struct nlc_peer *c = &p->conf;

	if (!may_be_at(b, p, &d->remote) || !ip_equal(&c->vpn4, &d->vpn4) ||
		!ip_equal(&c->vpn6, &d->vpn6))
		breach("peer %u is shown with addresses that are not its own", c->id);
	if (c->interval != d->interval || c->timeout != d->timeout)
		breach("peer %u is shown with keepalive %u/%u, it has %u/%u", c->id, d->interval,
			d->timeout, c->interval, c->timeout);
}

static void on_dumped(const struct nlc_peer *p, void *arg)
{
	struct dump *d = arg;
	struct book_peer *own = peer_of(d->b, p->id);
	bool gone = p->remote.ip.family == IP_NONE;

	if (own == NULL)
		breach("a dump shows peer %u, which never was", p->id);
	if (d->seen[slot_of(d->b, own)] != 0)
		breach("a dump shows peer %u twice", p->id);
	d->seen[slot_of(d->b, own)] = gone ? 2 : 1;
	if (gone) {
		if (!own->live)
			return; /* until its last counters were shown often enough */
		if (!may_have_ended(own))
			breach("a dump shows peer %u as gone, nothing ended it", p->id);
		if (own->owed_ms == 0)
			own->owed_ms = now_ms();
		return;
	}
	if (!own->live)
		breach("a dump shows peer %u, which is gone", p->id);
	check_same(d->b, own, p);
	d->live++;
}

struct neighbours {
	struct book *b;
	uint8_t seen[BOOK_SLOTS][2];
};

static void on_neighbour(const struct ip_addr *a, const uint8_t mac[NLC_MAC_LEN], void *arg)
{
	struct neighbours *n = arg;
	uint32_t id = (uint32_t)mac[3] << 16 | (uint32_t)mac[4] << 8 | mac[5];
	const struct book_peer *p = peer_of(n->b, id);
	bool six = a->family == IP_V6;
	char text[IP_STRLEN];

	if (p == NULL || mac[0] != 2)
		breach("the neighbour entry of %s names peer %u, which never was", ip_str(a, text),
			id);
	if (!p->live)
		breach("the neighbour entry of %s names peer %u, which is gone", ip_str(a, text),
			id);
	if (!ip_equal(a, six ? &p->conf.vpn6 : &p->conf.vpn4))
		breach("the neighbour entry of %s names peer %u, which has another address",
			ip_str(a, text), id);
	n->seen[slot_of(n->b, p)][six] = 1;
}

static void check_neighbours(struct book *b)
{
	struct neighbours n = {.b = b};
	struct nlc_peer any;
	int ret;

	/* whoever we know to be gone has no entry once the agent has answered anything after that
	 */
	nlc_peer_get(b->c, BOOK_STRANGER, &any);
	ret = nlc_neighbours(b->c, on_neighbour, &n);
	if (ret < 0)
		breach("the kernel does not say its neighbours: error %d", -ret);
	book_read(b);
	for (uint32_t i = 0; i < b->nb_live; i++) {
		const struct book_peer *p = &b->peers[b->live[i]];
		const uint8_t *seen = n.seen[b->live[i]];

		if (!may_have_ended(p) && (!seen[0] || !seen[1]))
			breach("peer %u lacks a neighbour entry", p->conf.id);
	}
}

void book_check(struct book *b)
{
	struct dump d = {.b = b};
	int ret;

	book_read(b);
	ret = nlc_dump(b->c, on_dumped, &d);
	if (ret < 0)
		breach("a dump failed: error %d", -ret);
	b->counts->dumps++;
	for (uint32_t i = 0; i < b->nb_live; i++) {
		if (d.seen[b->live[i]] == 0)
			breach("a dump does not show peer %u, which lives",
				b->peers[b->live[i]].conf.id);
	}
	book_read(b);
	check_neighbours(b);
	check_late(b);
}

static bool reports_due(const struct book *b)
{
	for (uint32_t i = 0; i < b->nb_live; i++) {
		if (b->peers[b->live[i]].mortal)
			return true;
	}
	return b->strangers != 0;
}

void book_settle(struct book *b)
{
	struct pollfd pfd = {.fd = nlc_fd(b->c), .events = POLLIN};
	struct dump d;

	while (reports_due(b)) {
		poll(&pfd, 1, 100);
		book_read(b);
		check_late(b);
	}
	for (unsigned int i = 0; i < 3; i++) {
		d = (struct dump){.b = b};
		if (nlc_dump(b->c, on_dumped, &d) < 0)
			breach("a dump failed");
		b->counts->dumps++;
	}
	for (uint32_t i = 0; i < BOOK_SLOTS; i++) {
		if (d.seen[i] == 2)
			breach("peer %u is still in dumps, though its last counters were shown",
				book_id(i));
	}
	book_check(b);
}
