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

/* Of the batches of all lanes. */
static struct spread spread_of(struct lane *const *lanes, unsigned int nb_lanes, bool device)
{
	float *all = malloc(nb_lanes * SAMPLES_MAX * sizeof(*all));
	struct spread s = {0};
	uint32_t n = 0;

	if (all == NULL)
		return s;
	for (unsigned int i = 0; i < nb_lanes; i++) {
		const struct samples *v = device ? &lanes[i]->device : &lanes[i]->ours;
		uint32_t k = RTE_MIN(v->n, (uint32_t)SAMPLES_MAX);

		memcpy(all + n, v->v, k * sizeof(*all));
		n += k;
	}
	if (n > 0) {
		qsort(all, n, sizeof(*all), by_value);
		s = (struct spread){all[n / 2], all[0], all[n - 1]};
	}
	free(all);
	return s;
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
	if (l->wall_s > 0) {
		res->on_cpu = RTE_MIN(res->on_cpu, l->cpu_s / l->wall_s);
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
	res->sent = rig_sent(r) - r->sent_before;
	res->mpps = (double)res->packets / res->wall_s / 1e6;
	return res->offered + res->received == res->sent + res->taken + res->dropped
		? NULL
		: fault_words(LANE_LOST);
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
	out->ours = spread_of(lanes, r->nb_lanes, false);
	out->device = spread_of(lanes, r->nb_lanes, true);
	if (r->conf.mode == BENCH_CRYPTO)
		out->ours = out->device;
	if (out->device.median > 0)
		out->ratio = out->ours.median / out->device.median;
	sum_stages(lanes[0], out);
	if (out->packets > 0)
		out->source /= (double)out->packets;
	if (out->ours.median > 0)
		out->mpps = (double)rte_get_tsc_hz() / out->ours.median / 1e6 * r->nb_lanes;
	if (r->conf.nb_ports > 0)
		why = sum_wire(r, out);
	out->gbps = out->mpps * out->mean_size * 8 / 1e3;
	return why;
}

/* --- showing ---------------------------------------------------------------------------- */

void report_begin(const struct rig *r)
{
	const struct bench_conf *c = &r->conf;
	struct aead_device_info dev;

	if (c->json) {
		printf("[");
		return;
	}
	aead_device_info(r->aead, 0, &dev);
	printf("%s, %s on %s (%s, %s), %u peer%s %s, outer IPv%u, inner IPv%u, burst %u, "
	       "%u lcore%s, %.1f s each\n\n",
		bench_mode_name(c->mode), aead_alg_name(c->alg), dev.name, dev.driver,
		dev.cpu ? "CPU crypto" : "enqueue/dequeue", c->peers, c->peers == 1 ? "" : "s",
		bench_pattern_name(c->pattern), c->outer, c->inner, c->burst, r->nb_lanes,
		r->nb_lanes == 1 ? "" : "s", c->seconds);
	printf("%7s %8s %8s %10s %10s %10s %8s %8s %7s %6s\n", "size", "Mpps", "Gbit/s", "cyc/pkt",
		"(min", "max)", "device", "ratio", "source", "on-CPU");
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

/* Packets over ports: what was offered and received is what was sent, taken and dropped. */
static json_t *json_wire(const struct result *res)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "offered", (json_int_t)res->offered, "received",
		(json_int_t)res->received, "sent", (json_int_t)res->sent, "taken",
		(json_int_t)res->taken);
}

static void print_json(const struct rig *r, const struct result *res)
{
	static bool next;
	const struct bench_conf *c = &r->conf;
	char name[16];
	json_t *size = res->size.lo != 0 && res->size.lo == res->size.hi
		? json_integer(res->size.lo)
		: json_string(bench_size_name(res->size, name));
	json_t *o = json_pack("{s:s, s:o, s:i, s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, "
			      "s:I, s:o, s:o, s:o, s:o, s:f}",
		"mode", bench_mode_name(c->mode), "size", size, "peers", (int)c->peers, "pattern",
		bench_pattern_name(c->pattern), "cipher", aead_alg_name(c->alg), "burst", c->burst,
		"lcores", (int)r->nb_lanes, "cycles_per_packet", res->ours.median,
		"device_cycles_per_op", res->device.median, "ratio", res->ratio, "mpps", res->mpps,
		"gbps", res->gbps, "on_cpu", res->on_cpu, "packets", (json_int_t)res->packets,
		"drops", json_drops(res), "cycles", json_spread(&res->ours), "device_cycles",
		json_spread(&res->device), "stages", json_stages(res), "staged_cycles",
		res->staged);

	if (r->conf.nb_ports > 0)
		json_object_set_new(o, "wire", json_wire(res));

	printf("%s\n", next ? "," : "");
	json_dumpf(o, stdout, JSON_REAL_PRECISION(6));
	next = true;
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

void report_result(const struct rig *r, const struct result *res)
{
	char size[16];

	if (r->conf.json) {
		print_json(r, res);
		return;
	}
	printf("%7s %8.3f %8.2f %10.1f %10.1f %10.1f ", bench_size_name(res->size, size), res->mpps,
		res->gbps, res->ours.median, res->ours.min, res->ours.max);
	if (res->device.median > 0)
		printf("%8.1f %8.2f ", res->device.median, res->ratio);
	else
		printf("%8s %8s ", "-", "-");
	printf("%7.1f %5.0f%%\n", res->source, res->on_cpu * 100);
	print_stages(res);
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
