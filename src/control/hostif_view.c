/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif_view.h"

#include <linux/neighbour.h>
#include <string.h>

#include "control/hostif_state.h"

/* The smallest rows of all that are offered, in order. */
struct page {
	int (*compare)(const void *a, const void *b);
	const void *after; /* only what is larger; NULL: all */
	uint8_t *rows;
	size_t size; /* of a row */
	unsigned int n, room;
};

static void offer(struct page *p, const void *row)
{
	unsigned int lo = 0;
	unsigned int hi = p->n;

	if (p->after != NULL && p->compare(row, p->after) <= 0)
		return;
	/* most rows end here: they belong to a later page */
	if (p->n == p->room && p->compare(p->rows + (p->n - 1) * p->size, row) < 0)
		return;
	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (p->compare(p->rows + mid * p->size, row) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (p->n < p->room)
		p->n++;
	memmove(p->rows + (lo + 1) * p->size, p->rows + lo * p->size, (p->n - lo - 1) * p->size);
	memcpy(p->rows + lo * p->size, row, p->size);
}

static int compare_ip(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->family != b->family ? a->family - b->family
				      : memcmp(a->b, b->b, ip_len(a->family));
}

static int compare_routes(const void *x, const void *y)
{
	const struct iroutes_row *a = x;
	const struct iroutes_row *b = y;
	int ret = compare_ip(&a->prefix, &b->prefix);

	if (ret != 0)
		return ret;
	return a->prefix_len != b->prefix_len ? a->prefix_len - b->prefix_len : a->vpn - b->vpn;
}

struct routes_page {
	struct page page;
	uint32_t peer_id;
};

static void offer_route(const struct iroutes_row *row, void *arg)
{
	struct routes_page *r = arg;

	if (r->peer_id == DP_NO_PEER || r->peer_id == row->peer_id)
		offer(&r->page, row);
}

static struct hostif_device *device_of(const struct hostif *h, uint32_t iid)
{
	struct hostif_device *d;
	struct hostif_ns *ns;

	LIST_FOREACH (ns, &h->ns.all, link) {
		LIST_FOREACH (d, &ns->devices, link) {
			if (d->iid == iid)
				return d;
		}
	}
	return NULL;
}

unsigned int hostif_view_routes(struct hostif *h, uint32_t iid, uint32_t peer_id,
	const struct iroutes_row *after, struct iroutes_row *out, unsigned int n)
{
	struct hostif_device *d = device_of(h, iid);
	struct routes_page r = {
		.page = {.compare = compare_routes,
			.after = after,
			.rows = (uint8_t *)out,
			.size = sizeof(*out),
			.room = n},
		.peer_id = peer_id,
	};

	if (d != NULL)
		iroutes_each(d->iroutes, offer_route, &r);
	return r.page.n;
}

static int compare_neighbours(const void *x, const void *y)
{
	const struct hostif_view_neighbour *a = x;
	const struct hostif_view_neighbour *b = y;

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return compare_ip(&a->ip, &b->ip);
}

/* The kernel does not tell when it begins to resolve one. */
static const char *state_word(uint16_t state)
{
	static const struct {
		uint16_t state;
		const char *word;
	} words[] = {
		{NUD_PERMANENT, "PERMANENT"},
		{NUD_NOARP, "NOARP"},
		{NUD_REACHABLE, "REACHABLE"},
		{NUD_STALE, "STALE"},
		{NUD_DELAY, "DELAY"},
		{NUD_PROBE, "PROBE"},
		{NUD_FAILED, "FAILED"},
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (state & words[i].state)
			return words[i].word;
	return "INCOMPLETE";
}

struct neighbours_page {
	struct page page;
	const struct hostif_ports *ports;
};

static bool offer_hop(struct htab_node *node, void *arg)
{
	const struct hop *hop = htab_entry(node, struct hop, node);
	struct neighbours_page *p = arg;
	int port = hostif_ports_find(p->ports, hop->ifindex);
	struct hostif_view_neighbour row = {
		.ifindex = hop->ifindex,
		.ip = hop->ip,
		.port = port >= 0 ? p->ports->port[port].name : "",
		.has_mac = hop->usable,
		.state = state_word(hop->state),
		.managed = hop->managed,
		.peers = hop->users,
	};

	memcpy(row.mac, hop->mac, sizeof(row.mac));
	if (hop->remotes > 0)
		offer(&p->page, &row);
	return false;
}

unsigned int hostif_view_neighbours(struct hostif *h, const struct hostif_view_neighbour *after,
	struct hostif_view_neighbour *out, unsigned int n)
{
	struct neighbours_page p = {
		.page = {.compare = compare_neighbours,
			.after = after,
			.rows = (uint8_t *)out,
			.size = sizeof(*out),
			.room = n},
		.ports = &h->ports,
	};

	htab_sweep(&h->paths.hops.table, offer_hop, &p);
	return p.page.n;
}
