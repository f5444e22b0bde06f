/* SPDX-License-Identifier: BSD-3-Clause */
/* An openvpn configuration, read as openvpn reads it. */
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
#include "cli/conf.h"

static char folder[] = "/tmp/test_conf.XXXXXX";

static const char *write_file(const char *name, const char *text)
{
	static char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return path;
}

/* "LINE word|word|...;" of each directive, "+" for one of a <connection> block. */
static const char *read_text(const char *text)
{
	static char out[2048];
	size_t used = 0;
	struct conf c;

	if (conf_read(write_file("a.conf", text), &c) < 0) {
		const char *why = strstr(c.error, "a.conf");

		snprintf(out, sizeof(out), "%s", why != NULL ? why : c.error);
		conf_free(&c);
		return out;
	}
	out[0] = '\0';
	for (size_t i = 0; i < c.n; i++) {
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%u%s ", c.d[i].line,
			c.d[i].connection ? "+" : "");
		for (unsigned int w = 0; w < c.d[i].nb_words; w++)
			used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%s",
				w > 0 ? "|" : "", c.d[i].words[w]);
		used += (size_t)snprintf(out + used, sizeof(out) - used, ";");
		assert_null(c.d[i].words[c.d[i].nb_words]);
	}
	conf_free(&c);
	return out;
}

static void lines_become_words_as_openvpn_makes_them(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{"", ""},
		{"dev tun", "1 dev|tun;"},
		{"\xef\xbb\xbf"
		 "dev tun\n",
			"1 dev|tun;"},
		{"\n \t \n  dev\t tun  \r\n", "3 dev|tun;"},
		{"--dev tun", "1 dev|tun;"},
		{"-- tun", "1 --|tun;"},
		{"# dev tun\n; dev tap\ndev x # y\ndev a;b\ndev a ;b",
			"3 dev|x;4 dev|a;b;5 dev|a;"},
		{"push \"route 10.0.0.0 # not\"", "1 push|route 10.0.0.0 # not;"},
		{"push 'a \"b\\ c'", "1 push|a \"b\\ c;"},
		{"push \"a\\\"b\\\\c\"", "1 push|a\"b\\c;"},
		{"push a\\ b\\\"", "1 push|a b\";"},
		{"push \"\" x", "1 push||x;"},
		{"push \"a\"b", "1 push|a|b;"},
		{"push a\"b\"", "1 push|a\"b\";"},
		{"setenv opt comp-lzo no", "1 comp-lzo|no;"},
		{"setenv opt", "1 setenv|opt;"},
		{"setenv a b", "1 setenv|a|b;"},
		{"a 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
			"1 a|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15;"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(read_text(rows[i].text), rows[i].words);
}

static void blocks_are_skipped_and_connections_are_read(void **state)
{
	char lines[1024];

	(void)state;
	assert_string_equal(read_text("<ca>\nproto tcp\n \"\n </ca> rest\ndev tun\n"),
		"1 ca|[inline];5 dev|tun;");
	assert_string_equal(
		read_text(
			"<connection>\n# x\nremote a 1 tcp\n  fragment 9\n</connection>\ndev x\n"),
		"3+ remote|a|1|tcp;4+ fragment|9;1 connection|[inline];6 dev|x;");
	/* one long line is one line */
	snprintf(lines, sizeof(lines), "<ca>\n%0700d\n</ca>\ndev x\n", 0);
	assert_string_equal(read_text(lines), "1 ca|[inline];4 dev|x;");
}

static void includes_are_read_in_place(void **state)
{
	struct conf c;
	char text[512];

	(void)state;
	write_file("inner.conf", "\nproto tcp\n");
	snprintf(text, sizeof(text),
		"dev x\nconfig inner.conf\ncd %s/sub\nconfig deep.conf\nport 1\n", folder);
	snprintf(text + 400, 100, "%s/sub", folder);
	assert_int_equal(mkdir(text + 400, 0700), 0);
	write_file("sub/deep.conf", "topology subnet");
	assert_int_equal(conf_read(write_file("a.conf", text), &c), 0);
	assert_int_equal(c.n, 5);
	assert_string_equal(c.d[1].words[1], "tcp");
	assert_int_equal(c.d[1].line, 2);
	assert_non_null(strstr(c.d[1].file, "/inner.conf"));
	assert_string_equal(c.d[3].words[0], "topology");
	assert_non_null(strstr(c.d[3].file, "/sub/deep.conf"));
	assert_int_equal(c.d[4].line, 5);
	assert_non_null(strstr(c.d[4].file, "/a.conf"));
	conf_free(&c);
}

static void what_openvpn_cannot_read_is_told_with_its_place(void **state)
{
	char longest[400];

	(void)state;
	assert_string_equal(
		read_text("\ndev \"a\n"), "a.conf:2: the quotation is not closed: no second \"");
	assert_string_equal(
		read_text("dev 'a\n"), "a.conf:1: the quotation is not closed: no second '");
	assert_non_null(strstr(read_text("key c:\\x\n"), "a.conf:1: a backslash may stand"));
	assert_string_equal(
		read_text("dev x\n<ca>\na\n"), "a.conf:2: <ca> has no end: </ca> is missing");
	assert_non_null(strstr(
		read_text("<connection>\nremote \"a\n</connection>\n"), "a.conf:2: the quot"));
	assert_non_null(strstr(read_text("config nowhere.conf\n"),
		"a.conf:1: cannot read nowhere.conf: No such file"));
	assert_non_null(strstr(read_text("config a.conf\n"), "a.conf:1: more than 10 files"));
	snprintf(longest, sizeof(longest), "dev %0300d\n", 0);
	assert_non_null(strstr(read_text(longest), "a.conf:1: the line has more than 256"));
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"a.conf", "inner.conf", "sub/deep.conf", "sub", ""};
	char path[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (remove(path) != 0)
			return -1;
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_words_as_openvpn_makes_them),
		cmocka_unit_test(blocks_are_skipped_and_connections_are_read),
		cmocka_unit_test(includes_are_read_in_place),
		cmocka_unit_test(what_openvpn_cannot_read_is_told_with_its_place),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
