/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames are handed over in buffers of exactly their size, so that ASan sees a read beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "component/frames.h"
#include "dataplane/classify.h"

static int owner_a, owner_b;

struct fixture {
	struct locals *locals;
	struct flow v4, v6; /* to our transports, port 1194 */
};

/* As in a burst of all frames of one test. */
static struct learned {
	const struct locals *table;
	struct alike last;
	unsigned int alike;
} learned;

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct local entries[] = {
		{.addr = udp_of("192.0.2.1", 1194), .owner = &owner_a, .tid = 7},
		{.addr = udp_of("2001:db8::1", 1194), .owner = &owner_b, .tid = 8},
	};

	f->locals = locals_build(entries, ARRAY_LEN(entries));
	f->v4 = flow_of(udp_of("198.51.100.9", 40000), entries[0].addr);
	f->v6 = flow_of(udp_of("2001:db8::99", 40000), entries[1].addr);
	*state = f;
	return f->locals == NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->locals);
	free(f);
	return 0;
}

/* Who is taken for one like the last is what classify() says. */
static void classify_by_the_last(const struct locals *t, const uint8_t *frame, uint16_t len,
	bool ip_ok, const struct classified *c)
{
	struct classified quick;

	if (learned.table != t)
		learned = (struct learned){.table = t};
	if (classify_alike(&learned.last, frame, len, ip_ok, &quick)) {
		learned.alike++;
		assert_int_equal(quick.verdict, c->verdict);
		assert_ptr_equal(quick.local, c->local);
		assert_int_equal(quick.family, c->family);
		assert_int_equal(quick.opener, c->opener);
		assert_int_equal(quick.tos, c->tos);
		assert_int_equal(quick.payload, c->payload);
		assert_int_equal(quick.len, c->len);
	}
	alike_learn(&learned.last, frame, c);
}

static struct classified classify_exact(
	const struct locals *t, const uint8_t *frame, size_t len, bool ip_ok)
{
	uint8_t *copy = malloc(len == 0 ? 1 : len);
	const uint8_t *exact = len == 0 ? copy + 1 : copy;
	struct classified c;

	memcpy(copy, frame, len);
	classify(t, exact, (uint16_t)len, ip_ok, &c);
	classify_by_the_last(t, exact, (uint16_t)len, ip_ok, &c);
	free(copy);
	return c;
}

static struct classified classify_udp_of(
	const struct fixture *f, const struct flow *flow, const void *payload, size_t len)
{
	uint8_t frame[FRAME_MAX];

	return classify_exact(f->locals, frame, frame_udp(frame, flow, payload, len), false);
}

static void assert_drop(struct classified c, enum drop_reason reason)
{
	assert_int_equal(c.verdict, VERDICT_DROP);
	assert_string_equal(drop_name(c.reason), drop_name(reason));
}

/* --- opcodes and payload lengths -------------------------------------------------------- */

/* dco-contract 7. */
static enum verdict expected(unsigned int opcode, size_t len, enum drop_reason *reason)
{
	if (len == 0) {
		*reason = DROP_EMPTY;
		return VERDICT_DROP;
	}
	switch (opcode) {
	case 9:
		*reason = DROP_DATA_SHORT;
		return len < 24 ? VERDICT_DROP : VERDICT_DATA;
	case 6:
		*reason = DROP_DATA_V1;
		return VERDICT_DROP;
	case 3:
	case 4:
	case 5:
	case 7:
	case 8:
	case 10:
	case 11:
		return VERDICT_CONTROL;
	default:
		*reason = DROP_BAD_OPCODE;
		return VERDICT_DROP;
	}
}

