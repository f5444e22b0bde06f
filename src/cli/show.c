/* SPDX-License-Identifier: BSD-3-Clause */
#include "show.h"

#include <string.h>

#include "ask.h"
#include "base.h"
#include "show_cells.h"
#include "show_kernel.h"
#include "show_memory.h"
#include "show_peer.h"
#include "table.h"

#define COLUMNS_MAX 16

static const struct show_column peers[] = {
	{{"INSTANCE", false}, "instance", cell_text},
	{{"PEER", true}, NULL, cell_peer_id},
	{{"STATE", false}, NULL, cell_peer_state},
	{{"REMOTE", false}, "remote", cell_text},
	{{"VPN ADDRESSES", false}, NULL, cell_vpn_addresses},
	{{"RX PACKETS", true}, "vpn_rx_packets", cell_number},
	{{"RX BYTES", true}, "vpn_rx_bytes", cell_bytes},
	{{"TX PACKETS", true}, "vpn_tx_packets", cell_number},
	{{"TX BYTES", true}, "vpn_tx_bytes", cell_bytes},
	{{"LAST RX", true}, "last_rx_s", cell_seconds},
	{{"LAST TX", true}, "last_tx_s", cell_seconds},
	{{"DROPPED", true}, "dropped", cell_number},
	{{"KEEPALIVE", true}, NULL, cell_keepalive},
	{{"KEY", false}, NULL, cell_tx_key},
};

static const struct show_column drops[] = {
	{{"COUNT", true}, "count", cell_number},
	{{"REASON", false}, "name", cell_text},
	{{"WHAT IT MEANS", false}, "words", cell_text},
};

static const struct show_column ports[] = {
	{{"PORT", false}, "name", cell_text},
	{{"DEVICE", false}, "ethdev", cell_text},
	{{"DRIVER", false}, "driver", cell_text},
	{{"MAC", false}, "mac", cell_text},
	{{"LINK", false}, NULL, cell_link},
	{{"MTU", true}, "mtu", cell_number},
	{{"QUEUES", true}, NULL, cell_queues},
	{{"RX PACKETS", true}, "rx_packets", cell_number},
	{{"RX BYTES", true}, "rx_bytes", cell_bytes},
	{{"TX PACKETS", true}, "tx_packets", cell_number},
	{{"TX BYTES", true}, "tx_bytes", cell_bytes},
	{{"MISSED", true}, "rx_missed", cell_number},
	{{"NO MBUF", true}, "rx_no_mbuf", cell_number},
	{{"TX DROPPED", true}, "tx_dropped", cell_number},
};

static const struct show_column lcores[] = {
	{{"LCORE", true}, "lcore", cell_number},
	{{"BUSY %", true}, "busy_percent", cell_decimal},
	{{"CYCLES/PACKET", true}, "cycles_per_packet", cell_rounded},
	{{"PACKETS/BURST", true}, "packets_per_burst", cell_decimal},
	{{"RECEIVED", true}, "rx_packets", cell_number},
	{{"DECAP", true}, "decap_packets", cell_number},
	{{"ENCAP", true}, "encap_packets", cell_number},
	{{"CONTROL", true}, "control_packets", cell_number},
	{{"HOST", true}, "host_packets", cell_number},
	{{"IN CRYPTO", true}, "crypto_inflight", cell_number},
	{{"SLEEPS", true}, "sleeps", cell_number},
	{{"STATE", false}, NULL, cell_lcore_state},
};

static const struct show_column crypto[] = {
	{{"DEVICE", false}, "name", cell_text},
	{{"DRIVER", false}, "driver", cell_text},
	{{"MODE", false}, "mode", cell_text},
	{{"SESSIONS", true}, "sessions", cell_number},
	{{"OF", true}, "sessions_max", cell_number},
	{{"CIPHERS", false}, "ciphers", cell_list},
};

