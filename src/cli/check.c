/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/check.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base.h"
#include "cli/check_rules.h"
#include "cli/exit_status.h"

#define USAGE "usage: ovpn-dpdkctl check [--openvpn 2.6|2.7] [--json] FILE.conf\n"

static const char usage[] = USAGE
	"Lists what in FILE.conf would cost openvpn its offload, or its clients their connection, and\n"
	"what has no effect with it; with its includes, client-config-dir's files, and what it pushes.\n"
	"  -o, --openvpn 2.6|2.7  by this version's rules (default: both)\n"
	"  -j, --json             a list, for programs\n"
	"Exit status: 0 the offload is kept; 1 it is not, or clients are shut out; 2 wrong arguments, or no such file.\n";

static const struct option options[] = {
	{"openvpn", required_argument, NULL, 'o'},
	{"json", no_argument, NULL, 'j'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static const struct {
	unsigned int bit;
	const char *name;
} versions[] = {{OPENVPN_26, "2.6"}, {OPENVPN_27, "2.7"}};

static const char *effect_word(enum effect effect)
{
	static const char *const words[] = {
		[EFFECT_LOST] = "lost",
		[EFFECT_REFUSED] = "refused",
		[EFFECT_NOTE] = "note",
		[EFFECT_DEPENDS] = "depends",
		[EFFECT_SHUTS] = "shuts out",
	};

	return words[effect];
}

/* "2.6 and 2.7" */
static const char *version_words(unsigned int bits)
{
	return bits == OPENVPN_ALL ? "2.6 and 2.7" : bits == OPENVPN_26 ? "2.6" : "2.7";
}

static bool costs(const struct finding *f)
{
	return f->effect == EFFECT_LOST || f->effect == EFFECT_REFUSED;
}

/* How many there are for that version: reasons to get no offload, or that shut clients out. */
static unsigned int count(const struct findings *f, unsigned int version, bool shuts)
{
	unsigned int n = 0;

	for (size_t i = 0; i < f->n; i++) {
		if ((f->all[i].versions & version) != 0)
			n += shuts ? f->all[i].effect == EFFECT_SHUTS : costs(&f->all[i]);
	}
	return n;
}

/* The directive as it was written, four words of it at most. */
static void directive_text(const struct directive *d, char *out, size_t room)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned int i = 0; i < d->nb_words && used < room; i++) {
		int n = i == 4
			? snprintf(out + used, room - used, " ...")
			: snprintf(out + used, room - used, "%s%s", i > 0 ? " " : "", d->words[i]);

		if (n < 0 || i == 4)
			break;
		used += (size_t)n;
	}
}

static void print_one(const char *file, const struct finding *f)
{
	char text[200] = "";

	if (f->d != NULL) {
		directive_text(f->d, text, sizeof(text));
		printf("%s:%u:%u:%s%s\n", f->d->file, f->d->line, f->column,
			text[0] != '\0' ? " " : "", text);
	} else {
		printf("%s:\n", file);
	}
	printf("    %s with openvpn %s: %s\n", effect_word(f->effect), version_words(f->versions),
		f->why);
	printf("    instead: %s\n", f->instead);
}

static void print_all(const char *file, const struct findings *f)
{
	for (size_t i = 0; i < f->n; i++)
		print_one(file, &f->all[i]);
	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		unsigned int n = count(f, versions[v].bit, false);
		unsigned int shuts = count(f, versions[v].bit, true);

		if ((f->versions & versions[v].bit) == 0)
			continue;
		if (n > 0)
			printf("%s: openvpn %s gets no offload: %u reason%s\n", file,
				versions[v].name, n, n == 1 ? "" : "s");
		else if (shuts > 0)
			printf("%s: openvpn %s keeps its offload, but %u line%s shut%s clients "
			       "out\n",
				file, versions[v].name, shuts, shuts == 1 ? "" : "s",
				shuts == 1 ? "s" : "");
		else
			printf("%s: openvpn %s keeps its offload\n", file, versions[v].name);
	}
}

static json_t *json_of(const char *file, const struct finding *f)
{
	json_t *list = json_array();
	char text[200] = "";

	for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
		if ((f->versions & versions[v].bit) != 0)
			json_array_append_new(list, json_string(versions[v].name));
	}
	if (f->d != NULL)
		directive_text(f->d, text, sizeof(text));
	return json_pack("{s:s, s:i, s:i, s:s, s:s, s:o, s:s, s:s}", "file",
		f->d != NULL ? f->d->file : file, "line", f->d != NULL ? (int)f->d->line : 0,
		"column", (int)f->column, "directive", text, "effect", effect_word(f->effect),
		"openvpn", list, "why", f->why, "instead", f->instead);
}

static void print_json(const char *file, const struct findings *f)
{
	json_t *all = json_array();

	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(all, json_of(file, &f->all[i]));
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static int check(const char *file, unsigned int wanted, bool json)
{
	int status = EXIT_OK;
	struct findings f;
	struct conf c;

	if (conf_read(file, &c) < 0) {
		fprintf(stderr, "ovpn-dpdkctl: %s\n", c.error);
		conf_free(&c);
		return EXIT_USAGE;
	}
	if (check_conf(&c, wanted, &f) < 0) {
		fputs("ovpn-dpdkctl: no memory\n", stderr);
		conf_free(&c);
		return EXIT_REFUSED;
	}
	if (json)
		print_json(file, &f);
	else
		print_all(file, &f);
	for (size_t i = 0; i < f.n; i++) {
		if (costs(&f.all[i]) || f.all[i].effect == EFFECT_SHUTS)
			status = EXIT_REFUSED;
	}
	findings_free(&f);
	conf_free(&c);
	return status;
}

static int wrong(const char *why, const char *word)
{
	fprintf(stderr, "ovpn-dpdkctl: check: %s%s%s (see ovpn-dpdkctl check --help)\n" USAGE, why,
		word != NULL ? " " : "", word != NULL ? word : "");
	return EXIT_USAGE;
}

int check_main(int argc, char **argv, bool json)
{
	unsigned int wanted = OPENVPN_ALL;
	int letter;

	opterr = 0;
	optind = 0; /* glibc: start over */
	while ((letter = getopt_long(argc, argv, ":o:jh", options, NULL)) != -1) {
		if (letter == 'j') {
			json = true;
		} else if (letter == 'h') {
			fputs(usage, stdout);
			return EXIT_OK;
		} else if (letter == 'o' && strcmp(optarg, "2.6") == 0) {
			wanted = OPENVPN_26;
		} else if (letter == 'o' && strcmp(optarg, "2.7") == 0) {
			wanted = OPENVPN_27;
		} else if (letter == 'o') {
			return wrong("--openvpn is 2.6 or 2.7, not", optarg);
		} else if (letter == ':') {
			return wrong("a value is missing after", argv[optind - 1]);
		} else {
			return wrong("unknown option", argv[optind - 1]);
		}
	}
	if (optind == argc)
		return wrong("say which file", NULL);
	if (optind + 1 < argc)
		return wrong("one file at a time, not also", argv[optind + 1]);
	return check(argv[optind], wanted, json);
}
