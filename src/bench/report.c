/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/report.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <rte_cycles.h>

/* --- summing up ------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return x < y ? -1 : x > y;
}

/* Sorts them. */
static struct spread spread_of_values(float *v, uint32_t n)
{
	if (n == 0)
		return (struct spread){0};
	qsort(v, n, sizeof(*v), by_value);
	return (struct spread){v[n / 2], v[0], v[n - 1]};
}

/* Of the batches of all lanes; which: offset of the samples in a lane. */
static struct spread spread_of(struct lane *const *lanes, unsigned int nb_lanes, size_t which)
{
	float *all = malloc(nb_lanes * SAMPLES_MAX * sizeof(*all));
	struct spread s = {0};
	uint32_t n = 0;

	if (all == NULL)
		return s;
	for (unsigned int i = 0; i < nb_lanes; i++) {
		const struct samples *v = (const void *)((const char *)lanes[i] + which);
		uint32_t k = RTE_MIN(v->n, (uint32_t)SAMPLES_MAX);

		memcpy(all + n, v->v, k * sizeof(*all));
		n += k;
	}
	s = spread_of_values(all, n);
	free(all);
	return s;
}

#define PAIRS_MAX   4096 /* windows with churn that are compared, each with the one before */
#define WINDOW_MOST 512	 /* batches of one window */

/* The median of a window's batches; 0: there are too few. *at: where to go on looking. */
static float window_median(const struct samples *s, uint32_t window, uint32_t *at)
{
	uint32_t end = RTE_MIN(s->n, (uint32_t)SAMPLES_MAX), n = 0;
	float v[WINDOW_MOST];

	while (*at < end && s->window[*at] < window)
		++*at;
	for (; *at < end && s->window[*at] == window; ++*at) {
		if (n < WINDOW_MOST)
			v[n++] = s->v[*at];
	}
	return n < 3 ? 0 : (float)spread_of_values(v, n).median;
}

/*
 * What keys and peers that come and go cost: each window with them against the one before, so that
 * what changes slowly in the machine is in both. If no window had enough batches, all together.
 */
static struct spread cost_of(
	struct lane *const *lanes, unsigned int nb_lanes, const struct result *res)
{
	float costs[PAIRS_MAX];
	uint32_t n = 0;

	for (unsigned int i = 0; i < nb_lanes; i++) {
		const struct lane *l = lanes[i];
		uint32_t calm_at = 0, churned_at = 0;

		/* more than that were overwritten, and are no longer in order */
		if (l->ours.n > SAMPLES_MAX || l->churned.n > SAMPLES_MAX)
			continue;
		while (churned_at < l->churned.n && n < PAIRS_MAX) {
			uint32_t window = l->churned.window[churned_at];
			float calm = window_median(&l->ours, window - 1, &calm_at);
			float churned = window_median(&l->churned, window, &churned_at);

			if (calm > 0 && churned > 0)
				costs[n++] = churned / calm - 1;
		}
	}
	if (n == 0 && res->ours.median > 0 && res->churned.median > 0)
		costs[n++] = (float)(res->churned.median / res->ours.median) - 1;
	return spread_of_values(costs, n);
}

static const char *fault_words(enum lane_fault fault)
{
	switch (fault) {
	case LANE_LOST:
		return "packets were lost without a reason: no result";
	case LANE_DIFFERENT:
		return "packets came back with other bytes than were sent: no result";
	case LANE_REORDERED:
		return "packets of one peer came back in another order than they were sent: no "
		       "result";
	case LANE_STALLED:
		return "the crypto device does not answer: no result";
	case LANE_BARE:
		return "the bare crypto device failed: no result";
	default:
		return NULL;
	}
}

static double mean_size(const struct lane *l)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < BENCH_BATCH; i++)
		sum += feed_len(&l->feed, i);
	return (double)sum / BENCH_BATCH;
}

static void add_lane(struct result *res, const struct lane *l)
{
	res->packets += l->packets;
	res->source += (double)l->source_cycles;
	res->offered += l->offered;
	res->received += l->received;
	res->taken += l->taken;
	res->timed += l->timed;
	if (l->wall_s > 0) {
		res->on_cpu_each[l->index] = RTE_MIN(l->cpu_s / l->wall_s, 1.0);
		res->on_cpu = RTE_MIN(res->on_cpu, res->on_cpu_each[l->index]);
		res->wall_s = RTE_MAX(res->wall_s, l->wall_s);
	}
	for (unsigned int k = 0; k < NB_DROPS; k++) {
		res->drops[k] += l->drops[k];
		res->dropped += l->drops[k];
	}
}

static int by_total(const void *a, const void *b)
{
	const struct staged *x = a, *y = b;

	return x->total < y->total ? -1 : x->total > y->total;
}

