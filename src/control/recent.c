/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/recent.h"

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

static unsigned int set_of(const struct recent *r, const struct udp_addr *a)
{
	uint64_t words[2] = {0};
	uint64_t h;

	memcpy(words, a->ip.b, ip_len(a->ip.family));
	h = mix(r->key, words[0]);
	h = mix(h ^ r->key, words[1]);
	h = mix(h, a->port);
	return h % RECENT_SETS;
}

void recent_note(struct recent *r, const struct udp_addr *remote, const struct ip_addr *local)
{
	unsigned int set = set_of(r, remote);
	struct recent_entry *e = r->entries[set];
	unsigned int way;

	for (way = 0; way < RECENT_WAYS; way++) {
		if (udp_addr_equal(&e[way].remote, remote))
			break;
	}
	if (way == RECENT_WAYS)
		way = r->victim[set]++ % RECENT_WAYS;
	e[way] = (struct recent_entry){.remote = *remote, .local = *local};
}

struct ip_addr recent_local(const struct recent *r, const struct udp_addr *remote)
{
	const struct recent_entry *e = r->entries[set_of(r, remote)];

	for (unsigned int way = 0; way < RECENT_WAYS; way++) {
		if (udp_addr_equal(&e[way].remote, remote))
			return e[way].local;
	}
	return (struct ip_addr){0};
}
