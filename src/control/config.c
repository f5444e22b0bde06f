/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cyaml/cyaml.h>

#include "control/config_rules.h"
#include "control/ctl.h"
#include "control/yamldoc.h"
#include "ovpn-dpdk/shim_proto.h"

/* Far more than 16 ports need; keeps hostile files cheap. */
#define FILE_MAX 65536

#define INSTANCES_MAX 256

struct parsed_instance {
	const char *device, *mssfix;
};

/* What libcyaml fills: struct config, but sockets and mssfix as they stand in the file. */
struct parsed {
	struct config c;
	const char *mssfix;
	struct parsed_instance *instances;
	unsigned int nb_instances;
	struct sockets {
		const char *control;
		const char *operator;
		const char *group;
	} sockets;
};

struct loaded {
	struct config c; /* first: the caller's pointer */
	struct parsed *parsed;
	struct config_crypto default_crypto[2];
	struct config_instance instances[INSTANCES_MAX];
};

static const cyaml_schema_value_t string_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

#define OPTIONAL_STRING(key, type, member)                                                         \
	CYAML_FIELD_STRING_PTR(                                                                    \
		key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 0, CYAML_UNLIMITED)
#define REQUIRED_STRING(key, type, member)                                                         \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, type, member, 0, CYAML_UNLIMITED)
#define OPTIONAL_LIST(key, type, member, count, schema)                                            \
	CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member,    \
		count, schema, 0, CYAML_UNLIMITED)

static const cyaml_schema_field_t port_fields[] = {
	REQUIRED_STRING("name", struct config_port, name),
	REQUIRED_STRING("devargs", struct config_port, devargs),
	CYAML_FIELD_UINT("queues", CYAML_FLAG_OPTIONAL, struct config_port, queues),
	CYAML_FIELD_UINT("rx-descriptors", CYAML_FLAG_OPTIONAL, struct config_port, rx_desc),
	CYAML_FIELD_UINT("tx-descriptors", CYAML_FLAG_OPTIONAL, struct config_port, tx_desc),
	CYAML_FIELD_UINT("mtu", CYAML_FLAG_OPTIONAL, struct config_port, mtu),
	OPTIONAL_LIST("addresses", struct config_port, addresses, nb_addresses, &string_schema),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t port_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_port, port_fields),
};

static const cyaml_strval_t crypto_modes[] = {
	{"auto", CONFIG_CRYPTO_AUTO},
	{"cpu", CONFIG_CRYPTO_CPU},
	{"queue", CONFIG_CRYPTO_QUEUE},
};
static const cyaml_strval_t idle_words[] = {
	{"sleep", CONFIG_IDLE_SLEEP},
	{"poll", CONFIG_IDLE_POLL},
};
static const cyaml_strval_t inner_words[] = {{"kernel", CONFIG_INNER_KERNEL}};
static const cyaml_strval_t tos_words[] = {
	{"copy", CONFIG_TOS_COPY},
	{"clear", CONFIG_TOS_CLEAR},
};

#define OPTIONAL_ENUM(key, type, member, words)                                                    \
	CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, type, member, words,        \
		CYAML_ARRAY_LEN(words))

static const cyaml_schema_field_t crypto_fields[] = {
	REQUIRED_STRING("device", struct config_crypto, device),
	OPTIONAL_ENUM("mode", struct config_crypto, mode, crypto_modes),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t crypto_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_crypto, crypto_fields),
};

static const cyaml_schema_field_t instance_fields[] = {
	REQUIRED_STRING("device", struct parsed_instance, device),
	REQUIRED_STRING("mssfix", struct parsed_instance, mssfix),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t instance_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct parsed_instance, instance_fields),
};

