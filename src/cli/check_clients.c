/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server's clients: what it pushes to them, and their own files in client-config-dir, which
 * openvpn reads when they connect. Neither costs the server its offload; clients are turned away,
 * or are told to send what the offload does not understand.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base.h"
#include "cli/check_rules.h"

/* The byte before a packet; stub-v2 has none, and migrate is the server's own business. */
static bool frames(const struct directive *d, struct blame *b)
{
	b->column = d->columns[d->nb_words > 1];
	return strcmp(first_arg(d), "stub-v2") != 0 && strcmp(first_arg(d), "migrate") != 0;
}

static bool not_migrate(const struct directive *d, struct blame *b)
{
	b->column = d->columns[d->nb_words > 1];
	return strcmp(first_arg(d), "migrate") != 0;
}

/* In a client's file openvpn compares letter by letter, and knows no "?" and no DEFAULT. */
static bool cipher_as_is(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (name[i] >= 'a' && name[i] <= 'z')
			return false;
	}
	return cipher_offloaded(name, len);
}

static bool has_cipher_not_as_is(const struct directive *d, struct blame *b)
{
	const char *p = first_arg(d);

	for (;;) {
		size_t len = strcspn(p, ":");

		if (!cipher_as_is(p, len)) {
			snprintf(b->what, sizeof(b->what), "%.*s", (int)len, p);
			b->column = d->columns[d->nb_words > 1] + (unsigned int)(p - first_arg(d));
			return true;
		}
		if (p[len] == '\0')
			return false;
		p += len + 1;
	}
}

static bool other_cipher(const struct directive *d, struct blame *b)
{
	b->column = d->columns[d->nb_words > 1];
	return !cipher_offloaded(first_arg(d), strlen(first_arg(d)));
}

#define CIPHERS "AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305"
#define FRAMED                                                                                     \
	"clients that obey put a byte before each packet, which no offload knows; the others do "  \
	"not connect"
#define MIGRATE	      "compress migrate, which tells each client what it needs to hear"
#define NOT_PUSHED    "clients take no such option from a server"
#define NOT_THERE     "openvpn takes no such option from a client's file"
#define OF_ALL	      "remove the line: an offload is for all clients of an openvpn, or for none"
#define CLIENT_FRAMED "this client is turned away: an offload knows no such packets"
#define CLIENT_CIPHER "this client is turned away: only " CIPHERS " and AES-192-GCM, so written"

/* What is pushed. */
static const struct rule pushed[] = {
	{"comp-lzo", EACH, NULL, EFFECT_SHUTS, OPENVPN_ALL, FRAMED, MIGRATE},
	{"compress", EACH, frames, EFFECT_SHUTS, OPENVPN_ALL, FRAMED, MIGRATE},
	{"cipher", EACH, other_cipher, EFFECT_NOTE, OPENVPN_ALL,
		"it is followed by the cipher that server and client have agreed upon",
		"remove the line; data-ciphers of the server's own"},
	{"data-ciphers", EACH, NULL, EFFECT_NOTE, OPENVPN_ALL, NOT_PUSHED,
		"remove the line; data-ciphers of the server's own"},
	{"fragment", EACH, NULL, EFFECT_NOTE, OPENVPN_ALL, NOT_PUSHED,
		"remove the line; push \"tun-mtu N\", or let the outer packets be fragmented"},
	{"mssfix", EACH, NULL, EFFECT_NOTE, OPENVPN_ALL, NOT_PUSHED,
		"mssfix in ovpn-dpdk.yaml, for both directions of this device's tunnels"},
	{"disable-dco", EACH, NULL, EFFECT_NOTE, OPENVPN_ALL, NOT_PUSHED,
		"remove the line: clients offload or not as they like"},
};

/* What is in a client's file. */
static const struct rule client[] = {
	{"data-ciphers", LAST, has_cipher_not_as_is, EFFECT_SHUTS, OPENVPN_ALL, CLIENT_CIPHER,
		"data-ciphers " CIPHERS},
	{"ncp-ciphers", LAST, has_cipher_not_as_is, EFFECT_SHUTS, OPENVPN_ALL, CLIENT_CIPHER,
		"data-ciphers " CIPHERS},
	{"disable-dco", EACH, NULL, EFFECT_NOTE, OPENVPN_ALL, NOT_THERE, OF_ALL},
	{"proto", EACH, NULL, EFFECT_NOTE, OPENVPN_ALL, NOT_THERE, OF_ALL},
	{"fragment", EACH, NULL, EFFECT_NOTE, OPENVPN_ALL, NOT_THERE, OF_ALL},
	{"allow-compression", EACH, NULL, EFFECT_NOTE, OPENVPN_ALL, NOT_THERE, OF_ALL},
};

/* Of compress and comp-lzo the last counts, whichever it is. */
static const struct rule client_compression[] = {
	{"comp-lzo", EACH, NULL, EFFECT_SHUTS, OPENVPN_ALL, CLIENT_FRAMED,
		"remove the line; compress migrate in the server's own file"},
	{"compress", EACH, not_migrate, EFFECT_SHUTS, OPENVPN_ALL, CLIENT_FRAMED,
		"remove the line; compress migrate in the server's own file"},
};

