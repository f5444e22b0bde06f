/* SPDX-License-Identifier: BSD-3-Clause */
/* ctl_answer() over the fake view: the JSON's shape key by key, filters, pages and refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl.h"
#include "fake_view.h"

static json_t *answer(struct agent *a, const char *request)
{
	char *line = ctl_answer(a, request, strlen(request));
	const char *newline;
	json_t *root;

	assert_non_null(line);
	newline = strchr(line, '\n');
	assert_non_null(newline);
	assert_int_equal(newline[1], '\0'); /* one line, and nothing behind it */
	root = json_loads(line, 0, NULL);
	assert_non_null(root);
	free(line);
	return root;
}

/* Time goes on while a test runs: what says how long is looked at and taken out. */
static void take_counting(json_t *root)
{
	json_t *result = json_object_get(root, "result");
	double s = json_real_value(json_object_get(result, "counting_s"));

	if (json_object_del(result, "counting_s") == 0)
		assert_true(s >= 0 && s < 60);
}

/* The result must be equal to the JSON text: all keys, all values, nothing more. */
static void expect(struct agent *a, const char *request, const char *result)
{
	json_error_t error;
	json_t *expected = json_loads(result, 0, &error);
	json_t *root = answer(a, request);
	char *got;

	take_counting(root);
	if (expected == NULL)
		fail_msg("the test's own JSON: %s, %d:%d", error.text, error.line, error.column);
	got = json_dumps(json_object_get(root, "result"), JSON_INDENT(1));
	assert_true(json_is_true(json_object_get(root, "ok")));
	assert_int_equal(json_object_size(root), 2);
	if (!json_equal(json_object_get(root, "result"), expected))
		fail_msg("%s\nis answered with %s\nnot with %s", request, got, result);
	free(got);
	json_decref(expected);
	json_decref(root);
}

static void expect_error(const char *request, const char *sentence)
{
	json_t *root = answer(fake_view(1, 1, 0), request);

	assert_true(json_is_false(json_object_get(root, "ok")));
	assert_int_equal(json_object_size(root), 2);
	assert_string_equal(json_string_value(json_object_get(root, "error")), sentence);
	json_decref(root);
}

#define SHOW(what) "{\"command\": \"show\", \"what\": \"" what "\"}\n"
#define COUNTERS                                                                                   \
	"\"vpn_rx_bytes\": 5000000000, \"vpn_tx_packets\": 20, \"vpn_tx_bytes\": 2048,"            \
	"\"link_rx_packets\": 11, \"link_rx_bytes\": 5000000264, \"link_tx_packets\": 21,"         \
	"\"link_tx_bytes\": 2552, \"link_tx_fragmented\": 7"
#define PRIMARY                                                                                    \
	"{\"slot\": \"primary\", \"id\": 1, \"cipher\": \"AES-256-GCM\", \"transmits\": true,"     \
	"\"age_s\": 3723.0, \"tx_packet_ids\": 21, \"rx_packet_id_top\": 11, \"failed\": 2,"       \
	" \"tx_blocks\": 147, \"rx_blocks\": 77, \"worn\": \"blocks\"}"
#define SECONDARY                                                                                  \
	"{\"slot\": \"secondary\", \"id\": 0, \"cipher\": \"CHACHA20-POLY1305\","                  \
	"\"transmits\": false, \"age_s\": 7323.0, \"tx_packet_ids\": 1,"                           \
	"\"rx_packet_id_top\": 9, \"failed\": 0, \"tx_blocks\": 0, \"rx_blocks\": 0, \"worn\": null}"
#define ALIVE                                                                                      \
	"\"mac\": \"02:6f:76:00:01:02\", \"vpn6\": \"fd00::2\", \"keepalive_interval_s\": 10,"     \
	"\"keepalive_timeout_s\": 60, \"last_rx_s\": 1.234, \"last_tx_s\": 75.0"
#define NO_DROPS "\"dropped\": 0, \"drops\": [], \"last_drop\": null"
#define TWO_DROPS                                                                                  \
	"\"dropped\": 5, \"drops\": [{\"name\": \"replayed\", \"count\": 3,"                       \
	"\"words\": \"the packet id was seen before\"}, {\"name\": \"auth-failed\", \"count\": 2," \
	"\"words\": \"decryption failed: forged, damaged, or another key\"}]"