static const cyaml_schema_field_t socket_fields[] = {
	OPTIONAL_STRING("control", struct sockets, control),
	OPTIONAL_STRING("operator", struct sockets, operator),
	OPTIONAL_STRING("group", struct sockets, group),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t fields[] = {
	OPTIONAL_LIST("eal", struct parsed, c.eal, c.nb_eal, &string_schema),
	CYAML_FIELD_SEQUENCE_COUNT("ports", CYAML_FLAG_POINTER, struct parsed, c.ports, c.nb_ports,
		&port_schema, 0, CYAML_UNLIMITED),
	OPTIONAL_LIST("crypto", struct parsed, c.crypto, c.nb_crypto, &crypto_schema),
	CYAML_FIELD_UINT("workers", CYAML_FLAG_OPTIONAL, struct parsed, c.workers),
	CYAML_FIELD_UINT("max-peers", CYAML_FLAG_OPTIONAL, struct parsed, c.max_peers),
	CYAML_FIELD_UINT("replay-window", CYAML_FLAG_OPTIONAL, struct parsed, c.replay_window),
	CYAML_FIELD_UINT("handshake-rate", CYAML_FLAG_OPTIONAL, struct parsed, c.handshake_rate),
	OPTIONAL_ENUM("idle", struct parsed, c.idle, idle_words),
	OPTIONAL_ENUM("inner", struct parsed, c.inner, inner_words),
	OPTIONAL_STRING("mssfix", struct parsed, mssfix),
	OPTIONAL_ENUM("dscp", struct parsed, c.dscp, tos_words),
	OPTIONAL_ENUM("ecn", struct parsed, c.ecn, tos_words),
	OPTIONAL_LIST("instances", struct parsed, instances, nb_instances, &instance_schema),
	CYAML_FIELD_MAPPING("sockets", CYAML_FLAG_OPTIONAL, struct parsed, sockets, socket_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct parsed, fields),
};

/* What libcyaml said: its first line, and the path out of the backtrace below it. */
struct complaint {
	char text[200];
	char path[200];
};

static void prepend(struct complaint *c, const char *step)
{
	char path[sizeof(c->path)];
	const char *dot = c->path[0] == '\0' || c->path[0] == '[' ? "" : ".";

	if (snprintf(path, sizeof(path), "%s%s%s", step, dot, c->path) < (int)sizeof(path))
		memcpy(c->path, path, sizeof(path));
}

/*
 * The only way libcyaml tells. Lines look like "Load: Unexpected key: devarg", then, innermost
 * first, "  in mapping field 'x' (line: 1, column: 2)" and "  in sequence entry '1' (...)". Its
 * positions are often those of the value before; the path is exact.
 */
static void on_cyaml_line(cyaml_log_t level, void *ctx, const char *fmt, va_list ap)
{
	struct complaint *c = ctx;
	char line[300];
	char step[64];
	unsigned int entry;

	(void)level;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, " in mapping field '%63[^']'", step) == 1) {
		prepend(c, step);
	} else if (sscanf(line, " in sequence entry '%u'", &entry) == 1) {
		snprintf(step, sizeof(step), "[%u]", entry - 1);
		prepend(c, step);
	} else if (c->text[0] == '\0' && strncmp(line, "Load: ", 6) == 0) {
		snprintf(c->text, sizeof(c->text), "%.199s", line + 6);
	}
}

static const cyaml_config_t cyaml_base = {
	.log_fn = on_cyaml_line,
	.mem_fn = cyaml_mem,
	.log_level = CYAML_LOG_ERROR,
	.flags = CYAML_CFG_NO_ALIAS,
};

/* What the path ends in goes: "ports[0].mtu" -> "ports[0]", "ports[0]" -> "ports" -> "". */
static void shorten(char *path)
{
	char *dot = strrchr(path, '.');
	char *bracket = strrchr(path, '[');

	if (dot == NULL || (bracket != NULL && bracket > dot))
		dot = bracket;
	*(dot != NULL ? dot : path) = '\0';
}

/*
 * A required key is missing. The path ends in the last key that is there, so the mapping that
 * lacks it is the nearest one above that may have it.
 */
