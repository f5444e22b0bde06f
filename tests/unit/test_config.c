/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration files: what they become, and what is said about wrong ones. SAMPLE is the path of
 * the sample that gets installed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base.h"
#include "control/config.h"

#define ONE_PORT "ports: [{name: a, devargs: b}]\n"

static int parse(const char *text, struct config **c, char *err, size_t err_len)
{
	size_t len = strlen(text);
	uint8_t *copy = malloc(len + 1); /* sanitizers see a read behind the end */
	int ret;

	assert_non_null(copy);
	memcpy(copy, text, len);
	copy = realloc(copy, len > 0 ? len : 1);
	ret = config_parse("f.yaml", copy, len, c, err, err_len);
	free(copy);
	return ret;
}

static struct config *good(const char *text)
{
	struct config *c = NULL;
	char err[1000];

	if (parse(text, &c, err, sizeof(err)) != 0)
		fail_msg("%s\nwas refused: %s", text, err);
	assert_string_equal(err, "");
	return c;
}

static void config_defaults_are_those_of_the_header(void **state)
{
	struct config *c = good(ONE_PORT);

	(void)state;
	assert_int_equal(c->nb_eal, 0);
	assert_int_equal(c->nb_ports, 1);
	assert_string_equal(c->ports[0].name, "a");
	assert_string_equal(c->ports[0].devargs, "b");
	assert_int_equal(c->ports[0].queues, 0);
	assert_int_equal(c->ports[0].rx_desc, 1024);
	assert_int_equal(c->ports[0].tx_desc, 1024);
	assert_int_equal(c->ports[0].mtu, 1500);
	assert_int_equal(c->ports[0].nb_addresses, 0);
	assert_int_equal(c->nb_crypto, 2);
	assert_string_equal(c->crypto[0].device, "crypto_aesni_gcm");
	assert_string_equal(c->crypto[1].device, "crypto_aesni_mb");
	assert_int_equal(c->crypto[0].mode, CONFIG_CRYPTO_AUTO);
	assert_int_equal(c->crypto[1].mode, CONFIG_CRYPTO_AUTO);
	assert_int_equal(c->workers, 0);
	assert_int_equal(c->max_peers, 4096);
	assert_int_equal(c->replay_window, 8192);
	assert_int_equal(c->handshake_rate, 1000);
	assert_int_equal(c->idle, CONFIG_IDLE_SLEEP);
	assert_int_equal(c->inner, CONFIG_INNER_KERNEL);
	assert_string_equal(c->dco_socket, "/run/ovpn-dpdk/dco.sock");
	assert_string_equal(c->ctl_socket, "/run/ovpn-dpdk/ctl.sock");
	assert_null(c->group);
	config_free(c);
}