static void every_first_byte_and_length_has_its_verdict(void **state)
{
	const struct fixture *f = *state;
	uint8_t payload[64] = {0};

	for (int family = 0; family < 2; family++) {
		const struct flow *flow = family == 0 ? &f->v4 : &f->v6;

		for (unsigned int first = 0; first < 256; first++) {
			for (size_t len = 0; len <= sizeof(payload); len++) {
				enum drop_reason reason = NB_DROPS;
				enum verdict want = expected(first >> 3, len, &reason);
				struct classified c;

				payload[0] = (uint8_t)first;
				c = classify_udp_of(f, flow, payload, len);
				assert_int_equal(c.verdict, want);
				if (want == VERDICT_DROP)
					assert_drop(c, reason);
				assert_int_equal(c.len, len);
				assert_int_equal(c.payload, frame_hdr_len(flow->src.ip.family));
				assert_int_equal(c.family, flow->src.ip.family);
				assert_int_equal(c.local->tid, family == 0 ? 7 : 8);
				if (want == VERDICT_CONTROL)
					assert_int_equal(
						c.opener, first >> 3 == 7 || first >> 3 == 10);
			}
		}
	}
}

static void addresses_are_those_of_the_frame(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX];
	struct udp_addr src, dst;
	struct classified c;
	size_t len;

	for (int family = 0; family < 2; family++) {
		const struct flow *flow = family == 0 ? &f->v4 : &f->v6;

		len = frame_udp(frame, flow, "\x20", 1);
		c = classify_exact(f->locals, frame, len, false);
		classify_addrs(frame, c.family, c.payload, &src, &dst);
		assert_true(udp_addr_equal(&src, &flow->src));
		assert_true(udp_addr_equal(&dst, &flow->dst));
	}
}

/* --- outer IPv4 ------------------------------------------------------------------------- */

/* An IPv4 frame with options of 4 * words bytes in front of UDP; the checksum holds. */
static size_t with_options(uint8_t *out, const uint8_t *frame, size_t len, unsigned int words)
{
	size_t options = 4u * words;

	memcpy(out, frame, 34);
	memset(out + 34, 1, options); /* no operation */
	memcpy(out + 34 + options, frame + 34, len - 34);
	out[14] = (uint8_t)(0x45 + words);
	be16_store(out + 16, (uint16_t)(len - 14 + options));
	be16_store(out + 24, 0);
	be16_store(out + 24, frame_checksum(0, out + 14, 20 + options));
	return len + options;
}

static void ip4_options_are_skipped(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], long_frame[FRAME_MAX], payload[30] = {0x48};
	size_t len = frame_udp(frame, &f->v4, payload, sizeof(payload));

	for (unsigned int words = 0; words <= 10; words++) {
		size_t n = with_options(long_frame, frame, len, words);
		struct classified c = classify_exact(f->locals, long_frame, n, false);
		struct udp_addr src, dst;

		assert_int_equal(c.verdict, VERDICT_DATA);
		assert_int_equal(c.payload, 42 + 4 * words);
		assert_int_equal(c.len, sizeof(payload));
		classify_addrs(long_frame, c.family, c.payload, &src, &dst);
		assert_true(udp_addr_equal(&src, &f->v4.src));
		assert_true(udp_addr_equal(&dst, &f->v4.dst));
	}
}

