/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/prompt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/session.h"

struct prompt {
	struct bench_conf conf;
	struct session session;
	bool made, quit;
	bool failed; /* a start or a stop: told, and in the exit status */
	struct bench_size size;
};

/* To the person: with --json, standard output is a program's. */
__attribute__((format(printf, 2, 3))) static void say(const struct prompt *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(p->conf.json ? stderr : stdout, fmt, ap);
	va_end(ap);
}

/* Peers, keys and lanes are made at the first start, and again when their number has changed. */
static int make(struct prompt *p)
{
	int ret = p->made ? 0 : session_new(&p->session, &p->conf);

	p->made = ret == 0;
	return ret;
}

static void unmake(struct prompt *p)
{
	if (p->made)
		session_free(&p->session);
	p->made = false;
}

static void start(struct prompt *p)
{
	if (p->made && p->session.running)
		say(p, "it runs already\n");
	else if (make(p) == 0 && session_start(&p->session, p->size) == 0)
		say(p, "%s started\n", bench_mode_name(p->conf.mode));
	else
		p->failed = true;
}

static void stop(struct prompt *p)
{
	struct result res;

	if (!p->made || !p->session.running) {
		say(p, "nothing runs\n");
		return;
	}
	if (session_stop(&p->session, &res) < 0) {
		p->failed = true;
		return;
	}
	report_begin(p->session.rig);
	report_result(p->session.rig, &res);
	report_end(p->session.rig);
}

static void show(struct prompt *p, const char *what)
{
	char size[16];

	if (what == NULL || strcmp(what, "stats") != 0)
		say(p, "show stats\n");
	else if (!p->made || !p->session.running)
		say(p, "nothing runs: size %s, %u peers\n", bench_size_name(p->size, size),
			p->conf.peers);
	else
		report_progress(p->session.rig, p->session.lanes);
}

static void set_size(struct prompt *p, const char *value)
{
	struct bench_size size;

	if (value == NULL || !bench_size_read(value, &size)) {
		say(p, "set size 1..%u, a range as 20-9000, or imix\n", BENCH_SIZE_MAX);
		return;
	}
	p->size = size;
	p->conf.nb_sizes = 1;
	p->conf.sizes[0] = size;
	unmake(p);
}

static void set_peers(struct prompt *p, const char *value)
{
	char *end = NULL;
	unsigned long n = value != NULL ? strtoul(value, &end, 10) : 0;

	if (n < 1 || n > BENCH_PEERS_MAX || *end != '\0' || p->conf.static_peers != NULL) {
		say(p, "set peers 1..%u (not with --static-peers)\n", BENCH_PEERS_MAX);
		return;
	}
	p->conf.peers = (uint32_t)n;
	unmake(p);
}

static void set(struct prompt *p, const char *what, const char *value)
{
	if (p->made && p->session.running)
		say(p, "stop first\n");
	else if (what != NULL && strcmp(what, "size") == 0)
		set_size(p, value);
	else if (what != NULL && strcmp(what, "peers") == 0)
		set_peers(p, value);
	else
		say(p, "set size N, set peers N\n");
}

static void obey(struct prompt *p, char *line)
{
	char *save = NULL, *word = strtok_r(line, " \t\r\n", &save);
	char *what = strtok_r(NULL, " \t\r\n", &save), *value = strtok_r(NULL, " \t\r\n", &save);

	if (word == NULL)
		return;
	if (strcmp(word, "start") == 0)
		start(p);
	else if (strcmp(word, "stop") == 0)
		stop(p);
	else if (strcmp(word, "show") == 0)
		show(p, what);
	else if (strcmp(word, "set") == 0)
		set(p, what, value);
	else if (strcmp(word, "quit") == 0 || strcmp(word, "exit") == 0)
		p->quit = true;
	else
		say(p, "start, stop, show stats, set size N|imix, set peers N, quit\n");
}

int prompt_run(const struct bench_conf *conf, const volatile sig_atomic_t *interrupted)
{
	struct prompt p = {.conf = *conf, .size = conf->sizes[0]};
	bool terminal = isatty(STDIN_FILENO);
	char line[256];

	while (!p.quit && !*interrupted) {
		if (terminal)
			say(&p, "ovpn-dpdk-bench> ");
		fflush(stdout);
		if (fgets(line, sizeof(line), stdin) == NULL)
			break;
		obey(&p, line);
	}
	unmake(&p);
	return p.failed ? -1 : 0;
}
