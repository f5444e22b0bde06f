/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base.h"
#include "bench/bench.h"

static const char *const modes[] = {"encap", "decap", "loop", "crypto"};
static const char *const patterns[] = {"rr", "random", "zipf"};
static const char *const sides[] = {"a", "b"};
static const char *const rekeys[] = {"live", "others"};
static const char *const crypto_modes[] = {"auto", "cpu", "queue"};

const char *bench_mode_name(enum bench_mode mode)
{
	return modes[mode];
}

const char *bench_pattern_name(enum bench_pattern pattern)
{
	return patterns[pattern];
}

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: ovpn-dpdk-bench [EAL options] -- [options]\n"
		"\n"
		"What the daemon's worker code costs on this machine, beside the bare crypto device.\n"
		"\n"
		"  --mode MODE         encap (default), decap, loop: encap, decap, compare the bytes;\n"
		"                      crypto: the bare device alone\n"
		"  --size LIST         inner packet sizes, ranges of them, or imix, e.g. 64,20-9000,imix\n"
		"                      (default 64,512,1420)\n"
		"  --peers N           how many (default 1)\n"
		"  --pattern PATTERN   whose packet comes next: rr (default), random, zipf\n"
		"  --cipher NAME       AES-256-GCM (default), AES-192-GCM, AES-128-GCM,\n"
		"                      CHACHA20-POLY1305, null (nothing is encrypted)\n"
		"  --device NAME       crypto device or devargs (default: crypto_aesni_gcm, for ChaCha20\n"
		"                      crypto_aesni_mb); crypto_scheduler: the same, on lcores of its own\n"
		"  --crypto-mode MODE  auto (default), cpu, queue: as in ovpn-dpdk.yaml\n"
		"  --burst N           packets handed over at a time, 1 to 512 (default 32)\n"
		"  --window N          packets inside an asynchronous device, at most (default 192)\n"
		"  --lcores N          workers, each on a lcore of its own (default 1)\n"
		"  --seconds S         for each size (default 3)\n"
		"  --packets N         so many for each size and lcore, however long it takes\n"
		"  --key-installs N    keys installed a second while packets are forwarded, by the main\n"
		"                      thread as openvpn would; max: as fast as it goes; 0: none (default)\n"
		"  --rekey WHOSE       live (default): keys of the peers whose packets flow, in turn, none\n"
		"                      before the packets of its last key are through; others: of peers\n"
		"                      beside them\n"
		"  --peer-adds N       peers beside them that come, with a key, and go a second; max, 0\n"
		"  --outer 4|6         outer IP version (default 4)\n"
		"  --inner 4|6         inner IP version (default 4)\n"
		"  --port DEVARGS      over this port (may be given again) instead of an own source and\n"
		"                      sink, e.g. net_memif0,role=server; existing ethdevs by name\n"
		"  --static-peers FILE peers shared with another process, which say --peers, --cipher\n"
		"                      and --outer; --side a|b: which one this is\n"
		"  --stats-period S    a line while it runs\n"
		"  -i                  interactive prompt: start, stop, show stats, set ..., quit;\n"
		"                      it begins with the first size\n"
		"  --no-device         do not measure the bare device beside\n"
		"  --json              one object for each size\n"
		"  --help              this text\n");
}

__attribute__((format(printf, 1, 2))) static int bad(const char *fmt, ...)
{
	va_list ap;

	fputs("ovpn-dpdk-bench: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

static int one_of(const char *option, const char *value, const char *const *names, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(names[i], value) == 0)
			return (int)i;
	}
	fprintf(stderr, "ovpn-dpdk-bench: --%s %s: it is one of", option, value);
	for (unsigned int i = 0; i < n; i++)
		fprintf(stderr, "%s %s", i == 0 ? "" : ",", names[i]);
	fputc('\n', stderr);
	return -1;
}

static int number(const char *option, const char *value, long min, long max)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || n < min || n > max) {
		bad("--%s %s: it is a whole number from %ld to %ld", option, value, min, max);
		return -1;
	}
	return (int)n;
}

bool bench_size_read(const char *text, struct bench_size *size)
{
	unsigned int lo, hi;
	int end = 0;

	*size = (struct bench_size){0};
	if (strcmp(text, "imix") == 0)
		return true;
	if (sscanf(text, "%5u-%5u%n", &lo, &hi, &end) != 2 || text[end] != '\0') {
		if (sscanf(text, "%5u%n", &lo, &end) != 1 || text[end] != '\0')
			return false;
		hi = lo;
	}
	*size = (struct bench_size){(uint16_t)lo, (uint16_t)hi};
	return lo >= 1 && lo <= hi && hi <= BENCH_SIZE_MAX;
}

const char *bench_size_name(struct bench_size size, char out[16])
{
	if (size.lo == 0)
		strcpy(out, "imix");
	else if (size.lo == size.hi)
		snprintf(out, 16, "%u", size.lo);
	else
		snprintf(out, 16, "%u-%u", size.lo, size.hi);
	return out;
}

