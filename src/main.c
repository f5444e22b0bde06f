/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ovpn-dpdkd: the only place that knows in which order the parts are made, and undoes it in exact
 * reverse: configuration, EAL, crypto, data plane, kernel side, agent.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_version.h>

#include "control/agent.h"
#include "control/config.h"
#include "control/hostif.h"
#include "crypto/aead.h"
#include "dataplane/dp_life.h"
#include "log.h"

#define EAL_ARGS_MAX	128
#define MAIN_LCORE_ONLY 1

#define SESSIONS_PER_PEER 4 /* at most: two keys, two directions */

struct options {
	const char *config;
	bool check;
	int nb_eal; /* arguments before "--", without the program's name */
	char **eal;
};

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: ovpn-dpdkd [EAL options --] [options]\n"
		"\n"
		"OpenVPN's data channel on DPDK. Stock openvpn attaches with\n"
		"'ovpn-dpdkctl run -- openvpn ...'; see ovpn-dpdk.yaml for the configuration.\n"
		"\n"
		"  -c, --config FILE      configuration (default " CONFIG_PATH ")\n"
		"      --check            validate the configuration, say what is wrong, and exit\n"
		"      --log-level LEVEL  error, warning, info (default) or debug\n"
		"      --syslog           log to syslog instead of stderr\n"
		"  -V, --version          print the version and exit\n"
		"  -h, --help             print this and exit\n"
		"\n"
		"EAL options (lcores, memory, devices) can also stand in the configuration's 'eal:'.\n");
}

/* Splits "[EAL] -- [options]"; without a "--" all are ours. */
static void split_args(int *argc, char ***argv, struct options *o)
{
	for (int i = 1; i < *argc; i++) {
		if (strcmp((*argv)[i], "--") == 0) {
			o->eal = *argv + 1;
			o->nb_eal = i - 1;
			(*argv)[i] = (*argv)[0];
			*argv += i;
			*argc -= i;
			return;
		}
	}
}

