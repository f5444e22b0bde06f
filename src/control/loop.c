/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base.h"

#define BATCH 64

struct loop {
	int epfd;
	int next, nb; /* batch[next..nb) is still to be called */
	struct epoll_event batch[BATCH];
};

int loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));
	int ret;

	if (l == NULL)
		return -ENOMEM;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		ret = -errno;
		free(l);
		return ret;
	}
	*out = l;
	return 0;
}

void loop_free(struct loop *l)
{
	close(l->epfd);
	free(l);
}

int loop_add(struct loop *l, struct source *s, int fd, uint32_t events,
	void (*ready)(struct source *, uint32_t))
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	s->fd = fd;
	s->events = events;
	s->ready = ready;
	return 0;
}

void loop_want(struct loop *l, struct source *s, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = s};

	if (s->fd < 0 || s->events == events)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_MOD, s->fd, &ev);
	s->events = events;
}

void loop_remove(struct loop *l, struct source *s)
{
	if (s->fd < 0)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	s->fd = -1;
	for (int i = l->next; i < l->nb; i++) {
		if (l->batch[i].data.ptr == s)
			l->batch[i].data.ptr = NULL;
	}
}

void loop_close(struct loop *l, struct source *s)
{
	int fd = s->fd;

	loop_remove(l, s);
	if (fd >= 0)
		close(fd);
}

int loop_turn(struct loop *l, int timeout_ms)
{
	int n = epoll_wait(l->epfd, l->batch, BATCH, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->nb = n;
	for (l->next = 0; l->next < l->nb;) {
		struct epoll_event *ev = &l->batch[l->next++];
		struct source *s = ev->data.ptr;

		if (s != NULL)
			s->ready(s, ev->events);
	}
	return 0;
}

uint64_t loop_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * MSEC_PER_SEC + (uint64_t)t.tv_nsec / NS_PER_MSEC;
}

bool log_limit_pass(struct log_limit *l)
{
	uint64_t now = loop_now_ms();

	if (now < l->next_ms)
		return false;
	l->next_ms = now + MSEC_PER_SEC;
	return true;
}