#define LAST_DROP                                                                                  \
	"\"last_drop\": {\"name\": \"auth-failed\", \"words\":"                                    \
	"\"decryption failed: forged, damaged, or another key\", \"ago_s\": 4.321"
#define TUN1_PEER                                                                                  \
	"{\"instance\": \"tun1\", \"instance_id\": 3, \"id\": 5, \"gone\": false,"                 \
	"\"tx_id\": 11719749,"                                                                     \
	"\"remote\": \"[2001:db8::9]:5000\", \"local\": \"[2001:db8::1]:1194\", \"vpn4\": null,"   \
	"\"has_path\": false, \"floats\": 3, \"keys\": [" PRIMARY                                  \
	"], \"vpn_rx_packets\": 15," ALIVE "," COUNTERS "," NO_DROPS "}"
#define TUN0_PEER1                                                                                 \
	"{\"instance\": \"tun0\", \"instance_id\": 7, \"id\": 1, \"gone\": false, \"tx_id\": 1,"   \
	"\"remote\": \"198.51.100.7:40001\", \"local\": \"192.0.2.1:1194\","                       \
	"\"vpn4\": \"10.8.0.2\", \"has_path\": true, \"floats\": 3, \"keys\": [" PRIMARY           \
	"," SECONDARY "],"                                                                         \
	"\"vpn_rx_packets\": 11," ALIVE "," COUNTERS "," TWO_DROPS "," LAST_DROP                   \
	", \"packet_id\": 17, \"from\": \"203.0.113.66:666\"}}"
#define TUN0_GONE                                                                                  \
	"{\"instance\": \"tun0\", \"instance_id\": 7, \"id\": 0, \"gone\": true,"                  \
	"\"why\": \"expired\", \"vpn_rx_packets\": 10," COUNTERS "," TWO_DROPS "," LAST_DROP       \
	", \"packet_id\": null, \"from\": null}}"

static void peers_have_every_key_and_gone_ones_wait_for_all(void **state)
{
	struct agent *a = fake_view(2, 1, 2);

	(void)state;
	expect(a, SHOW("peers"), "[" TUN1_PEER "," TUN0_PEER1 "]");
	expect(a, "{\"command\": \"show\", \"what\": \"peers\", \"all\": true}",
		"[" TUN1_PEER "," TUN0_GONE "," TUN0_PEER1 "]");
	expect(a, "{\"command\": \"show\", \"what\": \"peers\", \"all\": false}",
		"[" TUN1_PEER "," TUN0_PEER1 "]");
}

static void peers_are_filtered_by_instance_and_id(void **state)
{
	struct agent *a = fake_view(2, 1, 2);

	(void)state;
	expect(a, "{\"command\": \"show\", \"what\": \"peers\", \"instance\": \"tun0\"}",
		"[" TUN0_PEER1 "]");
	expect(a, "{\"command\": \"show\", \"what\": \"peers\", \"peer\": 5}", "[" TUN1_PEER "]");
	expect(a,
		"{\"command\": \"show\", \"what\": \"peers\", \"instance\": \"tun0\", \"peer\": 1}",
		"[" TUN0_PEER1 "]");
	/* Who asks for one peer gets it, gone or not. */
	expect(a, "{\"command\": \"show\", \"what\": \"peers\", \"peer\": 0}", "[" TUN0_GONE "]");
	expect(fake_view(0, 1, 0),
		"{\"command\": \"show\", \"what\": \"peers\", \"instance\": \"tun0\"}", "[]");
}

#define DROP(name, count, words)                                                                   \
	"{\"name\": \"" name "\", \"count\": " #count ", \"words\": \"" words "\"}"

static void drops_are_the_nonzero_ones_or_all(void **state)
{
	static const char replayed[] = DROP("replayed", 3, "the packet id was seen before");
	static const char no_peer[] = DROP("no-peer", 18446744, "no peer has this id");
	static const char busy[] =
		DROP("agent-openvpn-busy", 6, "openvpn did not read its control packets in time");
	struct agent *a = fake_view(0, 1, 0);
	char result[2000];

	(void)state;
	snprintf(result, sizeof(result), "[%s, %s, %s]", replayed, no_peer, busy);
	expect(a, SHOW("drops"), result);
	snprintf(result, sizeof(result), "[%s, %s, %s, %s, %s, %s, %s, %s, %s, %s]", replayed,
		DROP("auth-failed", 0, "decryption failed: forged, damaged, or another key"),
		no_peer, DROP("inner-multicast", 0, "multicast or broadcast from a device"),
		DROP("agent-data-refused", 0,
			"a data packet was about to reach openvpn: a defect, please report it"),
		busy,
		DROP("agent-no-transport", 0,
			"a control packet came for a socket that openvpn had closed"),
		DROP("agent-send-failed", 0, "the kernel refused a datagram of openvpn"),
		DROP("agent-no-family", 0,
			"a control packet could not cross between openvpn's IPv4 and IPv6 socket"),
		DROP("agent-datagram-broken", 0,
			"openvpn gave a datagram that is too short or for no IP address"));
	expect(a, "{\"command\": \"show\", \"what\": \"drops\", \"all\": true}", result);
}