static void config_takes_every_key(void **state)
{
	struct config *c = good("eal: [--no-huge, -m, \"512\"]\n"
				"ports:\n"
				"- name: outer0\n"
				"  devargs: net_null0\n"
				"- name: a23456789012345\n"
				"  devargs: 0000:03:00.0\n"
				"  queues: 1024\n"
				"  rx-descriptors: 64\n"
				"  tx-descriptors: 8192\n"
				"  mtu: 9000\n"
				"  addresses: [192.0.2.1/24, \"2001:db8::1/128\"]\n"
				"crypto:\n"
				"- {device: x, mode: cpu}\n"
				"- {device: y, mode: queue}\n"
				"- {device: z}\n"
				"workers: 127\n"
				"max-peers: 1000000\n"
				"replay-window: 65536\n"
				"handshake-rate: 0\n"
				"idle: poll\n"
				"inner: kernel\n"
				"mssfix: 9000\n"
				"dscp: clear\n"
				"ecn: clear\n"
				"instances: [{device: tun1, mssfix: 1400},\n"
				"  {mssfix: off, device: a23456789012345}, {device: c, mssfix: "
				"auto}]\n"
				"sockets: {control: /a, operator: /b, group: vpn}\n");

	(void)state;
	assert_int_equal(c->nb_eal, 3);
	assert_string_equal(c->eal[2], "512");
	assert_int_equal(c->nb_ports, 2);
	assert_string_equal(c->ports[1].name, "a23456789012345");
	assert_string_equal(c->ports[1].devargs, "0000:03:00.0");
	assert_int_equal(c->ports[1].queues, 1024);
	assert_int_equal(c->ports[1].rx_desc, 64);
	assert_int_equal(c->ports[1].tx_desc, 8192);
	assert_int_equal(c->ports[1].mtu, 9000);
	assert_int_equal(c->ports[1].nb_addresses, 2);
	assert_string_equal(c->ports[1].addresses[1], "2001:db8::1/128");
	assert_int_equal(c->nb_crypto, 3);
	assert_string_equal(c->crypto[0].device, "x");
	assert_int_equal(c->crypto[0].mode, CONFIG_CRYPTO_CPU);
	assert_int_equal(c->crypto[1].mode, CONFIG_CRYPTO_QUEUE);
	assert_int_equal(c->crypto[2].mode, CONFIG_CRYPTO_AUTO);
	assert_int_equal(c->workers, 127);
	assert_int_equal(c->max_peers, 1000000);
	assert_int_equal(c->replay_window, 65536);
	assert_int_equal(c->handshake_rate, 0);
	assert_int_equal(c->idle, CONFIG_IDLE_POLL);
	assert_int_equal(c->mssfix, 9000);
	assert_int_equal(c->dscp, CONFIG_TOS_CLEAR);
	assert_int_equal(c->ecn, CONFIG_TOS_CLEAR);
	assert_int_equal(c->nb_instances, 3);
	assert_string_equal(c->instances[0].device, "tun1");
	assert_int_equal(c->instances[0].mssfix, 1400);
	assert_string_equal(c->instances[1].device, "a23456789012345");
	assert_int_equal(c->instances[1].mssfix, CONFIG_MSSFIX_OFF);
	assert_int_equal(c->instances[2].mssfix, 0);
	assert_string_equal(c->dco_socket, "/a");
	assert_string_equal(c->ctl_socket, "/b");
	assert_string_equal(c->group, "vpn");
	config_free(c);
}

static void config_takes_the_words_of_mssfix(void **state)
{
	static const struct {
		const char *text;
		uint16_t mssfix;
	} rows[] = {
		{"", 0},
		{"mssfix: auto\n", 0},
		{"mssfix: off\n", CONFIG_MSSFIX_OFF},
		{"mssfix: \"off\"\n", CONFIG_MSSFIX_OFF},
		{"mssfix: 576\n", 576},
		{"mssfix: 1492\n", 1492},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[200];
		struct config *c;

		snprintf(text, sizeof(text), "ports: [{name: a, devargs: b}]\n%s", rows[i].text);
		c = good(text);
		assert_int_equal(c->mssfix, rows[i].mssfix);
		assert_int_equal(c->dscp, CONFIG_TOS_COPY);
		assert_int_equal(c->ecn, CONFIG_TOS_COPY);
		config_free(c);
	}
}

#define PORTS_RIGHT "a list of 1 to 16 ports, each with name and devargs"
#define DEVARGS_RIGHT                                                                              \
	"a device for DPDK: a PCI address (0000:03:00.0), or a driver with arguments "             \
	"(net_af_xdp0,iface=eth1)"
#define NAME_RIGHT    "an interface name: 1 to 15 characters without blanks, '/', ':' or '%'"
#define PATH_RIGHT    "a path from / for a Unix socket, at most 107 characters"
#define ADDRESS_RIGHT "an address with its prefix length, as in 192.0.2.1/24"
#define MSSFIX_RIGHT  "auto, off or a whole number from 576 to 9000"
#define CRYPTO_RIGHT  "a list of 1 to 8 crypto devices, as in [{device: crypto_aesni_gcm}]"
#define TOP_KEYS                                                                                   \
	"eal, ports, crypto, workers, max-peers, replay-window, handshake-rate, idle, inner, "     \
	"mssfix, dscp, ecn, instances, sockets"
#define PORT_KEYS "name, devargs, queues, rx-descriptors, tx-descriptors, mtu, addresses"

