/* SPDX-License-Identifier: BSD-3-Clause */
#include "show_cells.h"

#include <string.h>

static json_int_t number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static void put(char *buf, const char *text)
{
	snprintf(buf, SHOW_CELL_MAX, "%s", text == NULL || text[0] == '\0' ? "-" : text);
}

void cell_text(const json_t *row, const char *key, char *buf)
{
	put(buf, json_string_value(json_object_get(row, key)));
}

void cell_number(const json_t *row, const char *key, char *buf)
{
	const json_t *v = json_object_get(row, key);

	if (json_is_integer(v))
		snprintf(buf, SHOW_CELL_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else
		put(buf, NULL);
}

void cell_bytes(const json_t *row, const char *key, char *buf)
{
	char text[TABLE_NUMBER_LEN];

	put(buf, table_bytes((uint64_t)number(row, key), text));
}

void cell_seconds(const json_t *row, const char *key, char *buf)
{
	const json_t *v = json_object_get(row, key);
	char text[TABLE_NUMBER_LEN];

	put(buf, json_is_number(v) ? table_seconds(json_number_value(v), text) : NULL);
}

void cell_decimal(const json_t *row, const char *key, char *buf)
{
	const json_t *v = json_object_get(row, key);

	if (json_is_number(v))
		snprintf(buf, SHOW_CELL_MAX, "%.1f", json_number_value(v));
	else
		put(buf, NULL);
}

void cell_rounded(const json_t *row, const char *key, char *buf)
{
	const json_t *v = json_object_get(row, key);

	if (json_is_number(v))
		snprintf(buf, SHOW_CELL_MAX, "%.0f", json_number_value(v));
	else
		put(buf, NULL);
}

void cell_list(const json_t *row, const char *key, char *buf)
{
	const json_t *list = json_object_get(row, key);
	const json_t *v;
	size_t i, used = 0;

	put(buf, NULL);
	json_array_foreach (list, i, v) {
		const char *text = json_string_value(v);

		if (text != NULL && used + strlen(text) + 2 < SHOW_CELL_MAX)
			used += (size_t)sprintf(buf + used, "%s%s", used > 0 ? " " : "", text);
	}
}

/* What it is sent may bear another id than what it sends. */
void cell_peer_id(const json_t *row, const char *key, char *buf)
{
	json_int_t id = number(row, "id"), tx_id = number(row, "tx_id");
	int used = snprintf(buf, SHOW_CELL_MAX, "%" JSON_INTEGER_FORMAT, id);

	(void)key;
	if (json_object_get(row, "tx_id") != NULL && tx_id != id)
		snprintf(buf + used, SHOW_CELL_MAX - (size_t)used, ", to it %" JSON_INTEGER_FORMAT,
			tx_id);
}

void cell_peer_state(const json_t *row, const char *key, char *buf)
{
	(void)key;
	if (json_is_true(json_object_get(row, "gone")))
		snprintf(buf, SHOW_CELL_MAX, "gone: %s",
			json_string_value(json_object_get(row, "why")));
	else if (json_array_size(json_object_get(row, "keys")) == 0)
		put(buf, "no key");
	else
		put(buf, json_is_true(json_object_get(row, "has_path")) ? "up" : "no path");
}

void cell_vpn_addresses(const json_t *row, const char *key, char *buf)
{
	const char *v4 = json_string_value(json_object_get(row, "vpn4"));
	const char *v6 = json_string_value(json_object_get(row, "vpn6"));

	(void)key;
	if (v4 != NULL && v6 != NULL)
		snprintf(buf, SHOW_CELL_MAX, "%s %s", v4, v6);
	else
		put(buf, v4 != NULL ? v4 : v6);
}

/* Interval and timeout; openvpn turns either off with 0. */
void cell_keepalive(const json_t *row, const char *key, char *buf)
{
	json_int_t interval = number(row, "keepalive_interval_s");
	json_int_t timeout = number(row, "keepalive_timeout_s");

	(void)key;
	if (interval == 0 && timeout == 0)
		put(buf, NULL);
	else
		snprintf(buf, SHOW_CELL_MAX, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
			interval, timeout);
}

void cell_tx_key(const json_t *row, const char *key, char *buf)
{
	const json_t *k;
	size_t i;

	(void)key;
	put(buf, NULL);
	json_array_foreach (json_object_get(row, "keys"), i, k)
		if (json_is_true(json_object_get(k, "transmits")))
			snprintf(buf, SHOW_CELL_MAX, "%" JSON_INTEGER_FORMAT " %s", number(k, "id"),
				json_string_value(json_object_get(k, "cipher")));
}

/* How long counters have counted, and whether an operator set them to zero. */
void cell_counting(const json_t *row, const char *key, char *buf)
{
	char text[TABLE_NUMBER_LEN];

	(void)key;
	table_seconds(json_number_value(json_object_get(row, "counting_s")), text);
	snprintf(buf, SHOW_CELL_MAX, "%s%s", text,
		json_is_true(json_object_get(row, "cleared")) ? " (cleared)" : "");
}

void cell_link(const json_t *row, const char *key, char *buf)
{
	json_int_t mbps = number(row, "speed_mbps");

	(void)key;
	/* DPDK's "unknown" is all ones. */
	if (!json_is_true(json_object_get(row, "link_up")))
		put(buf, "down");
	else if (mbps == 0 || mbps == UINT32_MAX)
		put(buf, "up");
	else if (mbps % 1000 == 0)
		snprintf(buf, SHOW_CELL_MAX, "%" JSON_INTEGER_FORMAT "G", mbps / 1000);
	else
		snprintf(buf, SHOW_CELL_MAX, "%" JSON_INTEGER_FORMAT "M", mbps);
}

void cell_queues(const json_t *row, const char *key, char *buf)
{
	(void)key;
	snprintf(buf, SHOW_CELL_MAX, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
		number(row, "rx_queues"), number(row, "tx_queues"));
}

void cell_lcore_state(const json_t *row, const char *key, char *buf)
{
	(void)key;
	put(buf, json_is_true(json_object_get(row, "stuck")) ? "stuck" : "runs");
}

void cell_pool_percent(const json_t *row, const char *key, char *buf)
{
	json_int_t size = number(row, "size");

	(void)key;
	if (size > 0)
		snprintf(buf, SHOW_CELL_MAX, "%.1f",
			100 * (double)number(row, "in_use") / (double)size);
	else
		put(buf, NULL);
}
