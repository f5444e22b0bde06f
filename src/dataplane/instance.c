/* SPDX-License-Identifier: BSD-3-Clause */
/* The verbs for instances, their transports, devices and inner routes, and the ports' addresses. */
#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "dataplane/state.h"
#include "log.h"

#define END_BURST 256 /* peers and tombstones of a deleted instance in one turn */

/* --- which local addresses belong to whom ----------------------------------------------- */

static bool bound_covers(const struct transport *t, const struct ip_addr *a)
{
	if (!ip_is_any(&t->local.ip))
		return ip_equal(&t->local.ip, a);
	return t->local.ip.family == a->family || (t->v4_too && a->family == IP_V4);
}

static size_t count_addrs(const struct dp *dp)
{
	size_t n = 0;

	for (unsigned int i = 0; i < dp->nb_ports; i++)
		n += dp->ports[i].nb_addrs;
	return n;
}

/* Every address of the ports that this transport covers. */
static uint32_t expand(struct dp *dp, uint32_t tid, struct instance *inst, struct local *out)
{
	const struct transport *t = &dp->transports[tid];
	uint32_t n = 0;

	for (unsigned int i = 0; i < dp->nb_ports; i++) {
		for (unsigned int k = 0; k < dp->ports[i].nb_addrs; k++) {
			const struct ip_addr *a = &dp->ports[i].addrs[k];

			if (bound_covers(t, a))
				out[n++] = (struct local){
					.addr = {.ip = *a, .port = t->local.port},
					.owner = inst,
					.tid = tid,
				};
		}
	}
	return n;
}

/* Every transport on every address it covers; NULL: out of memory. */
static struct locals *make_locals(struct dp *dp)
{
	struct local *all = malloc((DP_MAX_TRANSPORTS * count_addrs(dp) + 1) * sizeof(*all));
	struct locals *table = NULL;
	uint32_t n = 0;

	if (all == NULL)
		return NULL;
	/* one bound to one address comes before the wildcards, as in the kernel */
	for (int any = 0; any <= 1; any++) {
		for (uint32_t tid = 0; tid < DP_MAX_TRANSPORTS; tid++) {
			const struct transport *t = &dp->transports[tid];

			if (t->used && ip_is_any(&t->local.ip) == any)
				n += expand(dp, tid, instance_find(dp, t->iid), all + n);
		}
	}
	table = locals_build(all, n);
	free(all);
	return table;
}

static void replace_locals(struct dp *dp, struct locals *table)
{
	struct locals *old;

	/* pairs with the acquire in classify_burst() */
	old = atomic_exchange_explicit(&dp->locals, table, memory_order_acq_rel);
	if (old != dp->no_locals)
		rcu_defer(&dp->rcu, free, old);
}

/*
 * Builds and publishes the table. Nobody's packets are lost: readers see the old one or the new
 * one. Without memory the old one stays, and the next tick tries again.
 */
static int publish_locals(struct dp *dp)
{
	struct locals *table = make_locals(dp);

	if (table == NULL && !dp->locals_owed)
		log_err("no memory for the table of local addresses: tried again all the time");
	dp->locals_owed = table == NULL;
	if (table == NULL)
		return -ENOMEM;
	replace_locals(dp, table);
	return 0;
}

/*
 * The same when something went: the old table may name an instance that is about to be freed. So
 * without memory nobody gets anything before the next tick.
 */
static void withdraw_locals(struct dp *dp)
{
	if (publish_locals(dp) < 0)
		replace_locals(dp, dp->no_locals);
}

void locals_tick(struct dp *dp)
{
	if (dp->locals_owed)
		publish_locals(dp);
}

static bool conflict(const struct transport *t, const struct udp_addr *local, bool v4_too)
{
	if (!t->used || t->local.port != local->port)
		return false;
	if (ip_equal(&t->local.ip, &local->ip))
		return true;
	/* two wildcards of different families meet if the IPv6 one takes IPv4 as well */
	return ip_is_any(&t->local.ip) && ip_is_any(&local->ip) && (t->v4_too || v4_too);
}

int dp_transport_add(
	struct dp *dp, uint32_t iid, const struct udp_addr *local, bool v4_too, uint32_t *tid)
{
	uint32_t free_slot = DP_MAX_TRANSPORTS;
	int ret;