#define S10	"1234567890"
#define PATH108 "/" S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 "1234567"
#define PATH107 "/" S10 S10 S10 S10 S10 S10 S10 S10 S10 S10 "123456"

struct bad {
	const char *text;
	const char *error; /* without "f.yaml:" */
};

static void check_bad(const struct bad *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config *c = NULL;
		char err[2000], expected[2000];

		snprintf(expected, sizeof(expected), "f.yaml:%s\n", rows[i].error);
		if (parse(rows[i].text, &c, err, sizeof(err)) != -EINVAL)
			fail_msg("%s\nwas not refused with -EINVAL", rows[i].text);
		assert_null(c);
		assert_string_equal(err, expected);
	}
}

static void config_says_where_the_syntax_is_wrong(void **state)
{
	static const struct bad rows[] = {
		{"ports:\n  - name: a\n   queues: 3\n",
			"3:4: not YAML: did not find expected '-' indicator, while parsing a block "
			"collection from line 2 (is the indentation right?)"},
		{"ports:\n\t- name: a\n", "2:1: not YAML: a tab is here (indent with spaces)"},
		{"max-peers: 5\nidle\n",
			"3:1: not YAML: could not find expected ':', while "
			"scanning a simple key from line 2 (is the indentation "
			"right?)"},
		{"eal: [a, b\n",
			"2:1: not YAML: did not find expected ',' or ']', while parsing a "
			"flow sequence from line 1 (is the indentation right?)"},
		{"idle: 'sleep\n",
			"2:1: not YAML: found unexpected end of stream, while scanning "
			"a quoted scalar from line 1 (is the indentation right?)"},
		{"idle: @x\n",
			"1:7: not YAML: found character that cannot start any token, while "
			"scanning for the next token"},
		{"eal: []\nidle: \xff\n",
			"2:7: not YAML: invalid leading UTF-8 octet (write plain UTF-8 text)"},
		{"idle: *x\n", "1:7: aliases (*x) are not understood here: write the value out"},
		{"? [a]\n: b\n", "1:3: a key must be a single word"},
		{"idle: \"a\\0b\"\n", "1:7: a NUL character is in this text"},
		{ONE_PORT "---\n" ONE_PORT,
			"2:1: a second YAML document begins here, but only one "
			"may be in the file"},
		{"idle: poll\nidle: poll\n", "2:1: 'idle' is here already, in line 1"},
		{"ports:\n- name: a\n  mtu: 1500\n  name: b\n",
			"4:3: 'name' is here already, in line 2"},
		{"eal: [[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]\n", "1:21: nested too deeply"},
	};

	(void)state;
	check_bad(rows, ARRAY_LEN(rows));
}

static void config_says_which_keys_are_unknown_or_missing(void **state)
{
	static const struct bad rows[] = {
		{"", "1:1: ports: missing, but required: " PORTS_RIGHT},
		{"# nothing\n", "1:1: ports: missing, but required: " PORTS_RIGHT},
		{"idle: poll\n", "1:1: ports: missing, but required: " PORTS_RIGHT},
		{"ports:\n- devargs: b\n", "2:3: name: missing, but required: " NAME_RIGHT},
		{"ports:\n- name: a\n  devargs: b\n- name: c\n",
			"4:3: devargs: missing, but required: " DEVARGS_RIGHT},
		{ONE_PORT "crypto:\n- mode: cpu\n",
			"3:3: device: missing, but required: a crypto "
			"device for DPDK, as in crypto_aesni_gcm"},
		{ONE_PORT "max-peer: 3\n", "2:1: max-peer: no such key; here may be: " TOP_KEYS},
		{ONE_PORT "Idle: poll\n", "2:1: Idle: no such key; here may be: " TOP_KEYS},
		{"ports:\n- name: a\n  devarg: b\n",
			"3:3: devarg: no such key; here may be: " PORT_KEYS},
		{"crypto: [{device: x, kind: y}]\n",
			"1:22: kind: no such key; here may be: device, mode"},
		{"sockets:\n  agent: /x\n",
			"2:3: agent: no such key; here may be: control, operator, group"},
		{ONE_PORT "mtu: 1500\n",
			"2:1: mtu: belongs under ports, not here (is the "
			"indentation right?)"},
		{"sockets:\n  group: g\n  idle: poll\n",
			"3:3: idle: belongs to the left margin, not here (is the indentation "
			"right?)"},
	};

	(void)state;
	check_bad(rows, ARRAY_LEN(rows));
}