static bool translate_missing(
	const struct yamldoc *doc, struct complaint *c, const char *key, struct config_report *rep)
{
	char shape[sizeof(c->path) + sizeof(c->text)];

	for (;; shorten(c->path)) {
		const struct yamldoc_node *n = yamldoc_find(doc, c->path);
		const struct config_rule *r = NULL;

		if (n != NULL && n->kind == YAMLDOC_MAPPING) {
			snprintf(shape, sizeof(shape), "%s%s%s", n->shape,
				n->shape[0] == '\0' ? "" : ".", key);
			r = config_rule_find(shape);
		}
		if (r != NULL) {
			config_report(rep, n->at, "%s: missing, but required: %s", key, r->right);
			return true;
		}
		if (c->path[0] == '\0')
			return false;
	}
}

static bool translate_unexpected(const struct yamldoc *doc, const struct complaint *c,
	const char *key, struct config_report *rep)
{
	char path[sizeof(c->path) + sizeof(c->text)];
	const struct yamldoc_node *n;

	snprintf(path, sizeof(path), "%s%s%s", c->path, c->path[0] == '\0' ? "" : ".", key);
	n = yamldoc_find(doc, path);
	if (n == NULL)
		return false;
	config_rules_unknown(n, rep);
	return true;
}

/* libcyaml's complaint in our words and with the true position. */
static void translate(const struct yamldoc *doc, struct complaint *c, struct config_report *rep)
{
	static const char unexpected[] = "Unexpected key: ";
	static const char missing[] = "Missing required mapping field: ";
	const struct yamldoc_node *n = yamldoc_find(doc, c->path);
	bool done = false;

	if (strncmp(c->text, unexpected, strlen(unexpected)) == 0)
		done = translate_unexpected(doc, c, c->text + strlen(unexpected), rep);
	else if (strncmp(c->text, missing, strlen(missing)) == 0)
		done = translate_missing(doc, c, c->text + strlen(missing), rep);
	else if (n != NULL && config_rule_find(n->shape) != NULL)
		done = config_rule_refuses(n, rep);
	if (!done)
		config_report(rep, n != NULL ? n->at : (struct yamldoc_pos){1, 1}, "%s: %s",
			c->path[0] != '\0' ? c->path : "the file", c->text);
}

static void fill_port(struct config_port *p)
{
	p->rx_desc = p->rx_desc != 0 ? p->rx_desc : 1024;
	p->tx_desc = p->tx_desc != 0 ? p->tx_desc : 1024;
	p->mtu = p->mtu != 0 ? p->mtu : 1500;
}

/* The rules know that it is one of the words or a number in range. */
static uint16_t mssfix_of(const char *text)
{
	if (text == NULL || strcmp(text, "auto") == 0)
		return 0;
	return strcmp(text, "off") == 0 ? CONFIG_MSSFIX_OFF : (uint16_t)atoi(text);
}

/* Zero means "not in the file" where the rules refuse a zero. */
static void fill(struct loaded *l, bool handshake_rate_given)
{
	struct config *c = &l->c;

	*c = l->parsed->c;
	for (unsigned int i = 0; i < c->nb_ports; i++)
		fill_port(&c->ports[i]);
	if (c->nb_crypto == 0) {
		l->default_crypto[0].device = "crypto_aesni_gcm";
		l->default_crypto[1].device = "crypto_aesni_mb";
		c->crypto = l->default_crypto;
		c->nb_crypto = 2;
	}
	c->max_peers = c->max_peers != 0 ? c->max_peers : 4096;
	c->replay_window = c->replay_window != 0 ? c->replay_window : 8192;
	c->handshake_rate = handshake_rate_given ? c->handshake_rate : 1000;
	c->mssfix = mssfix_of(l->parsed->mssfix);
	for (unsigned int i = 0; i < l->parsed->nb_instances; i++)
		l->instances[i] = (struct config_instance){
			.device = l->parsed->instances[i].device,
			.mssfix = mssfix_of(l->parsed->instances[i].mssfix),
		};
	c->instances = l->instances;
	c->nb_instances = l->parsed->nb_instances;
	c->dco_socket = l->parsed->sockets.control;
	if (c->dco_socket == NULL)
		c->dco_socket = SHIM_SOCKET;
	c->ctl_socket = l->parsed->sockets.operator;
	if (c->ctl_socket == NULL)
		c->ctl_socket = CTL_SOCKET;
	c->group = l->parsed->sockets.group;
}

