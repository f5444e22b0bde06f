/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/places.h"

#include <errno.h>

#define CHAIN_MAX 16 /* names of names that are followed: one in practice */

struct wanted {
	const struct udp_addr *a;
	const struct place *but;
};

static uint32_t hash_of(const struct udp_addr *a)
{
	return htab_hash((uint32_t)a->port << 8 ^ a->ip.family, a->ip.b, ip_len(a->ip.family));
}

static bool is_at(const struct htab_node *n, const void *key)
{
	const struct place *p = htab_entry(n, struct place, by_at);
	const struct wanted *w = key;

	return p != w->but && udp_addr_equal(&p->at, w->a);
}

static bool has_name(const struct htab_node *n, const void *key)
{
	const struct wanted *w = key;

	return udp_addr_equal(&htab_entry(n, struct place, by_name)->name, w->a);
}

struct place *places_find_other(
	const struct places *t, const struct udp_addr *at, const struct place *but)
{
	const struct wanted w = {at, but};
	struct htab_node *n = htab_find(&t->at, hash_of(at), is_at, &w);

	return n != NULL ? htab_entry(n, struct place, by_at) : NULL;
}

/* The peer that has this name and is elsewhere. */
static const struct place *named(const struct places *t, const struct udp_addr *name)
{
	const struct wanted w = {name, NULL};
	struct htab_node *n =
		!places_differ(t) ? NULL : htab_find(&t->name, hash_of(name), has_name, &w);

	return n != NULL ? htab_entry(n, struct place, by_name) : NULL;
}

/* --- who is where ----------------------------------------------------------------------- */

static bool differs(const struct place *p)
{
	return !udp_addr_equal(&p->at, &p->name) || p->tid != p->name_tid ||
		(p->here.family != IP_NONE && p->name_here.family != IP_NONE &&
			!ip_equal(&p->here, &p->name_here));
}

static int link_name(struct places *t, struct place *p)
{
	int ret = differs(p) ? htab_add(&t->name, &p->by_name, hash_of(&p->name)) : 0;

	p->aliased = ret == 0 && differs(p);
	return ret;
}

static void unlink_name(struct places *t, struct place *p)
{
	if (p->aliased)
		htab_del(&t->name, &p->by_name);
	p->aliased = false;
}

int places_add(struct places *t, struct place *p)
{
	int ret = htab_add(&t->at, &p->by_at, hash_of(&p->at));

	if (ret < 0)
		return ret;
	ret = link_name(t, p);
	p->used = ret == 0;
	t->nb_read += p->used && p->read;
	if (ret < 0)
		htab_del(&t->at, &p->by_at);
	return ret;
}

void places_del(struct places *t, struct place *p)
{
	if (!p->used)
		return;
	unlink_name(t, p);
	htab_del(&t->at, &p->by_at);
	t->nb_read -= p->read;
	p->used = false;
}

int places_move(
	struct places *t, struct place *p, const struct udp_addr *at, const struct ip_addr *here)
{
	const struct udp_addr at_before = p->at;
	const struct ip_addr here_before = p->here;
	int ret;

	places_del(t, p);
	p->at = *at;
	p->here = *here;
	ret = places_add(t, p);
	if (ret < 0) {
		/* it had no name of its own then, or there was room for it */
		p->at = at_before;
		p->here = here_before;
		places_add(t, p);
	}
	return ret;
}

void places_told(struct places *t, struct place *p)
{
	unlink_name(t, p);
	p->name = p->at;
	p->name_here = p->here;
	t->nb_read += !p->read;
	p->read = true;
}

void places_free(struct places *t)
{
	htab_free(&t->at);
	htab_free(&t->name);
}

/* --- names ------------------------------------------------------------------------------ */

bool places_in(const struct places *t, struct udp_addr *remote, struct ip_addr *local)
{
	const struct place *p;

	if (!places_differ(t))
		return true;
	p = places_find_other(t, remote, NULL);
	if (p != NULL) {
		if (p->aliased && p->name_here.family != IP_NONE)
			*local = p->name_here;
		*remote = p->name;
		return true;
	}
	for (int i = 0; i < CHAIN_MAX; i++) {
		p = named(t, remote);
		if (p == NULL)
			return true;
		*remote = p->at;
	}
	return false;
}

static bool place_of(const struct places *t, struct udp_addr *name, struct ip_addr *local)
{
	const struct place *p = named(t, name);

	if (p != NULL) {
		*name = p->at;
		if (p->here.family != IP_NONE)
			*local = p->here;
		return true;
	}
	for (int i = 0; i < CHAIN_MAX && places_differ(t); i++) {
		p = places_find_other(t, name, NULL);
		if (p == NULL || !p->aliased || p->told)
			return true;
		*name = p->name;
	}
	return !places_differ(t);
}

/*
 * openvpn 2.7 that reads of a float takes, with --multihome, the address that the last packet of
 * any peer came to for the one that this peer writes to.
 */
bool places_out(const struct places *t, struct udp_addr *remote, struct ip_addr *local)
{
	const struct place *p;

	if (!place_of(t, remote, local))
		return false;
	p = places_matter(t) ? places_find_other(t, remote, NULL) : NULL;
	if (p != NULL && (p->told || p->read) && p->here.family != IP_NONE)
		*local = p->here;
	return true;
}
