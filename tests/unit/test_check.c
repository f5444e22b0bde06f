/* SPDX-License-Identifier: BSD-3-Clause */
/* Each rule of `ovpn-dpdkctl check`: a configuration that keeps its offload, and one change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"
#include "cli/check_rules.h"

#define SERVER                                                                                     \
	"dev ovpn-check\ndev-type tun\nproto udp6\ntopology subnet\nserver 10.8.0.0 255.255.255.0\n"
#define CLIENT "client\ndev tun\nremote vpn.example 1194 udp\n"
#define P2P    "dev tun\ntls-server\nifconfig 10.8.0.1 10.8.0.2\n"

enum { NOTHING = 0, V26 = OPENVPN_26, V27 = OPENVPN_27, BOTH = OPENVPN_ALL };

struct row {
	const char *text;
	unsigned int line; /* of the one finding; 0: of none */
	enum effect effect;
	unsigned int versions; /* NOTHING: no finding */
	const char *why;       /* a part of it */
};

static int read_text(const char *text, struct conf *c)
{
	char path[] = "/tmp/test_check.XXXXXX";
	int fd = mkstemp(path);
	int ret;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	ret = conf_read(path, c);
	unlink(path);
	return ret;
}

static void expect(const struct row *r)
{
	struct findings f;
	struct conf c;

	assert_int_equal(read_text(r->text, &c), 0);
	assert_int_equal(check_conf(&c, OPENVPN_ALL, &f), 0);
	if (f.n != (r->versions != NOTHING))
		fail_msg("%zu findings, the first: %s, of\n%s", f.n, f.n > 0 ? f.all[0].why : "-",
			r->text);
	if (f.n == 1) {
		if (strstr(f.all[0].why, r->why) == NULL)
			fail_msg("%s, of\n%s", f.all[0].why, r->text);
		assert_int_equal(f.all[0].effect, r->effect);
		assert_int_equal(f.all[0].versions, r->versions);
		assert_int_equal(f.all[0].d != NULL ? f.all[0].d->line : 0, r->line);
		assert_true(strlen(f.all[0].instead) > 3);
	}
	findings_free(&f);
	conf_free(&c);
}

#define EXPECT(rows)                                                                               \
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)                                               \
	expect(&(rows)[i])

static void one_directive_costs_the_offload(void **state)
{
	static const struct row rows[] = {
		{SERVER, 0, 0, NOTHING, ""},
		{CLIENT, 0, 0, NOTHING, ""},
		{P2P, 0, 0, NOTHING, ""},
		{SERVER "disable-dco\n", 6, EFFECT_LOST, BOTH, "switches"},
		{SERVER "proto tcp-server\n", 6, EFFECT_REFUSED, BOTH, "only UDP"},
		{"proto tcp\n" SERVER, 0, 0, NOTHING, ""},
		{SERVER "proto-force tcp\n", 6, EFFECT_REFUSED, BOTH, "only UDP"},
		{SERVER "local 1.2.3.4 443 tcp-server\n", 6, EFFECT_REFUSED, V27, "only UDP"},
		{SERVER "local 1.2.3.4\n", 0, 0, NOTHING, ""},
		{CLIENT "remote b 443 tcp\n", 4, EFFECT_REFUSED, BOTH, "tcp: only UDP"},
		{CLIENT "<connection>\nremote b\nproto tcp\n</connection>\nproto udp\n", 6,
			EFFECT_REFUSED, BOTH, "only UDP"},
		{SERVER "fragment 1300\n", 6, EFFECT_LOST, BOTH, "own fragments"},
		{SERVER "http-proxy a 80\n", 6, EFFECT_LOST, BOTH, "TCP"},
		{SERVER "socks-proxy a\n", 6, EFFECT_LOST, BOTH, "through a proxy"},
		{SERVER "management-query-proxy\n", 6, EFFECT_LOST, BOTH, "a proxy"},
		{SERVER "mktun\n", 6, EFFECT_LOST, BOTH, "plain tun"},
		{SERVER "rmtun\n", 6, EFFECT_LOST, BOTH, "plain tun"},
		{SERVER "dev-node unix:/bin/x\n", 6, EFFECT_LOST, V27, "a program"},
	};

	(void)state;
	EXPECT(rows);
}