/* Of the batches in the middle, so that a disturbed one does not count. */
static void sum_stages(struct lane *l, struct result *res)
{
	uint32_t n = RTE_MIN(l->nb_staged, (uint32_t)STAGED_MAX), from = n * 4 / 10,
		 to = n * 6 / 10 + 1;

	qsort(l->staged, n, sizeof(l->staged[0]), by_total);
	for (uint32_t i = from; i < to && i < n; i++) {
		res->staged += l->staged[i].total / (RTE_MIN(to, n) - from);
		for (unsigned int k = 0; k < NB_STAGES; k++)
			res->stages[k] += l->staged[i].v[k] / (RTE_MIN(to, n) - from);
	}
}

/* Over ports the clock on the wall counts, and what went in must have come out. */
static const char *sum_wire(struct rig *r, struct result *res)
{
	struct rig_moved moved = rig_moved(r);

	moved.packets -= r->moved_before.packets;
	moved.bytes -= r->moved_before.bytes;
	res->mean_size = moved.packets > 0 ? (double)moved.bytes / (double)moved.packets : 0;
	res->sent = rig_sent(r) - r->sent_before;
	res->mpps = (double)res->timed / res->wall_s / 1e6;
	if (res->offered + res->received == res->sent + res->taken + res->dropped)
		return NULL;
	/* drivers forget what they counted on a link that went */
	return rig_linked(r) ? fault_words(LANE_LOST)
			     : "a port has no link any more: did the far end go? No result";
}

static void sum_gaps(const struct rig *r, struct lane *const *lanes, struct result *res)
{
	const double hz = (double)rte_get_tsc_hz();

	for (unsigned int churning = 0; churning < 2; churning++) {
		uint64_t nb = 0, cycles = 0, largest = 0;

		for (unsigned int i = 0; i < r->nb_lanes; i++) {
			const struct gaps *g = &lanes[i]->gaps[churning];

			nb += g->nb_long;
			cycles += g->cycles;
			largest = RTE_MAX(largest, g->largest);
		}
		res->gap_us[churning] = (double)largest / hz * 1e6;
		if (cycles > 0)
			res->long_gaps_per_s[churning] = (double)nb / ((double)cycles / hz);
	}
}

const char *report_sum(struct rig *r, struct lane *const *lanes, struct result *out)
{
	const char *why = NULL;

	*out = (struct result){
		.size = lanes[0]->feed.size, .mean_size = mean_size(lanes[0]), .on_cpu = 1};
	for (unsigned int i = 0; i < r->nb_lanes; i++) {
		if (lanes[i]->fault != LANE_OK)
			return fault_words(lanes[i]->fault);
		add_lane(out, lanes[i]);
	}
	out->ours = spread_of(lanes, r->nb_lanes, offsetof(struct lane, ours));
	out->device = spread_of(lanes, r->nb_lanes, offsetof(struct lane, device));
	out->churned = spread_of(lanes, r->nb_lanes, offsetof(struct lane, churned));
	out->ratios = spread_of(lanes, r->nb_lanes, offsetof(struct lane, ratios));
	sum_gaps(r, lanes, out);
	out->cost = cost_of(lanes, r->nb_lanes, out);
	if (r->conf.mode == BENCH_CRYPTO) {
		out->ours = out->device;
		out->ratios = (struct spread){1, 1, 1};
	}
	if (out->device.median > 0)
		out->ratio = out->ours.median / out->device.median;
	sum_stages(lanes[0], out);
	out->source = out->packets > 0 ? out->source / (double)out->packets : 0;
	if (out->ours.median > 0)
		out->mpps = (double)rte_get_tsc_hz() / out->ours.median / 1e6 * r->nb_lanes;
	if (r->conf.nb_ports > 0)
		why = sum_wire(r, out);
	out->gbps = out->mpps * out->mean_size * 8 / 1e3;
	return why;
}

/* --- showing ---------------------------------------------------------------------------- */

void report_begin(struct rig *r)
{
	const struct bench_conf *c = &r->conf;
	struct aead_device_info dev;
	char each[48] = "";

	r->nb_results = 0;
	if (c->json) {
		printf("[");
		return;
	}
	aead_device_info(r->aead, 0, &dev);
	if (c->packets > 0)
		snprintf(each, sizeof(each), ", %llu packets each", (unsigned long long)c->packets);
	else if (!c->interactive)
		snprintf(each, sizeof(each), ", %.1f s each", c->seconds);
	printf("%s, %s on %s (%s, %s), %u peer%s %s, outer IPv%u, inner IPv%u, burst %u, "
	       "%u lcore%s%s\n",
		bench_mode_name(c->mode), aead_alg_name(c->alg), dev.name, dev.driver,
		dev.cpu ? "CPU crypto" : "enqueue/dequeue", c->peers, c->peers == 1 ? "" : "s",
		bench_pattern_name(c->pattern), c->outer, c->inner, c->burst, r->nb_lanes,
		r->nb_lanes == 1 ? "" : "s", each);
	printf("memory: %.1f KiB a peer with two keys, %.0f MiB fixed\n\n", r->memory.a_peer / 1024,
		(double)r->memory.fixed / (1 << 20));
	printf("%7s %8s %8s %10s %10s %10s %8s %7s %7s %7s %7s %6s\n", "size", "Mpps", "Gbit/s",
		"cyc/pkt", "(min", "max)", "device", "ratio", "(min", "max)", "source", "on-CPU");
}