static void stats_are_totals_of_living_peers_and_of_workers(void **state)
{
	(void)state;
	/* tun0: 0 gone, 1 alive, 2 gone, 3 alive; tun1: 5 alive. */
	expect(fake_view(4, 1, 2), SHOW("stats"),
		"{\"instances\": 2, \"peers\": 3, \"gone_peers\": 2, \"drops\": 18446753,"
		" \"floats\": 2, \"floats_refused\": 1, \"keys_worn\": 3, \"rekeys_asked\": 4,"
		" \"cleared\": false,"
		" \"fragmenting_peers\": 1, \"fragmenting_notices\": 5,"
		" \"peer_totals\": {\"vpn_rx_packets\": 39, \"vpn_rx_bytes\": 15000000000,"
		"  \"vpn_tx_packets\": 60, \"vpn_tx_bytes\": 6144, \"link_rx_packets\": 33,"
		"  \"link_rx_bytes\": 15000000792, \"link_tx_packets\": 63,"
		"  \"link_tx_bytes\": 7656, \"link_tx_fragmented\": 21},"
		" \"worker_totals\": {\"workers\": 2, \"rx_packets\": 600,"
		"  \"decap_packets\": 500, \"encap_packets\": 400, \"control_packets\": 60,"
		"  \"host_packets\": 40, \"keepalives\": 30, \"fragments_received\": 20,"
		"  \"fragments_sent\": 10, \"segments_lowered\": 6, \"crypto_inflight\": 4},"
		" \"host_totals\": {\"from_kernel_packets\": 410, \"from_kernel_reads\": 41,"
		"  \"to_kernel_packets\": 540, \"to_kernel_writes\": 54, \"sleeps\": 9}}");
}

static json_int_t at(json_t *root, const char *object, const char *key)
{
	json_t *in = json_object_get(root, "result");

	if (object != NULL)
		in = json_object_get(in, object);
	return json_integer_value(json_object_get(in, key));
}

/* The request for the page of `stats` that the last one names. */
static void ask_for_next(char *request, size_t size, const char *command, const json_t *next)
{
	snprintf(request, size,
		"{\"command\":\"%s\",\"what\":\"stats\",\"from\":"
		"{\"instance\":%lld,\"peer\":%lld}}",
		command, (long long)json_integer_value(json_object_get(next, "instance")),
		(long long)json_integer_value(json_object_get(next, "peer")));
}

/* Adds up what the pages say of their peers; all else is on each page. Returns the pages. */
static unsigned int follow_stats(
	struct agent *a, json_int_t *peers, json_int_t *gone, json_int_t *rx)
{
	char request[300] = SHOW("stats");
	unsigned int pages = 0;
	bool more = true;

	*peers = *gone = *rx = 0;
	while (more) {
		json_t *root = answer(a, request);
		json_t *next = json_object_get(root, "next");

		assert_true(json_is_true(json_object_get(root, "ok")));
		assert_true(fake_view_looked_at() <= 256);
		*peers += at(root, NULL, "peers");
		*gone += at(root, NULL, "gone_peers");
		*rx += at(root, "peer_totals", "vpn_rx_packets");
		assert_int_equal(at(root, NULL, "instances"), 2);
		assert_int_equal(at(root, "worker_totals", "rx_packets"), 600);
		more = next != NULL;
		if (more)
			ask_for_next(request, sizeof(request), "show", next);
		json_decref(root);
		pages++;
	}
	return pages;
}