static void config_says_which_kind_of_value_belongs_there(void **state)
{
	static const struct bad rows[] = {
		{"[]\n",
			"1:1: the file: expected keys with values, ports among them, found a "
			"list"},
		{"x\n", "1:1: the file: expected keys with values, ports among them, found 'x'"},
		{ONE_PORT "eal: --no-huge\n",
			"2:6: eal: expected a list of at most 64 EAL arguments, as in [--no-huge, "
			"-m, \"512\"], found '--no-huge'"},
		{ONE_PORT "eal: [[x]]\n", "2:7: eal: expected an EAL argument, found a list"},
		{"ports: {name: a}\n",
			"1:8: ports: expected " PORTS_RIGHT ", found keys with values"},
		{"ports:\n", "1:7: ports: expected " PORTS_RIGHT ", found nothing"},
		{"ports: [a]\n", "1:9: ports: expected a port with name and devargs, found 'a'"},
		{"ports: [{name: [a]}]\n", "1:16: name: expected " NAME_RIGHT ", found a list"},
		{"ports: [{name: a, devargs: {x: y}}]\n",
			"1:28: devargs: expected " DEVARGS_RIGHT ", found keys with values"},
		{"ports: [{name: a, devargs: b, queues: [1]}]\n",
			"1:39: queues: expected a whole number from 0 to 1024, found a list"},
		{"ports: [{name: a, devargs: b, addresses: 192.0.2.1/24}]\n",
			"1:42: addresses: expected a list of at most 64 addresses, as in "
			"[192.0.2.1/24], found '192.0.2.1/24'"},
		{ONE_PORT "crypto: crypto_aesni_mb\n",
			"2:9: crypto: expected " CRYPTO_RIGHT ", found 'crypto_aesni_mb'"},
		{ONE_PORT "crypto: [x]\n",
			"2:10: crypto: expected a crypto device, as in {device: "
			"crypto_aesni_gcm}, found 'x'"},
		{ONE_PORT "max-peers: {}\n",
			"2:12: max-peers: expected a whole number from 1 to "
			"1000000, found keys with values"},
		{ONE_PORT "idle: [poll]\n", "2:7: idle: expected sleep or poll, found a list"},
		{ONE_PORT "sockets: /run/x\n",
			"2:10: sockets: expected keys with values: control, operator, group, found "
			"'/run/x'"},
		{ONE_PORT "sockets: {group: [x]}\n",
			"2:18: group: expected the name of a group, found a list"},
	};

	(void)state;
	check_bad(rows, ARRAY_LEN(rows));
}

