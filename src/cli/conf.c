/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/conf.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* openvpn's own limits */
#define LINE_MAX_BYTES 256
#define WORD_MAX_BYTES 256
#define LEVELS_MAX     10

/* What is being read. */
struct source {
	struct conf *conf;
	const char *file;
	unsigned int line;
	FILE *f;
	char cwd[PATH_MAX];  /* of "cd"; "": the process's */
	const char *beside;  /* the first file's folder */
	unsigned int levels; /* of includes */
	bool running;	     /* an openvpn that goes on, whatever is in the file */
};

__attribute__((format(printf, 2, 3))) static int fault(const struct source *s, const char *fmt, ...)
{
	char *out = s->conf->error;
	size_t room = sizeof(s->conf->error);
	int n = snprintf(out, room, "%s:%u: ", s->file, s->line);
	va_list ap;

	if (n < 0 || (size_t)n >= room)
		return -1;
	va_start(ap, fmt);
	vsnprintf(out + n, room - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

static int read_file(struct source *s, const char *path);

/* Takes the next word from *at into word; 1, 0: there is none, -1: a fault. */
static int next_word(
	struct source *s, const char **at, const char **begin, char word[WORD_MAX_BYTES + 1])
{
	const char *p = *at;
	char quote = '\0';
	size_t n = 0;

	while (isspace((unsigned char)*p))
		p++;
	if (*p == '\0' || *p == '#' || *p == ';')
		return 0;
	if (*p == '"' || *p == '\'')
		quote = *p++;
	*begin = p;
	for (;; p++) {
		char c = *p;

		if (c == '\0' && quote != '\0')
			return fault(s, "the quotation is not closed: no second %c", quote);
		if (c == '\0' || (quote != '\0' ? c == quote : isspace((unsigned char)c)))
			break;
		if (c == '\\' && quote != '\'') {
			c = *++p;
			if (c != '\\' && c != '"' && !isspace((unsigned char)c))
				return fault(s,
					"a backslash may stand before a backslash, a "
					"double quote or a space only");
		}
		if (n == WORD_MAX_BYTES)
			return fault(s, "a word has more than %d characters", WORD_MAX_BYTES);
		word[n++] = c;
	}
	*at = *p != '\0' ? p + 1 : p;
	word[n] = '\0';
	return 1;
}

/* Reads one line into d->words; 0, or -1. */
static int split(struct source *s, const char *text, struct directive *d)
{
	char word[WORD_MAX_BYTES + 1];
	const char *line = text;
	int ret;

	while (d->nb_words < CONF_WORDS) {
		const char *from = word;
		const char *begin;

		ret = next_word(s, &text, &begin, word);
		if (ret <= 0)
			return ret;
		d->columns[d->nb_words] = (unsigned int)(begin - line) + 1;
		if (d->nb_words == 0 && strlen(word) > 2 && strncmp(word, "--", 2) == 0)
			from += 2;
		d->words[d->nb_words] = strdup(from);
		if (d->words[d->nb_words] == NULL)
			return fault(s, "no memory");
		d->nb_words++;
	}
	return 0;
}

void directive_free(struct directive *d)
{
	for (unsigned int i = 0; i < d->nb_words; i++)
		free(d->words[i]);
	free(d->fault);
	memset(d, 0, sizeof(*d));
}

/* setenv opt WORDS... is WORDS..., if openvpn knows them. */
static void drop_setenv_opt(struct directive *d)
{
	if (d->nb_words < 3 || strcmp(d->words[0], "setenv") != 0 ||
		strcmp(d->words[1], "opt") != 0)
		return;
	free(d->words[0]);
	free(d->words[1]);
	d->nb_words -= 2;
	memmove(d->words, d->words + 2, (d->nb_words + 1) * sizeof(d->words[0]));
	memmove(d->columns, d->columns + 2, d->nb_words * sizeof(d->columns[0]));
	d->words[d->nb_words] = NULL;
}

/* Takes over d's words. */
static int keep(struct source *s, struct directive *d)
{
	struct conf *c = s->conf;
	struct directive *all = realloc(c->d, (c->n + 1) * sizeof(*all));

	if (all == NULL)
		return fault(s, "no memory");
	c->d = all;
	drop_setenv_opt(d);
	all[c->n++] = *d;
	memset(d, 0, sizeof(*d));
	return 0;
}

/* After a fault: an openvpn that runs leaves the line out, and goes on. */
static int leave_out(struct source *s, struct directive *d)
{
	struct directive bad = {.file = d->file, .line = d->line, .columns = {1}};
	char *why = strstr(s->conf->error, ": ");

	if (!s->running)
		return -1;
	bad.fault = strdup(why != NULL ? why + 2 : s->conf->error);
	directive_free(d);
	if (bad.fault != NULL && keep(s, &bad) == 0)
		return 0;
	directive_free(&bad);
	return -1;
}

/* The name of an inline block that d opens: "ca" of "<ca>"; else NULL. */
static const char *opens(struct directive *d, char name[WORD_MAX_BYTES + 1])
{
	size_t len;

	if (d->nb_words != 1)
		return NULL;
	len = strlen(d->words[0]);
	if (len < 3 || d->words[0][0] != '<' || d->words[0][len - 1] != '>')
		return NULL;
	memcpy(name, d->words[0] + 1, len - 2);
	name[len - 2] = '\0';
	return name;
}

/* Is this line the block's end? Whatever follows on it is ignored, as openvpn does. */
static bool closes(const char *line, const char *name)
{
	size_t len = strlen(name);

	while (isspace((unsigned char)*line))
		line++;
	return strncmp(line, "</", 2) == 0 && strncmp(line + 2, name, len) == 0 &&
		line[2 + len] == '>';
}

/* The lines of a block up to its end; those of <connection> are directives. */
static int read_block(struct source *s, struct directive *d, const char *name)
{
	bool connection = strcmp(name, "connection") == 0;
	unsigned int begin = s->line;
	char text[LINE_MAX_BYTES];
	bool whole = true; /* lines of a key may be longer than one read */
	int ret = 0;

	while (ret == 0 && fgets(text, sizeof(text), s->f) != NULL) {
		struct directive inner = {.file = s->file, .connection = true};

		inner.line = s->line += whole;
		whole = strchr(text, '\n') != NULL;
		if (closes(text, name)) {
			free(d->words[0]);
			d->words[0] = strdup(name);
			d->words[1] = strdup("[inline]");
			d->nb_words = 2;
			return d->words[0] != NULL && d->words[1] != NULL ? 0 : -1;
		}
		if (connection && split(s, text, &inner) == 0) {
			if (inner.nb_words > 0)
				ret = keep(s, &inner);
		} else if (connection) {
			ret = -1;
		}
		directive_free(&inner);
	}
	if (ret == 0) {
		s->line = begin;
		ret = fault(s, "<%s> has no end: </%s> is missing", name, name);
	}
	return ret;
}

/* One line of a file: a directive, the head of a block, an include, or nothing. */
static int read_line(struct source *s, const char *text)
{
	struct directive d = {.file = s->file, .line = s->line};
	char name[WORD_MAX_BYTES + 1];
	int ret = split(s, text, &d);

	if (ret == 0 && d.nb_words > 0) {
		if (opens(&d, name) != NULL)
			ret = read_block(s, &d, name);
		if (ret == 0 && d.nb_words == 2 && strcmp(d.words[0], "cd") == 0)
			snprintf(s->cwd, sizeof(s->cwd), "%s/", d.words[1]);
		if (ret == 0 && d.nb_words == 2 && strcmp(d.words[0], "config") == 0)
			ret = read_file(s, d.words[1]);
		else if (ret == 0)
			ret = keep(s, &d);
	}
	if (ret < 0)
		ret = leave_out(s, &d);
	directive_free(&d);
	return ret;
}

/* The file under that name: where openvpn would find it, or beside the first. */
static FILE *look_for(const struct source *s, const char *name, char path[2 * PATH_MAX])
{
	FILE *f;

	snprintf(path, 2 * PATH_MAX, "%s%s", name[0] == '/' ? "" : s->cwd, name);
	f = fopen(path, "r");
	if (f == NULL && name[0] != '/' && s->beside != NULL) {
		char other[2 * PATH_MAX];

		snprintf(other, sizeof(other), "%s/%s", s->beside, name);
		f = fopen(other, "r");
		if (f != NULL)
			memcpy(path, other, sizeof(other));
	}
	return f;
}

/* The name lives as long as the directives that point at it. */
static const char *keep_name(struct conf *c, const char *path)
{
	char **all = realloc(c->files, (c->nb_files + 1) * sizeof(*all));
	char *name = strdup(path);

	if (all != NULL)
		c->files = all;
	if (all == NULL || name == NULL) {
		free(name);
		return NULL;
	}
	c->files[c->nb_files++] = name;
	return name;
}

/* An openvpn that runs goes on with its rest as another line; we with the next. */
static int too_long(struct source *s, char text[LINE_MAX_BYTES + 1])
{
	struct directive d = {.file = s->file, .line = s->line};
	int ret = fault(s, "the line has more than %d characters", LINE_MAX_BYTES);

	if (!s->running)
		return ret;
	while (text[strlen(text) - 1] != '\n' && fgets(text, LINE_MAX_BYTES + 1, s->f) != NULL)
		;
	return leave_out(s, &d);
}

static int read_file(struct source *s, const char *name)
{
	struct source inner = *s;
	char text[LINE_MAX_BYTES + 1];
	char path[2 * PATH_MAX];
	int ret = 0;

	if (s->levels == LEVELS_MAX)
		return fault(s, "more than %d files include each other: one includes itself?",
			LEVELS_MAX);
	inner.levels++;
	inner.line = 0;
	inner.f = look_for(s, name, path);
	if (inner.f == NULL) {
		if (s->levels > 0)
			return fault(s, "cannot read %s: %s", name, strerror(errno));
		snprintf(s->conf->error, sizeof(s->conf->error), "cannot read %s: %s", name,
			strerror(errno));
		return -1;
	}
	inner.file = keep_name(s->conf, path);
	if (inner.file == NULL) {
		inner.file = name;
		ret = fault(&inner, "no memory");
	}
	while (ret == 0 && fgets(text, sizeof(text), inner.f) != NULL) {
		const char *bom = "\xef\xbb\xbf";
		bool first = ++inner.line == 1;

		if (strlen(text) == LINE_MAX_BYTES)
			ret = too_long(&inner, text);
		else
			ret = read_line(
				&inner, first && strncmp(text, bom, 3) == 0 ? text + 3 : text);
	}
	fclose(inner.f);
	memcpy(s->cwd, inner.cwd, sizeof(s->cwd));
	return ret;
}

/* Reads the first file, and keeps where others are looked for. */
static int read_first(struct source *s, const char *path)
{
	struct conf *c = s->conf;
	int ret = read_file(s, path);

	c->cwd = strdup(s->cwd);
	if (ret == 0 && c->cwd == NULL)
		ret = fault(s, "no memory");
	return ret;
}

int conf_read(const char *path, struct conf *c)
{
	char *copy = strdup(path); /* dirname() writes into it */
	struct source s = {.conf = c, .file = path};
	int ret;

	memset(c, 0, sizeof(*c));
	s.beside = copy != NULL ? dirname(copy) : NULL;
	ret = read_first(&s, path);
	free(copy);
	return ret;
}

/* The folder of the first file; to be freed. */
static char *first_folder(const struct conf *c)
{
	char *copy = strdup(c->nb_files > 0 ? c->files[0] : "");
	char *folder = copy != NULL ? strdup(dirname(copy)) : NULL;

	free(copy);
	return folder;
}

int conf_read_client(const char *path, const struct conf *server, struct conf *c)
{
	struct source s = {.conf = c, .file = path, .running = true};
	char *beside = first_folder(server);
	int ret;

	memset(c, 0, sizeof(*c));
	snprintf(s.cwd, sizeof(s.cwd), "%s", path[0] != '/' ? "" : server->cwd);
	s.beside = beside;
	ret = read_first(&s, path);
	free(beside);
	return ret;
}

void conf_folder(const struct conf *c, const char *name, char *out, size_t room)
{
	char *beside = name[0] != '/' ? first_folder(c) : NULL;

	snprintf(out, room, "%s%s", name[0] == '/' ? "" : c->cwd, name);
	if (beside != NULL && access(out, F_OK) < 0)
		snprintf(out, room, "%s/%s", beside, name);
	free(beside);
}

int conf_inner(const struct directive *d, unsigned int n, struct directive *inner)
{
	struct conf none = {0};
	struct source s = {.conf = &none, .file = d->file, .line = d->line};

	*inner = (struct directive){.file = d->file, .line = d->line};
	if (n < d->nb_words && split(&s, d->words[n], inner) == 0 && inner->nb_words > 0) {
		for (unsigned int i = 0; i < inner->nb_words; i++)
			inner->columns[i] += d->columns[n] - 1;
		return 0;
	}
	directive_free(inner);
	return -1;
}

void conf_free(struct conf *c)
{
	for (size_t i = 0; i < c->n; i++)
		directive_free(&c->d[i]);
	for (size_t i = 0; i < c->nb_files; i++)
		free(c->files[i]);
	free(c->d);
	free(c->files);
	free(c->cwd);
	memset(c, 0, sizeof(*c));
}
