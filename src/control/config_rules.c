/* SPDX-License-Identifier: BSD-3-Clause */
#include "config_rules.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "control/ctl.h"
#include "ovpn-dpdk/shim_proto.h"

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

static bool is_number(const char *text, uint64_t *value)
{
	size_t len = strlen(text);

	/* Digits only: libcyaml would take 12abc as 12, and 010 as 8. */
	if (len == 0 || len > 18 || strspn(text, "0123456789") != len ||
		(text[0] == '0' && len > 1))
		return false;
	*value = strtoull(text, NULL, 10);
	return true;
}

static bool check_number(const struct config_rule *r, const char *text, char *hint, size_t len)
{
	uint64_t v;

	(void)hint;
	(void)len;
	return is_number(text, &v) && v >= r->min && v <= r->max;
}

static bool check_power(const struct config_rule *r, const char *text, char *hint, size_t len)
{
	uint64_t v, below = r->min;

	if (!is_number(text, &v))
		return false;
	while (below * 2 <= v && below * 2 <= r->max)
		below *= 2;
	if (v == below)
		return true;
	if (v > below && v < r->max && v - below > below * 2 - v)
		below *= 2;
	snprintf(hint, len, "(try %u)", (unsigned int)below);
	return false;
}

static bool check_text(const struct config_rule *r, const char *text, char *hint, size_t len)
{
	size_t n = strlen(text);

	(void)hint;
	(void)len;
	return n >= r->min && n <= r->max;
}