static void config_says_which_numbers_and_words_are_right(void **state)
{
	static const struct bad rows[] = {
		{ONE_PORT "replay-window: 8191\n",
			"2:16: replay-window: 8191 is not a power of two from 64 to 65536 (try "
			"8192)"},
		{ONE_PORT "replay-window: 32\n",
			"2:16: replay-window: 32 is not a power of two "
			"from 64 to 65536 (try 64)"},
		{ONE_PORT "replay-window: 131072\n",
			"2:16: replay-window: 131072 is not a power of two from 64 to 65536 (try "
			"65536)"},
		{ONE_PORT "replay-window: big\n",
			"2:16: replay-window: 'big' is not a power of "
			"two from 64 to 65536"},
		{ONE_PORT "workers: 0\n", "2:10: workers: 0 is not a whole number from 1 to 127"},
		{ONE_PORT "max-peers: 0\n",
			"2:12: max-peers: 0 is not a whole number from 1 to 1000000"},
		{ONE_PORT "max-peers: 1000001\n",
			"2:12: max-peers: 1000001 is not a whole number from 1 to 1000000"},
		{ONE_PORT "max-peers: -1\n",
			"2:12: max-peers: '-1' is not a whole number from 1 to 1000000"},
		{ONE_PORT "max-peers: 12abc\n",
			"2:12: max-peers: '12abc' is not a whole number from 1 to 1000000"},
		{ONE_PORT "max-peers: 010\n",
			"2:12: max-peers: '010' is not a whole number from 1 to 1000000"},
		{ONE_PORT "max-peers: 0x10\n",
			"2:12: max-peers: '0x10' is not a whole number from 1 to 1000000"},
		{ONE_PORT "max-peers: 99999999999999999999\n",
			"2:12: max-peers: '99999999999999999999' is not a whole number from 1 to "
			"1000000"},
		{ONE_PORT "max-peers:\n",
			"2:11: max-peers: '' is not a whole number from 1 to 1000000"},
		{ONE_PORT "handshake-rate: 1000001\n",
			"2:17: handshake-rate: 1000001 is not a whole number from 0 to 1000000"},
		{"ports: [{name: a, devargs: b, queues: 70000}]\n",
			"1:39: queues: 70000 is not a whole number from 0 to 1024"},
		{"ports: [{name: a, devargs: b, mtu: 1279}]\n",
			"1:36: mtu: 1279 is not a whole number from 1280 to 9000"},
		{"ports: [{name: a, devargs: b, mtu: 9001}]\n",
			"1:36: mtu: 9001 is not a whole number from 1280 to 9000"},
		{"ports: [{name: a, devargs: b, rx-descriptors: 1000}]\n",
			"1:47: rx-descriptors: 1000 is not a power of two from 64 to 8192 (try "
			"1024)"},
		{"ports: [{name: a, devargs: b, tx-descriptors: 0}]\n",
			"1:47: tx-descriptors: 0 is not a power of two from 64 to 8192 (try 64)"},
		{ONE_PORT "idle: auto\n", "2:7: idle: 'auto' is not sleep or poll"},
		{ONE_PORT "idle: Poll\n", "2:7: idle: 'Poll' is not sleep or poll"},
		{ONE_PORT "idle: or\n", "2:7: idle: 'or' is not sleep or poll"},
		{ONE_PORT "inner: fast\n", "2:8: inner: 'fast' is not kernel"},
		{ONE_PORT "instances: [{device: a, mssfix: 575}]\n",
			"2:33: mssfix: 575 is not " MSSFIX_RIGHT},
		{ONE_PORT "instances: [{device: a/b, mssfix: off}]\n",
			"2:22: device: 'a/b' is not an interface name: 1 to 15 characters without "
			"blanks, '/', ':' or '%'"},
		{ONE_PORT "instances:\n- {device: a, mssfix: off}\n- {device: a, mssfix: auto}\n",
			"4:12: device: 'a' is in line 3 already, but may be used once"},
		{ONE_PORT "instances: [{device: a}]\n",
			"2:13: mssfix: missing, but required: " MSSFIX_RIGHT},
		{ONE_PORT "instances: [{device: a, mssfix: off, ecn: copy}]\n",
			"2:38: ecn: belongs to the left margin, not here (is the indentation right?)"},
		{ONE_PORT "instances: off\n",
			"2:12: instances: expected a list of at most 256 devices, as in [{device: "
			"tun1, mssfix: 1400}], found 'off'"},
		{ONE_PORT "mssfix: 575\n", "2:9: mssfix: 575 is not " MSSFIX_RIGHT},
		{ONE_PORT "mssfix: 9001\n", "2:9: mssfix: 9001 is not " MSSFIX_RIGHT},
		{ONE_PORT "mssfix: 0\n", "2:9: mssfix: 0 is not " MSSFIX_RIGHT},
		{ONE_PORT "mssfix: 1400 mtu\n", "2:9: mssfix: '1400 mtu' is not " MSSFIX_RIGHT},
		{ONE_PORT "mssfix: no\n", "2:9: mssfix: 'no' is not " MSSFIX_RIGHT},
		{ONE_PORT "mssfix: []\n", "2:9: mssfix: expected " MSSFIX_RIGHT ", found a list"},
		{ONE_PORT "dscp: keep\n", "2:7: dscp: 'keep' is not copy or clear"},
		{ONE_PORT "ecn: off\n", "2:6: ecn: 'off' is not copy or clear"},
		{ONE_PORT "crypto: [{device: x, mode: gpu}]\n",
			"2:28: mode: 'gpu' is not auto, cpu or queue"},
		{ONE_PORT "crypto: [{device: x, mode: \"auto, cpu\"}]\n",
			"2:28: mode: 'auto, cpu' is not auto, cpu or queue"},
	};

	(void)state;
	check_bad(rows, ARRAY_LEN(rows));
}