/* openvpn waits while they are added up. */
static void stats_of_many_peers_come_in_bounded_pages(void **state)
{
	json_int_t peers, gone, rx;

	(void)state;
	assert_int_equal(follow_stats(fake_view(65536, 1, 4), &peers, &gone, &rx), 257);
	assert_int_equal(peers, 65536 - 65536 / 4 + 1);
	assert_int_equal(gone, 65536 / 4);
	/* peer i of tun0 has received 10 + i, every fourth is gone; peer 5 of tun1 as well */
	assert_int_equal(rx, 65536ll * 65535 / 2 - 4 * (16384ll * 16383 / 2) + 10 * peers + 5);
	assert_int_equal(follow_stats(fake_view(255, 1, 0), &peers, &gone, &rx), 1);
	assert_int_equal(peers, 256);
	assert_int_equal(follow_stats(fake_view(256, 1, 0), &peers, &gone, &rx), 2);
	assert_int_equal(peers, 257);
}

#define PORT_REST                                                                                  \
	"\"driver\": \"net_af_xdp\", \"speed_mbps\": 10000, \"mtu\": 1500, \"rx_queues\": 2,"      \
	"\"tx_queues\": 3, \"rx_packets\": 1000, \"rx_bytes\": 1500000, \"tx_packets\": 900,"      \
	"\"tx_bytes\": 900, \"rx_missed\": 1, \"rx_no_mbuf\": 2, \"tx_dropped\": 3}"

static void ports_and_pools_have_every_key(void **state)
{
	struct agent *a = fake_view(0, 1, 0);

	(void)state;
	expect(a, SHOW("ports"),
		"[{\"name\": \"outer0\", \"ethdev\": \"net_af_xdp0\","
		" \"mac\": \"02:00:00:00:00:00\", \"link_up\": true," PORT_REST ","
		"{\"name\": \"outer1\", \"ethdev\": \"net_af_xdp1\","
		" \"mac\": \"02:00:00:00:00:01\", \"link_up\": false," PORT_REST "]");
	expect(a, SHOW("pools"),
		"[{\"name\": \"rx0\", \"size\": 8191, \"in_use\": 1024, \"element_bytes\": 2688}]");
}

static void lcores_tell_how_busy_and_null_without_evidence(void **state)
{
	(void)state;
	expect(fake_view(0, 1, 0), SHOW("lcores"),
		"[{\"lcore\": 1, \"worker\": 0, \"stuck\": false, \"busy_percent\": 25.0,"
		"  \"cycles_per_packet\": 1000.0, \"packets_per_burst\": 7.5,"
		"  \"tsc_hz\": 2500000000, \"iterations\": 1000, \"busy_iterations\": 100,"
		"  \"sleeps\": 77, \"cycles\": 4000000, \"busy_cycles\": 1000000,"
		"  \"rx_packets\": 600, \"rx_bursts\": 80, \"decap_packets\": 500,"
		"  \"encap_packets\": 400, \"control_packets\": 60, \"host_packets\": 40,"
		"  \"crypto_inflight\": 4, \"keepalives\": 30, \"fragments_received\": 20,"
		"  \"fragments_sent\": 10, \"segments_lowered\": 6},"
		" {\"lcore\": 2, \"worker\": 1, \"stuck\": true, \"busy_percent\": null,"
		"  \"cycles_per_packet\": null, \"packets_per_burst\": null,"
		"  \"tsc_hz\": 2500000000, \"iterations\": 0, \"busy_iterations\": 0,"
		"  \"sleeps\": 77, \"cycles\": 0, \"busy_cycles\": 0,"
		"  \"rx_packets\": 0, \"rx_bursts\": 0, \"decap_packets\": 0,"
		"  \"encap_packets\": 0, \"control_packets\": 0, \"host_packets\": 0,"
		"  \"crypto_inflight\": 0, \"keepalives\": 0, \"fragments_received\": 0,"
		"  \"fragments_sent\": 0, \"segments_lowered\": 0}]");
}

static void crypto_names_ciphers_as_openvpn_does(void **state)
{
	(void)state;
	expect(fake_view(0, 1, 0), SHOW("crypto"),
		"[{\"name\": \"crypto_aesni_gcm\", \"driver\": \"crypto_aesni_gcm\","
		"  \"mode\": \"cpu\", \"sessions\": 0, \"sessions_max\": 16384,"
		"  \"ciphers\": [\"AES-128-GCM\", \"AES-192-GCM\", \"AES-256-GCM\"]},"
		" {\"name\": \"crypto_aesni_mb\", \"driver\": \"crypto_aesni_mb\","
		"  \"mode\": \"queue\", \"sessions\": 2, \"sessions_max\": 16384,"
		"  \"ciphers\": [\"AES-128-GCM\", \"AES-192-GCM\", \"AES-256-GCM\","
		"  \"CHACHA20-POLY1305\"]}]");
}