static void the_version_asked_for_decides(void **state)
{
	struct findings f;
	struct conf c;

	(void)state;
	assert_int_equal(read_text(SERVER "dev-node unix:/bin/x\n", &c), 0);
	assert_int_equal(check_conf(&c, OPENVPN_26, &f), 0);
	assert_int_equal(f.n, 0);
	findings_free(&f);
	assert_int_equal(check_conf(&c, OPENVPN_27, &f), 0);
	assert_int_equal(f.n, 1);
	findings_free(&f);
	conf_free(&c);
}

static void ciphers_other_than_those_cost_it(void **state)
{
	static const struct row rows[] = {
		{SERVER "data-ciphers AES-128-GCM:aes-192-gcm:?AES-256-GCM:CHACHA20-POLY1305\n", 0,
			0, NOTHING, ""},
		{SERVER "data-ciphers DEFAULT:AES-256-GCM\n", 0, 0, NOTHING, ""},
		{SERVER "data-ciphers AES-256-GCM:AES-256-CBC\n", 6, EFFECT_LOST, BOTH,
			"AES-256-CBC:"},
		{SERVER "ncp-ciphers ?BF-CBC\n", 6, EFFECT_LOST, BOTH, "BF-CBC:"},
		{SERVER "data-ciphers AES-256-GCMX\n", 6, EFFECT_LOST, BOTH, "AES-256-GCMX:"},
		{SERVER "data-ciphers AES-256-CBC\ndata-ciphers AES-256-GCM\n", 0, 0, NOTHING, ""},
		{SERVER "data-ciphers none\n", 6, EFFECT_LOST, BOTH, "none:"},
		{SERVER "data-ciphers-fallback AES-256-CBC\n", 6, EFFECT_LOST, BOTH, "only"},
		{SERVER "data-ciphers-fallback AES-256-GCM\n", 0, 0, NOTHING, ""},
		{SERVER "data-ciphers-fallback AES-256-GCM\ncipher AES-256-CBC\n", 7, EFFECT_LOST,
			BOTH, "fallback"},
		{SERVER "cipher AES-256-CBC\n", 0, 0, NOTHING, ""},
		{CLIENT "cipher AES-256-CBC\n", 0, 0, NOTHING, ""},
		{P2P "cipher AES-256-CBC\n", 4, EFFECT_LOST, BOTH, "two peers"},
		{P2P "cipher AES-256-GCM\n", 0, 0, NOTHING, ""},
		{SERVER "cipher AES-256-CBC\ncompat-mode 2.4.9\n", 6, EFFECT_LOST, BOTH, "2.4.9"},
		{SERVER "cipher AES-256-CBC\ncompat-mode 2.5.0\n", 0, 0, NOTHING, ""},
		{SERVER "compat-mode 2.3.0\n", 6, EFFECT_LOST, BOTH, "BF-CBC"},
		{SERVER "compat-mode 2.4.0\n", 0, 0, NOTHING, ""},
	};

	(void)state;
	EXPECT(rows);
}

static void compression_in_each_form_costs_it(void **state)
{
	static const struct row rows[] = {
		{SERVER "comp-lzo\n", 6, EFFECT_LOST, BOTH, "a byte"},
		{SERVER "comp-lzo no\n", 6, EFFECT_LOST, BOTH, "a byte"},
		{SERVER "compress\n", 6, EFFECT_LOST, BOTH, "a byte"},
		{SERVER "compress stub-v2\n", 6, EFFECT_LOST, BOTH, "a byte"},
		{SERVER "compress lz4-v2\n", 6, EFFECT_LOST, BOTH, "a byte"},
		{SERVER "compress migrate\n", 0, 0, NOTHING, ""},
		{SERVER "comp-lzo\ncompress migrate\n", 0, 0, NOTHING, ""},
		{SERVER "compress migrate\ncomp-lzo\n", 7, EFFECT_LOST, BOTH, "a byte"},
		{SERVER "setenv opt comp-lzo no\n", 6, EFFECT_LOST, BOTH, "a byte"},
		{SERVER "allow-compression yes\n", 6, EFFECT_LOST, BOTH, "decompress"},
		{SERVER "allow-compression asym\n", 6, EFFECT_LOST, BOTH, "decompress"},
		{SERVER "allow-compression no\n", 0, 0, NOTHING, ""},
	};

	(void)state;
	EXPECT(rows);
}