static void ip4_checksum_counts_unless_the_nic_has_checked(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], with[FRAME_MAX], payload[30] = {0x48};
	size_t len = frame_udp(frame, &f->v4, payload, sizeof(payload));

	for (unsigned int words = 0; words <= 10; words += 5) {
		size_t n = with_options(with, frame, len, words);

		for (unsigned int bit = 0; bit < 16; bit++) {
			with[24 + bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_drop(classify_exact(f->locals, with, n, false), DROP_IP_CHECKSUM);
			assert_int_equal(
				classify_exact(f->locals, with, n, true).verdict, VERDICT_DATA);
			with[24 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		/* a damaged option */
		if (words > 0) {
			with[34] = 0;
			assert_drop(classify_exact(f->locals, with, n, false), DROP_IP_CHECKSUM);
		}
	}
}

static void fix_ip4_checksum(uint8_t *frame)
{
	be16_store(frame + 24, 0);
	be16_store(frame + 24, frame_checksum(0, frame + 14, 20));
}

static void ip4_fragments_of_our_addresses_are_set_aside(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], payload[30] = {0x48};
	size_t len = frame_udp(frame, &f->v4, payload, sizeof(payload));

	for (uint32_t field = 0; field <= 0xffff; field++) {
		bool fragment = (field & 0x2000) != 0 || (field & 0x1fff) != 0;
		struct classified c;

		be16_store(frame + 20, (uint16_t)field);
		fix_ip4_checksum(frame);
		/* of a first fragment, the UDP length lies beyond it; of a later one, anything */
		be16_store(frame + 38, fragment ? 1400 : 38);
		be16_store(frame + 36, (field & 0x1fff) != 0 ? 53 : 1194);
		c = classify_exact(f->locals, frame, len, false);
		assert_int_equal(c.verdict, fragment ? VERDICT_FRAGMENT : VERDICT_DATA);
		assert_int_equal(c.family, IP_V4);
		frame[24] ^= 1;
		assert_drop(classify_exact(f->locals, frame, len, false), DROP_IP_CHECKSUM);
	}
}

static void fragments_of_other_addresses_are_the_kernels(void **state)
{
	const struct fixture *f = *state;
	struct flow v4 = f->v4, v6 = f->v6;
	uint8_t frame[FRAME_MAX], payload[30] = {0x48};
	size_t len;

	v4.dst.ip = ip_of("192.0.2.2");
	len = frame_udp(frame, &v4, payload, sizeof(payload));
	be16_store(frame + 20, 0x2000);
	fix_ip4_checksum(frame);
	assert_int_equal(classify_exact(f->locals, frame, len, false).verdict, VERDICT_HOST);
	be16_store(frame + 20, 3);
	assert_int_equal(classify_exact(f->locals, frame, len, false).verdict, VERDICT_HOST);
	/* TCP in pieces to our address */
	len = frame_udp(frame, &f->v4, payload, sizeof(payload));
	be16_store(frame + 20, 0x2000);
	frame[23] = 6;
	fix_ip4_checksum(frame);
	assert_int_equal(classify_exact(f->locals, frame, len, false).verdict, VERDICT_HOST);
	v6.dst.ip = ip_of("2001:db8::2");
	len = frame_udp(frame, &v6, payload, sizeof(payload));
	frame[20] = 44;
	frame[54] = 17;
	assert_int_equal(classify_exact(f->locals, frame, len, false).verdict, VERDICT_HOST);
}

static void ip4_lengths_must_agree(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], payload[30] = {0x48};
	size_t len = frame_udp(frame, &f->v4, payload, sizeof(payload));

	for (uint32_t udp_len = 0; udp_len <= 0xffff; udp_len++) {
		struct classified c;

		be16_store(frame + 38, (uint16_t)udp_len);
		c = classify_exact(f->locals, frame, len, false);
		if (udp_len < 8 || udp_len > 38)
			assert_drop(c, DROP_BAD_LENGTH);
		else
			assert_int_equal(c.len, udp_len - 8);
	}
	be16_store(frame + 38, 38);
	for (uint32_t total = 0; total <= 0xffff; total++) {
		struct classified c;

		be16_store(frame + 16, (uint16_t)total);
		fix_ip4_checksum(frame);
		c = classify_exact(f->locals, frame, len, false);
		if (total < 28 || total > 58)
			assert_int_equal(c.verdict, VERDICT_HOST);
		else if (total < 58)
			assert_drop(c, DROP_BAD_LENGTH);
		else
			assert_int_equal(c.verdict, VERDICT_DATA);
	}
}

static void ip4_header_of_another_kind_is_the_kernels(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], payload[30] = {0x48};
	size_t len = frame_udp(frame, &f->v4, payload, sizeof(payload));

	for (unsigned int first = 0; first < 256; first++) {
		struct classified c;

		frame[14] = (uint8_t)first;
		fix_ip4_checksum(frame);
		c = classify_exact(f->locals, frame, len, true);
		if (first >> 4 != 4 || (first & 15) < 5)
			assert_int_equal(c.verdict, VERDICT_HOST);
	}
	frame[14] = 0x45;
	for (unsigned int proto = 0; proto < 256; proto++) {
		frame[23] = (uint8_t)proto;
		fix_ip4_checksum(frame);
		assert_int_equal(classify_exact(f->locals, frame, len, false).verdict,
			proto == 17 ? VERDICT_DATA : VERDICT_HOST);
	}
}

