/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake_dp.h"
#include "dataplane/dp_view.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_PEERS  8192
#define MAX_EVENTS 256

struct fake_peer {
	struct dp_peer_info info;
	bool reported;
	unsigned int owed;
	bool has_path;
	struct dp_path path;
	struct key_material key[2];
	struct dp_key_worn worn; /* while its wear is not KEY_GOOD: unacknowledged */
};

struct fake_instance {
	bool used;
	enum dp_mode mode;
	int device_fd;
	unsigned int nb;
	struct fake_peer *peers; /* sorted by id; tombstones among them */
};

struct fake_transport {
	bool used;
	uint32_t iid;
	struct udp_addr local;
	bool v4_too;
};

struct fake_event {
	struct dp_event ev;
	uint8_t data[2048];
};

struct dp {
	pthread_mutex_t lock;
	int mirror_fd, event_fd;
	int fail;
	uint64_t looks; /* at a peer */
	uint32_t nb_instances;
	struct fake_instance instances[DP_MAX_INSTANCES];
	struct fake_transport transports[DP_MAX_TRANSPORTS];
	unsigned int first_event, nb_events;
	struct fake_event events[MAX_EVENTS];
};

static const uint8_t port_mac[DP_MAC_LEN] = {2, 0, 0, 0, 0, 1};

#define LOCKED(dp) pthread_mutex_t *lock __attribute__((cleanup(unlock))) = take(dp)

static pthread_mutex_t *take(struct dp *dp)
{
	pthread_mutex_lock(&dp->lock);
	return &dp->lock;
}

static void unlock(pthread_mutex_t **lock)
{
	pthread_mutex_unlock(*lock);
}

/* --- life ------------------------------------------------------------------------------- */

struct dp *fake_dp_new(void)
{
	struct dp *dp = calloc(1, sizeof(*dp));

	if (dp == NULL)
		abort();
	pthread_mutex_init(&dp->lock, NULL);
	dp->mirror_fd = -1;
	dp->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return dp;
}

void fake_dp_free(struct dp *dp)
{
	for (unsigned int i = 0; i < DP_MAX_INSTANCES; i++)
		free(dp->instances[i].peers);
	if (dp->mirror_fd >= 0)
		close(dp->mirror_fd);
	close(dp->event_fd);
	pthread_mutex_destroy(&dp->lock);
	free(dp);
}

static struct fake_instance *instance(struct dp *dp, uint32_t iid)
{
	return iid < DP_MAX_INSTANCES && dp->instances[iid].used ? &dp->instances[iid] : NULL;
}

