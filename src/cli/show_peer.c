/* SPDX-License-Identifier: BSD-3-Clause */
#include "show_peer.h"

#include "base.h"
#include "show_cells.h"
#include "table.h"

/* One line: its name and how to say its value. */
struct line {
	const char *name;
	const char *key;
	show_cell *cell;
};

static const struct line peer_lines[] = {
	{"instance", "instance", cell_text},
	{"peer", NULL, cell_peer_id},
	{"state", NULL, cell_peer_state},
	{"remote", "remote", cell_text},
	{"local", "local", cell_text},
	{"vpn addresses", NULL, cell_vpn_addresses},
	{"mac", "mac", cell_text},
	{"floats", "floats", cell_number},
	{"keepalive", NULL, cell_keepalive},
	{"last received", "last_rx_s", cell_seconds},
	{"last sent", "last_tx_s", cell_seconds},
	{"fragmented", "link_tx_fragmented", cell_number},
};

static const struct line total_lines[] = {
	{"openvpn instances", "instances", cell_number},
	{"peers", "peers", cell_number},
	{"gone peers", "gone_peers", cell_number},
	{"dropped packets", "drops", cell_number},
	{"floats", "floats", cell_number},
	{"floats refused", "floats_refused", cell_number},
	{"fragmented paths", "fragmenting_peers", cell_number},
	{"keys worn out", "keys_worn", cell_number},
	{"rekeys asked for", "rekeys_asked", cell_number},
	{"counting for", NULL, cell_counting},
};

static const struct line worker_lines[] = {
	{"workers", "workers", cell_number},
	{"packets received", "rx_packets", cell_number},
	{"packets decrypted", "decap_packets", cell_number},
	{"packets encrypted", "encap_packets", cell_number},
	{"packets to openvpn", "control_packets", cell_number},
	{"packets to the kernel", "host_packets", cell_number},
	{"keepalives received", "keepalives", cell_number},
	{"fragments received", "fragments_received", cell_number},
	{"fragments sent", "fragments_sent", cell_number},
	{"TCP sizes lowered", "segments_lowered", cell_number},
	{"packets in crypto", "crypto_inflight", cell_number},
};

static const struct line host_lines[] = {
	{"packets from the kernel", "from_kernel_packets", cell_number},
	{"  read in calls", "from_kernel_reads", cell_number},
	{"packets given to the kernel", "to_kernel_packets", cell_number},
	{"  written in calls", "to_kernel_writes", cell_number},
};

static const struct show_column key_columns[] = {
	{{"KEY", true}, "id", cell_number},
	{{"SLOT", false}, "slot", cell_text},
	{{"CIPHER", false}, "cipher", cell_text},
	{{"AGE", true}, "age_s", cell_seconds},
	{{"IDS SENT", true}, "tx_packet_ids", cell_number},
	{{"TOP ID RECEIVED", true}, "rx_packet_id_top", cell_number},
	{{"FAILED", true}, "failed", cell_number},
};

static bool print_lines(
	const struct line *lines, unsigned int n, const json_t *object, bool right, FILE *out)
{
	const struct table_column columns[] = {{NULL, false}, {NULL, right}};
	struct table *t = table_new(columns, ARRAY_LEN(columns));
	bool ok = t != NULL;

	for (unsigned int i = 0; ok && i < n; i++) {
		char value[SHOW_CELL_MAX];
		const char *const cells[] = {lines[i].name, value};

		lines[i].cell(object, lines[i].key, value);
		ok = table_add(t, cells);
	}
	if (ok)
		table_print(t, out);
	table_free(t);
	return ok;
}

/* What is inside the tunnel, and what carries it outside: four of each. */
static bool print_counters(const json_t *object, FILE *out)
{
	static const struct table_column columns[] = {
		{"", false}, {"PACKETS", true}, {"BYTES", true}, {"ABOUT", true}};
	static const struct {
		const char *name, *packets, *bytes;
	} rows[] = {
		{"from peers, inside", "vpn_rx_packets", "vpn_rx_bytes"},
		{"to peers, inside", "vpn_tx_packets", "vpn_tx_bytes"},
		{"from peers, outside", "link_rx_packets", "link_rx_bytes"},
		{"to peers, outside", "link_tx_packets", "link_tx_bytes"},
	};
	struct table *t = table_new(columns, ARRAY_LEN(columns));
	bool ok = t != NULL;

	for (unsigned int i = 0; ok && i < ARRAY_LEN(rows); i++) {
		char packets[SHOW_CELL_MAX], bytes[SHOW_CELL_MAX], human[SHOW_CELL_MAX];
		const char *const cells[] = {rows[i].name, packets, bytes, human};

		cell_number(object, rows[i].packets, packets);
		cell_number(object, rows[i].bytes, bytes);
		cell_bytes(object, rows[i].bytes, human);
		ok = table_add(t, cells);
	}
	if (ok)
		table_print(t, out);
	table_free(t);
	return ok;
}