static void config_says_which_names_and_addresses_are_right(void **state)
{
	static const struct bad rows[] = {
		{"ports: [{name: '', devargs: b}]\n", "1:16: name: '' is not " NAME_RIGHT},
		{"ports: [{name: a234567890123456, devargs: b}]\n",
			"1:16: name: 'a234567890123456' is not " NAME_RIGHT " (it has 16)"},
		{"ports: [{name: a/b, devargs: b}]\n", "1:16: name: 'a/b' is not " NAME_RIGHT},
		{"ports: [{name: a b, devargs: b}]\n", "1:16: name: 'a b' is not " NAME_RIGHT},
		{"ports: [{name: 'tap%d', devargs: b}]\n",
			"1:16: name: 'tap%d' is not " NAME_RIGHT},
		{"ports: [{name: .., devargs: b}]\n", "1:16: name: '..' is not " NAME_RIGHT},
		{"ports: [{name: a, devargs: ''}]\n", "1:28: devargs: '' is not " DEVARGS_RIGHT},
		{"ports:\n- {name: a, devargs: b}\n- {name: a, devargs: c}\n",
			"3:10: name: 'a' is in line 2 already, but may be used once"},
		{"ports:\n- {name: a, devargs: b}\n- {name: c, devargs: b}\n",
			"3:22: devargs: 'b' is in line 2 already, but may be used once"},
		{"ports: [{name: a, devargs: b, addresses: [192.0.2.1]}]\n",
			"1:43: addresses: '192.0.2.1' is not " ADDRESS_RIGHT
			" (the prefix length is missing: try 192.0.2.1/24)"},
		{"ports: [{name: a, devargs: b, addresses: ['2001:db8::1']}]\n",
			"1:43: addresses: '2001:db8::1' is not " ADDRESS_RIGHT
			" (the prefix length is missing: try 2001:db8::1/64)"},
		{"ports: [{name: a, devargs: b, addresses: [192.0.2.1/33]}]\n",
			"1:43: addresses: '192.0.2.1/33' is not " ADDRESS_RIGHT
			" (the prefix length is from 1 to 32)"},
		{"ports: [{name: a, devargs: b, addresses: ['::1/129']}]\n",
			"1:43: addresses: '::1/129' is not " ADDRESS_RIGHT
			" (the prefix length is from 1 to 128)"},
		{"ports: [{name: a, devargs: b, addresses: [192.0.2.300/24]}]\n",
			"1:43: addresses: '192.0.2.300/24' is not " ADDRESS_RIGHT},
		{"ports: [{name: a, devargs: b, addresses: [eth0]}]\n",
			"1:43: addresses: 'eth0' is not " ADDRESS_RIGHT},
		{"ports:\n- {name: a, devargs: b, addresses: [192.0.2.1/24]}\n"
		 "- {name: c, devargs: d, addresses: [192.0.2.1/24]}\n",
			"3:37: addresses: '192.0.2.1/24' is in line 2 already, but may be used "
			"once"},
		{ONE_PORT "crypto:\n- device: x\n- device: x\n",
			"4:11: device: 'x' is in line 3 already, but may be used once"},
		{ONE_PORT "eal: [--no-huge, --, -x]\n",
			"2:18: eal: '--' is not an EAL argument (leave '--' out)"},
		{ONE_PORT "eal: ['']\n", "2:7: eal: '' is not an EAL argument"},
		{ONE_PORT "sockets: {group: ''}\n", "2:18: group: '' is not the name of a group"},
		{ONE_PORT "sockets:\n  control: run/x\n",
			"3:12: control: 'run/x' is not " PATH_RIGHT},
		{ONE_PORT "sockets:\n  operator: /run/\n",
			"3:13: operator: '/run/' is not " PATH_RIGHT},
		{ONE_PORT "sockets:\n  control: " PATH108 "\n",
			"3:12: control: '" PATH108 "' is not " PATH_RIGHT " (it has 108)"},
		{ONE_PORT "sockets: {control: /a, operator: /a}\n",
			"2:34: operator: '/a' is the path of the control socket"},
		{ONE_PORT "sockets: {control: /run/ovpn-dpdk/ctl.sock}\n",
			"2:20: control: '/run/ovpn-dpdk/ctl.sock' is the path of the operator "
			"socket"},
		{"ports: []\n", "1:8: ports: empty, but must be " PORTS_RIGHT},
		{ONE_PORT "crypto: []\n", "2:9: crypto: empty, but must be " CRYPTO_RIGHT},
		{ONE_PORT
			"crypto: [{device: a}, {device: b}, {device: c}, {device: d}, {device: e}, "
			"{device: f}, {device: g}, {device: h}, {device: i}]\n",
			"2:114: crypto: this is entry 9, but it must be " CRYPTO_RIGHT},
	};
	struct config *c = good(ONE_PORT "sockets: {control: " PATH107 "}\n");

	(void)state;
	assert_string_equal(c->dco_socket, PATH107);
	config_free(c);
	check_bad(rows, ARRAY_LEN(rows));
}