/* Lost packets over the offered rate. */
static double disturbed_us(const struct result *res)
{
	return res->mpps > 0 ? (double)res->dropped / res->mpps : 0;
}

void report_losses(const struct result *res)
{
	for (unsigned int i = 0; i < NB_DROPS; i++) {
		if (res->drops[i] != 0)
			fprintf(stderr, "%llu packets were lost: %s (%s)\n",
				(unsigned long long)res->drops[i], drop_name(i), drop_words(i));
	}
	fprintf(stderr, "forwarding was disturbed for %.1f us\n", disturbed_us(res));
}

static json_t *json_drops(const struct result *res)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < NB_DROPS; i++) {
		if (res->drops[i] != 0)
			json_object_set_new(
				o, drop_name(i), json_integer((json_int_t)res->drops[i]));
	}
	return o;
}

static const char *const stages[] = {
#define X(id, name, words) name,
	STAGES(X)
#undef X
};

static json_t *json_stages(const struct result *res)
{
	json_t *o = json_pack("{s:f}", "source", res->source);

	for (unsigned int i = 0; i < NB_STAGES; i++)
		json_object_set_new(o, stages[i], json_real(res->stages[i]));
	return o;
}

static json_t *json_spread(const struct spread *s)
{
	return json_pack("{s:f, s:f, s:f}", "median", s->median, "min", s->min, "max", s->max);
}

static json_t *json_on_cpu(const struct rig *r, const struct result *res)
{
	json_t *each = json_array();

	for (unsigned int i = 0; i < r->nb_lanes; i++)
		json_array_append_new(each, json_real(res->on_cpu_each[i]));
	return each;
}

static json_t *json_churn(const struct rig *r, const struct result *res)
{
	const struct churn_result *c = &res->churn;

	return json_pack("{s:f, s:f, s:s, s:b, s:f, s:o, s:o, s:I, s:f, s:{s:f, s:f}, "
			 "s:{s:f, s:f}, s:f}",
		"key_installs_per_s", c->installs_per_s, "peer_adds_per_s", c->adds_per_s, "rekey",
		r->conf.rekey == BENCH_REKEY_LIVE ? "live" : "others", "held_back", c->held_back,
		"seconds", c->seconds, "cycles", json_spread(&res->churned), "cost",
		json_spread(&res->cost), "lost", (json_int_t)res->dropped, "disturbed_us",
		disturbed_us(res), "gap_us", "calm", res->gap_us[0], "churning", res->gap_us[1],
		"long_gaps_per_s", "calm", res->long_gaps_per_s[0], "churning",
		res->long_gaps_per_s[1], "reclaim_ms", c->reclaim_ms);
}

static json_t *json_memory(const struct rig_memory *m)
{
	return json_pack("{s:f, s:I, s:f}", "bytes_a_peer", m->a_peer, "fixed_bytes",
		(json_int_t)m->fixed, "all_bytes_a_peer", m->all_a_peer);
}

/* Packets over ports: what was offered and received is what was sent, taken and dropped. */
static json_t *json_wire(const struct result *res)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:f}", "offered", (json_int_t)res->offered,
		"received", (json_int_t)res->received, "sent", (json_int_t)res->sent, "taken",
		(json_int_t)res->taken, "mean_size", res->mean_size);
}

