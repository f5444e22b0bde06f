/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MESSAGE_MAX 256

int codec_read(const struct dco_family *f, const uint8_t *bytes, size_t len, struct dco_request *q)
{
	struct nl_request r;
	const char *why = NULL;
	int ret = nl_request_read(bytes, len, &r);

	memset(q, 0, sizeof(*q));
	if (ret < 0)
		return ret;
	ret = f->read(&r, q, &why);
	/* openvpn prints why */
	assert_true((ret < 0) == (why != NULL));
	return ret;
}

/* In a block of exactly that size, so that a sanitizer sees a read beyond it. */
static int read_exact(const struct dco_family *f, const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len != 0 ? len : 1);
	struct dco_request q;
	int ret;

	assert_non_null(exact);
	memcpy(exact, bytes, len);
	ret = codec_read(f, exact, len, &q);
	free(exact);
	return ret;
}

/* Has it a nest with something in it? Requests of nlctrl and dumps mean the same without. */
static bool has_nest(const struct dco_family *f, const struct capture *c)
{
	struct dco_request q;

	return c->bytes[4] != NLMSG_MIN_TYPE && codec_read(f, c->bytes, c->len, &q) == 0 &&
		q.verb != DCO_DUMP_PEERS;
}

void codec_truncated(const struct dco_family *f, const struct capture *c, size_t n)
{
	uint8_t m[MESSAGE_MAX];

	for (; n > 0; n--, c++) {
		bool nest = has_nest(f, c);

		for (size_t len = 0; len < c->len; len++) {
			uint32_t claimed = (uint32_t)len;
			int ret;

			assert_true(read_exact(f, c->bytes, len) < 0);
			/* the same with a header that agrees: the nests' lengths tell */
			memcpy(m, c->bytes, c->len);
			memcpy(m, &claimed, sizeof(claimed));
			ret = read_exact(f, m, len);
			if (ret == 0 && nest && c->len - len > 3)
				fail_msg("%s cut to %zu bytes is taken", c->name, len);
		}
	}
}

#define CMD_AT	 16
#define NEST_AT	 28
#define NEW_PEER 1 /* in both families */
#define UNKNOWN	 99

static void each_attribute(const struct dco_family *f, const struct capture *c, uint32_t optional)
{
	uint8_t m[MESSAGE_MAX];
	struct nlattr a;
	bool taken;

	for (size_t at = NEST_AT + NLA_HDRLEN; at < c->len; at += NLA_ALIGN(a.nla_len)) {
		unsigned int type = c->bytes[at + 2];

		memcpy(&a, c->bytes + at, sizeof(a));
		memcpy(m, c->bytes, c->len);
		m[at + 2] = UNKNOWN;
		taken = read_exact(f, m, c->len) == 0;
		if (taken != (optional >> type & 1))
			fail_msg("%s without attribute %u", c->name, type);
		/* where its padding ends the next begins, as before */
		memcpy(m, c->bytes, c->len);
		m[at] = (uint8_t)(a.nla_len % NLA_ALIGNTO == 0 ? a.nla_len - 1 : a.nla_len + 1);
		if (read_exact(f, m, c->len) == 0)
			fail_msg("%s with attribute %u of another length", c->name, type);
	}
}

void codec_attributes(
	const struct dco_family *f, const struct capture *c, size_t n, uint32_t optional)
{
	for (; n > 0; n--, c++) {
		if (has_nest(f, c))
			each_attribute(f, c, c->bytes[CMD_AT] == NEW_PEER ? optional : 0);
	}
}

static uint32_t next(uint32_t *rnd)
{
	*rnd = *rnd * 1664525 + 1013904223;
	return *rnd >> 8;
}

static unsigned int each_byte(const struct dco_family *f, const struct capture *c)
{
	static const uint8_t values[] = {0, 1, 3, 4, 5, 8, 0x7f, 0x80, 0xfe, 0xff};
	unsigned int refused = 0;
	uint8_t m[MESSAGE_MAX];

	for (size_t at = 0; at < c->len; at++) {
		for (size_t v = 0; v < ARRAY_LEN(values); v++) {
			memcpy(m, c->bytes, c->len);
			m[at] = values[v];
			refused += read_exact(f, m, c->len) < 0;
		}
	}
	return refused;
}

static unsigned int several_bytes(
	const struct dco_family *f, const struct capture *c, uint32_t *rnd)
{
	unsigned int refused = 0;
	uint8_t m[MESSAGE_MAX];

	for (unsigned int n = 0; n < 2000; n++) {
		memcpy(m, c->bytes, c->len);
		/* behind the header, or most would end there */
		for (unsigned int k = 0; k < 1 + n % 6; k++)
			m[16 + next(rnd) % (c->len - 16)] = (uint8_t)next(rnd);
		refused += read_exact(f, m, c->len) < 0;
	}
	return refused;
}

/* A good header, a command of the family's, and anything behind it. */
static unsigned int noise(const struct dco_family *f, uint32_t *rnd)
{
	unsigned int refused = 0;
	uint8_t m[MESSAGE_MAX];

	for (unsigned int n = 0; n < 20000; n++) {
		struct nlmsghdr h = {
			.nlmsg_len = 20 + next(rnd) % (MESSAGE_MAX - 20),
			.nlmsg_type = f->genl.id,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		};

		for (size_t at = 0; at < sizeof(m); at++)
			m[at] = (uint8_t)next(rnd);
		/* lengths are small more often than chance has it */
		for (size_t at = 20; at + 4 <= sizeof(m) && n % 2 == 0; at += 4 + m[at] % 16)
			m[at + 1] = m[at + 3] = 0;
		memcpy(m, &h, sizeof(h));
		m[16] = (uint8_t)(1 + n % 12);
		refused += read_exact(f, m, h.nlmsg_len) < 0;
	}
	return refused;
}

void codec_hostile(const struct dco_family *f, const struct capture *c, size_t n)
{
	uint32_t rnd = 12345;
	unsigned int refused = 0;

	for (; n > 0; n--, c++)
		refused += each_byte(f, c) + several_bytes(f, c, &rnd);
	assert_true(refused > 1000);
	assert_true(noise(f, &rnd) > 19000);
}

void assert_ip(const struct ip_addr *a, const char *text)
{
	char buf[IP_STRLEN];

	assert_string_equal(ip_str(a, buf), text);
}

void assert_udp(const struct udp_addr *a, const char *text)
{
	char buf[UDP_ADDR_STRLEN];

	assert_string_equal(udp_addr_str(a, buf), text);
}
