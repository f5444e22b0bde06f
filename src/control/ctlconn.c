/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/ctlconn.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/ctl.h"

#define PATIENCE_MS 10000

struct ctlconn {
	struct source src;
	struct agent *agent;
	struct loop *loop;
	uint64_t deadline_ms;
	bool ended;
	size_t request_len;
	char *answer; /* NULL: still reading */
	size_t answer_len, sent;
	char request[CTL_REQUEST_MAX];
};

static void write_answer(struct ctlconn *c)
{
	ssize_t n = send(c->src.fd, c->answer + c->sent, c->answer_len - c->sent,
		MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->ended = true;
	if (n > 0) {
		c->sent += (size_t)n;
		c->deadline_ms = loop_now_ms() + PATIENCE_MS;
	}
	if (c->sent == c->answer_len)
		c->ended = true;
}

static void read_request(struct ctlconn *c)
{
	ssize_t n = recv(c->src.fd, c->request + c->request_len,
		sizeof(c->request) - c->request_len, MSG_DONTWAIT);
	const char *end;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		c->ended = true;
		return;
	}
	c->request_len += (size_t)n;
	end = memchr(c->request, '\n', c->request_len);
	if (end == NULL) {
		c->ended = c->request_len == sizeof(c->request);
		return;
	}
	c->answer = ctl_answer(c->agent, c->request, (size_t)(end - c->request));
	if (c->answer == NULL) {
		c->ended = true;
		return;
	}
	c->answer_len = strlen(c->answer);
	loop_want(c->loop, &c->src, EPOLLOUT);
	write_answer(c);
}

static void ready(struct source *src, uint32_t events)
{
	struct ctlconn *c = source_owner(src, struct ctlconn, src);

	(void)events;
	if (c->answer != NULL)
		write_answer(c);
	else
		read_request(c);
}

int ctlconn_new(struct agent *a, struct loop *l, int fd, struct ctlconn **out)
{
	struct ctlconn *c = calloc(1, sizeof(*c));
	int ret = c != NULL ? loop_add(l, &c->src, fd, EPOLLIN, ready) : -ENOMEM;

	if (ret < 0) {
		free(c);
		close(fd);
		return ret;
	}
	c->agent = a;
	c->loop = l;
	c->deadline_ms = loop_now_ms() + PATIENCE_MS;
	*out = c;
	return 0;
}

void ctlconn_free(struct ctlconn *c)
{
	loop_close(c->loop, &c->src);
	free(c->answer);
	free(c);
}

bool ctlconn_ended(const struct ctlconn *c, uint64_t now_ms)
{
	return c->ended || now_ms >= c->deadline_ms;
}