static void what_is_pushed_shuts_clients_out(void **state)
{
	static const struct row rows[] = {
		{SERVER "push \"comp-lzo no\"\n", 6, EFFECT_SHUTS, BOTH, "a byte"},
		{SERVER "push comp-lzo\n", 6, EFFECT_SHUTS, BOTH, "a byte"},
		{SERVER "push 'compress lz4-v2'\n", 6, EFFECT_SHUTS, BOTH, "a byte"},
		{SERVER "push compress\n", 6, EFFECT_SHUTS, BOTH, "a byte"},
		{SERVER "push \"compress stub-v2\"\n", 0, 0, NOTHING, ""},
		{SERVER "push \"compress migrate\"\n", 0, 0, NOTHING, ""},
		{SERVER "push \"cipher AES-256-CBC\"\n", 6, EFFECT_NOTE, BOTH, "agreed"},
		{SERVER "push \"cipher AES-256-GCM\"\n", 0, 0, NOTHING, ""},
		{SERVER "push \"fragment 1300\"\n", 6, EFFECT_NOTE, BOTH, "no such option"},
		{SERVER "push \"mssfix 1300\"\n", 6, EFFECT_NOTE, BOTH, "no such option"},
		{SERVER "push \"disable-dco\"\n", 6, EFFECT_NOTE, BOTH, "no such option"},
		{SERVER "push \"route 1.2.3.4\"\npush \"\"\npush \"a 'b\"\n", 0, 0, NOTHING, ""},
		{CLIENT "pull-filter ignore peer-id\n", 4, EFFECT_SHUTS, BOTH, "peer-id"},
		{CLIENT "pull-filter reject p\n", 4, EFFECT_SHUTS, BOTH, "peer-id"},
		{CLIENT "pull-filter ignore route\npull-filter accept p\npull-filter ignore \"\"\n",
			0, 0, NOTHING, ""},
		{CLIENT "pull-filter ignore \"peer-id 1\"\n", 0, 0, NOTHING, ""},
	};

	(void)state;
	EXPECT(rows);
}

/* A server's own file, and that of its only client. */
static void expect_client(const char *server, const struct row *r)
{
	char folder[] = "/tmp/test_check.XXXXXX";
	char path[64], file[64], text[512];
	struct findings f;
	struct conf c;
	FILE *out;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ccd", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(file, sizeof(file), "%s/ccd/c1", folder);
	out = fopen(file, "w");
	assert_non_null(out);
	fputs(r->text, out);
	fclose(out);
	snprintf(text, sizeof(text), "cd %s\n%s", folder, server);
	assert_int_equal(read_text(text, &c), 0);
	assert_int_equal(check_conf(&c, OPENVPN_ALL, &f), 0);
	if (f.n != (r->versions != NOTHING))
		fail_msg("%zu findings, of\n%s", f.n, r->text);
	if (f.n == 1) {
		if (strstr(f.all[0].why, r->why) == NULL)
			fail_msg("%s, of\n%s", f.all[0].why, r->text);
		assert_int_equal(f.all[0].effect, r->effect);
		assert_non_null(strstr(f.all[0].d->file, "/ccd/c1"));
		assert_int_equal(f.all[0].d->line, r->line);
	}
	findings_free(&f);
	conf_free(&c);
	unlink(file);
	rmdir(path);
	rmdir(folder);
}