static void print_json(struct rig *r, const struct result *res)
{
	const struct bench_conf *c = &r->conf;
	char name[16];
	json_t *size = res->size.lo != 0 && res->size.lo == res->size.hi
		? json_integer(res->size.lo)
		: json_string(bench_size_name(res->size, name));
	json_t *o = json_pack("{s:s, s:o, s:i, s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, "
			      "s:f, s:I, s:o, s:o, s:o, s:o, s:f}",
		"mode", bench_mode_name(c->mode), "size", size, "peers", (int)c->peers, "pattern",
		bench_pattern_name(c->pattern), "cipher", aead_alg_name(c->alg), "burst", c->burst,
		"lcores", (int)r->nb_lanes, "cycles_per_packet", res->ours.median,
		"device_cycles_per_op", res->device.median, "ratio", res->ratio, "mpps", res->mpps,
		"gbps", res->gbps, "on_cpu", res->on_cpu, "seconds", res->wall_s, "packets",
		(json_int_t)res->packets, "drops", json_drops(res), "cycles",
		json_spread(&res->ours), "device_cycles", json_spread(&res->device), "stages",
		json_stages(res), "staged_cycles", res->staged);

	json_object_set_new(o, "on_cpu_each", json_on_cpu(r, res));
	json_object_set_new(o, "ratios", json_spread(&res->ratios));
	if (r->conf.nb_ports > 0)
		json_object_set_new(o, "wire", json_wire(res));
	json_object_set_new(o, "gap_us", json_real(RTE_MAX(res->gap_us[0], res->gap_us[1])));
	json_object_set_new(o, "memory", json_memory(&r->memory));
	if (r->nb_others > 0)
		json_object_set_new(o, "churn", json_churn(r, res));
	printf("%s\n", r->nb_results++ > 0 ? "," : "");
	json_dumpf(o, stdout, JSON_REAL_PRECISION(6));
	json_decref(o);
}

static void print_stages(const struct result *res)
{
	bool any = false;

	for (unsigned int i = 0; i < NB_STAGES; i++) {
		if (res->stages[i] > 0)
			printf("%s%s %.1f", any ? ", " : "        ", stages[i], res->stages[i]);
		any |= res->stages[i] > 0;
	}
	if (any)
		putchar('\n');
}

/* With several workers: which of them was disturbed. */
static void print_on_cpu(const struct rig *r, const struct result *res)
{
	if (r->nb_lanes == 1)
		return;
	printf("        on-CPU of each worker:");
	for (unsigned int i = 0; i < r->nb_lanes; i++)
		printf(" %.0f%%", res->on_cpu_each[i] * 100);
	putchar('\n');
}

static void print_churn(const struct rig *r, const struct result *res)
{
	const struct churn_result *c = &res->churn;

	printf("        %.0f keys installed and %.0f peers added a second: %.1f cyc/pkt, %+.1f %% "
	       "(%+.1f to %+.1f); "
	       "%llu lost\n",
		c->installs_per_s, c->adds_per_s, res->churned.median, res->cost.median * 100,
		res->cost.min * 100, res->cost.max * 100, (unsigned long long)res->dropped);
	printf("        longest burst %.0f us, without %.0f; over %d us: %.1f a second, without "
	       "%.1f\n",
		res->gap_us[1], res->gap_us[0], GAP_LONG_US, res->long_gaps_per_s[1],
		res->long_gaps_per_s[0]);
	if (c->installs_per_s < 0.95 * r->conf.key_installs && c->held_back &&
		r->conf.rekey == BENCH_REKEY_LIVE)
		printf("        held back by packets under way: more --peers, or --rekey others\n");
}

void report_result(struct rig *r, const struct result *res)
{
	char size[16];

	if (r->conf.json) {
		print_json(r, res);
		return;
	}
	printf("%7s %8.3f %8.2f %10.1f %10.1f %10.1f ", bench_size_name(res->size, size), res->mpps,
		res->gbps, res->ours.median, res->ours.min, res->ours.max);
	if (res->device.median > 0)
		printf("%8.1f %7.2f %7.2f %7.2f ", res->device.median, res->ratio, res->ratios.min,
			res->ratios.max);
	else
		printf("%8s %7s %7s %7s ", "-", "-", "-", "-");
	printf("%7.1f %5.0f%%\n", res->source, res->on_cpu * 100);
	print_stages(res);
	print_on_cpu(r, res);
	if (r->conf.nb_ports > 0)
		printf("        offered %llu, received %llu, sent %llu, taken %llu\n",
			(unsigned long long)res->offered, (unsigned long long)res->received,
			(unsigned long long)res->sent, (unsigned long long)res->taken);
	if (r->nb_others > 0)
		print_churn(r, res);
	for (unsigned int i = 0; i < NB_DROPS; i++) {
		if (res->drops[i] != 0)
			printf("       %llu dropped: %s (%s)\n", (unsigned long long)res->drops[i],
				drop_name(i), drop_words(i));
	}
	fflush(stdout);
}

void report_progress(const struct rig *r, struct lane *const *lanes)
{
	uint64_t packets = 0, cycles = 0;

	for (unsigned int i = 0; i < r->nb_lanes; i++) {
		const struct lane *l = lanes[i];

		packets += __atomic_load_n(&l->packets, __ATOMIC_RELAXED);
		cycles += __atomic_load_n(&l->worker_cycles, __ATOMIC_RELAXED);
	}
	fprintf(stderr, "  so far: %llu packets, %.1f cycles each\n", (unsigned long long)packets,
		packets == 0 ? 0 : (double)cycles / (double)packets);
}

void report_end(const struct rig *r)
{
	if (r->conf.json)
		printf("\n]\n");
}