static void instances_survive_names_that_are_no_text(void **state)
{
	(void)state;
	expect(fake_view(9, 1, 0), SHOW("instances"),
		"[{\"instance_id\": 7, \"program\": \"openvpn\", \"pid\": 4242,"
		"  \"device\": \"tun0\", \"ifindex\": 12, \"mode\": \"multi-peer\", \"peers\": 9,"
		"  \"sockets\": [\"0.0.0.0:1194\", \"[::]:1194\"]},"
		" {\"instance_id\": 3, \"program\": \"o?vpn\\u001b[2J\", \"pid\": 4242,"
		"  \"device\": \"tun1\", \"ifindex\": 12, \"mode\": \"p2p\", \"peers\": 1,"
		"  \"sockets\": [\"0.0.0.0:1194\"]}]");
}

static void an_empty_daemon_has_empty_answers(void **state)
{
	struct agent *a = fake_view_empty();

	(void)state;
	expect(a, SHOW("peers"), "[]");
	expect(a, SHOW("drops"), "[]");
	expect(a, SHOW("ports"), "[]");
	expect(a, SHOW("lcores"), "[]");
	expect(a, SHOW("crypto"), "[]");
	expect(a, SHOW("instances"), "[]");
	expect(a, SHOW("pools"), "[]");
}

/* Follows "next" as ovpn-dpdkctl does; returns the pages. Every id must come once, in order. */
static unsigned int follow_pages(struct agent *a, const char *rest, unsigned long *peers)
{
	json_int_t last_instance = -1, last_id = -1;
	char request[300];
	unsigned int pages = 0;
	bool more = true;

	*peers = 0;
	snprintf(request, sizeof(request), "{\"command\":\"show\",\"what\":\"peers\"%s}", rest);
	while (more) {
		json_t *root = answer(a, request);
		json_t *next = json_object_get(root, "next");
		const json_t *peer;
		size_t i;

		assert_true(json_is_true(json_object_get(root, "ok")));
		assert_true(fake_view_looked_at() <= 256);
		json_array_foreach (json_object_get(root, "result"), i, peer) {
			json_int_t instance =
				json_integer_value(json_object_get(peer, "instance_id"));
			json_int_t id = json_integer_value(json_object_get(peer, "id"));

			assert_true(instance > last_instance ||
				(instance == last_instance && id > last_id));
			last_instance = instance;
			last_id = id;
			(*peers)++;
		}
		more = next != NULL;
		if (more) {
			char *from = json_dumps(next, 0);

			snprintf(request, sizeof(request),
				"{\"command\":\"show\",\"what\":\"peers\"%s,\"from\":%s}", rest,
				from);
			free(from);
		}
		json_decref(root);
		pages++;
	}
	return pages;
}

/* Asks as ovpn-dpdkctl does; returns the pages. */
static unsigned int clear_stats(struct agent *a)
{
	char request[300] = "{\"command\":\"clear\",\"what\":\"stats\"}";
	unsigned int pages = 0;
	bool more = true;

	while (more) {
		json_t *root = answer(a, request);
		json_t *next = json_object_get(root, "next");

		assert_true(json_is_true(json_object_get(root, "ok")));
		assert_int_equal(json_object_size(json_object_get(root, "result")), 0);
		more = next != NULL;
		if (more)
			ask_for_next(request, sizeof(request), "clear", next);
		json_decref(root);
		pages++;
	}
	return pages;
}

