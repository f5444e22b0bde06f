/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where things stand in a YAML document: every value with its path, line and column, and syntax
 * errors with theirs. libcyaml fills structs but forgets positions; this remembers them.
 *
 * Plain data only: one document, no aliases, no keys that are lists or mappings, no key twice.
 */
#ifndef YAMLDOC_H
#define YAMLDOC_H

#include <stddef.h>
#include <stdint.h>

enum yamldoc_kind { YAMLDOC_SCALAR, YAMLDOC_LIST, YAMLDOC_MAPPING };

struct yamldoc_pos {
	unsigned int line, column; /* from 1 */
};

struct yamldoc_node {
	enum yamldoc_kind kind;
	char *path;		   /* "ports[0].mtu"; "" for the whole document */
	char *shape;		   /* the path without numbers: "ports[].mtu" */
	const char *key;	   /* its key ("mtu"); of a list's entry, the list's key; in path */
	unsigned int index;	   /* its place in its list, from 0 */
	struct yamldoc_pos at;	   /* the value */
	struct yamldoc_pos key_at; /* its key; of a list's entry, the value */
	char *text;		   /* of a scalar; no NUL inside */
};

struct yamldoc {
	struct yamldoc_node *nodes; /* in the document's order, parents first */
	unsigned int nb_nodes;	    /* 0: the document is empty */
};

struct yamldoc_error {
	struct yamldoc_pos at;
	char text[200]; /* a sentence without its place */
};

/* 0, or -EINVAL with error filled, or -ENOMEM. Only 0 leaves something to yamldoc_free(). */
int yamldoc_parse(
	struct yamldoc *doc, const uint8_t *text, size_t len, struct yamldoc_error *error);
void yamldoc_free(struct yamldoc *doc);
/* NULL: nothing has that path. */
const struct yamldoc_node *yamldoc_find(const struct yamldoc *doc, const char *path);

#endif