	if (instance_find(dp, iid) == NULL)
		return -ENOENT;
	for (uint32_t i = DP_MAX_TRANSPORTS; i-- > 0;) {
		if (conflict(&dp->transports[i], local, v4_too))
			return -EADDRINUSE;
		if (!dp->transports[i].used)
			free_slot = i;
	}
	if (free_slot == DP_MAX_TRANSPORTS)
		return -ENOSPC;
	dp->transports[free_slot] =
		(struct transport){.used = true, .v4_too = v4_too, .iid = iid, .local = *local};
	ret = publish_locals(dp);
	if (ret < 0)
		dp->transports[free_slot].used = false;
	*tid = free_slot;
	return ret;
}

int dp_transport_del(struct dp *dp, uint32_t tid)
{
	if (tid >= DP_MAX_TRANSPORTS || !dp->transports[tid].used)
		return -ENOENT;
	dp->transports[tid].used = false;
	withdraw_locals(dp);
	return 0;
}

int dp_port_addr_add(struct dp *dp, unsigned int port, const struct ip_addr *a)
{
	struct port *p;

	if (port >= dp->nb_ports)
		return -EINVAL;
	p = &dp->ports[port];
	for (unsigned int i = 0; i < p->nb_addrs; i++) {
		if (ip_equal(&p->addrs[i], a))
			return 0;
	}
	if (p->nb_addrs == PORT_MAX_ADDRS)
		return -ENOSPC;
	p->addrs[p->nb_addrs++] = *a;
	publish_locals(dp);
	return 0;
}

int dp_port_addr_del(struct dp *dp, unsigned int port, const struct ip_addr *a)
{
	struct port *p;

	if (port >= dp->nb_ports)
		return -EINVAL;
	p = &dp->ports[port];
	for (unsigned int i = 0; i < p->nb_addrs; i++) {
		if (ip_equal(&p->addrs[i], a)) {
			p->addrs[i] = p->addrs[--p->nb_addrs];
			withdraw_locals(dp);
			return 0;
		}
	}
	return 0;
}

/* --- instances -------------------------------------------------------------------------- */

int dp_instance_new(struct dp *dp, enum dp_mode mode, uint32_t *iid)
{
	struct instance *inst = calloc(1, sizeof(*inst));

	if (inst == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < DP_MAX_INSTANCES; i++) {
		uint32_t id = ++dp->next_iid;
		uint32_t slot = id % DP_MAX_INSTANCES;

		if (id == 0 || atomic_load_explicit(&dp->instances[slot], memory_order_relaxed))
			continue; /* 0 means none */
		inst->iid = *iid = id;
		inst->mode = mode;
		atomic_store_explicit(&inst->mssfix, dp->mssfix, memory_order_relaxed);
		inst->generations = (uint16_t)rte_rdtsc();
		TAILQ_INIT(&inst->peer_list);
		TAILQ_INIT(&inst->unreported);
		TAILQ_INIT(&inst->asking);
		atomic_store_explicit(&dp->instances[slot], inst, memory_order_release);
		return 0;
	}
	free(inst);
	return -ENOSPC;
}

static void instance_free(void *arg)
{
	struct instance *inst = arg;

	fib_free(atomic_load_explicit(&inst->fib, memory_order_relaxed));
	peertab_free(&inst->peers);
	free(inst);
}

/* n peers and tombstones at most. True: none is left. */
static bool end_peers(struct dp *dp, struct instance *inst, unsigned int n)
{
	struct peer *p;

	for (; n > 0 && (p = TAILQ_FIRST(&inst->peer_list)) != NULL; n--)
		peer_drop(dp, inst, p);
	for (; n > 0; n--) {
		inst->swept = peertab_next(&inst->peers, inst->swept);
		if (inst->swept == UINT32_MAX)
			return true;
		tombstone_drop(dp, inst, peertab_entry(&inst->peers, inst->swept));
	}
	return false;
}

bool instances_end_some(struct dp *dp)
{
	struct instance *inst = TAILQ_FIRST(&dp->ending);

	if (inst == NULL)
		return false;
	if (!end_peers(dp, inst, END_BURST))
		return true;
	TAILQ_REMOVE(&dp->ending, inst, ending);
	rcu_defer(&dp->rcu, instance_free, inst);
	return !TAILQ_EMPTY(&dp->ending);
}

