/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/check_rules.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base.h"

const char *first_arg(const struct directive *d)
{
	return d != NULL && d->nb_words > 1 ? d->words[1] : "";
}

const struct directive *conf_last(const struct conf *c, const char *name)
{
	for (size_t i = c->n; i > 0; i--) {
		if (!c->d[i - 1].connection && c->d[i - 1].nb_words > 0 &&
			strcmp(c->d[i - 1].words[0], name) == 0)
			return &c->d[i - 1];
	}
	return NULL;
}

bool cipher_offloaded(const char *name, size_t len)
{
	static const char *const ciphers[] = {
		"AES-128-GCM", "AES-192-GCM", "AES-256-GCM", "CHACHA20-POLY1305"};

	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
		if (strlen(ciphers[i]) == len && strncasecmp(ciphers[i], name, len) == 0)
			return true;
	}
	return false;
}

static bool word_is_tcp(const struct directive *d, unsigned int n, struct blame *b)
{
	if (d->nb_words <= n || strncmp(d->words[n], "tcp", 3) != 0)
		return false;
	b->column = d->columns[n];
	if (n > 1)
		snprintf(b->what, sizeof(b->what), "%s", d->words[n]);
	return true;
}

static bool first_is_tcp(const struct directive *d, struct blame *b)
{
	return word_is_tcp(d, 1, b);
}

/* remote HOST PORT PROTO, local HOST PORT PROTO */
static bool third_is_tcp(const struct directive *d, struct blame *b)
{
	return word_is_tcp(d, 3, b);
}

static bool not_zero(const struct directive *d, struct blame *b)
{
	(void)b;
	return atoi(first_arg(d)) != 0;
}

/* "?" before a cipher: only if the library has it; DEFAULT: openvpn 2.7's own list. */
static bool has_other_cipher(const struct directive *d, struct blame *b)
{
	const char *p = first_arg(d);

	while (*p != '\0') {
		size_t len = strcspn(p, ":");
		size_t mark = *p == '?';

		if (len > mark && !cipher_offloaded(p + mark, len - mark) &&
			(len != 7 || strncmp(p, "DEFAULT", 7) != 0)) {
			snprintf(b->what, sizeof(b->what), "%.*s", (int)(len - mark), p + mark);
			b->column = d->columns[1] + (unsigned int)(p + mark - first_arg(d));
			return true;
		}
		p += len + (p[len] == ':');
	}
	return false;
}

static bool other_cipher(const struct directive *d, struct blame *b)
{
	b->column = d->columns[1];
	return !cipher_offloaded(first_arg(d), strlen(first_arg(d)));
}

static bool unix_node(const struct directive *d, struct blame *b)
{
	(void)b;
	return strncmp(first_arg(d), "unix:", 5) == 0;
}

static bool other_node(const struct directive *d, struct blame *b)
{
	return !unix_node(d, b);
}

#define TCP_WHY                                                                                      \
	"only UDP is carried by the daemon: the shim ends openvpn 2.6, and each TCP peer of 2.7 is " \
	"refused"
#define TCP_INSTEAD                                                                                \
	"proto udp (or udp4, udp6) at both ends; TCP needs an openvpn of its own, without the shim"
#define CIPHERS "AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305"
#define NO_SUCH "only AES-GCM and CHACHA20-POLY1305 are offloaded"

