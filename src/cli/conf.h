/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An openvpn configuration file as openvpn reads it: words, quotes, comments, "config" includes,
 * <inline> blocks and <connection> blocks. What the words mean is not known here.
 */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>

#define CONF_WORDS 16 /* of a line; openvpn ignores what follows */

struct directive {
	const char *file;
	unsigned int line;
	bool connection; /* in a <connection> block */
	unsigned int nb_words;
	char *words[CONF_WORDS + 1];	  /* [0]: its name, without "--"; NULL after the last */
	unsigned int columns[CONF_WORDS]; /* where each begins, from 1, in bytes */
	char *fault; /* why openvpn leaves the line out (then it has no words); NULL: it does not */
};

struct conf {
	struct directive *d; /* in openvpn's order: an include's in its place */
	size_t n;
	char **files; /* owns the names */
	size_t nb_files;
	char *cwd;	 /* of the last "cd", with a slash; "": the process's */
	char error[512]; /* why openvpn would not start with it; with file and line */
};

/*
 * Reads it, with what it includes. An inline block other than <connection> is the word "[inline]".
 * Relative names are looked for in the current folder, or that of "cd", and then beside the first
 * file, which is where Debian's units start openvpn. 0, or -1 with c->error; conf_free() either
 * way.
 */
int conf_read(const char *path, struct conf *c);
void conf_free(struct conf *c);

/*
 * A file that a running openvpn reads, for one client: a line that it cannot read is left out, and
 * has a fault. What it includes is looked for as in the server's own file.
 */
int conf_read_client(const char *path, const struct conf *server, struct conf *c);

/* Where openvpn, started with c, finds a folder: an absolute name, or in the places above. */
void conf_folder(const struct conf *c, const char *name, char *out, size_t room);

/* The words of what word n of d says, as those of a directive in its place. 0, or -1: none. */
int conf_inner(const struct directive *d, unsigned int n, struct directive *inner);
void directive_free(struct directive *d);

#endif
