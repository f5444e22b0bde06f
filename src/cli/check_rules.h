/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What in an openvpn configuration costs the data channel its offload, by openvpn 2.6.14's and
 * 2.7's own rules on Linux, and what has no effect with it.
 */
#ifndef CHECK_RULES_H
#define CHECK_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/conf.h"

/* Versions of openvpn, as bits. */
enum { OPENVPN_26 = 1, OPENVPN_27 = 2, OPENVPN_ALL = 3 };

enum effect {
	EFFECT_LOST,	/* openvpn switches the offload off, and then ends: it gets no tun */
	EFFECT_REFUSED, /* openvpn would offload it; we end it */
	EFFECT_NOTE,	/* it does nothing in an offloaded tunnel, or something else */
	EFFECT_DEPENDS, /* on what is not known here: who starts openvpn, a file of root's */
	EFFECT_SHUTS,	/* openvpn is offloaded, and turns clients away, or nothing of theirs passes
			 */
};

struct finding {
	enum effect effect;
	unsigned int versions;
	const struct directive *d; /* the one at fault; NULL: something is missing */
	unsigned int column;	   /* of the word at fault */
	unsigned int source;	   /* 0: the file itself, N: the Nth of its clients' */
	char why[256];
	const char *instead; /* what to write, or to do */
};

struct findings {
	const struct conf *conf;
	unsigned int versions; /* asked for */
	struct finding *all;
	size_t n;
	struct conf *clients; /* the files of client-config-dir in which there is something */
	unsigned int nb_clients;
};

/* The word of a directive that a rule does not like. */
struct blame {
	char what[64]; /* "": the directive itself */
	unsigned int column;
};

enum which {
	EACH, /* every one counts */
	LAST, /* a later one replaces it; those in <connection> blocks count each */
};

struct rule {
	const char *name;
	enum which which;
	bool (*when)(const struct directive *d, struct blame *b); /* NULL: always */
	enum effect effect;
	unsigned int versions;
	const char *why;
	const char *instead;
};

/* Finds all, in the file's order; what is missing comes first. 0, or -ENOMEM. */
int check_conf(const struct conf *c, unsigned int versions, struct findings *out);
void findings_free(struct findings *f);

/* For the rules. The last directive of that name outside of blocks, which is the one that counts.
 */
const struct directive *conf_last(const struct conf *c, const char *name);
/* Its first argument, or "". */
const char *first_arg(const struct directive *d);
/* Is it one of those that an offload can have? */
bool cipher_offloaded(const char *name, size_t len);
__attribute__((format(printf, 6, 7))) void found(struct findings *f, enum effect effect,
	unsigned int versions, const struct directive *d, const char *instead, const char *why,
	...);
/* The rules of that name; at: the directive to show, if not d. */
void check_rules(struct findings *f, const struct rule *some, size_t n, const struct directive *d,
	const struct directive *at);
/* What makes it a server of many peers; NULL: nothing. */
const struct directive *server_of(const struct conf *c);

/* check_whole.c: what several directives decide together, or their absence. */
void check_whole(struct findings *f);
/* check_clients.c: what it tells its clients, and what their own files at the server say. */
void check_clients(struct findings *f);

#endif
