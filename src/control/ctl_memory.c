/* SPDX-License-Identifier: BSD-3-Clause */
/* `show memory`: what takes memory now, and what it will be with max-peers peers. */
#include "control/ctl_show.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "dataplane/dp_view.h"

struct sum {
	uint64_t now, max, growing, heap;
};

static json_t *add(json_t *list, const struct dp_memory *m, struct sum *sum)
{
	sum->now += m->now;
	sum->max += m->max;
	if (!m->eal)
		sum->heap += m->now;
	if (m->grows)
		sum->growing += m->max;
	return ctl_json_append(list,
		json_pack("{s:s, s:s, s:b, s:I, s:I}", "name", m->name, "where",
			m->eal ? "eal" : "heap", "grows", m->grows, "bytes", (json_int_t)m->now,
			"bytes_at_max", (json_int_t)m->max));
}

/* What malloc() has given out in this process. */
static uint64_t heap_taken(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static json_t *rows(struct agent *a, uint32_t peers, uint32_t max, struct sum *sum)
{
	struct dp *dp = agent_dp(a);
	json_t *list = json_array();
	struct dp_memory m;

	for (unsigned int i = 0; list != NULL && i < dp_nb_memory(dp); i++) {
		dp_memory(dp, i, &m);
		list = add(list, &m, sum);
	}
	m = (struct dp_memory){.name = "agent's notes of peers",
		.grows = true,
		.now = peers * agent_peer_bytes(),
		.max = max * agent_peer_bytes()};
	list = add(list, &m, sum);
	m = (struct dp_memory){.name = "rest of the heap"};
	m.now = m.max = heap_taken() > sum->heap ? heap_taken() - sum->heap : 0;
	return add(list, &m, sum);
}

/* What the kernel says that this process has of the machine's memory, hugepages apart. */
static uint64_t resident_bytes(void)
{
	unsigned long long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f != NULL && fscanf(f, "%llu %llu", &size, &pages) != 2)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

json_t *ctl_show_memory(struct ctl_ask *ask)
{
	struct agent *a = ask->agent;
	uint64_t taken, available;
	struct sum sum = {0};
	uint32_t peers, max;
	json_t *list;

	dp_peers(agent_dp(a), &peers, &max);
	dp_eal_memory(&taken, &available);
	list = rows(a, peers, max, &sum);
	return json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "peers",
		(json_int_t)peers, "max_peers", (json_int_t)max, "rows", list, "bytes",
		(json_int_t)sum.now, "bytes_at_max", (json_int_t)sum.max, "bytes_per_peer",
		(json_int_t)(max == 0 ? 0 : sum.growing / max), "eal_taken_bytes",
		(json_int_t)taken, "eal_available_bytes", (json_int_t)available, "resident_bytes",
		(json_int_t)resident_bytes());
}