static void config_refuses_the_17th_port_in_its_line(void **state)
{
	char text[2000] = "ports:\n", expected[200];
	struct config *c = NULL;
	char err[1000];
	size_t used = strlen(text);

	(void)state;
	for (int i = 0; i < 17; i++) {
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "- name: p%d\n  devargs: d%d\n", i, i);
		if (i == 15) {
			c = good(text);
			assert_int_equal(c->nb_ports, 16);
			config_free(c);
		}
	}
	assert_int_equal(parse(text, &c, err, sizeof(err)), -EINVAL);
	snprintf(expected, sizeof(expected),
		"f.yaml:34:3: ports: this is entry 17, but it must be " PORTS_RIGHT "\n");
	assert_string_equal(err, expected);
}

static void config_reports_all_impossible_values_at_once(void **state)
{
	struct config *c = NULL;
	char err[1000];

	(void)state;
	assert_int_equal(parse("ports:\n- name: a b\n  devargs: x\n  mtu: 99\nmax-peers: 0\n", &c,
				 err, sizeof(err)),
		-EINVAL);
	assert_string_equal(err,
		"f.yaml:2:9: name: 'a b' is not " NAME_RIGHT "\n"
		"f.yaml:4:8: mtu: 99 is not a whole number from 1280 to 9000\n"
		"f.yaml:5:12: max-peers: 0 is not a whole number from 1 to "
		"1000000\n");
	/* Where not all fit, whole lines are left out. */
	assert_int_equal(
		parse("ports:\n- name: a b\n  devargs: x\n  mtu: 99\nmax-peers: 0\n", &c, err, 120),
		-EINVAL);
	assert_string_equal(err, "f.yaml:2:9: name: 'a b' is not " NAME_RIGHT "\n");
}

static uint8_t *read_sample(size_t *len)
{
	FILE *f = fopen(SAMPLE, "r");
	uint8_t *text = malloc(65536);

	assert_non_null(f);
	assert_non_null(text);
	*len = fread(text, 1, 65536, f);
	fclose(f);
	assert_in_range(*len, 1000, 65535);
	return text;
}

