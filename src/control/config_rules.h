/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may stand at each place of the configuration file, in words for whoever wrote it: one rule
 * per key. Pure. libcyaml knows the types; ranges, names, addresses and what may be there only once
 * are known here.
 */
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/yamldoc.h"

struct config_rule {
	const char *shape; /* "ports[].mtu" */
	enum yamldoc_kind kind;
	const char *right; /* "a whole number from 1280 to 9000" */
	uint32_t min, max; /* of a number, a text's length or a list's entries */
	/* False: hint has a complete sentence, or advice to add to "is not <right>" after a '('. */
	bool (*check)(const struct config_rule *r, const char *text, char *hint, size_t hint_len);
	bool once; /* no two of the same text in the file */
};

/* NULL: there is no such place. */
const struct config_rule *config_rule_find(const char *shape);

/* Where error lines go: "name:line:column: key: sentence\n", as many as fit. */
struct config_report {
	const char *name;
	char *buf;
	size_t len, used;
	unsigned int errors;
};
void config_report(struct config_report *rep, struct yamldoc_pos at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Reports what is wrong with the value of a node that has a rule; false: nothing is. */
bool config_rule_refuses(const struct yamldoc_node *n, struct config_report *rep);
/* The key has no rule: reports which there are, or where it would belong. */
void config_rules_unknown(const struct yamldoc_node *n, struct config_report *rep);
/* Checks every node and what nodes are to each other; a node without rule is passed over. */
void config_rules_check(const struct yamldoc *doc, struct config_report *rep);

#endif
