/* SPDX-License-Identifier: BSD-3-Clause */
#include "yamldoc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

/* Deeper than any schema of ours, shallow enough for a fixed stack. */
#define MAX_DEPTH 16

struct level {
	unsigned int node; /* the list or mapping we are in */
	unsigned int entries;
	bool have_key; /* a mapping: the next event is this key's value */
	char *key;
	struct yamldoc_pos key_at;
};

struct builder {
	struct yamldoc *doc;
	struct yamldoc_error *error;
	unsigned int room;
	unsigned int documents;
	unsigned int depth;
	struct level levels[MAX_DEPTH];
};

static struct yamldoc_pos pos(yaml_mark_t mark)
{
	return (struct yamldoc_pos){(unsigned int)mark.line + 1, (unsigned int)mark.column + 1};
}

__attribute__((format(printf, 3, 4))) static int refuse(
	struct yamldoc_error *error, struct yamldoc_pos at, const char *fmt, ...)
{
	va_list ap;

	error->at = at;
	va_start(ap, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* The path of what comes next: its parent's, and the key or the number. */
static int set_path(struct builder *b, struct yamldoc_node *n, const struct level *l)
{
	const struct yamldoc_node *parent;
	const char *dot;
	int ret;

	if (l == NULL) {
		n->path = strdup("");
		n->shape = strdup("");
		n->key = n->path;
		return n->path == NULL || n->shape == NULL ? -ENOMEM : 0;
	}
	parent = &b->doc->nodes[l->node];
	dot = parent->path[0] == '\0' ? "" : ".";
	if (parent->kind == YAMLDOC_LIST) {
		ret = asprintf(&n->path, "%s[%u]", parent->path, l->entries);
		if (ret >= 0)
			ret = asprintf(&n->shape, "%s[]", parent->shape);
		n->key = parent->key;
	} else {
		ret = asprintf(&n->path, "%s%s%s", parent->path, dot, l->key);
		if (ret >= 0)
			n->key = n->path + strlen(n->path) - strlen(l->key);
		if (ret >= 0)
			ret = asprintf(&n->shape, "%s%s%s", parent->shape, dot, l->key);
	}
	return ret < 0 ? -ENOMEM : 0;
}

static int add_node(struct builder *b, enum yamldoc_kind kind, const yaml_event_t *ev)
{
	struct level *l = b->depth > 0 ? &b->levels[b->depth - 1] : NULL;
	struct yamldoc_node *nodes = b->doc->nodes;
	struct yamldoc_node *n;

	if (b->doc->nb_nodes == b->room) {
		b->room = b->room == 0 ? 64 : b->room * 2;
		nodes = reallocarray(nodes, b->room, sizeof(*nodes));
		if (nodes == NULL)
			return -ENOMEM;
		b->doc->nodes = nodes;
	}
	n = &nodes[b->doc->nb_nodes++];
	*n = (struct yamldoc_node){.kind = kind, .at = pos(ev->start_mark)};
	n->key_at = l != NULL && l->have_key ? l->key_at : n->at;
	if (set_path(b, n, l) < 0)
		return -ENOMEM;
	if (l != NULL) {
		n->index = l->entries++;
		l->have_key = false;
		free(l->key);
		l->key = NULL;
	}
	return 0;
}

/* A key twice in a mapping: its path would be there already. */
static int check_twice(struct builder *b, const struct level *l)
{
	const struct yamldoc_node *parent = &b->doc->nodes[l->node];
	size_t len = strlen(parent->path);

	for (unsigned int i = l->node + 1; i < b->doc->nb_nodes; i++) {
		const char *rest = b->doc->nodes[i].path + len;

		if (strcmp(rest + (len > 0), l->key) == 0)
			return refuse(b->error, l->key_at, "'%.60s' is here already, in line %u",
				l->key, b->doc->nodes[i].key_at.line);
	}
	return 0;
}

static int on_key(struct builder *b, struct level *l, const yaml_event_t *ev)
{
	if (ev->type != YAML_SCALAR_EVENT)
		return refuse(b->error, pos(ev->start_mark), "a key must be a single word");
	l->key = strdup((const char *)ev->data.scalar.value);
	if (l->key == NULL)
		return -ENOMEM;
	l->have_key = true;
	l->key_at = pos(ev->start_mark);
	return check_twice(b, l);
}

static int on_scalar(struct builder *b, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	int ret = add_node(b, YAMLDOC_SCALAR, ev);

	if (ret < 0)
		return ret;
	b->doc->nodes[b->doc->nb_nodes - 1].text = strdup(text);
	return b->doc->nodes[b->doc->nb_nodes - 1].text == NULL ? -ENOMEM : 0;
}

static int on_start(struct builder *b, const yaml_event_t *ev)
{
	int ret;

	if (b->depth == MAX_DEPTH)
		return refuse(b->error, pos(ev->start_mark), "nested too deeply");
	ret = add_node(
		b, ev->type == YAML_SEQUENCE_START_EVENT ? YAMLDOC_LIST : YAMLDOC_MAPPING, ev);
	if (ret < 0)
		return ret;
	b->levels[b->depth++] = (struct level){.node = b->doc->nb_nodes - 1};
	return 0;
}

static int on_event(struct builder *b, const yaml_event_t *ev)
{
	struct level *l = b->depth > 0 ? &b->levels[b->depth - 1] : NULL;

	if (ev->type == YAML_DOCUMENT_START_EVENT && b->documents++ > 0)
		return refuse(b->error, pos(ev->start_mark),
			"a second YAML document begins here, but only one may be in the file");
	if (ev->type == YAML_ALIAS_EVENT)
		return refuse(b->error, pos(ev->start_mark),
			"aliases (*%.60s) are not understood here: write the value out",
			(const char *)ev->data.alias.anchor);
	if (ev->type == YAML_SCALAR_EVENT &&
		memchr(ev->data.scalar.value, '\0', ev->data.scalar.length) != NULL)
		return refuse(b->error, pos(ev->start_mark), "a NUL character is in this text");
	if (ev->type == YAML_SEQUENCE_END_EVENT || ev->type == YAML_MAPPING_END_EVENT) {
		b->depth--;
		return 0;
	}
	if (ev->type != YAML_SCALAR_EVENT && ev->type != YAML_SEQUENCE_START_EVENT &&
		ev->type != YAML_MAPPING_START_EVENT)
		return 0;
	if (l != NULL && b->doc->nodes[l->node].kind == YAMLDOC_MAPPING && !l->have_key)
		return on_key(b, l, ev);
	return ev->type == YAML_SCALAR_EVENT ? on_scalar(b, ev) : on_start(b, ev);
}

/* libyaml knows a byte offset only where bytes are no characters. */
static struct yamldoc_pos offset_pos(const uint8_t *text, size_t len, size_t offset)
{
	struct yamldoc_pos at = {1, 1};

	for (size_t i = 0; i < offset && i < len; i++) {
		at.column++;
		if (text[i] == '\n')
			at = (struct yamldoc_pos){at.line + 1, 1};
	}
	return at;
}

static int syntax_error(struct builder *b, const yaml_parser_t *p, const uint8_t *text, size_t len)
{
	const char *problem = p->problem != NULL ? p->problem : "cannot be read";
	size_t at = p->problem_mark.index;

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (p->error == YAML_READER_ERROR)
		return refuse(b->error, offset_pos(text, len, p->problem_offset),
			"not YAML: %s (write plain UTF-8 text)", problem);
	if (at < len && text[at] == '\t')
		return refuse(b->error, pos(p->problem_mark),
			"not YAML: a tab is here (indent with spaces)");
	if (p->context != NULL && p->context_mark.line != p->problem_mark.line)
		return refuse(b->error, pos(p->problem_mark),
			"not YAML: %s, %s from line %zu (is the indentation right?)", problem,
			p->context, p->context_mark.line + 1);
	return refuse(b->error, pos(p->problem_mark), "not YAML: %s%s%s", problem,
		p->context != NULL ? ", " : "", p->context != NULL ? p->context : "");
}

static int read_events(struct builder *b, yaml_parser_t *p, const uint8_t *text, size_t len)
{
	yaml_event_t ev;
	bool end;
	int ret;

	do {
		if (!yaml_parser_parse(p, &ev))
			return syntax_error(b, p, text, len);
		end = ev.type == YAML_STREAM_END_EVENT;
		ret = on_event(b, &ev);
		yaml_event_delete(&ev);
	} while (ret == 0 && !end);
	return ret;
}

int yamldoc_parse(struct yamldoc *doc, const uint8_t *text, size_t len, struct yamldoc_error *error)
{
	struct builder b = {.doc = doc, .error = error};
	yaml_parser_t parser;
	int ret;

	*doc = (struct yamldoc){0};
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, text, len);
	ret = read_events(&b, &parser, text, len);
	yaml_parser_delete(&parser);
	if (ret < 0) {
		for (unsigned int i = 0; i < b.depth; i++)
			free(b.levels[i].key);
		yamldoc_free(doc);
	}
	return ret;
}

void yamldoc_free(struct yamldoc *doc)
{
	for (unsigned int i = 0; i < doc->nb_nodes; i++) {
		free(doc->nodes[i].path);
		free(doc->nodes[i].shape);
		free(doc->nodes[i].text);
	}
	free(doc->nodes);
	*doc = (struct yamldoc){0};
}

const struct yamldoc_node *yamldoc_find(const struct yamldoc *doc, const char *path)
{
	for (unsigned int i = 0; i < doc->nb_nodes; i++)
		if (strcmp(doc->nodes[i].path, path) == 0)
			return &doc->nodes[i];
	return NULL;
}