/* --- outer IPv6 ------------------------------------------------------------------------- */

static void ip6_lengths_must_agree(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], payload[30] = {0x48};
	size_t len = frame_udp(frame, &f->v6, payload, sizeof(payload));

	for (uint32_t n = 0; n <= 0xffff; n++) {
		struct classified c;

		be16_store(frame + 18, (uint16_t)n);
		c = classify_exact(f->locals, frame, len, false);
		if (n < 8 || n > 38)
			assert_int_equal(c.verdict, VERDICT_HOST);
		else if (n < 38)
			assert_drop(c, DROP_BAD_LENGTH);
		else
			assert_int_equal(c.verdict, VERDICT_DATA);
	}
	be16_store(frame + 18, 38);
	for (uint32_t n = 0; n <= 0xffff; n++) {
		struct classified c;

		be16_store(frame + 58, (uint16_t)n);
		c = classify_exact(f->locals, frame, len, false);
		if (n < 8 || n > 38)
			assert_drop(c, DROP_BAD_LENGTH);
		else
			assert_int_equal(c.len, n - 8);
	}
}

static void ip6_extension_headers_are_the_kernels_but_fragments_of_udp(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], payload[30] = {0x48};
	size_t len = frame_udp(frame, &f->v6, payload, sizeof(payload));

	for (unsigned int next = 0; next < 256; next++) {
		frame[20] = (uint8_t)next; /* hop-by-hop, routing, fragment, ... */
		for (unsigned int second = 0; second < 256; second++) {
			enum verdict want =
				next == 44 && second == 17 ? VERDICT_FRAGMENT : VERDICT_HOST;

			frame[54] = (uint8_t)second;
			if (next != 17)
				assert_int_equal(
					classify_exact(f->locals, frame, len, false).verdict, want);
		}
	}
	/* a fragment header that does not fit is none */
	frame[20] = 44;
	frame[54] = 17;
	for (uint16_t n = 0; n < 12; n++) {
		be16_store(frame + 18, n);
		assert_int_equal(classify_exact(f->locals, frame, 54 + n, false).verdict,
			n >= 8 ? VERDICT_FRAGMENT : VERDICT_HOST);
	}
}

/* RFC 6946: a fragment header without an offset and without more fragments changes nothing. */
static void ip6_datagrams_in_one_fragment_are_whole(void **state)
{
	const struct fixture *f = *state;
	uint8_t plain[FRAME_MAX], frame[FRAME_MAX], payload[30] = {0x48};
	size_t len = frame_udp(plain, &f->v6, payload, sizeof(payload)) + 8;
	struct udp_addr src, dst;

	memcpy(frame, plain, 54);
	memcpy(frame + 62, plain + 54, len - 62);
	memcpy(frame + 54, (uint8_t[]){17, 0, 0, 0, 1, 2, 3, 4}, 8);
	frame[20] = 44;
	be16_store(frame + 18, (uint16_t)(len - 54));
	for (unsigned int bits = 0; bits < 65536; bits++) {
		bool whole = (bits & 0xfff9) == 0; /* two bits are reserved */
		struct classified c;

		be16_store(frame + 56, (uint16_t)bits);
		c = classify_exact(f->locals, frame, len, false);
		assert_int_equal(c.verdict, whole ? VERDICT_DATA : VERDICT_FRAGMENT);
		if (!whole)
			continue;
		assert_int_equal(c.payload, 70);
		assert_int_equal(c.len, sizeof(payload));
		classify_addrs(frame, c.family, c.payload, &src, &dst);
		assert_true(udp_addr_equal(&src, &f->v6.src));
		assert_true(udp_addr_equal(&dst, &f->v6.dst));
	}
	be16_store(frame + 56, 0);
	for (uint16_t n = 0; n < len - 54; n++) {
		struct classified c;

		be16_store(frame + 18, n); /* payload length */
		c = classify_exact(f->locals, frame, 54 + n, false);
		assert_int_not_equal(c.verdict, VERDICT_DATA);
		assert_int_not_equal(c.verdict, VERDICT_FRAGMENT);
	}
}

