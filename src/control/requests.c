/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/requests.h"

#include <errno.h>

#include "control/dco.h"
#include "dataplane/dp_view.h"

static bool is_own(const struct requests *rq, uint32_t ifindex)
{
	const struct iface *in = sockets_iface(rq->sockets);

	return in != NULL && ifindex != 0 && iface_ifindex(in) == ifindex;
}

/* Sends what o holds, if anything, and then the acknowledgement. */
static void answer_netlink(struct requests *rq, const struct shim_hdr *h,
	const struct nl_request *r, struct nl_out *o, int err, const char *why)
{
	if (err == 0 && o->len != 0) {
		bool more = nl_request_wants_ack(r);

		conn_answer(rq->conn, h, more ? 0 : SHIM_LAST, 0, o->buf, o->len);
		if (!more)
			return;
	}
	o->len = 0;
	if (err != 0 || nl_request_wants_ack(r))
		nl_put_ack(o, r, err, why);
	conn_answer(rq->conn, h, SHIM_LAST, 0, o->buf, o->len);
}

static int get_peer(struct requests *rq, const struct dco_family *f, const struct nl_request *r,
	const struct dco_request *q, struct nl_out *o, const char **why)
{
	struct dp_peer_info info;
	int ret = dp_peer_get(rq->dp, iface_iid(sockets_iface(rq->sockets)), q->peer_id, &info);

	if (ret < 0)
		*why = "no such peer";
	else
		f->put_peer(o, r, q->ifindex, &info);
	return ret;
}

static int get_key(struct requests *rq, const struct dco_family *f, const struct nl_request *r,
	const struct dco_request *q, struct nl_out *o, const char **why)
{
	struct dp_peer_info info;
	int ret = dp_peer_get(rq->dp, iface_iid(sockets_iface(rq->sockets)), q->peer_id, &info);

	if (ret < 0 || info.gone) {
		*why = "no such peer";
		return -ENOENT;
	}
	if (!info.key[q->slot].present) {
		*why = "no key in that slot";
		return -ENOENT;
	}
	return f->put_key(o, r, q, &info.key[q->slot]) ? 0 : -EINVAL;
}

/* A peer may come with its keepalive and the id by which it knows us. */
static int new_peer(struct requests *rq, const struct dco_request *q, const char **why)
{
	struct iface *in = sockets_iface(rq->sockets);
	struct dco_request set = {.verb = DCO_SET_PEER, .peer_id = q->peer_id};
	struct iface_socket by;
	int ret;

	if (!q->new_peer.has_remote) {
		*why = "ovpn-dpdk carries UDP only: use `proto udp`, or `disable-dco` for TCP";
		return -EINVAL;
	}
	if (sockets_of_peer(rq->sockets, &q->new_peer, &by) < 0) {
		*why = "the peer's socket is not a bound UDP socket of this process";
		return -EINVAL;
	}
	ret = iface_do(in, q, &by, why);
	if (ret < 0)
		return ret;
	/* it has no key yet, so nothing was sent before */
	set.set = q->new_peer.set;
	return iface_do(in, &set, &by, why);
}

static int do_request(struct requests *rq, const struct dco_family *f, const struct nl_request *r,
	const struct dco_request *q, struct nl_out *o, const char **why)
{
	if (!is_own(rq, q->ifindex)) {
		*why = "no device of this process has that interface index";
		/* refused, it would end openvpn; without a device there is no peer to end */
		return q->verb == DCO_NEW_KEY ? 0 : -EINVAL;
	}
	switch (q->verb) {
	case DCO_GET_PEER:
		return get_peer(rq, f, r, q, o, why);
	case DCO_GET_KEY:
		return get_key(rq, f, r, q, o, why);
	case DCO_NEW_PEER:
		return new_peer(rq, q, why);
	case DCO_DEL_PEER:
		sockets_flush(rq->sockets);
		return iface_do(sockets_iface(rq->sockets), q, NULL, why);
	default:
		return iface_do(sockets_iface(rq->sockets), q, NULL, why);
	}
}

static void answer_dco(struct requests *rq, const struct dco_family *f, const struct shim_hdr *h,
	const struct nl_request *r)
{
	struct dco_request q;
	struct nl_out o = {.len = 0};
	const char *why = NULL;
	int err = f->read(r, &q, &why);

	if (err == 0 && q.verb == DCO_DUMP_PEERS) {
		bool own = is_own(rq, q.ifindex);

		dump_start(&rq->dump, rq->conn, f, h, r, rq->dp,
			own ? iface_iid(sockets_iface(rq->sockets)) : 0, q.ifindex,
			sockets_notified(rq->sockets));
	} else {
		if (err == 0)
			err = do_request(rq, f, r, &q, &o, &why);
		answer_netlink(rq, h, r, &o, err, why);
	}
	dco_request_wipe(&q);
}

void requests_answer(struct requests *rq, const struct shim_hdr *h, const uint8_t *body)
{
	const struct dco_family *f;
	struct nl_request r;
	struct nl_out o = {.len = 0};
	int ret = nl_request_read(body, h->len, &r);

	if (ret == -EBADMSG || !sockets_has_genl(rq->sockets, h->id)) {
		conn_answer(rq->conn, h, SHIM_LAST, -EINVAL, NULL, 0);
	} else if (ret < 0) {
		answer_netlink(rq, h, &r, &o, ret, "not one generic netlink request");
	} else if ((f = dco_family_by_id(r.hdr.nlmsg_type)) != NULL) {
		answer_dco(rq, f, h, &r);
	} else if (r.hdr.nlmsg_type == nl_ctrl_family.id) {
		ret = dco_ctrl_answer(&r, &o);
		/* a dump has its own end */
		if (ret == 0 && nl_request_is_dump(&r))
			conn_answer(rq->conn, h, SHIM_LAST, 0, o.buf, o.len);
		else
			answer_netlink(rq, h, &r, &o, ret, NULL);
	} else {
		answer_netlink(rq, h, &r, &o, -ENOENT, "no such family");
	}
}

void requests_go_on(struct requests *rq)
{
	dump_some(&rq->dump, rq->conn);
}

bool requests_busy(const struct requests *rq)
{
	return rq->dump.active;
}
