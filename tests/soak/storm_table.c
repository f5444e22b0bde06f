/* SPDX-License-Identifier: BSD-3-Clause */
#include "storm_table.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "book.h"

#define EARLY_MS 100 /* what the two clocks may differ by */

uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void longest(uint64_t *slowest_us, uint64_t began_us)
{
	uint64_t took = now_us() - began_us;

	if (took > *slowest_us)
		*slowest_us = took;
}

void said(uint64_t since_ms, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf(": %.2f s\n", (double)(now_ms() - since_ms) / 1000);
}

void order(struct storm *s, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vfprintf(s->orders, format, ap) < 0 || fflush(s->orders) != 0)
		breach("nobody takes orders");
	va_end(ap);
}

void must(int ret, const char *what)
{
	if (ret < 0)
		breach("%s: %s", what, strerror(-ret));
}

/* --- what is told ------------------------------------------------------------------------- */

static void on_gone(struct storm *s, const struct nlc_notice *n)
{
	struct mark *m = &s->p[n->peer_id];

	if (m->gone != 0)
		breach("peer %u is told to be gone twice", n->peer_id);
	if (n->why != NLC_GONE_EXPIRED || m->due_ms == 0)
		breach("peer %u is told to be gone (reason %d): nothing ended it", n->peer_id,
			(int)n->why);
	if (now_ms() + EARLY_MS < m->due_ms)
		breach("peer %u is told to be gone %llu ms too early", n->peer_id,
			(unsigned long long)(m->due_ms - now_ms()));
	m->gone = 1;
	s->nb_gone++;
}

static void on_float(struct storm *s, const struct nlc_notice *n)
{
	struct udp_addr at = storm_place(&s->sources, n->peer_id, s->round);
	struct mark *m = &s->p[n->peer_id];
	char text[UDP_ADDR_STRLEN];

	if (!s->floating || !s->tells || n->peer_id >= s->active)
		breach("peer %u is told to be at %s: it has not moved", n->peer_id,
			udp_addr_str(&n->remote, text));
	if (m->moved != 0)
		breach("peer %u is told twice to have moved once", n->peer_id);
	if (!udp_addr_equal(&n->remote, &at))
		breach("peer %u is told to be at %s, where it is not", n->peer_id,
			udp_addr_str(&n->remote, text));
	m->moved = 1;
	m->name = at;
	s->nb_moved++;
}

static void on_worn(struct storm *s, const struct nlc_notice *n)
{
	struct mark *m = &s->p[n->peer_id];

	if (!s->wearing || !s->tells || n->key_id != s->key_id)
		breach("another key is asked for peer %u instead of key %u, which is good",
			n->peer_id, n->key_id);
	if (m->asked != 0)
		breach("another key is asked for twice for peer %u", n->peer_id);
	m->asked = 1;
	s->nb_asked++;
}

void storm_take(struct storm *s)
{
	struct nlc_notice n;

	while (nlc_notification(s->c, &n)) {
		if (n.peer_id >= s->peers)
			breach("a message (%s) about peer %u, which never was",
				nlc_notice_name(n.kind), n.peer_id);
		if (n.kind == NLC_PEER_GONE)
			on_gone(s, &n);
		else if (n.kind == NLC_PEER_FLOAT)
			on_float(s, &n);
		else
			on_worn(s, &n);
	}
}

/* --- what is asked ------------------------------------------------------------------------ */

static bool may_be_at(const struct storm *s, uint32_t i, const struct udp_addr *a)
{
	struct udp_addr next = storm_place(&s->sources, i, s->round);

	return udp_addr_equal(a, &s->p[i].remote) ||
		(s->floating && i < s->active && udp_addr_equal(a, &next));
}

static void check_peer(const struct storm *s, const struct nlc_peer *p)
{
	const struct mark *m = &s->p[p->id];
	struct ip_addr v4 = storm_vpn4(p->id), v6 = storm_vpn6(p->id);
	char text[UDP_ADDR_STRLEN];

	if (p->remote.ip.family == IP_NONE) {
		if (m->due_ms == 0 || now_ms() + EARLY_MS < m->due_ms)
			breach("peer %u is shown as gone, nothing ended it", p->id);
		return;
	}
	if (m->gone != 0)
		breach("peer %u was told to be gone, and is shown as alive", p->id);
	if (!may_be_at(s, p->id, &p->remote))
		breach("peer %u is shown at %s, where it is not", p->id,
			udp_addr_str(&p->remote, text));
	if (!ip_equal(&p->vpn4, &v4) || !ip_equal(&p->vpn6, &v6))
		breach("peer %u is shown with VPN addresses that are not its own", p->id);
}

void storm_ask(struct storm *s)
{
	uint32_t id = (uint32_t)(soak_random(&s->random) % s->peers);
	uint64_t began = now_us();
	struct nlc_peer p;
	int ret = nlc_peer_get(s->c, id, &p);

	longest(&s->slowest_us, began);
	if (ret == 0) {
		storm_take(s);
		p.id = id;
		if (p.remote.ip.family == IP_NONE || s->p[id].gone == 0)
			check_peer(s, &p);
		return;
	}
	if (ret != -ENOENT || s->p[id].due_ms == 0 || now_ms() + EARLY_MS < s->p[id].due_ms)
		breach("a question for peer %u, which lives, was answered by error %d", id, -ret);
}

static void on_dumped(const struct nlc_peer *p, void *arg)
{
	struct storm *s = arg;

	if (p->id >= s->peers)
		breach("a dump shows peer %u, which never was", p->id);
	if (s->p[p->id].dumped != DUMPED_NOT)
		breach("a dump shows peer %u twice", p->id);
	check_peer(s, p);
	s->p[p->id].dumped = p->remote.ip.family == IP_NONE ? DUMPED_GONE : DUMPED_LIVE;
	if (s->floating && p->id < s->active) {
		struct udp_addr at = storm_place(&s->sources, p->id, s->round);

		s->p[p->id].moved |= !s->tells && udp_addr_equal(&at, &p->remote);
	}
}

uint32_t storm_dump(struct storm *s)
{
	uint64_t began = now_us();
	uint32_t live = 0;

	storm_take(s);
	for (uint32_t i = 0; i < s->peers; i++)
		s->p[i].dumped = DUMPED_NOT;
	must(nlc_dump(s->c, on_dumped, s), "a dump failed");
	longest(&s->slowest_dump_us, began);
	s->dumps++;
	for (uint32_t i = 0; i < s->peers; i++) {
		if (s->p[i].dumped == DUMPED_NOT && s->p[i].gone == 0)
			breach("a dump does not show peer %u, which lives", i);
		live += s->p[i].dumped == DUMPED_LIVE;
	}
	return live;
}

static void on_neighbour(const struct ip_addr *a, const uint8_t mac[NLC_MAC_LEN], void *arg)
{
	uint32_t id = (uint32_t)mac[3] << 16 | (uint32_t)mac[4] << 8 | mac[5];
	struct ip_addr own = a->family == IP_V4 ? storm_vpn4(id) : storm_vpn6(id);
	uint32_t *n = arg;
	char text[IP_STRLEN];

	if (!ip_equal(a, &own))
		breach("the neighbour entry of %s names peer %u", ip_str(a, text), id);
	++*n;
}

void storm_neighbours(struct storm *s, uint32_t live)
{
	uint32_t n = 0;

	must(nlc_neighbours(s->c, on_neighbour, &n), "the kernel does not say its neighbours");
	if (n != 2 * live)
		breach("%u neighbour entries of %u peers", n, live);
}