static void ip6_versions_other_than_6_are_the_kernels(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], payload[30] = {0x48};
	size_t len = frame_udp(frame, &f->v6, payload, sizeof(payload));

	for (unsigned int version = 0; version < 16; version++) {
		frame[14] = (uint8_t)(version << 4);
		assert_int_equal(classify_exact(f->locals, frame, len, false).verdict,
			version == 6 ? VERDICT_DATA : VERDICT_HOST);
	}
}

/* --- frames ----------------------------------------------------------------------------- */

static void other_ethertypes_are_the_kernels(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], payload[30] = {0x48};
	size_t len = frame_udp(frame, &f->v4, payload, sizeof(payload));

	for (uint32_t type = 0; type <= 0xffff; type++) {
		be16_store(frame + 12, (uint16_t)type); /* ARP, VLAN, ... */
		assert_int_equal(classify_exact(f->locals, frame, len, false).verdict,
			type == 0x0800 ? VERDICT_DATA : VERDICT_HOST);
	}
}

static void padding_behind_short_packets_is_not_payload(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], payload[24] = {0x48};

	for (int family = 0; family < 2; family++) {
		const struct flow *flow = family == 0 ? &f->v4 : &f->v6;

		for (size_t n = 0; n <= sizeof(payload); n++) {
			size_t len = frame_udp(frame, flow, payload, n);
			struct classified c;

			memset(frame + len, 0xee, 64);
			c = classify_exact(f->locals, frame, len + 64, false);
			assert_int_equal(c.len, n);
			if (n == 0)
				assert_drop(c, DROP_EMPTY);
			else if (n < 24)
				assert_drop(c, DROP_DATA_SHORT);
			else
				assert_int_equal(c.verdict, VERDICT_DATA);
		}
	}
}

static void a_frame_cut_anywhere_is_never_data_and_never_read_beyond(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], with[FRAME_MAX], payload[40] = {0x48};

	for (int kind = 0; kind < 3; kind++) {
		size_t len = frame_udp(frame, kind == 1 ? &f->v6 : &f->v4, payload, 40);

		memcpy(with, frame, len);
		if (kind == 2)
			len = with_options(with, frame, len, 10);
		for (size_t cut = 0; cut < len; cut++) {
			struct classified c = classify_exact(f->locals, with, cut, false);

			if (cut < 14)
				assert_drop(c, DROP_RUNT);
			else
				assert_int_equal(c.verdict, VERDICT_HOST);
		}
		assert_int_equal(classify_exact(f->locals, with, len, false).verdict, VERDICT_DATA);
	}
}

static void a_frame_like_the_last_is_known_by_what_it_says(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], other[FRAME_MAX], payload[64] = {0x48};
	size_t len = frame_udp(frame, &f->v4, payload, sizeof(payload));

	learned = (struct learned){0};
	classify_exact(f->locals, frame, len, false);
	assert_int_equal(learned.alike, 0);
	classify_exact(f->locals, frame, len, false);
	assert_int_equal(learned.alike, 1);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		bool header = bit >= 8 * 14 && bit < 8 * 34;

		memcpy(other, frame, len);
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
		classify_exact(f->locals, frame, len, false);
		learned.alike = 0;
		classify_exact(f->locals, other, len, false);
		assert_true(!header || learned.alike == 0); /* its checksum */
		classify_exact(f->locals, frame, len, false);
		learned.alike = 0;
		classify_exact(f->locals, other, len, true);
		if (bit / 8 == 15 || bit / 8 == 22 || (bit / 8 >= 26 && bit / 8 < 30))
			assert_int_equal(learned.alike, 1); /* TOS, TTL, source */
	}
}