/* The fake's counters stand still, so that after clearing all of them are zero. */
static void clear_stats_is_a_zero_point_of_all_counters(void **state)
{
	static const char *const lists[][3] = {
		{"ports", "rx_packets", "tx_dropped"}, {"lcores", "cycles", "decap_packets"}};
	struct agent *a = fake_view(4, 1, 2);
	json_t *root;

	(void)state;
	root = answer(a, SHOW("stats"));
	assert_true(json_is_false(json_object_get(json_object_get(root, "result"), "cleared")));
	json_decref(root);
	assert_int_equal(clear_stats(a), 1);
	assert_int_equal(fake_view_cleared(), 3); /* the living ones */
	root = answer(a, SHOW("stats"));
	assert_true(json_is_true(json_object_get(json_object_get(root, "result"), "cleared")));
	assert_int_equal(at(root, NULL, "drops"), 0);
	assert_int_equal(at(root, NULL, "floats"), 0);
	assert_int_equal(at(root, NULL, "floats_refused"), 0);
	assert_int_equal(at(root, NULL, "peers"), 3);
	assert_int_equal(at(root, "worker_totals", "rx_packets"), 0);
	assert_int_equal(at(root, "worker_totals", "fragments_sent"), 0);
	assert_int_equal(at(root, "worker_totals", "segments_lowered"), 0);
	assert_int_equal(at(root, "host_totals", "to_kernel_writes"), 0);
	json_decref(root);
	root = answer(a, SHOW("drops"));
	assert_int_equal(json_array_size(json_object_get(root, "result")), 0);
	assert_true(json_real_value(json_object_get(root, "cleared_s")) < 60);
	assert_true(json_is_real(json_object_get(root, "cleared_s")));
	json_decref(root);
	for (unsigned int i = 0; i < 2; i++) {
		char request[100];
		json_t *row;

		snprintf(request, sizeof(request), "{\"command\":\"show\",\"what\":\"%s\"}",
			lists[i][0]);
		root = answer(a, request);
		row = json_array_get(json_object_get(root, "result"), 0);
		assert_int_equal(json_integer_value(json_object_get(row, lists[i][1])), 0);
		assert_int_equal(json_integer_value(json_object_get(row, lists[i][2])), 0);
		assert_non_null(json_object_get(root, "cleared_s"));
		json_decref(root);
	}
	/* what is no counter stays, and what counts nothing says nothing of it */
	expect(a, SHOW("pools"),
		"[{\"name\": \"rx0\", \"size\": 8191, \"in_use\": 1024, \"element_bytes\": 2688}]");
}

static void clearing_many_peers_comes_in_bounded_pages(void **state)
{
	struct agent *a = fake_view(4096, 1, 0);

	(void)state;
	assert_int_equal(clear_stats(a), 17);
	assert_int_equal(fake_view_cleared(), 4097);
}

static void many_peers_come_in_bounded_pages(void **state)
{
	unsigned long peers;

	(void)state;
	assert_int_equal(follow_pages(fake_view(65536, 255, 0), "", &peers), 257);
	assert_int_equal(peers, 65537);
	/* Pages are bounded by what is looked at: tombstones must not hide a long search. */
	assert_int_equal(follow_pages(fake_view(4096, 1, 1), "", &peers), 17);
	assert_int_equal(peers, 1);
	assert_int_equal(follow_pages(fake_view(4096, 1, 2), ",\"all\":true", &peers), 17);
	assert_int_equal(peers, 4097);
	/* Exactly one page: tun1's one peer and 255. */
	assert_int_equal(follow_pages(fake_view(255, 1, 0), "", &peers), 1);
	assert_int_equal(peers, 256);
	assert_int_equal(follow_pages(fake_view(257, 1, 0), ",\"instance\":\"tun0\"", &peers), 2);
	assert_int_equal(peers, 257);
}

static void a_page_goes_on_when_its_instance_or_peer_is_gone(void **state)
{
	struct agent *a = fake_view(2, 1, 2);

	(void)state;
	/* Instance 4 and what is behind peer 600 of tun0 do not exist (any more). */
	expect(a, "{\"command\":\"show\",\"what\":\"peers\",\"from\":{\"instance\":4,\"peer\":9}}",
		"[" TUN0_PEER1 "]");
	expect(a,
		"{\"command\":\"show\",\"what\":\"peers\",\"from\":{\"instance\":7,\"peer\":600}}",
		"[]");
	expect(a,
		"{\"command\":\"show\",\"what\":\"peers\",\"instance\":\"gone\","
		"\"from\":{\"instance\":7,\"peer\":0}}",
		"[]");
}