static int read_sizes(struct bench_conf *c, const char *value)
{
	char text[256], *save = NULL;

	if (strlen(value) >= sizeof(text))
		return bad("--size: too long a list");
	strcpy(text, value);
	c->nb_sizes = 0;
	for (char *s = strtok_r(text, ",", &save); s != NULL; s = strtok_r(NULL, ",", &save)) {
		if (c->nb_sizes == BENCH_SIZES_MAX)
			return bad("--size: at most %d sizes", BENCH_SIZES_MAX);
		if (!bench_size_read(s, &c->sizes[c->nb_sizes++]))
			return bad(
				"--size %s: it is a number from 1 to %d, a range as 20-9000, or imix",
				s, BENCH_SIZE_MAX);
	}
	return c->nb_sizes > 0 ? 0 : bad("--size: at least one size");
}

static int read_cipher(struct bench_conf *c, const char *value)
{
	for (unsigned int i = 0; i <= AEAD_NULL; i++) {
		if (strcasecmp(value, aead_alg_name((enum aead_alg)i)) == 0) {
			c->alg = (enum aead_alg)i;
			return 0;
		}
	}
	return bad("--cipher %s: it is one of AES-128-GCM, AES-192-GCM, AES-256-GCM, "
		   "CHACHA20-POLY1305, null",
		value);
}

static int read_seconds(const char *option, const char *value, double *out)
{
	char *end;
	double s = strtod(value, &end);

	if (end == value || *end != '\0' || !(s >= 0.05 && s <= 86400))
		return bad("--%s %s: it is a number of seconds from 0.05 to 86400", option, value);
	*out = s;
	return 0;
}