/* Of cipher and data-ciphers-fallback too, if a fallback was asked for here or in the server's. */
static const struct rule client_fallback[] = {
	{"cipher", EACH, has_cipher_not_as_is, EFFECT_SHUTS, OPENVPN_ALL, CLIENT_CIPHER,
		"remove the line"},
	{"data-ciphers-fallback", EACH, has_cipher_not_as_is, EFFECT_SHUTS, OPENVPN_ALL,
		CLIENT_CIPHER, "remove the line, or data-ciphers-fallback AES-256-GCM"},
};

static void check_pushes(struct findings *f, const struct conf *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct directive inner;

		if (c->d[i].nb_words != 2 || strcmp(c->d[i].words[0], "push") != 0 ||
			conf_inner(&c->d[i], 1, &inner) < 0)
			continue;
		check_rules(f, pushed, ARRAY_LEN(pushed), &inner, &c->d[i]);
		directive_free(&inner);
	}
}

/* The last directive of either name; NULL: there is none. */
static const struct directive *last_of(const struct conf *c, const char *one, const char *other)
{
	const struct directive *a = conf_last(c, one);
	const struct directive *b = conf_last(c, other);

	return a == NULL || (b != NULL && b > a) ? b : a;
}

static void check_client(struct findings *f, const struct conf *server, const struct conf *c)
{
	const struct directive *framing = last_of(c, "compress", "comp-lzo");
	const struct directive *fallback = last_of(c, "cipher", "data-ciphers-fallback");

	for (size_t i = 0; i < c->n; i++) {
		const struct directive *d = &c->d[i];

		if (d->fault != NULL)
			found(f, EFFECT_NOTE, OPENVPN_ALL, d, "a line that openvpn can read",
				"openvpn leaves the line out: %s", d->fault);
		else
			check_rules(f, client, ARRAY_LEN(client), d, d);
	}
	if (framing != NULL)
		check_rules(f, client_compression, ARRAY_LEN(client_compression), framing, framing);
	if (fallback != NULL &&
		last_of(c, "data-ciphers-fallback", "data-ciphers-fallback") == NULL &&
		conf_last(server, "data-ciphers-fallback") == NULL)
		fallback = NULL;
	if (fallback != NULL)
		check_rules(f, client_fallback, ARRAY_LEN(client_fallback), fallback, fallback);
	check_pushes(f, c);
}

/* Takes c over if something is found in it. */
static void check_file(struct findings *f, const struct conf *server, const char *path,
	const struct directive *folder)
{
	struct conf *all = realloc(f->clients, (f->nb_clients + 1) * sizeof(*all));
	size_t before = f->n;
	struct conf c;

	if (all == NULL)
		return;
	f->clients = all;
	if (conf_read_client(path, server, &c) < 0) {
		found(f, EFFECT_DEPENDS, OPENVPN_ALL, folder, "run check as root",
			"a client's file is not looked at: %s", c.error);
		conf_free(&c);
		return;
	}
	all[f->nb_clients++] = c;
	f->conf = &c;
	check_client(f, server, &c);
	f->conf = server;
	if (f->all == NULL || f->n == before)
		conf_free(&all[--f->nb_clients]);
}

/* A name that a client may have, and no file that an editor keeps for itself. */
static int is_client(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && e->d_name[len - 1] != '~';
}

static void check_folder(struct findings *f, const struct conf *server, const char *path,
	const struct directive *folder)
{
	struct dirent **list;
	int n = scandir(path, &list, is_client, alphasort);

	if (n < 0) {
		found(f, EFFECT_DEPENDS, OPENVPN_ALL, folder, "run check as root",
			"clients' files are not looked at: cannot read %s: %s", path,
			strerror(errno));
		return;
	}
	for (int i = 0; i < n; i++) {
		char name[2 * PATH_MAX];
		struct stat st;

		snprintf(name, sizeof(name), "%s/%s", path, list[i]->d_name);
		if (f->all != NULL && stat(name, &st) == 0 && S_ISREG(st.st_mode))
			check_file(f, server, name, folder);
		free(list[i]);
	}
	free(list);
}

void check_clients(struct findings *f)
{
	const struct conf *c = f->conf;
	const struct directive *folder = conf_last(c, "client-config-dir");
	const struct directive *jail = conf_last(c, "chroot");
	char inside[2 * PATH_MAX];
	char path[PATH_MAX];

	check_pushes(f, c);
	if (folder == NULL || folder->nb_words < 2 || server_of(c) == NULL)
		return;
	if (jail != NULL && jail->nb_words > 1) {
		/* openvpn looks for it when it is in there */
		conf_folder(c, first_arg(jail), path, sizeof(path));
		snprintf(inside, sizeof(inside), "%s/%s", path, first_arg(folder));
		check_folder(f, c, inside, folder);
		return;
	}
	conf_folder(c, first_arg(folder), path, sizeof(path));
	check_folder(f, c, path, folder);
}
