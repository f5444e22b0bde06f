/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/fib.h"

#include <stdlib.h>

/* IPv4 addresses are numbers of 32 bits, IPv6 of 128; each family has a table of its own. */
__extension__ typedef unsigned __int128 addr_num;

/* From start to just before the next range's start, the answer is value. */
struct range {
	addr_num start;
	uint32_t value;
};

struct table {
	size_t n;
	struct range *ranges; /* ascending, the first starts at 0 */
};

struct fib {
	struct table v4, v6;
};

struct prefix {
	addr_num first, last;
	size_t order; /* in the caller's list */
	uint8_t len;
	uint32_t value;
};

static addr_num number(enum ip_family family, const uint8_t *b)
{
	addr_num v = 0;

	if (family == IP_V4)
		return be32_load(b);
	for (int i = 0; i < 16; i += 4)
		v = v << 32 | be32_load(b + i);
	return v;
}

static struct prefix prefix_of(const struct fib_route *r, size_t order)
{
	unsigned int bits = r->prefix.family == IP_V4 ? 32 : 128;
	addr_num all = r->prefix.family == IP_V4 ? (addr_num)0xffffffffu : ~(addr_num)0;
	unsigned int len = r->prefix_len < bits ? r->prefix_len : bits;
	addr_num host = len == 0 ? all : len == bits ? 0 : ((addr_num)1 << (bits - len)) - 1;
	addr_num v = number(r->prefix.family, r->prefix.b);

	return (struct prefix){
		.first = v & ~host,
		.last = v | host,
		.order = order,
		.len = (uint8_t)len,
		.value = r->value,
	};
}

/* By first address; then the wider prefix; then the caller's order. */
static int compare(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void emit(struct table *t, addr_num start, uint32_t value)
{
	if (t->n > 0 && t->ranges[t->n - 1].start == start)
		t->n--;
	if (t->n > 0 && t->ranges[t->n - 1].value == value)
		return;
	t->ranges[t->n++] = (struct range){start, value};
}

/* Closes every open prefix that ends before start; what it covered belongs to the one around it. */
static size_t close_before(
	struct table *t, const struct prefix *open, size_t depth, addr_num start, bool to_the_end)
{
	while (depth > 0 && (to_the_end || open[depth - 1].last < start)) {
		addr_num last = open[--depth].last;

		if (last != ~(addr_num)0)
			emit(t, last + 1, depth > 0 ? open[depth - 1].value : FIB_NONE);
	}
	return depth;
}

/* Prefixes nest or are disjoint, so a stack of the open ones (at most one a length) suffices. */
static int table_build(
	struct table *t, enum ip_family family, const struct fib_route *routes, size_t n)
{
	struct prefix open[129];
	struct prefix *p = malloc((n + 1) * sizeof(*p));
	size_t nb = 0, depth = 0;

	t->ranges = malloc((2 * n + 1) * sizeof(*t->ranges));
	if (p == NULL || t->ranges == NULL) {
		free(p);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (routes[i].prefix.family == family)
			p[nb++] = prefix_of(&routes[i], i);
	}
	qsort(p, nb, sizeof(*p), compare);
	emit(t, 0, FIB_NONE);
	for (size_t i = 0; i < nb; i++) {
		if (i > 0 && p[i].first == p[i - 1].first && p[i].len == p[i - 1].len)
			continue;
		depth = close_before(t, open, depth, p[i].first, false);
		open[depth++] = p[i];
		emit(t, p[i].first, p[i].value);
	}
	close_before(t, open, depth, 0, true);
	free(p);
	return 0;
}

struct fib *fib_build(const struct fib_route *routes, size_t n)
{
	struct fib *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	if (table_build(&f->v4, IP_V4, routes, n) < 0 ||
		table_build(&f->v6, IP_V6, routes, n) < 0) {
		fib_free(f);
		return NULL;
	}
	return f;
}

void fib_free(struct fib *f)
{
	if (f == NULL)
		return;
	free(f->v4.ranges);
	free(f->v6.ranges);
	free(f);
}

uint32_t fib_lookup(const struct fib *f, enum ip_family family, const uint8_t *addr)
{
	const struct table *t = family == IP_V4 ? &f->v4 : &f->v6;
	addr_num v = number(family, addr);
	size_t low = 0, n = t->n;

	while (n > 1) {
		size_t half = n / 2;

		if (t->ranges[low + half].start <= v)
			low += half;
		n -= half;
	}
	return t->ranges[low].value;
}