int dp_instance_del(struct dp *dp, uint32_t iid)
{
	struct instance *inst = instance_find(dp, iid);

	if (inst == NULL)
		return -ENOENT;
	for (uint32_t i = 0; i < DP_MAX_TRANSPORTS; i++) {
		if (dp->transports[i].iid == iid)
			dp->transports[i].used = false;
	}
	withdraw_locals(dp);
	atomic_store_explicit(&dp->instances[iid % DP_MAX_INSTANCES], NULL, memory_order_release);
	hostdev_del(&dp->hostio, atomic_load_explicit(&inst->device, memory_order_relaxed));
	/* nobody finds it any more; peers may be very many, and openvpns wait: they go in turns */
	inst->ended = true;
	dp->nb_peers -= inst->nb_peers;
	TAILQ_INSERT_TAIL(&dp->ending, inst, ending);
	instances_end_some(dp);
	return 0;
}

/* --- the kernel side -------------------------------------------------------------------- */

int dp_instance_device(struct dp *dp, uint32_t iid, int fd, const uint8_t mac[DP_MAC_LEN])
{
	struct instance *inst = instance_find(dp, iid);
	struct hostdev *d;

	if (inst == NULL)
		return -ENOENT;
	d = hostdev_new(&dp->hostio, fd, iid, 0, mac);
	if (d == NULL)
		return -errno;
	hostdev_del(&dp->hostio, atomic_exchange_explicit(&inst->device, d, memory_order_acq_rel));
	return 0;
}

int dp_instance_mtu(struct dp *dp, uint32_t iid, uint32_t mtu)
{
	struct instance *inst = instance_find(dp, iid);

	if (inst == NULL)
		return -ENOENT;
	atomic_store_explicit(&inst->mtu, mtu, memory_order_relaxed);
	return 0;
}

int dp_instance_mssfix(struct dp *dp, uint32_t iid, uint16_t mssfix)
{
	struct instance *inst = instance_find(dp, iid);

	if (inst == NULL)
		return -ENOENT;
	atomic_store_explicit(&inst->mssfix, mssfix, memory_order_relaxed);
	return 0;
}

/* hostin.c reads a frame into one buffer, and takes a full one for too small. */
uint32_t dp_device_mtu_max(const struct dp *dp)
{
	return rte_pktmbuf_data_room_size(dp->hostio.pool) - RTE_PKTMBUF_HEADROOM - ETH_HDR_LEN - 1;
}

int dp_port_mirror(struct dp *dp, unsigned int port, int fd)
{
	struct hostdev *d;

	if (port >= dp->nb_ports)
		return -EINVAL;
	d = hostdev_new(&dp->hostio, fd, 0, (uint8_t)port, dp->ports[port].mac);
	if (d == NULL)
		return -errno;
	hostdev_del(
		&dp->hostio, atomic_exchange_explicit(&dp->mirrors[port], d, memory_order_acq_rel));
	return 0;
}

bool dp_port_link_up(struct dp *dp, unsigned int port)
{
	return port < dp->nb_ports && port_link_up(&dp->ports[port]);
}

static void fib_free_void(void *arg)
{
	fib_free(arg);
}

int dp_instance_routes(struct dp *dp, uint32_t iid, const struct dp_route *routes, unsigned int n)
{
	struct instance *inst = instance_find(dp, iid);
	struct fib_route *list;
	struct fib *f = NULL, *old;

	if (inst == NULL)
		return -ENOENT;
	if (n > 0) {
		list = malloc(n * sizeof(*list));
		if (list == NULL)
			return -ENOMEM;
		for (unsigned int i = 0; i < n; i++)
			list[i] = (struct fib_route){
				.prefix = routes[i].prefix,
				.prefix_len = routes[i].prefix_len,
				.value = routes[i].peer_id,
			};
		f = fib_build(list, n);
		free(list);
		if (f == NULL)
			return -ENOMEM;
	}
	/* pairs with the acquire in decap.c */
	old = atomic_exchange_explicit(&inst->fib, f, memory_order_acq_rel);
	if (old != NULL)
		rcu_defer(&dp->rcu, fib_free_void, old);
	return 0;
}