static const struct option longs[] = {
	{"mode", required_argument, NULL, 'm'},
	{"size", required_argument, NULL, 's'},
	{"peers", required_argument, NULL, 'p'},
	{"pattern", required_argument, NULL, 't'},
	{"cipher", required_argument, NULL, 'c'},
	{"device", required_argument, NULL, 'd'},
	{"crypto-mode", required_argument, NULL, 'y'},
	{"burst", required_argument, NULL, 'b'},
	{"window", required_argument, NULL, 'w'},
	{"lcores", required_argument, NULL, 'l'},
	{"packets", required_argument, NULL, 'k'},
	{"seconds", required_argument, NULL, 'S'},
	{"key-installs", required_argument, NULL, 'K'},
	{"rekey", required_argument, NULL, 'R'},
	{"peer-adds", required_argument, NULL, 'A'},
	{"outer", required_argument, NULL, 'o'},
	{"inner", required_argument, NULL, 'n'},
	{"port", required_argument, NULL, 'P'},
	{"static-peers", required_argument, NULL, 'f'},
	{"side", required_argument, NULL, 'D'},
	{"stats-period", required_argument, NULL, 'r'},
	{"no-device", no_argument, NULL, 'N'},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static int ip_version(const char *option, const char *value, uint8_t *out)
{
	if (strcmp(value, "4") != 0 && strcmp(value, "6") != 0)
		return bad("--%s %s: it is 4 or 6", option, value);
	*out = (uint8_t)(value[0] - '0');
	return 0;
}

/* How many a second, or as many as can be. */
static int read_rate(const char *option, const char *value, uint32_t *out)
{
	char *end;
	long n = strtol(value, &end, 10);

	if (strcmp(value, "max") == 0)
		n = BENCH_RATE_ANY;
	else if (end == value || *end != '\0' || n < 0 || n > BENCH_RATE_MAX)
		return bad("--%s %s: it is a whole number from 0 to %d, or max", option, value,
			BENCH_RATE_MAX);
	*out = (uint32_t)n;
	return 0;
}

static int set_int(int n, unsigned int *out)
{
	*out = (unsigned int)n;
	return n < 0 ? -1 : 0;
}

static int read_option(int opt, const char *name, const char *value, struct bench_conf *c)
{
	unsigned int n = 0;
	int ret;

	switch (opt) {
	case 'm':
		ret = set_int(one_of(name, value, modes, ARRAY_LEN(modes)), &n);
		c->mode = (enum bench_mode)n;
		return ret;
	case 's':
		return read_sizes(c, value);
	case 'p':
		return set_int(number(name, value, 1, BENCH_PEERS_MAX), &c->peers);
	case 't':
		ret = set_int(one_of(name, value, patterns, ARRAY_LEN(patterns)), &n);
		c->pattern = (enum bench_pattern)n;
		return ret;
	case 'c':
		return read_cipher(c, value);
	case 'd':
		c->device = value;
		return 0;
	case 'y':
		ret = set_int(one_of(name, value, crypto_modes, ARRAY_LEN(crypto_modes)), &n);
		c->crypto_mode = (enum aead_mode)n;
		return ret;
	case 'b':
		ret = set_int(number(name, value, 1, BENCH_BURST_MAX), &n);
		c->burst = (uint16_t)n;
		return ret;
	case 'w':
		ret = set_int(number(name, value, 32, 1024), &n);
		c->window = (uint16_t)n;
		return ret;
	case 'l':
		return set_int(number(name, value, 1, BENCH_LANES_MAX), &c->lcores);
	case 'k':
		ret = set_int(number(name, value, 1, 1000000000), &n);
		c->packets = n;
		return ret;
	case 'S':
		return read_seconds(name, value, &c->seconds);
	case 'K':
		return read_rate(name, value, &c->key_installs);
	case 'A':
		return read_rate(name, value, &c->peer_adds);
	case 'R':
		ret = set_int(one_of(name, value, rekeys, ARRAY_LEN(rekeys)), &n);
		c->rekey = (enum bench_rekey)n;
		c->rekey_said = true;
		return ret;
	case 'o':
		return ip_version(name, value, &c->outer);
	case 'n':
		return ip_version(name, value, &c->inner);
	case 'P':
		if (c->nb_ports == BENCH_PORTS_MAX)
			return bad("--port: at most %d ports", BENCH_PORTS_MAX);
		c->ports[c->nb_ports++] = value;
		return 0;
	case 'f':
		c->static_peers = value;
		return 0;
	case 'D':
		return set_int(one_of(name, value, sides, ARRAY_LEN(sides)), &c->side);
	case 'r':
		return read_seconds(name, value, &c->stats_period);
	case 'i':
		c->interactive = true;
		return 0;
	case 'N':
		c->bare = false;
		return 0;
	default:
		c->json = true;
		return 0;
	}
}

/* What the file of --static-peers says comes before other options. */
static int take_pair(struct bench_conf *c)
{
	if (c->static_peers == NULL)
		return c->side == BENCH_SIDE_NONE ? 0 : bad("--side is one of --static-peers FILE");
	if (c->nb_ports == 0)
		return bad("--static-peers needs a --port between the two processes");
	if (bench_pair_read(c->static_peers, &c->pair) < 0)
		return -1;
	if (c->side == BENCH_SIDE_NONE)
		return bad(
			"--static-peers needs --side a or --side b: which of them this process is");
	c->peers = c->pair.peers;
	c->alg = c->pair.alg;
	c->outer = c->pair.addr[0].ip.family;
	return 0;
}

/* Keys and peers that come and go are the main thread's work, on peers that are ours alone. */
static int check_churn(const struct bench_conf *c)
{
	const char *option = c->key_installs != 0 ? "--key-installs" : "--peer-adds";

	if (c->rekey_said && c->key_installs == 0)
		return bad(
			"--rekey says whose keys --key-installs N replaces: it needs one above 0");
	if (c->key_installs == 0 && c->peer_adds == 0)
		return 0;
	if (c->mode == BENCH_CRYPTO)
		return bad("%s: --mode crypto is the bare device: it has no peers", option);
	if (c->nb_ports > 0)
		return bad("%s: the far end of a --port would not have the keys", option);
	if (c->interactive)
		return bad("%s: with -i the thread that would do it waits for commands", option);
	return 0;
}

static int check(struct bench_conf *c)
{
	if (check_churn(c) < 0)
		return -1;
	if (c->mode == BENCH_CRYPTO && !c->bare)
		return bad("--mode crypto is the bare device: --no-device leaves nothing");
	if (c->mode == BENCH_CRYPTO && c->nb_ports > 0)
		return bad("--mode crypto is the bare device: it has no ports");
	if (c->interactive && c->stats_period > 0)
		return bad("--stats-period: with -i, 'show stats' tells");
	if (c->nb_ports > 0)
		c->bare = false; /* it would disturb the wire */
	return take_pair(c);
}

int bench_options(int argc, char **argv, struct bench_conf *c)
{
	int opt, index = 0;

	*c = (struct bench_conf){
		.peers = 1,
		.nb_sizes = 3,
		.sizes = {{64, 64}, {512, 512}, {1420, 1420}},
		.alg = AEAD_AES_256_GCM,
		.burst = 32,
		.window = BENCH_WINDOW,
		.lcores = 1,
		.seconds = 3,
		.side = BENCH_SIDE_NONE,
		.outer = IP_V4,
		.inner = IP_V4,
		.bare = true,
	};
	while ((opt = getopt_long(argc, argv, "hi", longs, &index)) != -1) {
		if (opt == 'h') {
			usage(stdout);
			return 1;
		}
		if (opt == '?') {
			fprintf(stderr,
				"EAL options stand before a '--'. Try 'ovpn-dpdk-bench "
				"-- --help'.\n");
			return -1;
		}
		if (read_option(opt, longs[index].name, optarg, c) < 0)
			return -1;
	}
	if (optind < argc)
		return bad("'%s' is no option. EAL options stand before a '--'. Try "
			   "'ovpn-dpdk-bench -- --help'.",
			argv[optind]);
	return check(c);
}