/* "both ways", "receives, worn out: packets" */
static void key_use(const json_t *k, char *out)
{
	const char *worn = json_string_value(json_object_get(k, "worn"));

	snprintf(out, SHOW_CELL_MAX, "%s%s%s",
		json_is_true(json_object_get(k, "transmits")) ? "both ways" : "receives",
		worn != NULL ? ", worn out: " : "", worn != NULL ? worn : "");
}

static bool print_keys(const json_t *keys, FILE *out)
{
	struct table_column columns[ARRAY_LEN(key_columns) + 1];
	const unsigned int last = ARRAY_LEN(key_columns);
	struct table *t;
	const json_t *k;
	bool ok;
	size_t i;

	for (i = 0; i < last; i++)
		columns[i] = key_columns[i].column;
	columns[last] = (struct table_column){"USE", false};
	t = table_new(columns, last + 1);
	ok = t != NULL;
	json_array_foreach (keys, i, k) {
		char text[ARRAY_LEN(key_columns)][SHOW_CELL_MAX], use[SHOW_CELL_MAX];
		const char *cells[ARRAY_LEN(key_columns) + 1];

		for (unsigned int c = 0; c < last; c++) {
			key_columns[c].cell(k, key_columns[c].key, text[c]);
			cells[c] = text[c];
		}
		key_use(k, use);
		cells[last] = use;
		ok = ok && table_add(t, cells);
	}
	if (ok && json_array_size(keys) > 0) {
		putc('\n', out);
		table_print(t, out);
	}
	table_free(t);
	return ok;
}

static bool print_drops(const json_t *drops, FILE *out)
{
	static const struct table_column columns[] = {
		{"DROPPED", true}, {"REASON", false}, {"WHAT IT MEANS", false}};
	struct table *t = table_new(columns, ARRAY_LEN(columns));
	bool ok = t != NULL;
	const json_t *d;
	size_t i;

	json_array_foreach (drops, i, d) {
		char count[SHOW_CELL_MAX], name[SHOW_CELL_MAX], words[SHOW_CELL_MAX];
		const char *const cells[] = {count, name, words};

		cell_number(d, "count", count);
		cell_text(d, "name", name);
		cell_text(d, "words", words);
		ok = ok && table_add(t, cells);
	}
	if (ok && json_array_size(drops) > 0) {
		putc('\n', out);
		table_print(t, out);
	}
	table_free(t);
	return ok;
}

/* "last drop 2.1s ago: auth-failed, packet id 17, from 203.0.113.66:666" */
static void print_last_drop(const json_t *d, FILE *out)
{
	char name[SHOW_CELL_MAX], when[SHOW_CELL_MAX], id[SHOW_CELL_MAX], from[SHOW_CELL_MAX];

	if (!json_is_object(d))
		return;
	cell_text(d, "name", name);
	cell_seconds(d, "ago_s", when);
	fprintf(out, "\nlast drop %s ago: %s", when, name);
	if (json_is_integer(json_object_get(d, "packet_id"))) {
		cell_number(d, "packet_id", id);
		fprintf(out, ", packet id %s", id);
	}
	if (json_is_string(json_object_get(d, "from"))) {
		cell_text(d, "from", from);
		fprintf(out, ", from %s", from);
	}
	putc('\n', out);
}

bool show_print_peer(const json_t *result, FILE *out)
{
	const json_t *peer;
	size_t i;

	json_array_foreach (result, i, peer) {
		bool gone = json_is_true(json_object_get(peer, "gone"));

		if (i > 0)
			putc('\n', out);
		/* Of a gone peer only the first three lines and the counters hold. */
		if (!print_lines(peer_lines, gone ? 3 : ARRAY_LEN(peer_lines), peer, false, out))
			return false;
		putc('\n', out);
		if (!print_counters(peer, out))
			return false;
		if (!print_keys(json_object_get(peer, "keys"), out) ||
			!print_drops(json_object_get(peer, "drops"), out))
			return false;
		print_last_drop(json_object_get(peer, "last_drop"), out);
	}
	return true;
}

bool show_print_stats(const json_t *result, FILE *out)
{
	bool ok = print_lines(total_lines, ARRAY_LEN(total_lines), result, true, out);

	putc('\n', out);
	ok = ok && print_counters(json_object_get(result, "peer_totals"), out);
	putc('\n', out);
	ok = ok &&
		print_lines(worker_lines, ARRAY_LEN(worker_lines),
			json_object_get(result, "worker_totals"), true, out);
	putc('\n', out);
	return ok &&
		print_lines(host_lines, ARRAY_LEN(host_lines),
			json_object_get(result, "host_totals"), true, out);
}
