/* SPDX-License-Identifier: BSD-3-Clause */
#include "errqueue.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <string.h>

#include "udp.h"

int errqueue_note(
	struct errqueue *q, const struct shim_addr *remote, const struct shim_error *error)
{
	if (error->origin == SO_EE_ORIGIN_NONE) {
		q->refused = *remote;
		q->refusal = error->error;
		return -EAGAIN;
	}
	/* openvpn reads one after each failure: more than a few are old */
	if (q->nb == ERRQUEUE_MAX) {
		q->first = (q->first + 1) % ERRQUEUE_MAX;
		q->nb--;
	}
	q->entries[(q->first + q->nb) % ERRQUEUE_MAX].remote = *remote;
	q->entries[(q->first + q->nb) % ERRQUEUE_MAX].error = *error;
	q->nb++;
	return -error->error;
}

int errqueue_refusal(struct errqueue *q, const struct shim_addr *remote)
{
	const struct shim_addr *r = &q->refused;

	/* family 0, of nothing refused, is nobody's */
	if (r->family != remote->family || r->port != remote->port ||
		memcmp(r->ip, remote->ip, sizeof(r->ip)) != 0)
		return 0;
	q->refused.family = 0;
	return -q->refusal;
}

ssize_t errqueue_read(struct errqueue *q, sa_family_t family, struct msghdr *msg)
{
	struct {
		struct sock_extended_err err;
		union udp_address offender;
	} ee = {0};
	const struct shim_error *e = &q->entries[q->first].error;
	union udp_address to;
	socklen_t len;
	bool v4 = family == AF_INET;

	if (q->nb == 0)
		return -EAGAIN;
	len = udp_make_address(family, &q->entries[q->first].remote, &to);
	if (msg->msg_name != NULL)
		memcpy(msg->msg_name, &to, msg->msg_namelen < len ? msg->msg_namelen : len);
	msg->msg_namelen = msg->msg_name != NULL ? len : 0;
	ee.err = (struct sock_extended_err){
		.ee_errno = (uint32_t)e->error,
		.ee_origin = e->origin,
		.ee_type = e->type,
		.ee_code = e->code,
		.ee_info = e->info,
	};
	/* of an error of this machine the kernel names no offender */
	if (e->offender.family != 0)
		udp_make_address(family, &e->offender, &ee.offender);
	msg->msg_flags = MSG_ERRQUEUE;
	udp_put_control(msg, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &ee,
		sizeof(ee.err) + (v4 ? sizeof(ee.offender.v4) : sizeof(ee.offender.v6)));
	q->first = (q->first + 1) % ERRQUEUE_MAX;
	q->nb--;
	return 0;
}