static int load(const struct yamldoc *doc, const uint8_t *text, size_t len, struct loaded *l,
	struct config_report *rep)
{
	struct complaint complaint = {0};
	cyaml_config_t cyaml = cyaml_base;
	cyaml_err_t err;

	cyaml.log_ctx = &complaint;
	err = cyaml_load_data(
		text, len, &cyaml, &schema, (cyaml_data_t **)(void *)&l->parsed, NULL);
	if (err == CYAML_ERR_OOM)
		return -ENOMEM;
	if (err != CYAML_OK) {
		if (complaint.text[0] == '\0')
			snprintf(complaint.text, sizeof(complaint.text), "%s", cyaml_strerror(err));
		translate(doc, &complaint, rep);
		return -EINVAL;
	}
	config_rules_check(doc, rep);
	if (rep->errors > 0) {
		cyaml_free(&cyaml_base, &schema, l->parsed, 0);
		return -EINVAL;
	}
	fill(l, yamldoc_find(doc, "handshake-rate") != NULL);
	return 0;
}

static int parse(const uint8_t *text, size_t len, struct config **out, struct config_report *rep)
{
	static const struct yamldoc_pos start = {1, 1};
	struct yamldoc_error error;
	struct yamldoc doc;
	struct loaded *l;
	int ret;

	if (len > FILE_MAX) {
		config_report(
			rep, start, "longer than %d bytes: not a configuration file", FILE_MAX);
		return -EINVAL;
	}
	ret = yamldoc_parse(&doc, text, len, &error);
	if (ret == -EINVAL)
		config_report(rep, error.at, "%s", error.text);
	if (ret < 0)
		return ret;
	l = calloc(1, sizeof(*l));
	ret = -ENOMEM;
	if (l == NULL)
		goto free_doc;
	if (doc.nb_nodes == 0) {
		config_report(rep, start, "ports: missing, but required: %s",
			config_rule_find("ports")->right);
		ret = -EINVAL;
	} else {
		ret = load(&doc, text, len, l, rep);
	}
	if (ret == 0)
		*out = &l->c;
	else
		free(l);
free_doc:
	yamldoc_free(&doc);
	return ret;
}

int config_parse(const char *name, const uint8_t *text, size_t len, struct config **out, char *err,
	size_t err_len)
{
	struct config_report rep = {.name = name, .buf = err, .len = err_len};
	int ret;

	if (err_len > 0)
		err[0] = '\0';
	ret = parse(text, len, out, &rep);
	if (ret == -ENOMEM)
		snprintf(err, err_len, "%s: out of memory\n", name);
	return ret;
}

/* One byte more than a file may have, so that config_parse() sees it as too long. */
static int read_file(const char *path, uint8_t *text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	*len = 0;
	if (fd < 0)
		return -errno;
	while (*len < FILE_MAX + 1) {
		n = read(fd, text + *len, FILE_MAX + 1 - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	n = n < 0 ? -errno : 0;
	close(fd);
	return (int)n;
}

int config_load(const char *path, struct config **out, char *err, size_t err_len)
{
	uint8_t *text = malloc(FILE_MAX + 1);
	size_t len;
	int ret;

	if (text == NULL) {
		snprintf(err, err_len, "%s: out of memory\n", path);
		return -ENOMEM;
	}
	ret = read_file(path, text, &len);
	if (ret < 0)
		snprintf(err, err_len, "%s: cannot be read: %s\n", path, strerror(-ret));
	else
		ret = config_parse(path, text, len, out, err, err_len);
	free(text);
	return ret;
}

void config_free(struct config *c)
{
	struct loaded *l = (struct loaded *)c;

	if (l == NULL)
		return;
	cyaml_free(&cyaml_base, &schema, l->parsed, 0);
	free(l);
}