static void wrong_requests_are_answered_with_a_sentence(void **state)
{
	(void)state;
	expect_error(SHOW("keys"),
		"unknown thing 'keys': one of peers, routes, neighbours, drops, stats, ports, "
		"lcores, crypto, instances, pools, memory");
	expect_error("{\"command\": \"show\"}",
		"unknown thing '': one of peers, routes, neighbours, drops, stats, ports, lcores, "
		"crypto, instances, pools, memory");
	expect_error("{\"command\": \"reboot\"}", "unknown command 'reboot': one of show, clear");
	expect_error("[]", "unknown command '': one of show, clear");
	expect_error("{\"command\": \"clear\"}", "unknown thing '': one of stats");
	expect_error("{\"command\": \"clear\", \"what\": \"peers\"}",
		"unknown thing 'peers': one of stats");
	expect_error("{\"command\": \"clear\", \"what\": \"stats\", \"peer\": 1}",
		"clear stats takes no 'peer'");
	expect_error("{\"command\": \"show\", \"what\": \"ports\", \"all\": true}",
		"show ports takes no 'all'");
	expect_error("{\"command\": \"show\", \"what\": \"drops\", \"peer\": 1}",
		"show drops takes no 'peer'");
	expect_error("{\"command\": \"show\", \"what\": \"peers\", \"peer\": \"1\"}",
		"'peer' must be a number from 0 to 16777214");
	expect_error("{\"command\": \"show\", \"what\": \"peers\", \"peer\": -1}",
		"'peer' must be a number from 0 to 16777214");
	expect_error("{\"command\": \"show\", \"what\": \"peers\", \"peer\": 16777215}",
		"'peer' must be a number from 0 to 16777214");
	expect_error("{\"command\": \"show\", \"what\": \"peers\", \"instance\": 1}",
		"'instance' must be the name of a device");
	expect_error("{\"command\": \"show\", \"what\": \"peers\", \"all\": 1}",
		"'all' must be true or false");
	expect_error("{\"command\": \"show\", \"what\": \"peers\", \"from\": {\"peer\": 1}}",
		"'from' must be the 'next' of the answer before");
	expect_error("{\"command\": \"show\", \"what\": \"peers\", \"instance\": \"tun9\"}",
		"no instance has the device 'tun9': there are tun1, tun0");
	expect_error("{\"command\": \"show\", \"what\": \"peers\", \"peer\": 77}", "no peer 77");
	expect_error(
		"{\"command\": \"show\", \"what\": \"peers\", \"instance\": \"tun1\", \"peer\": 0}",
		"no peer 0 in instance tun1");
}

/* Whatever comes, one JSON line goes: the cut in the middle of a character is the hard one. */
static void hostile_requests_get_an_answer(void **state)
{
	static const char whole[] =
		"{\"command\": \"show\", \"what\": \"peers\", \"instance\": \"tun0\", \"peer\": 1, "
		"\"all\": true, \"from\": {\"instance\": 1, \"peer\": 2}}";
	struct agent *a = fake_view(3, 1, 0);
	char text[400] = "{\"command\": \"show\", \"what\": \"peers\", \"instance\": \"";
	size_t used = strlen(text);

	(void)state;
	for (size_t len = 0; len < sizeof(whole); len++) {
		char *copy = malloc(len + 1);
		char *line;

		memcpy(copy, whole, len);
		line = ctl_answer(a, copy, len);
		assert_non_null(line);
		free(line);
		free(copy);
	}
	for (int i = 0; i < 60; i++) {
		memcpy(text + used, "\xe2\x82\xac", 3); /* the euro sign */
		used += 3;
		memcpy(text + used, "\"}", 3);
		json_decref(answer(a, text));
	}
	json_decref(answer(a, "{\"command\": \"show\", \"what\": \"\\u0000\"}"));
	json_decref(answer(a, "\xff\xfe"));
	json_decref(answer(a, "{\"command\": \"show\", \"command\": \"show\"}"));
}

static void routes_and_neighbours_have_every_key(void **state)
{
	struct agent *a = fake_view(1, 1, 0);

	(void)state;
	fake_view_kernel(1, 2);
	expect(a, SHOW("routes"),
		"[{\"instance\": \"tun1\", \"instance_id\": 3, \"prefix\": \"10.8.0.2\", \"peer\": 5,"
		"\"via\": null, \"table\": null, \"metric\": null, \"source\": \"vpn-address\"},"
		"{\"instance\": \"tun1\", \"instance_id\": 3, \"prefix\": \"192.168.7.0/24\","
		"\"peer\": 5, \"via\": \"10.8.0.2\", \"table\": 254, \"metric\": 100,"
		"\"source\": \"kernel-route\"},"
		"{\"instance\": \"tun1\", \"instance_id\": 3, \"prefix\": \"::/0\", \"peer\": null,"
		"\"via\": \"fd00::9\", \"table\": 77, \"metric\": 0, \"source\": \"kernel-route\"},"
		"{\"instance\": \"tun0\", \"instance_id\": 7, \"prefix\": \"10.0.0.0\", \"peer\": 0,"
		"\"via\": \"10.8.0.9\", \"table\": 254, \"metric\": 0,"
		"\"source\": \"kernel-route\"}]");
	expect(a, SHOW("neighbours"),
		"[{\"port\": \"outer0\", \"address\": \"192.0.0.0\", \"mac\": \"02:00:00:00:00:07\","
		"\"state\": \"REACHABLE\", \"managed\": true, \"peers\": 1},"
		"{\"port\": \"outer0\", \"address\": \"192.0.0.1\", \"mac\": null,"
		"\"state\": \"INCOMPLETE\", \"managed\": false, \"peers\": 2}]");
}