/* The place of the first peer with an id >= id. */
static unsigned int place(const struct fake_instance *in, uint32_t id)
{
	unsigned int lo = 0;
	unsigned int hi = in->nb;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (in->peers[mid].info.id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct fake_peer *find(struct dp *dp, uint32_t iid, uint32_t id)
{
	struct fake_instance *in = instance(dp, iid);
	unsigned int i;

	if (in == NULL)
		return NULL;
	i = place(in, id);
	return i < in->nb && in->peers[i].info.id == id ? &in->peers[i] : NULL;
}

static struct fake_peer *find_live(struct dp *dp, uint32_t iid, uint32_t id)
{
	struct fake_peer *p = find(dp, iid, id);

	return p != NULL && !p->info.gone ? p : NULL;
}

int dp_instance_new(struct dp *dp, enum dp_mode mode, uint32_t *iid)
{
	LOCKED(dp);

	if (dp->nb_instances == DP_MAX_INSTANCES - 1)
		return -ENOSPC;
	*iid = ++dp->nb_instances; /* 0 is none */
	dp->instances[*iid] = (struct fake_instance){.used = true,
		.mode = mode,
		.device_fd = -1,
		.peers = calloc(MAX_PEERS, sizeof(struct fake_peer))};
	return 0;
}

int dp_instance_del(struct dp *dp, uint32_t iid)
{
	LOCKED(dp);
	struct fake_instance *in = instance(dp, iid);

	if (in == NULL)
		return -ENOENT;
	for (unsigned int i = 0; i < DP_MAX_TRANSPORTS; i++) {
		if (dp->transports[i].used && dp->transports[i].iid == iid)
			dp->transports[i].used = false;
	}
	if (in->device_fd >= 0)
		close(in->device_fd);
	free(in->peers);
	*in = (struct fake_instance){0};
	return 0;
}

int dp_instance_device(struct dp *dp, uint32_t iid, int fd, const uint8_t mac[DP_MAC_LEN])
{
	LOCKED(dp);
	struct fake_instance *in = instance(dp, iid);

	(void)mac;
	if (in == NULL)
		return -ENOENT;
	in->device_fd = fd;
	return 0;
}

int dp_instance_mtu(struct dp *dp, uint32_t iid, uint32_t mtu)
{
	LOCKED(dp);

	(void)mtu;
	return instance(dp, iid) == NULL ? -ENOENT : 0;
}

int dp_instance_mssfix(struct dp *dp, uint32_t iid, uint16_t mssfix)
{
	LOCKED(dp);

	(void)mssfix;
	return instance(dp, iid) == NULL ? -ENOENT : 0;
}

uint32_t dp_device_mtu_max(const struct dp *dp)
{
	(void)dp;
	return 2033;
}

int dp_port_mirror(struct dp *dp, unsigned int port, int fd)
{
	LOCKED(dp);

	if (port != 0)
		return -EINVAL;
	dp->mirror_fd = fd;
	return 0;
}

int dp_transport_add(
	struct dp *dp, uint32_t iid, const struct udp_addr *local, bool v4_too, uint32_t *tid)
{
	LOCKED(dp);
	uint32_t unused = DP_MAX_TRANSPORTS;

	for (uint32_t i = 0; i < DP_MAX_TRANSPORTS; i++) {
		const struct fake_transport *t = &dp->transports[i];

		if (t->used && udp_addr_equal(&t->local, local))
			return -EADDRINUSE;
		if (!t->used && unused == DP_MAX_TRANSPORTS)
			unused = i;
	}
	if (unused == DP_MAX_TRANSPORTS)
		return -ENOSPC;
	dp->transports[unused] = (struct fake_transport){true, iid, *local, v4_too};
	*tid = unused;
	return 0;
}

int dp_transport_del(struct dp *dp, uint32_t tid)
{
	LOCKED(dp);

	dp->transports[tid].used = false;
	return 0;
}

int dp_port_addr_add(struct dp *dp, unsigned int port, const struct ip_addr *a)
{
	(void)dp;
	(void)a;
	return port == 0 ? 0 : -EINVAL;
}

int dp_port_addr_del(struct dp *dp, unsigned int port, const struct ip_addr *a)
{
	return dp_port_addr_add(dp, port, a);
}

int dp_instance_routes(struct dp *dp, uint32_t iid, const struct dp_route *routes, unsigned int n)
{
	LOCKED(dp);

	(void)routes;
	(void)n;
	return instance(dp, iid) != NULL ? 0 : -ENOENT;
}

/* --- peers ------------------------------------------------------------------------------ */

static void end(struct fake_peer *p, enum dp_gone why)
{
	p->info.gone = true;
	p->info.why = why;
	p->reported = why == DP_GONE_USERSPACE;
	p->owed = p->reported ? 0 : 2;
	p->info.owed = p->owed != 0;
}

int dp_peer_new(struct dp *dp, uint32_t iid, const struct dp_peer_conf *conf)
{
	LOCKED(dp);
	struct fake_instance *in = instance(dp, iid);
	struct fake_peer *p = find(dp, iid, conf->id);
	unsigned int i;

	if (dp->fail != 0 || in == NULL)
		return dp->fail != 0 ? dp->fail : -ENOENT;
	for (i = 0; in->mode == DP_MODE_P2P && i < in->nb; i++) {
		if (!in->peers[i].info.gone)
			end(&in->peers[i], DP_GONE_USERSPACE);
	}
	if (p != NULL && !p->info.gone)
		return -EEXIST;
	i = place(in, conf->id);
	if (p == NULL) {
		if (in->nb == MAX_PEERS)
			return -ENOSPC;
		memmove(&in->peers[i + 1], &in->peers[i], (in->nb - i) * sizeof(*in->peers));
		in->nb++;
	}
	in->peers[i] = (struct fake_peer){
		.info = {.id = conf->id,
			.tx_id = conf->id,
			.remote = conf->remote,
			.local = conf->local,
			.vpn4 = conf->vpn4,
			.vpn6 = conf->vpn6,
			.mac = {2, 0, 0, (uint8_t)(conf->id >> 16), (uint8_t)(conf->id >> 8),
				(uint8_t)conf->id},
			.vpn_rx_bytes = 1000 + conf->id},
	};
	return 0;
}

int dp_peer_set(struct dp *dp, uint32_t iid, uint32_t id, uint32_t interval, uint32_t timeout)
{
	LOCKED(dp);
	struct fake_peer *p = find_live(dp, iid, id);

	if (dp->fail != 0 || p == NULL)
		return dp->fail != 0 ? dp->fail : -ENOENT;
	p->info.interval = interval;
	p->info.timeout = timeout;
	return 0;
}

int dp_peer_tx_id(struct dp *dp, uint32_t iid, uint32_t id, uint32_t tx_id)
{
	LOCKED(dp);
	struct fake_peer *p = find_live(dp, iid, id);

	if (dp->fail != 0 || p == NULL)
		return dp->fail != 0 ? dp->fail : -ENOENT;
	p->info.tx_id = tx_id;
	return 0;
}

int dp_peer_del(struct dp *dp, uint32_t iid, uint32_t id, enum dp_gone why)
{
	LOCKED(dp);
	struct fake_peer *p = find_live(dp, iid, id);

	if (p == NULL)
		return dp->fail != 0 ? dp->fail : -ENOENT;
	end(p, why);
	return 0;
}

int dp_peer_path(struct dp *dp, uint32_t iid, uint32_t id, const struct dp_path *path)
{
	LOCKED(dp);
	struct fake_peer *p = find_live(dp, iid, id);

	if (p == NULL)
		return -ENOENT;
	p->has_path = path != NULL;
	if (path != NULL)
		p->path = *path;
	return 0;
}

int dp_peer_float(struct dp *dp, uint32_t iid, uint32_t id, const struct udp_addr *remote,
	const struct dp_path *path)
{
	LOCKED(dp);
	struct fake_peer *p = find_live(dp, iid, id);

	if (dp->fail != 0 || p == NULL)
		return dp->fail != 0 ? dp->fail : -ENOENT;
	p->info.remote = *remote;
	p->info.floats++;
	p->has_path = path != NULL;
	if (path != NULL)
		p->path = *path;
	return 0;
}

int dp_peer_get(struct dp *dp, uint32_t iid, uint32_t id, struct dp_peer_info *info)
{
	LOCKED(dp);
	const struct fake_peer *p = find(dp, iid, id);

	dp->looks++;
	if (p == NULL)
		return -ENOENT;
	*info = p->info;
	return 0;
}

uint64_t fake_dp_looks(struct dp *dp)
{
	LOCKED(dp);

	return dp->looks;
}

uint32_t dp_peer_next(struct dp *dp, uint32_t iid, uint32_t from)
{
	LOCKED(dp);
	const struct fake_instance *in = instance(dp, iid);
	unsigned int i = in != NULL ? place(in, from) : 0;

	return in != NULL && i < in->nb ? in->peers[i].info.id : DP_NO_PEER;
}

uint32_t dp_gone_next(struct dp *dp, uint32_t iid, enum dp_gone *why)
{
	LOCKED(dp);
	const struct fake_instance *in = instance(dp, iid);

	for (unsigned int i = 0; in != NULL && i < in->nb; i++) {
		if (in->peers[i].info.gone && !in->peers[i].reported) {
			*why = in->peers[i].info.why;
			return in->peers[i].info.id;
		}
	}
	return DP_NO_PEER;
}

void dp_gone_shown(struct dp *dp, uint32_t iid, uint32_t id)
{
	LOCKED(dp);
	struct fake_peer *p = find(dp, iid, id);

	if (p != NULL && p->info.gone && p->reported && p->owed > 0)
		p->info.owed = --p->owed > 0;
}

void dp_gone_ack(struct dp *dp, uint32_t iid, uint32_t id)
{
	LOCKED(dp);
	struct fake_peer *p = find(dp, iid, id);

	if (p != NULL && p->info.gone)
		p->reported = true;
}

int dp_key_new(
	struct dp *dp, uint32_t iid, uint32_t id, enum keyslot slot, const struct key_material *m)
{
	LOCKED(dp);
	struct fake_peer *p = find_live(dp, iid, id);

	if (dp->fail != 0 || p == NULL)
		return dp->fail != 0 ? dp->fail : -ENOENT;
	p->key[slot] = *m;
	p->info.key[slot].present = true;
	return 0;
}

int dp_key_swap(struct dp *dp, uint32_t iid, uint32_t id)
{
	LOCKED(dp);
	struct fake_peer *p = find_live(dp, iid, id);
	struct key_material m;

	if (dp->fail != 0 || p == NULL)
		return dp->fail != 0 ? dp->fail : -ENOENT;
	m = p->key[0];
	p->key[0] = p->key[1];
	p->key[1] = m;
	return 0;
}

int dp_key_del(struct dp *dp, uint32_t iid, uint32_t id, enum keyslot slot)
{
	LOCKED(dp);
	struct fake_peer *p = find_live(dp, iid, id);

	if (dp->fail != 0 || p == NULL)
		return dp->fail != 0 ? dp->fail : -ENOENT;
	p->key[slot] = (struct key_material){0};
	p->info.key[slot].present = false;
	return 0;
}

/* --- events ----------------------------------------------------------------------------- */

bool dp_key_worn_next(struct dp *dp, uint32_t iid, struct dp_key_worn *worn)
{
	LOCKED(dp);
	const struct fake_instance *in = instance(dp, iid);

	for (unsigned int i = 0; in != NULL && i < in->nb; i++) {
		if (!in->peers[i].info.gone && in->peers[i].worn.wear != KEY_GOOD) {
			*worn = in->peers[i].worn;
			return true;
		}
	}
	return false;
}

void dp_key_worn_ack(struct dp *dp, uint32_t iid, uint32_t id)
{
	LOCKED(dp);
	struct fake_peer *p = find_live(dp, iid, id);

	if (p != NULL)
		p->worn.wear = KEY_GOOD;
}

bool dp_event_next(struct dp *dp, struct dp_event *ev)
{
	LOCKED(dp);
	struct fake_event *e = &dp->events[dp->first_event % MAX_EVENTS];

	if (dp->nb_events == 0)
		return false;
	*ev = e->ev;
	ev->data = e->data;
	dp->first_event++;
	dp->nb_events--;
	return true;
}

int dp_event_fd(const struct dp *dp)
{
	return dp->event_fd;
}

bool dp_event_arm(struct dp *dp)
{
	LOCKED(dp);

	return dp->nb_events == 0;
}

void dp_tick(struct dp *dp)
{
	(void)dp;
}

bool dp_go_on(struct dp *dp)
{
	(void)dp;
	return false;
}

/* --- the operator's view ---------------------------------------------------------------- */

unsigned int dp_nb_drops(void)
{
	return 0;
}

const char *dp_drop_name(unsigned int reason)
{
	(void)reason;
	return "";
}

const char *dp_drop_words(unsigned int reason)
{
	(void)reason;
	return "";
}

void dp_drops(struct dp *dp, uint64_t *out)
{
	(void)dp;
	(void)out;
}

bool dp_port_link_up(struct dp *dp, unsigned int port)
{
	(void)dp;
	return port == 0;
}

unsigned int dp_nb_ports(const struct dp *dp)
{
	(void)dp;
	return 1;
}

void dp_port_info(struct dp *dp, unsigned int port, struct dp_port_info *info)
{
	(void)dp;
	(void)port;
	*info = (struct dp_port_info){.name = "fake0", .link_up = true, .mtu = 1500};
	memcpy(info->mac, port_mac, sizeof(port_mac));
}

unsigned int dp_nb_workers(const struct dp *dp)
{
	(void)dp;
	return 0;
}

void dp_lcore_info(struct dp *dp, unsigned int worker, struct dp_lcore_info *info)
{
	(void)dp;
	(void)worker;
	*info = (struct dp_lcore_info){0};
}

void dp_host_info(struct dp *dp, struct dp_host_info *info)
{
	(void)dp;
	*info = (struct dp_host_info){0};
}

int dp_peer_view(struct dp *dp, uint32_t iid, uint32_t id, struct dp_peer_view *v)
{
	memset(v, 0, sizeof(*v));
	return dp_peer_get(dp, iid, id, &v->info);
}

int dp_peer_clear(struct dp *dp, uint32_t iid, uint32_t id)
{
	struct dp_peer_info info;

	return dp_peer_get(dp, iid, id, &info) < 0 || info.gone ? -ENOENT : 0;
}

uint32_t dp_instance_peers(struct dp *dp, uint32_t iid)
{
	LOCKED(dp);
	const struct fake_instance *in = instance(dp, iid);
	uint32_t n = 0;

	for (unsigned int i = 0; in != NULL && i < in->nb; i++)
		n += !in->peers[i].info.gone;
	return n;
}

void dp_peers(const struct dp *dp, uint32_t *nb, uint32_t *max)
{
	(void)dp;
	*nb = 0;
	*max = MAX_PEERS;
}

void dp_fragmenting(const struct dp *dp, struct dp_fragmenting *f)
{
	(void)dp;
	*f = (struct dp_fragmenting){0};
}

bool dp_fragmenting_news(struct dp *dp, struct dp_fragmenting_news *news)
{
	(void)dp;
	(void)news;
	return false;
}

unsigned int dp_nb_memory(const struct dp *dp)
{
	(void)dp;
	return 0;
}

void dp_memory(struct dp *dp, unsigned int i, struct dp_memory *m)
{
	(void)dp;
	(void)i;
	*m = (struct dp_memory){0};
}

void dp_eal_memory(uint64_t *taken, uint64_t *available)
{
	*taken = *available = 0;
}

unsigned int dp_nb_pools(const struct dp *dp)
{
	(void)dp;
	return 0;
}

void dp_pool_info(struct dp *dp, unsigned int i, struct dp_pool_info *info)
{
	(void)dp;
	(void)i;
	*info = (struct dp_pool_info){0};
}

uint64_t dp_tsc_hz(void)
{
	return 1000000000;
}

unsigned int aead_nb_devices(const struct aead *a)
{
	(void)a;
	return 0;
}

void aead_device_info(const struct aead *a, unsigned int i, struct aead_device_info *info)
{
	(void)a;
	(void)i;
	*info = (struct aead_device_info){0};
}

const char *aead_alg_name(enum aead_alg alg)
{
	(void)alg;
	return "";
}

/* --- the test's side -------------------------------------------------------------------- */

struct fake_dp_left fake_dp_left(struct dp *dp)
{
	LOCKED(dp);
	struct fake_dp_left left = {0};

	for (unsigned int i = 0; i < DP_MAX_INSTANCES; i++) {
		const struct fake_instance *in = &dp->instances[i];

		left.instances += in->used;
		left.devices += in->used && in->device_fd >= 0;
		for (unsigned int k = 0; k < in->nb; k++)
			left.peers += !in->peers[k].info.gone;
	}
	for (unsigned int i = 0; i < DP_MAX_TRANSPORTS; i++)
		left.transports += dp->transports[i].used;
	return left;
}

void fake_dp_expire(struct dp *dp, uint32_t iid, uint32_t from, uint32_t to)
{
	LOCKED(dp);
	struct fake_instance *in = instance(dp, iid);

	for (unsigned int i = 0; in != NULL && i < in->nb; i++) {
		struct fake_peer *p = &in->peers[i];

		if (p->info.id >= from && p->info.id < to && !p->info.gone)
			end(p, DP_GONE_EXPIRED);
	}
}

void fake_dp_wear(struct dp *dp, uint32_t iid, const struct dp_key_worn *worn)
{
	LOCKED(dp);
	struct fake_peer *p = find_live(dp, iid, worn->peer_id);

	if (p != NULL)
		p->worn = *worn;
}

bool fake_dp_worn(struct dp *dp, uint32_t iid, uint32_t id)
{
	LOCKED(dp);
	const struct fake_peer *p = find_live(dp, iid, id);

	return p != NULL && p->worn.wear != KEY_GOOD;
}

unsigned int fake_dp_unreported(struct dp *dp, uint32_t iid)
{
	LOCKED(dp);
	const struct fake_instance *in = instance(dp, iid);
	unsigned int n = 0;

	for (unsigned int i = 0; in != NULL && i < in->nb; i++)
		n += in->peers[i].info.gone && !in->peers[i].reported;
	return n;
}

void fake_dp_fail(struct dp *dp, int err)
{
	LOCKED(dp);

	dp->fail = err;
}

static struct fake_transport *transport(struct dp *dp, uint32_t iid, unsigned int n)
{
	for (unsigned int i = 0; i < DP_MAX_TRANSPORTS; i++) {
		if (dp->transports[i].used && dp->transports[i].iid == iid && n-- == 0)
			return &dp->transports[i];
	}
	return NULL;
}

void fake_dp_control(struct dp *dp, uint32_t iid, unsigned int i, const struct udp_addr *remote,
	const struct ip_addr *local, const void *data, uint16_t len)
{
	LOCKED(dp);
	struct fake_event *e = &dp->events[(dp->first_event + dp->nb_events) % MAX_EVENTS];
	const struct fake_transport *t = transport(dp, iid, i);
	uint64_t one = 1;

	if (t == NULL || dp->nb_events == MAX_EVENTS || len > sizeof(e->data))
		abort();
	e->ev = (struct dp_event){.type = DP_EVENT_CONTROL,
		.iid = iid,
		.tid = (uint32_t)(t - dp->transports),
		.remote = *remote,
		.local = {.ip = *local, .port = t->local.port},
		.len = len};
	memcpy(e->data, data, len);
	dp->nb_events++;
	if (write(dp->event_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

void fake_dp_float(struct dp *dp, uint32_t iid, uint32_t id, const struct udp_addr *remote,
	const struct udp_addr *local)
{
	LOCKED(dp);
	struct fake_event *e = &dp->events[(dp->first_event + dp->nb_events) % MAX_EVENTS];
	uint64_t one = 1;
	uint32_t tid = 0;

	while (tid < DP_MAX_TRANSPORTS &&
		!(dp->transports[tid].used && dp->transports[tid].iid == iid &&
			dp->transports[tid].local.port == local->port))
		tid++;
	if (dp->nb_events == MAX_EVENTS)
		abort();
	e->ev = (struct dp_event){.type = DP_EVENT_FLOAT,
		.iid = iid,
		.tid = tid,
		.peer_id = id,
		.remote = *remote,
		.local = *local};
	dp->nb_events++;
	if (write(dp->event_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

bool fake_dp_transport(
	struct dp *dp, uint32_t iid, unsigned int i, struct udp_addr *local, bool *v4_too)
{
	LOCKED(dp);
	const struct fake_transport *t = transport(dp, iid, i);

	if (t == NULL)
		return false;
	*local = t->local;
	*v4_too = t->v4_too;
	return true;
}

struct key_material fake_dp_key(struct dp *dp, uint32_t iid, uint32_t id, enum keyslot slot)
{
	LOCKED(dp);
	const struct fake_peer *p = find(dp, iid, id);

	return p != NULL ? p->key[slot] : (struct key_material){0};
}

int fake_dp_mirror_fd(struct dp *dp)
{
	return dp->mirror_fd;
}

uint32_t fake_dp_newest(struct dp *dp, enum dp_mode *mode)
{
	LOCKED(dp);

	*mode = dp->instances[dp->nb_instances].mode;
	return dp->nb_instances;
}

bool fake_dp_path(struct dp *dp, uint32_t iid, uint32_t id, struct dp_path *path)
{
	LOCKED(dp);
	const struct fake_peer *p = find(dp, iid, id);

	if (p == NULL || !p->has_path)
		return false;
	*path = p->path;
	return true;
}
