/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_view.h"
#include "control/ctl_clear.h"
#include "control/hostif_view.h"
#include "dataplane/dp_view.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TUN0 7
#define TUN1 3

struct agent {
	bool empty;
	uint32_t nb_peers, step, gone_every;
	uint32_t nb_routes, nb_neighbours;
	unsigned long looked_at;
	struct control_counts counts;
	uint32_t cleared; /* peers */
	bool changes;
	struct fake_view_state now;
	struct ctl_zero zero;
};

static struct agent view;

struct agent *fake_view(uint32_t nb_peers, uint32_t step, uint32_t gone_every)
{
	view = (struct agent){.nb_peers = nb_peers,
		.step = step,
		.gone_every = gone_every,
		.counts = {.openvpn_busy = 6,
			.floats = 2,
			.floats_refused = 1,
			.keys_worn = 3,
			.rekeys_asked = 4}};
	ctl_zero_init(&view.zero);
	return &view;
}

struct agent *fake_view_empty(void)
{
	view = (struct agent){.empty = true, .step = 1};
	ctl_zero_init(&view.zero);
	return &view;
}

unsigned long fake_view_looked_at(void)
{
	unsigned long n = view.looked_at;

	view.looked_at = 0;
	return n;
}

static struct udp_addr udp(const char *ip, uint16_t port)
{
	struct udp_addr a = {.port = port};

	a.ip.family = strchr(ip, ':') != NULL ? IP_V6 : IP_V4;
	inet_pton(a.ip.family == IP_V6 ? AF_INET6 : AF_INET, ip, a.ip.b);
	return a;
}

bool agent_instance_info(struct agent *a, unsigned int i, struct agent_instance_info *info)
{
	if (a->empty || i > 1)
		return false;
	*info = (struct agent_instance_info){.iid = TUN0,
		.pid = 4242,
		.device = "tun0",
		.ifindex = 12,
		.multi_peer = true,
		.peers = a->nb_peers,
		.nb_locals = 2};
	strcpy(info->program, "openvpn");
	info->local[0] = udp("0.0.0.0", 1194);
	info->local[1] = udp("::", 1194);
	if (i == 1) {
		/* A name as a hostile process may choose it: no UTF-8, and a terminal's escape. */
		strcpy(info->program, "o\xffvpn\033[2J");
		info->iid = TUN1;
		info->multi_peer = false;
		info->peers = 1;
		info->nb_locals = 1;
		strcpy(info->device, "tun1");
	}
	return true;
}

struct dp *agent_dp(struct agent *a)
{
	return (struct dp *)a;
}

struct aead *agent_aead(struct agent *a)
{
	return a->empty ? NULL : (struct aead *)a;
}

const struct control_counts *agent_counts(const struct agent *a)
{
	return &a->counts;
}

struct ctl_zero *agent_zero(struct agent *a)
{
	return &a->zero;
}

void fake_view_now(const struct fake_view_state *s)
{
	view.changes = true;
	view.now = *s;
}

uint32_t fake_view_cleared(void)
{
	return view.cleared;
}

/* --- the kernel's side -------------------------------------------------------------------- */

void fake_view_kernel(uint32_t nb_routes, uint32_t nb_neighbours)
{
	view.nb_routes = nb_routes;
	view.nb_neighbours = nb_neighbours;
}

struct hostif *agent_hostif(struct agent *a)
{
	return (struct hostif *)a;
}

static struct iroutes_row tun1_route(uint32_t i)
{
	static const struct iroutes_row rows[] = {
		{.vpn = true, .prefix = {IP_V4, {10, 8, 0, 2}}, .prefix_len = 32, .peer_id = 5},
		{.prefix = {IP_V4, {192, 168, 7}},
			.prefix_len = 24,
			.peer_id = 5,
			.via = {IP_V4, {10, 8, 0, 2}},
			.table = 254,
			.metric = 100},
		{.prefix = {IP_V6, {0}},
			.peer_id = DP_NO_PEER,
			.via = {IP_V6, {0xfd, [15] = 9}},
			.table = 77},
	};