static const struct rule rules[] = {
	{"disable-dco", EACH, NULL, EFFECT_LOST, OPENVPN_ALL, "it switches the offload off",
		"remove the line"},
	{"proto", LAST, first_is_tcp, EFFECT_REFUSED, OPENVPN_ALL, TCP_WHY, TCP_INSTEAD},
	{"proto-force", LAST, first_is_tcp, EFFECT_REFUSED, OPENVPN_ALL, TCP_WHY, TCP_INSTEAD},
	{"remote", EACH, third_is_tcp, EFFECT_REFUSED, OPENVPN_ALL, TCP_WHY, TCP_INSTEAD},
	{"local", EACH, third_is_tcp, EFFECT_REFUSED, OPENVPN_27, TCP_WHY, TCP_INSTEAD},
	{"fragment", LAST, not_zero, EFFECT_LOST, OPENVPN_ALL,
		"openvpn's own fragments need a header that no offload knows",
		"remove it at both ends; use tun-mtu, or let the outer packets be fragmented"},
	{"http-proxy", EACH, NULL, EFFECT_LOST, OPENVPN_ALL, "a proxy means TCP",
		"remove the line, and use UDP"},
	{"socks-proxy", EACH, NULL, EFFECT_LOST, OPENVPN_ALL,
		"an offload sends to the peer, not through a proxy", "remove the line"},
	{"management-query-proxy", EACH, NULL, EFFECT_LOST, OPENVPN_ALL, "a proxy may be asked for",
		"remove the line"},
	{"mktun", EACH, NULL, EFFECT_LOST, OPENVPN_ALL, "it makes a plain tun, and nothing else",
		"remove the line: openvpn makes the device itself"},
	{"rmtun", EACH, NULL, EFFECT_LOST, OPENVPN_ALL, "it removes a plain tun, and nothing else",
		"remove the line"},
	{"dev-node", LAST, unix_node, EFFECT_LOST, OPENVPN_27,
		"the packets would go to a program, not to a device", "remove the line"},
	{"data-ciphers", LAST, has_other_cipher, EFFECT_LOST, OPENVPN_ALL, NO_SUCH,
		"data-ciphers " CIPHERS},
	{"ncp-ciphers", LAST, has_other_cipher, EFFECT_LOST, OPENVPN_ALL, NO_SUCH,
		"data-ciphers " CIPHERS},
	{"data-ciphers-fallback", LAST, other_cipher, EFFECT_LOST, OPENVPN_ALL, NO_SUCH,
		"remove the line, or data-ciphers-fallback AES-256-GCM"},

	{"client-to-client", EACH, NULL, EFFECT_NOTE, OPENVPN_ALL,
		"packets between clients go through the kernel, whose routes and firewall decide",
		"remove the line; allow or forbid them in the firewall"},
	{"mssfix", LAST, NULL, EFFECT_NOTE, OPENVPN_ALL, "openvpn tells an offload nothing of it",
		"mssfix in ovpn-dpdk.yaml, for all devices or under instances; it is auto there"},
	{"shaper", LAST, NULL, EFFECT_NOTE, OPENVPN_ALL, "openvpn does not see the packets",
		"tc on the tunnel's device"},
	{"reneg-bytes", LAST, not_zero, EFFECT_NOTE, OPENVPN_ALL,
		"openvpn does not see the packets", "reneg-sec"},
	{"reneg-pkts", LAST, not_zero, EFFECT_NOTE, OPENVPN_ALL, "openvpn does not see the packets",
		"reneg-sec"},
	{"replay-window", LAST, NULL, EFFECT_NOTE, OPENVPN_ALL,
		"openvpn tells an offload nothing of it", "replay-window in ovpn-dpdk.yaml"},
	{"inactive", LAST, not_zero, EFFECT_NOTE, OPENVPN_ALL,
		"openvpn does not see the packets: it goes by the daemon's counters of bytes",
		"keepalive, for peers that are gone"},
	{"txqueuelen", LAST, NULL, EFFECT_NOTE, OPENVPN_ALL, "the device has no such queue",
		"remove the line"},
	{"dev-node", LAST, other_node, EFFECT_NOTE, OPENVPN_ALL,
		"the device is not made from a file", "remove the line"},
	{"client-nat", EACH, NULL, EFFECT_NOTE, OPENVPN_ALL, "openvpn does not see the packets",
		"NAT in the firewall"},
};

void found(struct findings *f, enum effect effect, unsigned int versions, const struct directive *d,
	const char *instead, const char *why, ...)
{
	struct finding one = {effect, versions & f->versions, d, d != NULL ? d->columns[0] : 0,
		f->nb_clients, "", instead};
	struct finding *all;
	va_list ap;

	if (one.versions == 0 || f->all == NULL)
		return;
	all = realloc(f->all, (f->n + 1) * sizeof(*all));
	if (all == NULL) {
		findings_free(f); /* check_conf() sees it */
		return;
	}
	va_start(ap, why);
	vsnprintf(one.why, sizeof(one.why), why, ap);
	va_end(ap);
	f->all = all;
	f->all[f->n++] = one;
}

void check_rules(struct findings *f, const struct rule *some, size_t n, const struct directive *d,
	const struct directive *at)
{
	for (size_t i = 0; i < n; i++) {
		const struct rule *r = &some[i];
		struct blame b = {"", d->columns[0]};
		size_t before = f->n;

		if (strcmp(d->words[0], r->name) != 0)
			continue;
		if (r->which == LAST && !d->connection && conf_last(f->conf, r->name) != d)
			continue;
		if (r->when != NULL && !r->when(d, &b))
			continue;
		found(f, r->effect, r->versions, at, r->instead, "%s%s%s", b.what,
			b.what[0] != '\0' ? ": " : "", r->why);
		if (f->n > before)
			f->all[before].column = b.column;
	}
}

/* By place; the directives of a source are one array. */
static int by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return (x->d > y->d) - (x->d < y->d);
}

int check_conf(const struct conf *c, unsigned int versions, struct findings *out)
{
	*out = (struct findings){.conf = c, .versions = versions};
	out->all = calloc(1, sizeof(*out->all));
	for (size_t i = 0; i < c->n; i++)
		check_rules(out, rules, ARRAY_LEN(rules), &c->d[i], &c->d[i]);
	check_whole(out);
	check_clients(out);
	if (out->all == NULL)
		return -ENOMEM;
	qsort(out->all, out->n, sizeof(*out->all), by_place);
	return 0;
}

void findings_free(struct findings *f)
{
	free(f->all);
	f->all = NULL;
	f->n = 0;
	for (unsigned int i = 0; i < f->nb_clients; i++)
		conf_free(&f->clients[i]);
	free(f->clients);
	f->clients = NULL;
	f->nb_clients = 0;
}