static void config_sample_says_the_defaults(void **state)
{
	struct config *sample = NULL;
	struct config *defaults = good(ONE_PORT);
	char err[1000];

	(void)state;
	if (config_load(SAMPLE, &sample, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	assert_int_equal(sample->nb_ports, 1);
	assert_string_equal(sample->ports[0].name, "outer0");
	assert_string_equal(sample->ports[0].devargs, "net_null0,no-rx=1");
	assert_string_equal(sample->eal[0], "--no-huge");
	assert_int_equal(sample->nb_crypto, defaults->nb_crypto);
	for (unsigned int i = 0; i < defaults->nb_crypto; i++)
		assert_string_equal(sample->crypto[i].device, defaults->crypto[i].device);
	assert_int_equal(sample->max_peers, defaults->max_peers);
	assert_int_equal(sample->replay_window, defaults->replay_window);
	assert_int_equal(sample->handshake_rate, defaults->handshake_rate);
	assert_int_equal(sample->idle, defaults->idle);
	assert_int_equal(sample->mssfix, defaults->mssfix);
	assert_int_equal(sample->dscp, defaults->dscp);
	assert_int_equal(sample->ecn, defaults->ecn);
	assert_string_equal(sample->dco_socket, defaults->dco_socket);
	assert_string_equal(sample->ctl_socket, defaults->ctl_socket);
	assert_null(sample->group);
	config_free(sample);
	config_free(defaults);
}

/* Parsed or refused with a place; never a crash, a leak or a refusal without words. */
static void parse_anything(const uint8_t *text, size_t len)
{
	struct config *c = NULL;
	char err[300];
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, text, len);
	ret = config_parse("f", copy, len, &c, err, sizeof(err));
	if (ret == 0) {
		assert_in_range(c->nb_ports, 1, 16);
		config_free(c);
	} else {
		unsigned int line = 0, column = 0;

		assert_int_equal(ret, -EINVAL);
		assert_int_equal(sscanf(err, "f:%u:%u: ", &line, &column), 2);
		assert_true(line > 0 && column > 0);
	}
	free(copy);
}

static void config_survives_every_truncation_of_the_sample(void **state)
{
	size_t len;
	uint8_t *text = read_sample(&len);

	(void)state;
	for (size_t n = 0; n <= len; n++)
		parse_anything(text, n);
	free(text);
}

static void config_survives_damaged_samples(void **state)
{
	static const uint8_t hostile[] = "\0\n\t {}[]:-,*&!|>'\"%@`#?~\xff\x80\x31";
	size_t len;
	uint8_t *text = read_sample(&len);
	uint32_t random = 1;

	(void)state;
	for (int i = 0; i < 6000; i++) {
		uint8_t saved[2];
		size_t at[2];

		for (int j = 0; j < 2; j++) {
			random = random * 1664525 + 1013904223;
			at[j] = (random >> 8) % len;
			saved[j] = text[at[j]];
			text[at[j]] = hostile[(random >> 3) % (sizeof(hostile) - 1)];
		}
		parse_anything(text, len);
		for (int j = 1; j >= 0; j--)
			text[at[j]] = saved[j];
	}
	free(text);
}

static void config_load_says_why_a_file_cannot_be_read(void **state)
{
	struct config *c = NULL;
	char err[200];

	(void)state;
	assert_int_equal(config_load("/nonexistent/x.yaml", &c, err, sizeof(err)), -ENOENT);
	assert_string_equal(
		err, "/nonexistent/x.yaml: cannot be read: No such file or directory\n");
	assert_int_equal(config_load("/", &c, err, sizeof(err)), -EISDIR);
	assert_string_equal(err, "/: cannot be read: Is a directory\n");
	assert_int_equal(config_load("/dev/zero", &c, err, sizeof(err)), -EINVAL);
	assert_string_equal(
		err, "/dev/zero:1:1: longer than 65536 bytes: not a configuration file\n");
	assert_null(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_defaults_are_those_of_the_header),
		cmocka_unit_test(config_takes_every_key),
		cmocka_unit_test(config_takes_the_words_of_mssfix),
		cmocka_unit_test(config_says_where_the_syntax_is_wrong),
		cmocka_unit_test(config_says_which_keys_are_unknown_or_missing),
		cmocka_unit_test(config_says_which_kind_of_value_belongs_there),
		cmocka_unit_test(config_says_which_numbers_and_words_are_right),
		cmocka_unit_test(config_says_which_names_and_addresses_are_right),
		cmocka_unit_test(config_refuses_the_17th_port_in_its_line),
		cmocka_unit_test(config_reports_all_impossible_values_at_once),
		cmocka_unit_test(config_sample_says_the_defaults),
		cmocka_unit_test(config_survives_every_truncation_of_the_sample),
		cmocka_unit_test(config_survives_damaged_samples),
		cmocka_unit_test(config_load_says_why_a_file_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
