/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables and numbers of ovpn-dpdkctl, by the exact text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "cli/table.h"

static void check_table(const struct table *t, const char *expected)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	table_print(t, out);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void table_aligns_text_left_and_numbers_right(void **state)
{
	static const struct table_column columns[] = {
		{"NAME", false}, {"COUNT", true}, {"WORDS", false}};
	struct table *t = table_new(columns, ARRAY_LEN(columns));

	(void)state;
	assert_true(table_add(t, (const char *[]){"a", "1", "one"}));
	assert_true(table_add(t, (const char *[]){"longer", "1234567", "two words"}));
	check_table(t,
		"NAME      COUNT  WORDS\n"
		"a             1  one\n"
		"longer  1234567  two words\n");
	table_free(t);
}

static void table_without_headers_has_no_header_row(void **state)
{
	static const struct table_column columns[] = {{NULL, false}, {NULL, true}};
	struct table *t = table_new(columns, ARRAY_LEN(columns));

	(void)state;
	check_table(t, "");
	assert_true(table_add(t, (const char *[]){"peers", "10"}));
	assert_true(table_add(t, (const char *[]){"x", "9"}));
	check_table(t, "peers  10\nx       9\n");
	table_free(t);
}

static void table_grows_to_many_rows(void **state)
{
	static const struct table_column columns[] = {{"N", true}};
	struct table *t = table_new(columns, 1);
	char expected[8000] = "   N\n";
	size_t used = strlen(expected);

	(void)state;
	for (int i = 0; i <= 1000; i++) {
		char cell[16];

		snprintf(cell, sizeof(cell), "%d", i);
		assert_true(table_add(t, (const char *[]){cell}));
		used += (size_t)snprintf(expected + used, sizeof(expected) - used, "%4d\n", i);
	}
	check_table(t, expected);
	table_free(t);
}

static void table_replaces_what_a_terminal_would_obey(void **state)
{
	static const struct table_column columns[] = {{"PROGRAM", false}};
	struct table *t = table_new(columns, 1);

	(void)state;
	assert_true(table_add(t, (const char *[]){"a\033[2J\nb\177"}));
	check_table(t, "PROGRAM\na?[2J?b?\n");
	table_free(t);
}

static void bytes_get_the_unit_that_keeps_them_short(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1.0 KiB"},
		{1536, "1.5 KiB"},
		{1048524, "1023.9 KiB"},
		{1048525, "1.0 MiB"},
		{1048576, "1.0 MiB"},
		{5000000000, "4.7 GiB"},
		{UINT64_MAX, "16.0 EiB"},
	};
	char buf[TABLE_NUMBER_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(table_bytes(rows[i].bytes, buf), rows[i].text);
}

static void seconds_get_two_units_at_most(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} rows[] = {
		{0, "0.0s"},
		{1.234, "1.2s"},
		{9.94, "9.9s"},
		{9.96, "9s"},
		{59.9, "59s"},
		{60, "1m00s"},
		{3599, "59m59s"},
		{3600, "1h00m"},
		{86399, "23h59m"},
		{86400, "1d00h"},
		{1e9, "11574d01h"},
		{1e300, "11574074074d01h"},
	};
	char buf[TABLE_NUMBER_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(table_seconds(rows[i].seconds, buf), rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_aligns_text_left_and_numbers_right),
		cmocka_unit_test(table_without_headers_has_no_header_row),
		cmocka_unit_test(table_grows_to_many_rows),
		cmocka_unit_test(table_replaces_what_a_terminal_would_obey),
		cmocka_unit_test(bytes_get_the_unit_that_keeps_them_short),
		cmocka_unit_test(seconds_get_two_units_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
