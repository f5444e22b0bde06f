/* SPDX-License-Identifier: BSD-3-Clause */
/* ovpn-dpdkctl: words to calls. Exit status: see exit_status.h. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "cli/check.h"
#include "cli/exit_status.h"
#include "cli/run.h"
#include "cli/show.h"
#include "control/ctl.h"

#define PEER_ID_MAX 16777214 /* 24 bits, all ones being none */

static const char usage[] =
	"usage: ovpn-dpdkctl [--socket PATH] show THING [--json] [--watch SECONDS]\n"
	"       ovpn-dpdkctl [--socket PATH] clear stats\n"
	"       ovpn-dpdkctl run -- openvpn ARGUMENTS\n"
	"       ovpn-dpdkctl check [--openvpn 2.6|2.7] FILE.conf\n"
	"\n"
	"show peers [instance DEVICE] [--all]    tunnels\n"
	"show peer ID [instance DEVICE]          one in full: keys, counters, why packets were dropped\n"
	"show routes [peer ID] [instance DEVICE]  from which inner addresses a peer may send\n"
	"show neighbours         next hops that peers are reached through\n"
	"show drops [--all]      dropped packets by reason; --all: also what never happened\n"
	"show stats              totals\n"
	"show ports              network ports\n"
	"show lcores             workers: how busy they are, and with what\n"
	"show crypto             crypto devices\n"
	"show instances          attached openvpn processes\n"
	"show pools              packet memory\n"
	"show memory             what takes how much, now and with max-peers peers\n"
	"clear stats             counters begin at zero for operators; openvpn's count on\n"
	"run -- openvpn ...      starts openvpn with its data channel in ovpn-dpdkd: see run --help\n"
	"check FILE.conf         what in a configuration of openvpn forbids that; asks no daemon\n"
	"\n"
	"  -s, --socket PATH     the daemon's socket (default " CTL_SOCKET ",\n"
	"                        or $" CTL_SOCKET_ENV ")\n"
	"  -j, --json            print the daemon's answer as JSON, numbers exact\n"
	"  -a, --all             also gone peers (peers), also zeros (drops)\n"
	"  -w, --watch SECONDS   again and again\n"
	"  -h, --help            this text\n"
	"  -V, --version         the version\n"
	"\n"
	"Words may be shortened as long as they are unambiguous: ovpn-dpdkctl sh pe\n"
	"Exit status: 0 done; 1 the daemon says no, has no such thing, or check found something;\n"
	"2 wrong arguments; 3 no daemon answers.\n";

static const struct option options[] = {
	{"socket", required_argument, NULL, 's'},
	{"json", no_argument, NULL, 'j'},
	{"all", no_argument, NULL, 'a'},
	{"watch", required_argument, NULL, 'w'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

struct command_line {
	struct show_request show;
	unsigned int watch; /* seconds; 0: once */
};

__attribute__((format(printf, 1, 2), noreturn)) static void wrong(const char *fmt, ...)
{
	va_list ap;

	fputs("ovpn-dpdkctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs(" (see ovpn-dpdkctl --help)\n", stderr);
	exit(EXIT_USAGE);
}

/* Everything printed must have arrived: a full disk or a closed stdout is an error. */
__attribute__((noreturn)) static void finish(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (errno != EPIPE)
			fprintf(stderr, "ovpn-dpdkctl: cannot write the output: %s\n",
				strerror(errno));
		exit(EXIT_REFUSED);
	}
	exit(status);
}

/* Without this a socket could become descriptor 1 and tables be sent to the daemon. */
static void keep_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* The word among words() that starts with text, or the one that is text. */
static const char *expand(const char *text, const char *(*words)(unsigned int), const char *kind)
{
	const char *found = NULL;
	const char *word;

	for (unsigned int i = 0; (word = words(i)) != NULL; i++) {
		if (strcmp(word, text) == 0)
			return word;
		if (text[0] == '\0' || strncmp(word, text, strlen(text)) != 0)
			continue;
		if (found != NULL)
			wrong("'%s' may be %s or %s", text, found, word);
		found = word;
	}
	if (found == NULL) {
		char known[128] = "";
		size_t used = 0;

		for (unsigned int i = 0; (word = words(i)) != NULL; i++)
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
				i > 0 ? ", " : "", word);
		if (text[0] == '\0')
			wrong("say which %s: one of %s", kind, known);
		wrong("unknown %s '%s': one of %s", kind, text, known);
	}
	return found;
}

static const char *command_word(unsigned int n)
{
	static const char *const words[] = {"show", "clear", "run", "check", "help"};

	return n < ARRAY_LEN(words) ? words[n] : NULL;
}

static const char *filter_word(unsigned int n)
{
	static const char *const words[] = {"instance", "peer"};

	return n < ARRAY_LEN(words) ? words[n] : NULL;
}

static unsigned long read_number(const char *what, const char *text, unsigned long max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0 || n > max)
		wrong("%s must be a number up to %lu, not '%s'", what, max, text);
	return n;
}

