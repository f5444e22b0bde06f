/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base.h"
#include "dataplane/wire.h"

static void every_first_byte_splits_into_opcode_and_key_id(void **state)
{
	uint8_t p[WIRE_DATA_HDR_LEN] = {0};

	(void)state;
	for (unsigned int first = 0; first < 256; first++) {
		p[0] = (uint8_t)first;
		assert_int_equal(wire_opcode(p[0]), first >> 3);
		assert_int_equal(wire_data_read(p).key_id, first & 7);
	}
}

static void data_header_is_read_as_the_protocol_writes_it(void **state)
{
	static const uint8_t p[WIRE_DATA_HDR_LEN] = {
		0x4b, 0x12, 0x34, 0x56, 0x89, 0xab, 0xcd, 0xef, 0xff, 0xff, 0xff};
	struct wire_data d = wire_data_read(p);

	(void)state;
	assert_int_equal(wire_opcode(p[0]), WIRE_DATA_V2);
	assert_int_equal(d.key_id, 3);
	assert_int_equal(d.peer_id, 0x123456);
	assert_int_equal(d.pktid, 0x89abcdef);
}

static void data_head_is_written_byte_for_byte(void **state)
{
	static const struct {
		uint8_t key_id;
		uint32_t peer_id, pktid;
		uint8_t bytes[8];
	} rows[] = {
		{0, 0, 1, {0x48, 0, 0, 0, 0, 0, 0, 1}},
		{7, 0xfffffe, 0xffffffff, {0x4f, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff}},
		{3, 0x123456, 0x89abcdef, {0x4b, 0x12, 0x34, 0x56, 0x89, 0xab, 0xcd, 0xef}},
		{1, 0x000080, 0x80000000, {0x49, 0, 0, 0x80, 0x80, 0, 0, 0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t head = wire_data_head(rows[i].key_id, rows[i].peer_id, rows[i].pktid);

		assert_memory_equal(&head, rows[i].bytes, 8);
	}
}

static void what_is_written_is_read_back(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 24; i++) {
		for (uint8_t key_id = 0; key_id < 8; key_id++) {
			uint64_t head = wire_data_head(key_id, 1u << i, 0xffffffffu >> i);
			uint8_t p[WIRE_DATA_HDR_LEN] = {0};
			struct wire_data d;

			memcpy(p, &head, sizeof(head));
			d = wire_data_read(p);
			assert_int_equal(wire_opcode(p[0]), WIRE_DATA_V2);
			assert_int_equal(d.key_id, key_id);
			assert_int_equal(d.peer_id, 1u << i);
			assert_int_equal(d.pktid, 0xffffffffu >> i);
		}
	}
}

static void ping_is_the_sixteen_bytes_of_openvpn_and_nothing_else(void **state)
{
	uint8_t ping[17] = {0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed, 0x2d, 0x0a,
		0x98, 0x1f, 0xc7, 0x48, 0};

	(void)state;
	assert_true(wire_is_ping(ping, 16));
	for (size_t len = 0; len <= 17; len++)
		assert_int_equal(wire_is_ping(ping, len), len == 16);
	for (size_t bit = 0; bit < 128; bit++) {
		ping[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(wire_is_ping(ping, 16));
		ping[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void lengths_are_those_of_the_format(void **state)
{
	(void)state;
	assert_int_equal(WIRE_DATA_HDR_LEN, 1 + 3 + 4 + 16);
	assert_int_equal(WIRE_AAD_LEN, 8);
	assert_int_equal(WIRE_TAG_OFFSET, 8);
	assert_int_equal(WIRE_PEER_MAX, 0xffffff - 1);
	assert_int_equal(WIRE_PEER_UNDEF, 0xffffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_first_byte_splits_into_opcode_and_key_id),
		cmocka_unit_test(data_header_is_read_as_the_protocol_writes_it),
		cmocka_unit_test(data_head_is_written_byte_for_byte),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(ping_is_the_sixteen_bytes_of_openvpn_and_nothing_else),
		cmocka_unit_test(lengths_are_those_of_the_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
