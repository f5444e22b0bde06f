/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers wait in memory of our own, not in a socket: a dump of thousands of peers is larger than
 * a socket's buffer, and nobody reads while sendmsg() runs.
 */
#include "shim.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAD(n) (((n) + 3) & ~(size_t)3)

const uint8_t *nl_request(const struct msghdr *msg, struct nlmsghdr *h)
{
	const struct iovec *iov = msg != NULL ? msg->msg_iov : NULL;

	if (iov == NULL || msg->msg_iovlen == 0 || iov[0].iov_base == NULL ||
		iov[0].iov_len < sizeof(*h))
		return NULL;
	memcpy(h, iov[0].iov_base, sizeof(*h));
	if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > iov[0].iov_len)
		return NULL;
	return (const uint8_t *)iov[0].iov_base + sizeof(*h);
}

const void *nl_attr(const uint8_t *p, size_t len, uint16_t type, size_t *attr_len)
{
	struct nlattr a;

	*attr_len = 0;
	while (len >= sizeof(a)) {
		memcpy(&a, p, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > len)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			*attr_len = a.nla_len - sizeof(a);
			return p + sizeof(a);
		}
		if (PAD(a.nla_len) >= len)
			return NULL;
		p += PAD(a.nla_len);
		len -= PAD(a.nla_len);
	}
	return NULL;
}

bool nl_is(int fd, int protocol)
{
	int value = -1;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &len) < 0 || value != AF_NETLINK)
		return false;
	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &len) == 0 && value == protocol;
}

int replies_reserve(struct replies *q, size_t len, uint8_t **room)
{
	size_t need = q->tail + sizeof(uint32_t) + PAD(len);
	size_t size = q->size != 0 ? q->size : 2 * SHIM_RECORD_MAX;
	void *mem;

	while (size < need)
		size *= 2;
	if (size != q->size) {
		mem = q->mem == NULL ? mmap(NULL, size, PROT_READ | PROT_WRITE,
					       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
				     : mremap(q->mem, q->size, size, MREMAP_MAYMOVE);
		if (mem == MAP_FAILED)
			return -errno;
		q->mem = mem;
		q->size = size;
	}
	*room = q->mem + q->tail + sizeof(uint32_t);
	return 0;
}

void replies_commit(struct replies *q, uint32_t len)
{
	memcpy(q->mem + q->tail, &len, sizeof(len));
	q->tail += sizeof(len) + PAD(len);
}

static int append(struct replies *q, const void *message, uint32_t len)
{
	uint8_t *room = NULL;
	int ret = replies_reserve(q, len, &room);

	if (ret < 0)
		return ret;
	memcpy(room, message, len);
	replies_commit(q, len);
	return 0;
}

int replies_error(struct replies *q, const struct nlmsghdr *request, int error)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} ack = {
		.h =
			{
				.nlmsg_len = sizeof(ack),
				.nlmsg_type = NLMSG_ERROR,
				.nlmsg_flags = NLM_F_CAPPED, /* the request is not repeated */
				.nlmsg_seq = request->nlmsg_seq,
				.nlmsg_pid = request->nlmsg_pid,
			},
		.e = {.error = error, .msg = *request},
	};

	return append(q, &ack, sizeof(ack));
}

int replies_done(struct replies *q, const struct nlmsghdr *request)
{
	struct {
		struct nlmsghdr h;
		int error;
	} done = {
		.h =
			{
				.nlmsg_len = sizeof(done),
				.nlmsg_type = NLMSG_DONE,
				.nlmsg_flags = NLM_F_MULTI,
				.nlmsg_seq = request->nlmsg_seq,
				.nlmsg_pid = request->nlmsg_pid,
			},
	};

	return append(q, &done, sizeof(done));
}

void replies_free(struct replies *q)
{
	if (q->mem != NULL)
		munmap(q->mem, q->size);
	*q = (struct replies){0};
}

void nl_from_kernel(struct msghdr *msg)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	if (msg->msg_name != NULL) {
		socklen_t room = msg->msg_namelen;

		memcpy(msg->msg_name, &kernel, room < sizeof(kernel) ? room : sizeof(kernel));
		msg->msg_namelen = sizeof(kernel);
	}
	msg->msg_controllen = 0;
}

ssize_t replies_recv(struct replies *q, struct msghdr *msg, int flags)
{
	const uint8_t *record = q->mem + q->head;
	uint32_t len;
	size_t done = 0;

	if (q->head == q->tail)
		return -EAGAIN;
	memcpy(&len, record, sizeof(len));
	record += sizeof(len);
	for (size_t i = 0; i < msg->msg_iovlen && done < len; i++) {
		size_t n = msg->msg_iov[i].iov_len;

		if (n > len - done)
			n = len - done;
		memcpy(msg->msg_iov[i].iov_base, record + done, n);
		done += n;
	}
	msg->msg_flags = done < len ? MSG_TRUNC : 0;
	nl_from_kernel(msg);
	if ((flags & MSG_PEEK) == 0) {
		q->head += sizeof(len) + PAD(len);
		if (q->head == q->tail)
			q->head = q->tail = 0;
	}
	return (flags & MSG_TRUNC) != 0 ? (ssize_t)len : (ssize_t)done;
}