/* What the kernel takes for an interface; '%' because it numbers names with it. */
static bool check_ifname(const struct config_rule *r, const char *text, char *hint, size_t len)
{
	size_t n = strlen(text);

	(void)r;
	if (n >= IFNAMSIZ)
		snprintf(hint, len, "(it has %zu)", n);
	if (n == 0 || n >= IFNAMSIZ || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	for (; *text != '\0'; text++)
		if (!isgraph((unsigned char)*text) || strchr("/:%", *text) != NULL)
			return false;
	return true;
}

static bool check_address(const struct config_rule *r, const char *text, char *hint, size_t len)
{
	char host[INET6_ADDRSTRLEN];
	size_t host_len = strcspn(text, "/");
	const char *slash = text + host_len;
	unsigned int bits;
	uint64_t prefix;
	struct in6_addr a;

	(void)r;
	if (host_len >= sizeof(host))
		return false;
	memcpy(host, text, host_len);
	host[host_len] = '\0';
	if (inet_pton(AF_INET, host, &a) == 1)
		bits = 32;
	else if (inet_pton(AF_INET6, host, &a) == 1)
		bits = 128;
	else
		return false;
	if (*slash == '\0') {
		snprintf(hint, len, "(the prefix length is missing: try %s/%u)", host,
			bits == 32 ? 24 : 64);
		return false;
	}
	if (is_number(slash + 1, &prefix) && prefix >= 1 && prefix <= bits)
		return true;
	snprintf(hint, len, "(the prefix length is from 1 to %u)", bits);
	return false;
}

static bool check_socket(const struct config_rule *r, const char *text, char *hint, size_t len)
{
	size_t n = strlen(text);

	(void)r;
	if (n > SOCKET_PATH_MAX)
		snprintf(hint, len, "(it has %zu)", n);
	return n > 1 && n <= SOCKET_PATH_MAX && text[0] == '/' && text[n - 1] != '/';
}

/* "--" would end the EAL's arguments, and the command line's follow behind these. */
static bool check_eal(const struct config_rule *r, const char *text, char *hint, size_t len)
{
	(void)r;
	if (strcmp(text, "--") == 0)
		snprintf(hint, len, "(leave '--' out)");
	return text[0] != '\0' && strcmp(text, "--") != 0;
}

/* right is the list of words itself: "sleep or poll". */
static bool check_choice(const struct config_rule *r, const char *text, char *hint, size_t len)
{
	size_t n = strlen(text);
	const char *p = n > 0 ? strstr(r->right, text) : NULL;

	(void)hint;
	(void)len;
	return p != NULL && (p == r->right || p[-1] == ' ') && strchr(", ", p[n]) != NULL &&
		strpbrk(text, ", ") == NULL && strcmp(text, "or") != 0;
}

/* A number, or one of the two words. */
static bool check_mssfix(const struct config_rule *r, const char *text, char *hint, size_t len)
{
	uint64_t v;

	(void)r;
	(void)hint;
	(void)len;
	if (strcmp(text, "auto") == 0 || strcmp(text, "off") == 0)
		return true;
	return is_number(text, &v) && v >= 576 && v <= 9000;
}

#define NUMBER(key, lo, hi)                                                                        \
	{                                                                                          \
		key, YAMLDOC_SCALAR, "a whole number from " #lo " to " #hi, lo, hi, check_number,  \
			false                                                                      \
	}
#define POWER(key, lo, hi)                                                                         \
	{                                                                                          \
		key, YAMLDOC_SCALAR, "a power of two from " #lo " to " #hi, lo, hi, check_power,   \
			false                                                                      \
	}
#define CHOICE(key, words)                                                                         \
	{                                                                                          \
		key, YAMLDOC_SCALAR, words, 0, 0, check_choice, false                              \
	}
#define LIST(key, words, lo, hi)                                                                   \
	{                                                                                          \
		key, YAMLDOC_LIST, words, lo, hi, NULL, false                                      \
	}
#define MAPPING(key, words)                                                                        \
	{                                                                                          \
		key, YAMLDOC_MAPPING, words, 0, 0, NULL, false                                     \
	}
#define TEXT(key, words, check, once)                                                              \
	{                                                                                          \
		key, YAMLDOC_SCALAR, words, 1, 255, check, once                                    \
	}

static const struct config_rule rules[] = {
	MAPPING("", "keys with values, ports among them"),
	LIST("eal", "a list of at most 64 EAL arguments, as in [--no-huge, -m, \"512\"]", 0, 64),
	TEXT("eal[]", "an EAL argument", check_eal, false),
	LIST("ports", "a list of 1 to 16 ports, each with name and devargs", 1, 16),
	MAPPING("ports[]", "a port with name and devargs"),
	TEXT("ports[].name",
		"an interface name: 1 to 15 characters without blanks, '/', ':' or '%'",
		check_ifname, true),
	TEXT("ports[].devargs",
		"a device for DPDK: a PCI address (0000:03:00.0), or a driver with arguments "
		"(net_af_xdp0,iface=eth1)",
		check_text, true),
	NUMBER("ports[].queues", 0, 1024),
	POWER("ports[].rx-descriptors", 64, 8192),
	POWER("ports[].tx-descriptors", 64, 8192),
	NUMBER("ports[].mtu", 1280, 9000),
	LIST("ports[].addresses", "a list of at most 64 addresses, as in [192.0.2.1/24]", 0, 64),
	TEXT("ports[].addresses[]", "an address with its prefix length, as in 192.0.2.1/24",
		check_address, true),
	LIST("crypto", "a list of 1 to 8 crypto devices, as in [{device: crypto_aesni_gcm}]", 1, 8),
	MAPPING("crypto[]", "a crypto device, as in {device: crypto_aesni_gcm}"),
	TEXT("crypto[].device", "a crypto device for DPDK, as in crypto_aesni_gcm", check_text,
		true),
	CHOICE("crypto[].mode", "auto, cpu or queue"),
	NUMBER("workers", 1, 127),
	NUMBER("max-peers", 1, 1000000),
	POWER("replay-window", 64, 65536),
	NUMBER("handshake-rate", 0, 1000000),
	CHOICE("idle", "sleep or poll"),
	CHOICE("inner", "kernel"),
	TEXT("mssfix", "auto, off or a whole number from 576 to 9000", check_mssfix, false),
	CHOICE("dscp", "copy or clear"),
	CHOICE("ecn", "copy or clear"),
	LIST("instances", "a list of at most 256 devices, as in [{device: tun1, mssfix: 1400}]", 0,
		256),
	MAPPING("instances[]", "a device with mssfix"),
	TEXT("instances[].device",
		"an interface name: 1 to 15 characters without blanks, '/', ':' or '%'",
		check_ifname, true),
	TEXT("instances[].mssfix", "auto, off or a whole number from 576 to 9000", check_mssfix,
		false),
	MAPPING("sockets", "keys with values: control, operator, group"),
	TEXT("sockets.control", "a path from / for a Unix socket, at most 107 characters",
		check_socket, false),
	TEXT("sockets.operator", "a path from / for a Unix socket, at most 107 characters",
		check_socket, false),
	TEXT("sockets.group", "the name of a group", check_text, false),
};

static_assert(SOCKET_PATH_MAX == 107, "the words above say so");

const struct config_rule *config_rule_find(const char *shape)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rules[i].shape, shape) == 0)
			return &rules[i];
	return NULL;
}

void config_report(struct config_report *rep, struct yamldoc_pos at, const char *fmt, ...)
{
	char line[600];
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	rep->errors++;
	if (rep->used >= rep->len)
		return;
	n = snprintf(rep->buf + rep->used, rep->len - rep->used, "%s:%u:%u: %s\n", rep->name,
		at.line, at.column, line);
	/* Whole lines only, but the first as far as it goes. */
	if (n >= (int)(rep->len - rep->used) && rep->used > 0)
		rep->buf[rep->used] = '\0';
	rep->used = n < (int)(rep->len - rep->used) ? rep->used + (size_t)n : rep->len;
}

static const char *name_of(const struct yamldoc_node *n)
{
	return n->key[0] == '\0' ? "the file" : n->key;
}