	return rows[i];
}

static struct iroutes_row tun0_route(uint32_t i)
{
	struct iroutes_row r = {.prefix = {.family = IP_V4},
		.prefix_len = 32,
		.peer_id = i % 3,
		.via = {IP_V4, {10, 8, 0, 9}},
		.table = 254};

	be32_store(r.prefix.b, 10u << 24 | i);
	return r;
}

unsigned int hostif_view_routes(struct hostif *h, uint32_t iid, uint32_t peer_id,
	const struct iroutes_row *after, struct iroutes_row *out, unsigned int n)
{
	const struct agent *a = (const struct agent *)h;
	uint32_t count = a->empty || a->nb_routes == 0 ? 0 : iid == TUN1 ? 3 : a->nb_routes;
	unsigned int got = 0;
	bool found = after == NULL;

	for (uint32_t i = 0; i < count && got < n; i++) {
		struct iroutes_row r = iid == TUN1 ? tun1_route(i) : tun0_route(i);

		if (found && (peer_id == DP_NO_PEER || peer_id == r.peer_id))
			out[got++] = r;
		found = found || (ip_equal(&r.prefix, &after->prefix) && r.vpn == after->vpn);
	}
	return got;
}

unsigned int hostif_view_neighbours(struct hostif *h, const struct hostif_view_neighbour *after,
	struct hostif_view_neighbour *out, unsigned int n)
{
	const struct agent *a = (const struct agent *)h;
	uint32_t i = after == NULL ? 0 : (be32_load(after->ip.b) & 0xffff) + 1;
	unsigned int got = 0;

	for (; i < a->nb_neighbours && got < n; i++) {
		struct hostif_view_neighbour *row = &out[got++];

		*row = (struct hostif_view_neighbour){.ifindex = 4,
			.ip = {IP_V4, {192, 0}},
			.port = "outer0",
			.has_mac = i != 1,
			.mac = {2, 0, 0, 0, 0, 7},
			.state = i != 1 ? "REACHABLE" : "INCOMPLETE",
			.managed = i != 1,
			.peers = i + 1};
		be16_store(row->ip.b + 2, (uint16_t)i);
	}
	return got;
}

/* --- peers ---------------------------------------------------------------------------------- */

uint32_t dp_peer_next(struct dp *dp, uint32_t iid, uint32_t from)
{
	const struct agent *a = (const struct agent *)dp;
	uint32_t n = (from + a->step - 1) / a->step;

	if (iid == TUN1)
		return from <= 5 ? 5 : DP_NO_PEER;
	return n < a->nb_peers ? n * a->step : DP_NO_PEER;
}

static int fill(struct dp *dp, uint32_t iid, uint32_t id, struct dp_peer_info *p)
{
	struct agent *a = (struct agent *)dp;
	uint32_t n = id / a->step;

	a->looked_at++;
	if (iid == TUN1 ? id != 5 : n >= a->nb_peers || id % a->step != 0)
		return -ENOENT;
	memset(p, 0, sizeof(*p));
	p->id = id;
	p->vpn_rx_packets = 10 + id;
	p->vpn_rx_bytes = 5000000000;
	p->vpn_tx_packets = 20;
	p->vpn_tx_bytes = 2048;
	p->link_rx_packets = 11;
	p->link_rx_bytes = 5000000264;
	p->link_tx_packets = 21;
	p->link_tx_bytes = 2552;
	p->link_tx_fragmented = 7;
	p->gone = iid == TUN0 && a->gone_every != 0 && n % a->gone_every == 0;
	p->why = DP_GONE_EXPIRED;
	if (p->gone)
		return 0;
	p->tx_id = iid == TUN1 ? 11719749 : id;
	p->remote = iid == TUN1 ? udp("2001:db8::9", 5000) : udp("198.51.100.7", 40001);
	p->local = iid == TUN1 ? udp("2001:db8::1", 1194) : udp("192.0.2.1", 1194);
	if (iid == TUN0)
		p->vpn4 = udp("10.8.0.2", 0).ip;
	p->vpn6 = udp("fd00::2", 0).ip;
	memcpy(p->mac, "\x02\x6f\x76\x00\x01\x02", DP_MAC_LEN);
	p->has_path = iid == TUN0;
	p->interval = 10;
	p->floats = 3;
	p->timeout = 60;
	p->rx_ago_ms = 1234;
	p->tx_ago_ms = 75000;
	p->key[KEYSLOT_PRIMARY] = (struct dp_key_info){.present = true,
		.key_id = 1,
		.alg = AEAD_AES_256_GCM,
		.transmits = true,
		.age_ms = 3723000,
		.tx_ids = 21,
		.rx_top = 11,
		.failed = 2,
		.tx_blocks = 147,
		.rx_blocks = 77,
		.wear = KEY_WORN_BLOCKS};
	if (iid == TUN0)
		p->key[KEYSLOT_SECONDARY] = (struct dp_key_info){.present = true,
			.key_id = 0,
			.alg = AEAD_CHACHA20_POLY1305,
			.age_ms = 7323000,
			.tx_ids = 1,
			.rx_top = 9};
	return 0;
}