static const struct show_column instances[] = {
	{{"INSTANCE", false}, "device", cell_text},
	{{"ID", true}, "instance_id", cell_number},
	{{"IFINDEX", true}, "ifindex", cell_number},
	{{"MODE", false}, "mode", cell_text},
	{{"PEERS", true}, "peers", cell_number},
	{{"PROGRAM", false}, "program", cell_text},
	{{"PID", true}, "pid", cell_number},
	{{"SOCKETS", false}, "sockets", cell_list},
};

static const struct show_column pools[] = {
	{{"POOL", false}, "name", cell_text},
	{{"IN USE", true}, "in_use", cell_number},
	{{"SIZE", true}, "size", cell_number},
	{{"USED %", true}, NULL, cell_pool_percent},
	{{"ELEMENT BYTES", true}, "element_bytes", cell_number},
};

#define LIST(word, empty)                                                                          \
	{                                                                                          \
#word, word, ARRAY_LEN(word), empty                                                \
	}

static const struct word {
	const char *name;
	const struct show_column *columns; /* NULL: not a list */
	unsigned int nb_columns;
	const char *empty;
} words[] = {
	LIST(peers, "no peers"),
	{"routes", show_routes, SHOW_ROUTES_COLUMNS, "no routes to peers"},
	{"neighbours", show_neighbours, SHOW_NEIGHBOURS_COLUMNS, "no next hops in use"},
	LIST(drops, "no packet was dropped"),
	{"stats", NULL, 0, NULL},
	LIST(ports, "no ports"),
	LIST(lcores, "no workers"),
	LIST(crypto, "no crypto devices"),
	LIST(instances, "no openvpn is attached"),
	LIST(pools, "no pools"),
	{"memory", NULL, 0, NULL},
};

const char *show_word(unsigned int n)
{
	return n < ARRAY_LEN(words) ? words[n].name : NULL;
}

static bool add_row(struct table *t, const struct word *w, const json_t *row)
{
	char text[COLUMNS_MAX][SHOW_CELL_MAX];
	const char *cells[COLUMNS_MAX];

	for (unsigned int i = 0; i < w->nb_columns; i++) {
		const struct show_column *c = &w->columns[i];

		c->cell(row, c->key, text[i]);
		cells[i] = text[i];
	}
	return table_add(t, cells);
}

static bool print_list(const struct word *w, const json_t *list, FILE *out)
{
	struct table_column columns[COLUMNS_MAX];
	struct table *t;
	const json_t *row;
	bool ok = true;
	size_t i;

	if (json_array_size(list) == 0) {
		fprintf(out, "%s\n", w->empty);
		return true;
	}
	for (i = 0; i < w->nb_columns; i++)
		columns[i] = w->columns[i].column;
	t = table_new(columns, w->nb_columns);
	if (t == NULL)
		return false;
	json_array_foreach (list, i, row)
		ok = ok && add_row(t, w, row);
	if (ok)
		table_print(t, out);
	table_free(t);
	return ok;
}

bool show_print(const struct show_request *r, const json_t *result, FILE *out)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].name, r->what) != 0)
			continue;
		if (words[i].columns == NULL)
			return strcmp(r->what, "memory") == 0 ? show_print_memory(result, out)
							      : show_print_stats(result, out);
		if (r->peer >= 0 && words[i].columns == peers)
			return show_print_peer(result, out);
		return print_list(&words[i], result, out);
	}
	return false;
}

static json_t *make_request(const struct show_request *r)
{
	json_t *request = json_pack("{s:s, s:s}", "command", "show", "what", r->what);
	int failed = request == NULL;

	if (r->instance != NULL)
		failed |= json_object_set_new(request, "instance", json_string(r->instance));
	if (r->peer >= 0)
		failed |= json_object_set_new(request, "peer", json_integer(r->peer));
	if (r->all)
		failed |= json_object_set_new(request, "all", json_true());
	if (failed == 0)
		return request;
	json_decref(request);
	return NULL;
}

