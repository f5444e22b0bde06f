/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/session.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_launch.h>

#include "bench/traffic.h"
#include "log.h"

int session_new(struct session *s, const struct bench_conf *conf)
{
	int ret;

	*s = (struct session){.lanes = calloc(conf->lcores, sizeof(struct lane *))};
	if (s->lanes == NULL)
		return -ENOMEM;
	ret = rig_new(conf, &s->rig);
	if (ret < 0) {
		session_free(s);
		return ret;
	}
	for (unsigned int i = 0; i < s->rig->nb_lanes; i++) {
		ret = lane_new(s->rig, i, &s->lanes[i]);
		if (ret < 0) {
			log_err("worker %u has nothing to do: %s", i,
				ret == -EINVAL		? "there are fewer peers than lcores"
					: ret == -EBUSY ? "the bare device serves one lcore at a "
							  "time (--no-device)"
							: strerror(-ret));
			session_free(s);
			return ret;
		}
	}
	if (s->rig->nb_others > 0)
		ret = churn_new(s->rig, s->lanes, &s->churn);
	if (ret < 0) {
		log_err("no memory");
		session_free(s);
	}
	return ret;
}

void session_free(struct session *s)
{
	struct result res;

	if (s->running)
		session_stop(s, &res);
	for (unsigned int i = 0; s->rig != NULL && i < s->rig->nb_lanes; i++)
		lane_free(s->lanes[i]);
	churn_free(s->churn);
	free(s->lanes);
	if (s->rig != NULL)
		rig_free(s->rig);
	*s = (struct session){0};
}

int session_start(struct session *s, struct bench_size size)
{
	bool wire = s->rig->conf.nb_ports > 0;
	lcore_function_t *body = wire ? traffic_main : lane_main;

	s->rig->sent_before = rig_sent(s->rig);
	s->rig->moved_before = rig_moved(s->rig);
	for (unsigned int i = 0; i < s->rig->nb_lanes; i++) {
		int ret;

		lane_reset(s->lanes[i], size);
		ret = rte_eal_remote_launch(body, s->lanes[i], s->lanes[i]->w->lcore);
		if (ret < 0)
			return ret;
	}
	if (s->churn != NULL)
		churn_start(s->churn);
	s->running = true;
	return 0;
}

bool session_done(const struct session *s)
{
	for (unsigned int i = 0; i < s->rig->nb_lanes; i++) {
		if (!atomic_load(&s->lanes[i]->done) && s->lanes[i]->fault == LANE_OK)
			return false;
	}
	return true;
}

int session_stop(struct session *s, struct result *res)
{
	char size[16];
	const char *why;

	for (unsigned int i = 0; i < s->rig->nb_lanes; i++)
		atomic_store(&s->lanes[i]->stop, true);
	for (unsigned int i = 0; i < s->rig->nb_lanes; i++)
		rte_eal_wait_lcore(s->lanes[i]->w->lcore);
	s->running = false;
	why = report_sum(s->rig, s->lanes, res);
	if (why == NULL && s->churn != NULL)
		why = churn_stop(s->churn, &res->churn);
	if (why == NULL && s->churn != NULL && res->dropped > 0) {
		report_losses(res);
		why = "packets were lost while keys and peers came and went: no result";
	}
	if (why != NULL)
		log_err("size %s: %s", bench_size_name(s->lanes[0]->feed.size, size), why);
	return why == NULL ? 0 : -1;
}