static void nothing_is_like_what_was_not_learned(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], with[FRAME_MAX], payload[40] = {0x48};
	size_t n, len = frame_udp(frame, &f->v4, payload, sizeof(payload));
	struct alike none = {.local = NULL};
	struct classified c;

	/* what says nothing, as none does */
	memset(with, 0, len);
	be16_store(with + 16, 68);
	be16_store(with + 38, 48);
	with[42] = 0x48;
	assert_false(classify_alike(&none, with, (uint16_t)len, true, &c));
	/* nor is it what is no data packet */
	learned.last = none;
	payload[0] = 0x20;
	n = frame_udp(with, &f->v4, payload, sizeof(payload));
	classify_exact(f->locals, with, n, false);
	assert_null(learned.last.local);
	/* nor a header with options, though they look like UDP */
	n = with_options(with, frame, len, 10);
	be16_store(with + 38, 48);
	with[42] = 0x48;
	assert_int_equal(classify_exact(f->locals, with, n, true).payload, 82);
	classify_exact(f->locals, with, n, true);
	assert_null(learned.last.local);
}

/* Whatever comes: no read beyond, and what is called DATA or CONTROL lies inside the frame. */
static void random_frames_are_never_read_beyond(void **state)
{
	const struct fixture *f = *state;
	uint8_t frame[FRAME_MAX], payload[64] = {0x48};
	uint32_t seed = 99;

	for (int i = 0; i < 100000; i++) {
		size_t n = frame_random(&seed) % sizeof(payload);
		size_t len = frame_udp(frame, i % 2 ? &f->v4 : &f->v6, payload, n);
		struct classified c;

		for (uint32_t k = frame_random(&seed) % 4; k > 0; k--)
			frame[12 + frame_random(&seed) % 40] = (uint8_t)frame_random(&seed);
		len -= frame_random(&seed) % 3 == 0 ? frame_random(&seed) % len : 0;
		c = classify_exact(f->locals, frame, len, frame_random(&seed) % 2);
		if (c.verdict == VERDICT_DATA || c.verdict == VERDICT_CONTROL) {
			assert_non_null(c.local);
			assert_true(c.payload + c.len <= len);
			assert_true(c.len > 0);
		}
	}
}

/* --- locals ----------------------------------------------------------------------------- */

static void only_claimed_addresses_and_ports_are_ours(void **state)
{
	struct fixture *f = *state;
	struct flow flow = f->v4;
	uint8_t payload[30] = {0x48};

	flow.dst.port = 0; /* the table's own entry for fragments is no port */
	assert_int_equal(classify_udp_of(f, &flow, payload, 30).verdict, VERDICT_HOST);
	flow.dst.port = 1195;
	assert_int_equal(classify_udp_of(f, &flow, payload, 30).verdict, VERDICT_HOST);
	flow = f->v4;
	flow.dst.ip = ip_of("192.0.2.2");
	assert_int_equal(classify_udp_of(f, &flow, payload, 30).verdict, VERDICT_HOST);
	flow = f->v6;
	flow.dst.ip = ip_of("2001:db8::2");
	assert_int_equal(classify_udp_of(f, &flow, payload, 30).verdict, VERDICT_HOST);
}

/* What is not ours is the kernel's, broken or not. */
static void broken_frames_for_others_are_the_kernels(void **state)
{
	struct fixture *f = *state;
	struct flow flow = f->v4;
	uint8_t frame[FRAME_MAX];
	size_t len;

	flow.dst.port = 53;
	len = frame_udp(frame, &flow, "", 0);
	assert_int_equal(classify_exact(f->locals, frame, len, false).verdict, VERDICT_HOST);
	frame[24] ^= 1;
	be16_store(frame + 38, 0);
	assert_int_equal(classify_exact(f->locals, frame, len, false).verdict, VERDICT_HOST);
}

static struct udp_addr random_local(uint32_t *seed)
{
	static const char *const ips[] = {"0.0.0.0", "10.0.0.1", "10.0.0.2", "255.255.255.255",
		"::", "::1", "a00:1::", "fd00::1"};

	return udp_of(ips[frame_random(seed) % ARRAY_LEN(ips)],
		(uint16_t)(1 + frame_random(seed) % 40 * 257));
}

