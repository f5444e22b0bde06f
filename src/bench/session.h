/* SPDX-License-Identifier: BSD-3-Clause */
/* A rig with its lanes, which start and stop together. Main thread. */
#ifndef SESSION_H
#define SESSION_H

#include "bench/report.h"

struct session {
	struct rig *rig;
	struct lane **lanes;
	struct churn *churn; /* NULL: no keys or peers come and go */
	bool running;
};

/* 0, or -errno after log_err(). */
int session_new(struct session *s, const struct bench_conf *conf);
/* Stops it if need be. */
void session_free(struct session *s);

int session_start(struct session *s, struct bench_size size);
/* The lanes have done all the packets that were asked for. */
bool session_done(const struct session *s);
/* Waits for the lanes; sums up. -1 after log_err(): there is no result. */
int session_stop(struct session *s, struct result *res);

#endif