/* Peer 1 of tun0 has been sent what it does not like; the first of the gone ones, too. */
int dp_peer_view(struct dp *dp, uint32_t iid, uint32_t id, struct dp_peer_view *v)
{
	int ret;

	memset(v, 0, sizeof(*v));
	ret = fill(dp, iid, id, &v->info);
	if (ret < 0 || iid != TUN0 || id > 1)
		return ret;
	v->dropped = 5;
	v->drops[0] = 3;
	v->drops[1] = 2;
	v->last = (struct dp_last_drop){.any = true, .reason = 1, .ago_ms = 4321};
	if (id == 1) {
		v->last.packet_id = 17;
		v->last.from = udp("203.0.113.66", 666);
	}
	return 0;
}

int dp_peer_clear(struct dp *dp, uint32_t iid, uint32_t id)
{
	struct dp_peer_info p;
	int ret = fill(dp, iid, id, &p);

	if (ret < 0 || p.gone)
		return -ENOENT;
	((struct agent *)dp)->cleared++;
	return 0;
}

static const struct {
	const char *name, *words;
	uint64_t count;
} drop_reasons[] = {
	{"replayed", "the packet id was seen before", 3},
	{"auth-failed", "decryption failed: forged, damaged, or another key", 0},
	{"no-peer", "no peer has this id", 18446744},
	{"inner-multicast", "multicast or broadcast from a device", 0},
};

unsigned int dp_nb_drops(void)
{
	return ARRAY_LEN(drop_reasons);
}

const char *dp_drop_name(unsigned int reason)
{
	return drop_reasons[reason].name;
}

const char *dp_drop_words(unsigned int reason)
{
	return drop_reasons[reason].words;
}

void dp_drops(struct dp *dp, uint64_t *out)
{
	for (unsigned int i = 0; i < ARRAY_LEN(drop_reasons); i++)
		out[i] = ((const struct agent *)dp)->empty ? 0 : drop_reasons[i].count;
	if (view.changes) {
		out[0] += view.now.replayed;
		out[3] += view.now.noise;
	}
}

unsigned int dp_nb_ports(const struct dp *dp)
{
	return ((const struct agent *)dp)->empty ? 0 : 2;
}

void dp_port_info(struct dp *dp, unsigned int port, struct dp_port_info *p)
{
	(void)dp;
	*p = (struct dp_port_info){.mac = {2, 0, 0, 0, 0, (uint8_t)port},
		.link_up = port == 0,
		.speed_mbps = 10000,
		.mtu = 1500,
		.rx_queues = 2,
		.tx_queues = 3,
		.rx_packets = 1000,
		.rx_bytes = 1500000,
		.tx_packets = 900,
		.tx_bytes = 900,
		.rx_missed = 1,
		.rx_nombuf = 2,
		.tx_dropped = 3};
	if (view.changes)
		p->link_up = view.now.links_up;
	snprintf(p->name, sizeof(p->name), "outer%u", port);
	snprintf(p->ethdev, sizeof(p->ethdev), "net_af_xdp%u", port);
	strcpy(p->driver, "net_af_xdp");
}