bool config_rule_refuses(const struct yamldoc_node *n, struct config_report *rep)
{
	static const char *const kinds[] = {
		[YAMLDOC_LIST] = "a list", [YAMLDOC_MAPPING] = "keys with values"};
	const struct config_rule *r = config_rule_find(n->shape);
	char hint[160] = "";
	uint64_t number;

	if (r->kind != n->kind) {
		if (n->kind != YAMLDOC_SCALAR)
			snprintf(hint, sizeof(hint), "%s", kinds[n->kind]);
		else if (n->text[0] == '\0')
			snprintf(hint, sizeof(hint), "nothing");
		else
			snprintf(hint, sizeof(hint), "'%.120s'", n->text);
		config_report(
			rep, n->at, "%.40s: expected %s, found %s", name_of(n), r->right, hint);
		return true;
	}
	if (r->check == NULL || r->check(r, n->text, hint, sizeof(hint)))
		return false;
	config_report(rep, n->at, "%.40s: %s%.120s%s is not %s%s%s", name_of(n),
		is_number(n->text, &number) ? "" : "'", n->text,
		is_number(n->text, &number) ? "" : "'", r->right, hint[0] != '\0' ? " " : "", hint);
	return true;
}

static const char *last_key(const char *shape)
{
	const char *dot = strrchr(shape, '.');

	return dot != NULL ? dot + 1 : shape;
}

void config_rules_unknown(const struct yamldoc_node *n, struct config_report *rep)
{
	size_t parent = strlen(n->shape) - strlen(n->key);
	char known[300] = "";
	size_t used = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const char *shape = rules[i].shape;

		if (strncmp(shape, n->shape, parent) != 0 || shape[parent] == '\0' ||
			strpbrk(shape + parent, ".[") != NULL)
			continue;
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
			used > 0 ? ", " : "", shape + parent);
	}
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const char *key = last_key(rules[i].shape);

		if (strcmp(key, n->key) != 0)
			continue;
		if (key == rules[i].shape)
			config_report(rep, n->key_at,
				"%.60s: belongs to the left margin, not here (is the indentation right?)",
				n->key);
		else
			config_report(rep, n->key_at,
				"%.60s: belongs under %.*s, not here (is the indentation right?)",
				n->key, (int)strcspn(rules[i].shape, "[."), rules[i].shape);
		return;
	}
	config_report(rep, n->key_at, "%.60s: no such key; here may be: %s", n->key, known);
}

/* Entries too many or too few; true: too many, what follows is not worth looking at. */
static bool check_count(
	const struct yamldoc *doc, const struct yamldoc_node *n, struct config_report *rep)
{
	const struct config_rule *r = config_rule_find(n->shape);
	unsigned int entries = 0;
	size_t len = strlen(n->path);

	for (const struct yamldoc_node *e = n + 1; e < doc->nodes + doc->nb_nodes; e++) {
		if (strncmp(e->path, n->path, len) != 0 || e->path[len] != '[')
			break;
		if (strchr(e->path + len, ']')[1] != '\0')
			continue;
		if (++entries <= r->max)
			continue;
		config_report(rep, e->at, "%s: this is entry %u, but it must be %s", n->key,
			entries, r->right);
		return true;
	}
	if (entries < r->min)
		config_report(rep, n->at, "%s: empty, but must be %s", n->key, r->right);
	return false;
}

static void check_once(
	const struct yamldoc *doc, const struct yamldoc_node *n, struct config_report *rep)
{
	for (const struct yamldoc_node *o = doc->nodes; o < n; o++) {
		if (o->kind != YAMLDOC_SCALAR || strcmp(o->shape, n->shape) != 0 ||
			strcmp(o->text, n->text) != 0)
			continue;
		config_report(rep, n->at,
			"%s: '%.120s' is in line %u already, but may be used once", n->key, n->text,
			o->at.line);
		return;
	}
}

/* Two sockets cannot have one path, and the default of the one left out counts. */
static void check_sockets(const struct yamldoc *doc, struct config_report *rep)
{
	const struct yamldoc_node *c = yamldoc_find(doc, "sockets.control");
	const struct yamldoc_node *o = yamldoc_find(doc, "sockets.operator");
	const char *control = c != NULL ? c->text : SHIM_SOCKET;
	const char *oper = o != NULL ? o->text : CTL_SOCKET;

	if ((c == NULL && o == NULL) || strcmp(control, oper) != 0)
		return;
	if (o != NULL)
		config_report(
			rep, o->at, "operator: '%s' is the path of the control socket", control);
	else
		config_report(
			rep, c->at, "control: '%s' is the path of the operator socket", control);
}

void config_rules_check(const struct yamldoc *doc, struct config_report *rep)
{
	for (const struct yamldoc_node *n = doc->nodes; n < doc->nodes + doc->nb_nodes; n++) {
		const struct config_rule *r = config_rule_find(n->shape);

		if (r == NULL || config_rule_refuses(n, rep))
			continue;
		if (n->kind == YAMLDOC_LIST && check_count(doc, n, rep))
			return;
		if (r->once)
			check_once(doc, n, rep);
	}
	check_sockets(doc, rep);
}
