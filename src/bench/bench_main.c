/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include "bench/prompt.h"
#include "bench/session.h"
#include "log.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* n: how many arguments are EAL's, with the program's name; 0: there are none. */
static int start_eal(int n, char **argv)
{
	static char no_pci[] = "--no-pci";
	char *none[] = {argv[0], no_pci, NULL};

	rte_log_set_global_level(RTE_LOG_WARNING);
	if ((n > 0 ? rte_eal_init(n, argv) : rte_eal_init(2, none)) >= 0)
		return 0;
	log_err("EAL does not start: %s (without hugepages: EAL options --no-huge -m 1024)",
		rte_strerror(rte_errno));
	return -1;
}

/* Where our arguments begin: at a "--", which becomes the program's name; without one all are ours.
 */
static int split_args(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			argv[i] = argv[0];
			return i;
		}
	}
	return 0;
}

static double seconds_now(void)
{
	return (double)rte_rdtsc() / (double)rte_get_tsc_hz();
}

/* How long until there is something to do; a signal ends it early. */
static void rest(double seconds)
{
	const struct timespec t = {
		(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

	nanosleep(&t, NULL);
}

#define TURN_SECONDS 0.0001 /* between two looks at what openvpn wants */
#define LOOK_SECONDS 0.01   /* between two looks at whether all packets were sent */

/* Until the time is over or a signal came; a line each period. Keys and peers come and go. */
static int wait_seconds(const struct session *s)
{
	const struct bench_conf *c = &s->rig->conf;
	double now = seconds_now(), period = c->stats_period > 0 ? c->stats_period : 1e9;
	double end = now + (c->packets == 0 ? c->seconds : 1e9); /* until all had theirs */
	double say = now + period;
	double step = s->churn != NULL ? TURN_SECONDS
		: c->packets != 0      ? LOOK_SECONDS
				       : 0.1 /* a lane may give up */;
	int more = 0;

	while (now < end && !interrupted && !session_done(s)) {
		if (s->churn != NULL)
			more = churn_turn(s->churn);
		if (more < 0)
			return more;
		if (more == 0)
			rest(RTE_MIN(step, RTE_MIN(end, say) - now));
		now = seconds_now();
		if (now >= say && now < end) {
			report_progress(s->rig, s->lanes);
			say += period;
		}
	}
	return 0;
}

static int run(const struct bench_conf *conf)
{
	struct session s;
	int ret = session_new(&s, conf);

	if (ret < 0)
		return ret;
	report_begin(s.rig);
	for (unsigned int i = 0; i < conf->nb_sizes && ret == 0 && !interrupted; i++) {
		struct result res;

		ret = session_start(&s, conf->sizes[i]);
		if (ret < 0)
			break;
		ret = wait_seconds(&s);
		if (session_stop(&s, &res) < 0)
			ret = -1;
		if (ret == 0)
			report_result(s.rig, &res);
	}
	report_end(s.rig);
	session_free(&s);
	return ret;
}

int main(int argc, char **argv)
{
	int nb_eal = split_args(argc, argv), ret;
	struct bench_conf conf;
	const struct sigaction action = {.sa_handler = on_signal}; /* read() is not restarted */

	log_set_level(LOG_LEVEL_WARN);
	/* first, so that what is wrong with them is told at once */
	ret = bench_options(argc - nb_eal, argv + nb_eal, &conf);
	if (ret != 0)
		return ret > 0 ? EXIT_SUCCESS : 2;
	if (start_eal(nb_eal, argv) < 0)
		return EXIT_FAILURE;
	if (conf.lcores >= rte_lcore_count()) {
		log_err("--lcores %u needs %u EAL lcores (-l): one is for the control, %u given",
			conf.lcores, conf.lcores + 1, rte_lcore_count());
		rte_eal_cleanup();
		return 2;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	ret = conf.interactive ? prompt_run(&conf, &interrupted) : run(&conf);
	rte_eal_cleanup();
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