static void clients_files_are_read(void **state)
{
	static const char jail[] = SERVER "chroot .\nclient-config-dir ccd\n";
	static const char fallback[] =
		SERVER "data-ciphers-fallback AES-256-GCM\nclient-config-dir ccd\n";
	static const struct row rows[] = {
		{"ifconfig-push 1 2\n", 0, 0, NOTHING, ""},
		{"comp-lzo no\n", 1, EFFECT_SHUTS, BOTH, "turned away"},
		{"compress stub-v2\n", 1, EFFECT_SHUTS, BOTH, "turned away"},
		{"compress migrate\n", 0, 0, NOTHING, ""},
		{"comp-lzo\ncompress migrate\n", 0, 0, NOTHING, ""},
		{"compress migrate\ncompress\n", 2, EFFECT_SHUTS, BOTH, "turned away"},
		{"data-ciphers AES-128-GCM:CHACHA20-POLY1305\n", 0, 0, NOTHING, ""},
		{"data-ciphers AES-128-GCM:AES-128-CBC\n", 1, EFFECT_SHUTS, BOTH, "AES-128-CBC:"},
		{"data-ciphers aes-128-gcm\n", 1, EFFECT_SHUTS, BOTH, "aes-128-gcm:"},
		{"data-ciphers ?AES-128-GCM\n", 1, EFFECT_SHUTS, BOTH, "?AES-128-GCM:"},
		{"data-ciphers DEFAULT\n", 1, EFFECT_SHUTS, BOTH, "DEFAULT:"},
		{"cipher BF-CBC\n", 0, 0, NOTHING, ""},
		{"data-ciphers-fallback BF-CBC\n", 1, EFFECT_SHUTS, BOTH, "BF-CBC:"},
		{"data-ciphers-fallback AES-256-GCM\ncipher BF-CBC\n", 2, EFFECT_SHUTS, BOTH,
			"BF-CBC:"},
		{"\n  push \"comp-lzo no\"\n", 2, EFFECT_SHUTS, BOTH, "a byte"},
		{"fragment 1300\n", 1, EFFECT_NOTE, BOTH, "no such option"},
		{"disable-dco\n", 1, EFFECT_NOTE, BOTH, "no such option"},
		{"a \"b\n", 1, EFFECT_NOTE, BOTH, "leaves the line out: the quot"},
		{"config nowhere.conf\n", 1, EFFECT_NOTE, BOTH, "leaves the line out: cannot"},
	};
	static const struct row cipher = {"cipher BF-CBC\n", 1, EFFECT_SHUTS, BOTH, "BF-CBC:"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_client(SERVER "client-config-dir ccd\n", &rows[i]);
	expect_client(fallback, &cipher);
	expect_client(jail, &rows[1]);
	/* a client has no clients */
	expect_client(CLIENT "client-config-dir ccd\n", &rows[0]);
}

static void the_word_at_fault_is_pointed_at(void **state)
{
	static const struct {
		const char *line;
		unsigned int column;
	} rows[] = {
		{"fragment 1300", 1},
		{"\t disable-dco", 3},
		{"data-ciphers AES-128-GCM:?BF-CBC", 27},
		{"data-ciphers-fallback  'BF-CBC'", 25},
		{"remote a 1 tcp", 12},
		{"setenv opt fragment 9", 12},
		{"push \"compress lzo\"", 16},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct findings f;
		struct conf c;
		char text[256];

		snprintf(text, sizeof(text), CLIENT "%s\n", rows[i].line);
		assert_int_equal(read_text(text, &c), 0);
		assert_int_equal(check_conf(&c, OPENVPN_ALL, &f), 0);
		assert_int_equal(f.n, 1);
		assert_int_equal(f.all[0].column, rows[i].column);
		findings_free(&f);
		conf_free(&c);
	}
}

static void what_is_missing_costs_it(void **state)
{
	static const struct row rows[] = {
		{"topology subnet\nserver 10.8.0.0 255.255.255.0\n", 0, EFFECT_LOST, BOTH,
			"no dev"},
		{"client\ndev tap\n", 2, EFFECT_LOST, BOTH, "Ethernet"},
		{"client\ndev tap0\ndev-type tun\n", 0, 0, NOTHING, ""},
		{"client\ndev tun\ndev-type tap\n", 3, EFFECT_LOST, BOTH, "Ethernet"},
		{"client\ndev null\n", 2, EFFECT_LOST, BOTH, "no device"},
		{"client\ndev ovpn-check\n", 2, EFFECT_LOST, BOTH, "kind of device"},
		{"client\ndev lo0-none\ndev-type tun\n", 0, 0, NOTHING, ""},
		{"dev tun\nremote a\n", 0, EFFECT_LOST, BOTH, "neither tls-server nor"},
		{"dev tun\nsecret a.key\n", 2, EFFECT_LOST, BOTH, "static key"},
		{"dev tun\nserver 10.8.0.0 255.255.255.0\n", 2, EFFECT_LOST, V26, "net30"},
		{"dev tun\nserver-ipv6 fd08::/64\n", 2, EFFECT_LOST, V26, "net30"},
		{"dev tun\nmode server\ntls-server\n", 2, EFFECT_LOST, V26, "net30"},
		{"dev tun\nmode p2p\ntls-server\n", 0, 0, NOTHING, ""},
		{"dev tun\ntopology net30\nserver 10.8.0.0 255.255.255.0\n", 2, EFFECT_LOST, BOTH,
			"subnet only"},
		{"dev tun\ntopology net30\nclient\n", 0, 0, NOTHING, ""},
	};

	(void)state;
	EXPECT(rows);
}

static void what_has_no_effect_is_noted(void **state)
{
	static const struct row rows[] = {
		{SERVER "client-to-client\n", 6, EFFECT_NOTE, BOTH, "kernel"},
		{SERVER "mssfix 1200\n", 6, EFFECT_NOTE, BOTH, "tells"},
		{SERVER "shaper 1000\n", 6, EFFECT_NOTE, BOTH, "see"},
		{SERVER "reneg-bytes 1\n", 6, EFFECT_NOTE, BOTH, "see"},
		{SERVER "reneg-bytes 0\n", 0, 0, NOTHING, ""},
		{SERVER "reneg-pkts 1\n", 6, EFFECT_NOTE, BOTH, "see"},
		{SERVER "replay-window 64\n", 6, EFFECT_NOTE, BOTH, "tells"},
		{SERVER "inactive 60\n", 6, EFFECT_NOTE, BOTH, "counters"},
		{SERVER "txqueuelen 9\n", 6, EFFECT_NOTE, BOTH, "queue"},
		{SERVER "dev-node /dev/net/tun\n", 6, EFFECT_NOTE, BOTH, "file"},
		{SERVER "client-nat snat 1 2 3\n", 6, EFFECT_NOTE, BOTH, "see"},
	};

	(void)state;
	EXPECT(rows);
}

static void findings_come_in_the_file_s_order(void **state)
{
	struct findings f;
	struct conf c;

	(void)state;
	assert_int_equal(read_text("fragment 9\ncomp-lzo\nproto tcp\nserver a b\n", &c), 0);
	assert_int_equal(check_conf(&c, OPENVPN_ALL, &f), 0);
	assert_int_equal(f.n, 5);
	assert_null(f.all[0].d);
	for (unsigned int i = 1; i < 5; i++)
		assert_int_equal(f.all[i].d->line, i);
	findings_free(&f);
	conf_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_directive_costs_the_offload),
		cmocka_unit_test(the_version_asked_for_decides),
		cmocka_unit_test(ciphers_other_than_those_cost_it),
		cmocka_unit_test(compression_in_each_form_costs_it),
		cmocka_unit_test(what_is_pushed_shuts_clients_out),
		cmocka_unit_test(clients_files_are_read),
		cmocka_unit_test(the_word_at_fault_is_pointed_at),
		cmocka_unit_test(what_is_missing_costs_it),
		cmocka_unit_test(what_has_no_effect_is_noted),
		cmocka_unit_test(findings_come_in_the_file_s_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