static int out_of_memory(void)
{
	fprintf(stderr, "ovpn-dpdkctl: out of memory\n");
	return EXIT_REFUSED;
}

static void add_number(json_t *page, const json_t *before, const char *key)
{
	json_t *value = json_object_get(page, key);

	json_integer_set(value,
		json_integer_value(value) + json_integer_value(json_object_get(before, key)));
}

/* A page of `stats` counts its own peers, and all the rest, which is newer than on those before. */
static void add_totals(json_t *page, const json_t *before)
{
	const json_t *totals_before = json_object_get(before, "peer_totals");
	json_t *totals = json_object_get(page, "peer_totals");
	const char *key;
	json_t *value;

	add_number(page, before, "peers");
	add_number(page, before, "gone_peers");
	json_object_foreach (totals, key, value)
		add_number(totals, totals_before, key);
}

/* *result: what the pages so far have said. False: out of memory. */
static bool add_page(json_t **result, json_t *page)
{
	if (json_is_array(*result))
		return json_array_extend(*result, page) == 0;
	if (*result != NULL && json_object_get(page, "peer_totals") != NULL)
		add_totals(page, *result);
	json_decref(*result);
	*result = json_incref(page);
	return true;
}

/*
 * Asks until the daemon has no more to tell; peers come in pages. 0, the result and what the last
 * page said beside it, or an exit status after a line on stderr.
 */
static int ask_pages(const char *socket_path, json_t *request, json_t **result, json_t **last)
{
	bool more = true;

	*result = *last = NULL;
	while (more) {
		json_t *answer, *next;
		int status = ask(socket_path, request, &answer);

		json_decref(*last);
		*last = answer;
		if (status != EXIT_OK) {
			json_decref(*result);
			return status;
		}
		next = json_object_get(answer, "next");
		more = next != NULL;
		if (!add_page(result, json_object_get(answer, "result")) ||
			(more && json_object_set(request, "from", next) < 0)) {
			json_decref(*result);
			json_decref(*last);
			return out_of_memory();
		}
	}
	return EXIT_OK;
}

/* Numbers that began at the operator's zero point would puzzle the next one. */
static void print_cleared(const json_t *answer, FILE *out)
{
	const json_t *since = json_object_get(answer, "cleared_s");
	char text[TABLE_NUMBER_LEN];

	if (json_is_number(since))
		fprintf(out, "\ncounted since `clear stats`, %s ago\n",
			table_seconds(json_number_value(since), text));
}

static bool print_all(
	const struct show_request *r, const json_t *result, const json_t *answer, FILE *out)
{
	if (r->json)
		return json_dumpf(result, out, JSON_INDENT(2)) == 0 && putc('\n', out) != EOF;
	if (!show_print(r, result, out))
		return false;
	print_cleared(answer, out);
	return true;
}

int show(const struct show_request *r, FILE *out)
{
	json_t *request = make_request(r);
	json_t *result, *last;
	int status;

	if (request == NULL) {
		fprintf(stderr, "ovpn-dpdkctl: an argument is not UTF-8 text\n");
		return EXIT_USAGE;
	}
	status = ask_pages(r->socket_path, request, &result, &last);
	json_decref(request);
	if (status != EXIT_OK)
		return status;
	if (!print_all(r, result, last, out))
		status = ferror(out) ? EXIT_REFUSED : out_of_memory();
	json_decref(result);
	json_decref(last);
	return status;
}

const char *clear_word(unsigned int n)
{
	return n == 0 ? "stats" : NULL;
}

int clear(const struct show_request *r, const char *what, FILE *out)
{
	json_t *request = json_pack("{s:s, s:s}", "command", "clear", "what", what);
	json_t *result, *last;
	int status =
		request == NULL ? EXIT_REFUSED : ask_pages(r->socket_path, request, &result, &last);

	json_decref(request);
	if (status != EXIT_OK)
		return status;
	if (r->json)
		fputs("{}\n", out);
	json_decref(result);
	json_decref(last);
	return EXIT_OK;
}