unsigned int dp_nb_workers(const struct dp *dp)
{
	return ((const struct agent *)dp)->empty ? 0 : 2;
}

void dp_lcore_info(struct dp *dp, unsigned int worker, struct dp_lcore_info *l)
{
	(void)dp;
	*l = (struct dp_lcore_info){.lcore = worker + 1, .stuck = worker == 1, .sleeps = 77};
	if (view.changes && view.now.answers)
		l->stuck = false;
	if (worker == 1)
		return;
	l->iterations = 1000;
	l->busy_iterations = 100;
	l->cycles = 4000000;
	l->busy_cycles = 1000000;
	l->rx_packets = 600;
	l->rx_bursts = 80;
	l->decap_packets = 500;
	l->encap_packets = 400;
	l->control_packets = 60;
	l->host_packets = 40;
	l->crypto_inflight = 4;
	l->keepalives = 30;
	l->fragments_received = 20;
	l->fragments_sent = 10;
	l->segments_lowered = 6;
}

void dp_host_info(struct dp *dp, struct dp_host_info *h)
{
	*h = (struct dp_host_info){0};
	if (!((const struct agent *)dp)->empty)
		*h = (struct dp_host_info){410, 41, 540, 54, 9};
}

size_t agent_peer_bytes(void)
{
	return 400;
}

void dp_peers(const struct dp *dp, uint32_t *nb, uint32_t *max)
{
	*nb = view.changes ? view.now.peers : ((const struct agent *)dp)->nb_peers;
	*max = 4096;
}

void dp_fragmenting(const struct dp *dp, struct dp_fragmenting *f)
{
	(void)dp;
	*f = (struct dp_fragmenting){.peers = 1, .notices = 5};
}

bool dp_fragmenting_news(struct dp *dp, struct dp_fragmenting_news *news)
{
	(void)dp;
	*news = view.now.news;
	view.now.news.packets = 0;
	return news->packets != 0;
}

unsigned int dp_nb_memory(const struct dp *dp)
{
	return ((const struct agent *)dp)->empty ? 0 : 2;
}

void dp_memory(struct dp *dp, unsigned int i, struct dp_memory *m)
{
	(void)dp;
	*m = i == 0 ? (struct dp_memory){"packets rx0", true, false, 45000000, 45000000}
		    : (struct dp_memory){"peers", false, true, 50000, 4096 * 1000};
}

void dp_eal_memory(uint64_t *taken, uint64_t *available)
{
	*taken = 46000000;
	*available = 1u << 30;
}

unsigned int dp_nb_pools(const struct dp *dp)
{
	return ((const struct agent *)dp)->empty ? 0 : 1;
}

void dp_pool_info(struct dp *dp, unsigned int i, struct dp_pool_info *p)
{
	(void)dp;
	(void)i;
	*p = (struct dp_pool_info){"rx0", 8191, 1024, 2688};
}

uint64_t dp_tsc_hz(void)
{
	return 2500000000;
}

unsigned int aead_nb_devices(const struct aead *a)
{
	(void)a;
	return 2;
}

void aead_device_info(const struct aead *a, unsigned int i, struct aead_device_info *d)
{
	(void)a;
	*d = (struct aead_device_info){
		.cpu = i == 0, .sessions = 2 * i, .sessions_max = 16384, .algs = i == 0 ? 7 : 15};
	strcpy(d->name, i == 0 ? "crypto_aesni_gcm" : "crypto_aesni_mb");
	strcpy(d->driver, d->name);
}

const char *aead_alg_name(enum aead_alg alg)
{
	static const char *const names[] = {
		"AES-128-GCM", "AES-192-GCM", "AES-256-GCM", "CHACHA20-POLY1305"};

	return names[alg];
}
