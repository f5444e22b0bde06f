/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The agent's epoll loop. A source is a descriptor and what to do when it is ready; it lies inside
 * the struct it belongs to and must not move. One thread.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/epoll.h>

struct loop;

struct source {
	int fd; /* -1: not in the loop */
	uint32_t events;
	void (*ready)(struct source *s, uint32_t events);
};

#define SOURCE_NONE                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}
#define source_owner(s, type, member) ((type *)(void *)((char *)(s)-offsetof(type, member)))

int loop_new(struct loop **out);
void loop_free(struct loop *l);
/* events: EPOLLIN, EPOLLOUT; level-triggered. EPOLLHUP and EPOLLERR always come. */
int loop_add(struct loop *l, struct source *s, int fd, uint32_t events,
	void (*ready)(struct source *, uint32_t));
void loop_want(struct loop *l, struct source *s, uint32_t events);
/* Takes s out, and leaves its descriptor open; s may be freed at once. Not in the loop: nothing. */
void loop_remove(struct loop *l, struct source *s);
/* The same, and closes the descriptor. */
void loop_close(struct loop *l, struct source *s);
/* Waits (-1: for ever) and calls each ready source once. 0 or -errno. */
int loop_turn(struct loop *l, int timeout_ms);
/* Monotonic milliseconds. */
uint64_t loop_now_ms(void);

/* At most one log line a second for what others can cause at will. */
struct log_limit {
	uint64_t next_ms;
};
bool log_limit_pass(struct log_limit *l);

#endif