static void locals_answer_as_a_list_would(void **state)
{
	struct local entries[120];
	uint32_t seed = 5;

	(void)state;
	for (int round = 0; round < 300; round++) {
		uint32_t n = frame_random(&seed) % ARRAY_LEN(entries);
		struct locals *t;

		for (uint32_t i = 0; i < n; i++)
			entries[i] = (struct local){
				.addr = random_local(&seed), .owner = &owner_a, .tid = i};
		t = locals_build(entries, n);
		assert_non_null(t);
		for (int k = 0; k < 200; k++) {
			struct udp_addr a = random_local(&seed);
			const struct local *want = NULL, *got;

			if (k % 4 == 0)
				a.port = 0; /* fragments: whoever has the address */
			for (uint32_t i = n; i-- > 0;) {
				if (ip_equal(&entries[i].addr.ip, &a.ip) &&
					(a.port == 0 || entries[i].addr.port == a.port))
					want = &entries[i];
			}
			got = locals_find(t, a.ip.family, a.ip.b, a.port);
			assert_int_equal(got != NULL, want != NULL);
			if (want != NULL)
				assert_int_equal(got->tid, want->tid);
		}
		free(t);
	}
}

static void an_empty_table_of_locals_owns_nothing(void **state)
{
	struct locals *t = locals_build(NULL, 0);
	struct udp_addr a = udp_of("0.0.0.0", 0);

	(void)state;
	assert_non_null(t);
	assert_null(locals_find(t, a.ip.family, a.ip.b, a.port));
	free(t);
}

/* --- checksum --------------------------------------------------------------------------- */

static void checksum_is_rfc_1071s_for_every_length(void **state)
{
	uint32_t seed = 3;

	(void)state;
	for (size_t n = 0; n < 400; n++) {
		uint8_t *p = calloc(1, n == 0 ? 1 : n);

		for (size_t i = 0; i < n; i++)
			p[i] = n % 3 == 0 ? 0xff : (uint8_t)frame_random(&seed);
		assert_int_equal(checksum_fold(checksum_add(0, p, n)), frame_checksum(0, p, n));
		free(p);
	}
	assert_int_equal(checksum_fold(UINT64_MAX), 0);
	assert_int_equal(checksum_fold(0), 0xffff);
}

static void every_drop_reason_has_a_name_of_its_own_and_a_sentence(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < NB_DROPS; i++) {
		assert_true(strlen(drop_words(i)) > 10);
		assert_int_equal(strspn(drop_name(i), "abcdefghijklmnopqrstuvwxyz0123456789-"),
			strlen(drop_name(i)));
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(drop_name(i), drop_name(k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_first_byte_and_length_has_its_verdict),
		cmocka_unit_test(addresses_are_those_of_the_frame),
		cmocka_unit_test(ip4_options_are_skipped),
		cmocka_unit_test(ip4_checksum_counts_unless_the_nic_has_checked),
		cmocka_unit_test(ip4_fragments_of_our_addresses_are_set_aside),
		cmocka_unit_test(fragments_of_other_addresses_are_the_kernels),
		cmocka_unit_test(ip4_lengths_must_agree),
		cmocka_unit_test(ip4_header_of_another_kind_is_the_kernels),
		cmocka_unit_test(ip6_lengths_must_agree),
		cmocka_unit_test(ip6_extension_headers_are_the_kernels_but_fragments_of_udp),
		cmocka_unit_test(ip6_datagrams_in_one_fragment_are_whole),
		cmocka_unit_test(ip6_versions_other_than_6_are_the_kernels),
		cmocka_unit_test(other_ethertypes_are_the_kernels),
		cmocka_unit_test(padding_behind_short_packets_is_not_payload),
		cmocka_unit_test(a_frame_cut_anywhere_is_never_data_and_never_read_beyond),
		cmocka_unit_test(a_frame_like_the_last_is_known_by_what_it_says),
		cmocka_unit_test(nothing_is_like_what_was_not_learned),
		cmocka_unit_test(random_frames_are_never_read_beyond),
		cmocka_unit_test(only_claimed_addresses_and_ports_are_ours),
		cmocka_unit_test(broken_frames_for_others_are_the_kernels),
		cmocka_unit_test(locals_answer_as_a_list_would),
		cmocka_unit_test(an_empty_table_of_locals_owns_nothing),
		cmocka_unit_test(checksum_is_rfc_1071s_for_every_length),
		cmocka_unit_test(every_drop_reason_has_a_name_of_its_own_and_a_sentence),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