/* Asks page after page; how many rows came, none longer than a page. */
static size_t count_rows(struct agent *a, const char *what, unsigned int *pages)
{
	json_t *request = json_pack("{s:s, s:s}", "command", "show", "what", what);
	size_t rows = 0;
	bool more = true;

	for (*pages = 0; more; (*pages)++) {
		char *text = json_dumps(request, 0);
		json_t *root = answer(a, text);
		size_t n = json_array_size(json_object_get(root, "result"));

		assert_true(json_is_true(json_object_get(root, "ok")));
		assert_true(n <= 256);
		rows += n;
		more = json_object_get(root, "next") != NULL;
		if (more)
			json_object_set(request, "from", json_object_get(root, "next"));
		free(text);
		json_decref(root);
	}
	json_decref(request);
	return rows;
}

static void routes_and_neighbours_come_in_pages(void **state)
{
	/* 253: tun1's three and these fill a page; 256: tun0 has a page and a bit */
	static const uint32_t counts[] = {252, 253, 254, 256, 509, 510, 10000};
	struct agent *a = fake_view(1, 1, 0);
	unsigned int pages;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		fake_view_kernel(counts[i], counts[i]);
		assert_int_equal(count_rows(a, "routes", &pages), counts[i] + 3);
		assert_int_equal(pages, (counts[i] + 3 + 255) / 256);
		assert_int_equal(count_rows(a, "neighbours", &pages), counts[i]);
		assert_int_equal(pages, (counts[i] + 255) / 256);
	}
	expect_error("{\"command\": \"show\", \"what\": \"routes\", \"from\": \"x\"}",
		"'from' must be the 'next' of the answer before");
	expect_error("{\"command\": \"show\", \"what\": \"routes\", \"from\": \"1 10.8 4 0\"}",
		"'from' must be the 'next' of the answer before");
	expect_error("{\"command\": \"show\", \"what\": \"neighbours\", \"from\": {}}",
		"'from' must be the 'next' of the answer before");
	expect_error("{\"command\": \"show\", \"what\": \"neighbours\", \"from\": \"4\"}",
		"'from' must be the 'next' of the answer before");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_have_every_key_and_gone_ones_wait_for_all),
		cmocka_unit_test(peers_are_filtered_by_instance_and_id),
		cmocka_unit_test(drops_are_the_nonzero_ones_or_all),
		cmocka_unit_test(stats_are_totals_of_living_peers_and_of_workers),
		cmocka_unit_test(stats_of_many_peers_come_in_bounded_pages),
		cmocka_unit_test(ports_and_pools_have_every_key),
		cmocka_unit_test(lcores_tell_how_busy_and_null_without_evidence),
		cmocka_unit_test(crypto_names_ciphers_as_openvpn_does),
		cmocka_unit_test(instances_survive_names_that_are_no_text),
		cmocka_unit_test(an_empty_daemon_has_empty_answers),
		cmocka_unit_test(clear_stats_is_a_zero_point_of_all_counters),
		cmocka_unit_test(clearing_many_peers_comes_in_bounded_pages),
		cmocka_unit_test(many_peers_come_in_bounded_pages),
		cmocka_unit_test(a_page_goes_on_when_its_instance_or_peer_is_gone),
		cmocka_unit_test(wrong_requests_are_answered_with_a_sentence),
		cmocka_unit_test(hostile_requests_get_an_answer),
		cmocka_unit_test(routes_and_neighbours_have_every_key),
		cmocka_unit_test(routes_and_neighbours_come_in_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