/* 0: go on; 1: done, exit 0; -1: usage error, told. */
static int parse_args(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"log-level", required_argument, NULL, 'l'},
		{"syslog", no_argument, NULL, 's'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	split_args(&argc, &argv, o);
	while ((c = getopt_long(argc, argv, "c:Vh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'k':
			o->check = true;
			break;
		case 'l':
			if (!log_set_level_name(optarg)) {
				fprintf(stderr,
					"ovpn-dpdkd: --log-level %s: it is one of error, "
					"warning, info, debug\n",
					optarg);
				return -1;
			}
			break;
		case 's':
			log_to_syslog("ovpn-dpdkd");
			break;
		case 'V':
			printf("ovpn-dpdkd " OVPN_DPDK_VERSION ", %s\n", rte_version());
			return 1;
		case 'h':
			usage(stdout);
			return 1;
		default:
			fprintf(stderr, "Try 'ovpn-dpdkd --help'.\n");
			return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr,
			"ovpn-dpdkd: '%s' is no option. EAL options stand before a '--'. "
			"Try 'ovpn-dpdkd --help'.\n",
			argv[optind]);
		return -1;
	}
	return 0;
}

/* --- EAL -------------------------------------------------------------------------------- */

struct eal_args {
	int n;
	char *v[EAL_ARGS_MAX + 1];
	char *copies[EAL_ARGS_MAX]; /* the same, in their first order */
	bool devices_chosen;	    /* -a, -b or --no-pci was given */
	bool too_many;
};

static void add_arg(struct eal_args *args, const char *arg)
{
	if (args->n == EAL_ARGS_MAX) {
		args->too_many = true;
		return;
	}
	if (strcmp(arg, "-a") == 0 || strcmp(arg, "-b") == 0 || strcmp(arg, "--no-pci") == 0 ||
		strncmp(arg, "--allow", 7) == 0 || strncmp(arg, "--block", 7) == 0)
		args->devices_chosen = true;
	args->copies[args->n] = strdup(arg);
	args->v[args->n] = args->copies[args->n];
	args->n++;
}

/* "0000:01:00.0" or "01:00.0", with or without ",arguments". */
static bool is_pci(const char *devargs)
{
	unsigned int domain, bus, dev, fn;

	return sscanf(devargs, "%4x:%2x:%2x.%1x", &domain, &bus, &dev, &fn) == 4 ||
		sscanf(devargs, "%2x:%2x.%1x", &bus, &dev, &fn) == 3;
}

/* The daemon takes the PCI devices that it is told of, and no others that happen to be bound. */
static void allow_devices(struct eal_args *args, const struct config *c)
{
	bool any = false;

	if (args->devices_chosen)
		return;
	for (unsigned int i = 0; i < c->nb_ports + c->nb_crypto; i++) {
		const char *devargs =
			i < c->nb_ports ? c->ports[i].devargs : c->crypto[i - c->nb_ports].device;

		if (is_pci(devargs)) {
			add_arg(args, "-a");
			add_arg(args, devargs);
			any = true;
		}
	}
	if (!any)
		add_arg(args, "--no-pci");
}

/* EAL permutes the arguments and may point to them until its end. */
static void free_args(struct eal_args *args)
{
	while (args->n > 0)
		free(args->copies[--args->n]);
}

static int start_eal(const struct config *c, const struct options *o, struct eal_args *args)
{
	int ret;

	add_arg(args, "ovpn-dpdkd");
	for (unsigned int i = 0; i < c->nb_eal; i++)
		add_arg(args, c->eal[i]);
	for (int i = 0; i < o->nb_eal; i++)
		add_arg(args, o->eal[i]);
	allow_devices(args, c);
	if (args->too_many) {
		log_err("EAL gets %d arguments at most, those of 'eal:' in %s, of the command line "
			"before '--' and two for each PCI device together",
			EAL_ARGS_MAX - 1, o->config);
		return -E2BIG;
	}
	rte_log_set_global_level(RTE_LOG_WARNING);
	ret = rte_eal_init(args->n, args->v);
	if (ret < 0) {
		log_err("EAL does not start: %s (see its messages above, and 'eal:' in %s)",
			rte_strerror(rte_errno), o->config);
		return rte_errno > 0 ? -rte_errno : -EIO;
	}
	return 0;
}

/* --- parts ------------------------------------------------------------------------------ */

static int start_aead(const struct config *c, unsigned int nb_workers, struct aead **out)
{
	static const enum aead_mode modes[] = {
		[CONFIG_CRYPTO_AUTO] = AEAD_MODE_AUTO,
		[CONFIG_CRYPTO_CPU] = AEAD_MODE_CPU,
		[CONFIG_CRYPTO_QUEUE] = AEAD_MODE_QUEUE,
	};
	struct aead_device_conf devices[AEAD_MAX_DEVICES];
	struct aead_conf conf = {
		.devices = devices,
		.nb_devices = c->nb_crypto,
		.nb_queues = nb_workers,
		.nb_sessions = c->max_peers * SESSIONS_PER_PEER + DP_SESSIONS_SPARE,
		.socket_id = -1,
	};

	for (unsigned int i = 0; i < c->nb_crypto; i++)
		devices[i] = (struct aead_device_conf){
			.name = c->crypto[i].device,
			.mode = modes[c->crypto[i].mode],
		};
	return aead_new(&conf, out);
}

static int start_dp(
	const struct config *c, unsigned int nb_workers, struct aead *aead, struct dp **out)
{
	struct dp_port_conf ports[DP_MAX_PORTS];
	struct dp_conf conf = {
		.ports = ports,
		.nb_ports = c->nb_ports,
		.aead = aead,
		.nb_workers = nb_workers,
		.max_peers = c->max_peers,
		.replay_window = c->replay_window,
		.handshake_rate = c->handshake_rate,
		.idle_poll = c->idle == CONFIG_IDLE_POLL,
		.mssfix = c->mssfix == CONFIG_MSSFIX_OFF ? DP_MSSFIX_OFF : c->mssfix,
		.tos_clear = (uint8_t)((c->dscp == CONFIG_TOS_CLEAR ? 0xfc : 0) |
			(c->ecn == CONFIG_TOS_CLEAR ? 0x03 : 0)),
	};
	int ret;

	for (unsigned int i = 0; i < c->nb_ports; i++)
		ports[i] = (struct dp_port_conf){
			.name = c->ports[i].name,
			.devargs = c->ports[i].devargs,
			.queues = c->ports[i].queues,
			.rx_desc = c->ports[i].rx_desc,
			.tx_desc = c->ports[i].tx_desc,
			.mtu = c->ports[i].mtu,
		};
	ret = dp_fits(&conf, agent_peer_bytes());
	return ret < 0 ? ret : dp_new(&conf, out);
}

static int make_mirrors(const struct config *c, struct hostif *h)
{
	for (unsigned int i = 0; i < c->nb_ports; i++) {
		int ret = hostif_mirror_new(h, i, c->ports[i].addresses, c->ports[i].nb_addresses);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int count_workers(const struct config *c, unsigned int *nb_workers)
{
	unsigned int lcores = rte_lcore_count() - MAIN_LCORE_ONLY;

	*nb_workers = c->workers == 0 ? lcores : c->workers;
	if (lcores == 0) {
		log_err("there is one lcore; the agent needs one and every worker another: "
			"give at least two, e.g. eal: [-l, \"0,1\"]");
		return -EINVAL;
	}
	if (*nb_workers > lcores) {
		log_err("workers: %u asked for, but beside the main lcore there are %u lcores",
			*nb_workers, lcores);
		return -EINVAL;
	}
	return 0;
}

/* Makes the parts in order, runs, and unmakes them in reverse. */
static int run(const struct config *c)
{
	struct agent_conf agent_conf = {
		.dco_socket = c->dco_socket,
		.ctl_socket = c->ctl_socket,
		.group = c->group,
	};
	struct aead *aead;
	struct hostif *hostif;
	struct agent *agent;
	struct dp *dp;
	unsigned int nb_workers;
	int ret;

	ret = count_workers(c, &nb_workers);
	if (ret < 0)
		return ret;
	ret = start_aead(c, nb_workers, &aead);
	if (ret < 0)
		return ret;
	ret = start_dp(c, nb_workers, aead, &dp);
	if (ret < 0)
		goto free_aead;
	ret = hostif_new(dp, &hostif);
	if (ret < 0)
		goto free_dp;
	hostif_settings(hostif, c->instances, c->nb_instances);
	ret = make_mirrors(c, hostif);
	if (ret < 0)
		goto free_hostif;
	agent_conf.aead = aead;
	ret = agent_new(&agent_conf, dp, hostif, &agent);
	if (ret < 0)
		goto free_hostif;
	ret = dp_start(dp);
	if (ret == 0) {
		log_info("ready: %u worker%s, %u port%s, openvpn attaches at %s", nb_workers,
			nb_workers == 1 ? "" : "s", c->nb_ports, c->nb_ports == 1 ? "" : "s",
			c->dco_socket);
		ret = agent_run(agent);
	}
	dp_stop(dp);
	agent_free(agent);
free_hostif:
	hostif_free(hostif);
free_dp:
	if (dp_free(dp) < 0)
		_exit(EXIT_FAILURE); /* nothing may be unmade under a device that reads it */
free_aead:
	aead_free(aead);
	return ret;
}

/* An openvpn takes about six descriptors here; systems start processes with 1024. */
static void allow_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

/* Keys live in this process: no core dump, no debugger of another user. */
static void forbid_core_dumps(void)
{
	const struct rlimit none = {0, 0};

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
}

int main(int argc, char **argv)
{
	struct options o = {.config = CONFIG_PATH};
	struct eal_args eal = {0};
	struct config *c;
	char err[4096];
	int ret = parse_args(argc, argv, &o);

	if (ret != 0)
		return ret > 0 ? EXIT_SUCCESS : 2;
	ret = config_load(o.config, &c, err, sizeof(err));
	if (ret < 0) {
		fputs(err, stderr);
		return EXIT_FAILURE;
	}
	if (o.check) {
		printf("%s: ok\n", o.config);
		config_free(c);
		return EXIT_SUCCESS;
	}
	/* a reader of our log that went, or a terminal, ends no tunnel */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	forbid_core_dumps();
	allow_descriptors();
	ret = start_eal(c, &o, &eal);
	if (ret == 0) {
		ret = run(c);
		rte_eal_cleanup();
	}
	free_args(&eal);
	config_free(c);
	if (ret < 0)
		log_err("ended: %s", strerror(-ret));
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