/* The options behind argv[0]; order '+': up to the first word, "": anywhere. */
static void read_options(struct command_line *c, int argc, char **argv, const char *letters)
{
	int letter;

	opterr = 0;
	optind = 0; /* glibc: start over */
	while ((letter = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		if (letter != '?' && letter != ':' && strchr(letters, letter) == NULL)
			letter = '?'; /* a long option of another command */
		switch (letter) {
		case 's':
			c->show.socket_path = optarg;
			break;
		case 'j':
			c->show.json = true;
			break;
		case 'a':
			c->show.all = true;
			break;
		case 'w':
			c->watch = (unsigned int)read_number("--watch", optarg, 86400);
			break;
		case 'h':
			fputs(usage, stdout);
			finish(0);
		case 'V':
			puts("ovpn-dpdkctl " OVPN_DPDK_VERSION);
			finish(0);
		case ':':
			wrong("%s needs a value", argv[optind - 1]);
		default:
			if (optopt != 0 && argv[optind - 1][1] != '-')
				wrong("unknown option '-%c'", optopt);
			wrong("unknown option '%s'", argv[optind - 1]);
		}
	}
}

/* THING [instance DEVICE] [peer ID]; a number alone is a peer's id. */
static void read_show(struct command_line *c, int argc, char **argv)
{
	if (argc == 0)
		expand("", show_word, "thing");
	c->show.what = expand(argv[0], show_word, "thing");
	for (int i = 1; i < argc; i++) {
		const char *filter;

		if (isdigit((unsigned char)argv[i][0])) {
			c->show.peer = (int64_t)read_number("a peer's id", argv[i], PEER_ID_MAX);
			continue;
		}
		filter = expand(argv[i], filter_word, "filter");
		if (i + 1 == argc)
			wrong("'%s' needs a value", filter);
		i++;
		if (strcmp(filter, "peer") == 0)
			c->show.peer = (int64_t)read_number("a peer's id", argv[i], PEER_ID_MAX);
		else
			c->show.instance = argv[i];
	}
}

static int show_command(struct command_line *c, int argc, char **argv)
{
	bool terminal = isatty(STDOUT_FILENO) == 1;
	int status;

	read_options(c, argc, argv, ":s:jaw:hV");
	read_show(c, argc - optind, argv + optind);
	for (;;) {
		if (c->watch > 0 && terminal)
			fputs("\033[H\033[2J", stdout);
		status = show(&c->show, stdout);
		if (c->watch == 0 || status != 0 || fflush(stdout) != 0)
			return status;
		sleep(c->watch);
		if (!terminal)
			putchar('\n');
	}
}

/* clear stats: there is nothing to choose. */
static int clear_command(struct command_line *c, int argc, char **argv)
{
	const char *what;

	read_options(c, argc, argv, ":s:jhV");
	what = expand(optind < argc ? argv[optind] : "", clear_word, "thing");
	if (optind + 1 < argc)
		wrong("clear %s takes no '%s'", what, argv[optind + 1]);
	return clear(&c->show, what, stdout);
}

int main(int argc, char **argv)
{
	const char *socket_path = getenv(CTL_SOCKET_ENV);
	struct command_line c = {.show = {.peer = -1}};
	const char *command;

	keep_standard_descriptors();
	c.show.socket_path = socket_path != NULL ? socket_path : CTL_SOCKET;
	read_options(&c, argc, argv, "+:s:jaw:hV");
	if (optind == argc)
		wrong("say what to do: show, clear, run or check");
	command = expand(argv[optind], command_word, "command");
	argc -= optind;
	argv += optind;
	if (strcmp(command, "run") == 0) {
		if (c.show.socket_path != (socket_path != NULL ? socket_path : CTL_SOCKET))
			wrong("run has a socket of its own: run --socket PATH -- ...");
		return run_main(argc, argv);
	}
	if (strcmp(command, "check") == 0)
		finish(check_main(argc, argv, c.show.json));
	if (strcmp(command, "show") == 0)
		finish(show_command(&c, argc, argv));
	if (strcmp(command, "clear") == 0)
		finish(clear_command(&c, argc, argv));
	fputs(usage, stdout);
	finish(0);
}
