/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/mss.h"

#include "dataplane/classify.h"

#define TCP_HDR_LEN  20
#define TCP	     6
#define TCP_SYN	     0x02
#define TCP_RST	     0x04
#define HOP_BY_HOP   0
#define ROUTING	     43
#define DESTINATION  60
#define END_OF_LIST  0
#define NO_OPERATION 1
#define MSS	     2
#define MSS_LEN	     4

/* A TCP header and what follows it to the end of the packet. */
struct segment {
	uint8_t *p;
	size_t len;
	uint32_t headers; /* what a segment has before its payload: IP and TCP, without options */
};

static bool find_in_ip4(uint8_t *p, size_t len, struct segment *s)
{
	size_t hdr = (p[0] & 15) * 4u;
	size_t total = be16_load(p + 2);

	if (hdr < IP4_HDR_LEN || total < hdr || total > len || p[9] != TCP)
		return false;
	if ((be16_load(p + 6) & 0x1fff) != 0) /* a later fragment: these bytes are no header */
		return false;
	*s = (struct segment){
		.p = p + hdr, .len = total - hdr, .headers = IP4_HDR_LEN + TCP_HDR_LEN};
	return true;
}

/*
 * Follows the extension headers that say where the next one begins and that protect nothing. Each
 * has 8 bytes or more, so the walk ends.
 */
static bool find_in_ip6(uint8_t *p, size_t len, struct segment *s)
{
	size_t end, at = IP6_HDR_LEN;
	uint8_t next = p[6];

	if (len < IP6_HDR_LEN || be16_load(p + 4) > len - IP6_HDR_LEN)
		return false;
	end = IP6_HDR_LEN + (size_t)be16_load(p + 4);
	while (next != TCP) {
		size_t hdr;

		if (end - at < 8)
			return false;
		switch (next) {
		case HOP_BY_HOP:
		case ROUTING:
		case DESTINATION:
			hdr = (p[at + 1] + 1u) * 8;
			break;
		case IPPROTO_FRAGMENT_:
			if ((be16_load(p + at + 2) & 0xfff8) != 0)
				return false;
			hdr = IP6_FRAG_HDR_LEN;
			break;
		default:
			return false;
		}
		if (hdr > end - at)
			return false;
		next = p[at];
		at += hdr;
	}
	*s = (struct segment){.p = p + at, .len = end - at, .headers = IP6_HDR_LEN + TCP_HDR_LEN};
	return true;
}

/*
 * Where the next maximum segment size stands in the options between at and end; end: there is none
 * any more; 0: the options contradict themselves.
 */
static size_t next_mss(const uint8_t *tcp, size_t at, size_t end)
{
	while (at < end && tcp[at] != END_OF_LIST) {
		if (tcp[at] == NO_OPERATION) {
			at++;
			continue;
		}
		if (end - at < 2 || tcp[at + 1] < 2 || tcp[at + 1] > end - at)
			return 0;
		if (tcp[at] == MSS)
			return tcp[at + 1] == MSS_LEN ? at : 0;
		at += tcp[at + 1];
	}
	return end;
}

static bool options_hold(const uint8_t *tcp, size_t end)
{
	size_t at = next_mss(tcp, TCP_HDR_LEN, end);

	while (at != 0 && at < end)
		at = next_mss(tcp, at + MSS_LEN, end);
	return at != 0;
}

/* The checksum is of 16-bit words from the header's beginning: at an odd place halves are swapped.
 */
static void say(uint8_t *tcp, size_t at, uint16_t old, uint16_t new)
{
	be16_store(tcp + at, new);
	if (at % 2 != 0) {
		old = __builtin_bswap16(old);
		new = __builtin_bswap16(new);
	}
	checksum_replace(tcp + 16, old, new);
}

bool mss_clamp(uint8_t *p, size_t len, uint32_t most)
{
	struct segment s;
	bool lowered = false;
	size_t end;
	uint16_t mss;

	if (len < IP4_HDR_LEN ||
		!(p[0] >> 4 == 4 ? find_in_ip4(p, len, &s)
				 : p[0] >> 4 == 6 && find_in_ip6(p, len, &s)))
		return false;
	if (s.len < TCP_HDR_LEN || (s.p[13] & (TCP_SYN | TCP_RST)) != TCP_SYN)
		return false;
	end = (s.p[12] >> 4) * 4u;
	if (end < TCP_HDR_LEN || end > s.len || !options_hold(s.p, end))
		return false;
	mss = (uint16_t)(most < s.headers + MSS_LEAST ? MSS_LEAST : most - s.headers);
	for (size_t at = next_mss(s.p, TCP_HDR_LEN, end); at < end;
		at = next_mss(s.p, at + MSS_LEN, end)) {
		uint16_t old = be16_load(s.p + at + 2);

		if (old <= mss)
			continue;
		say(s.p, at + 2, old, mss);
		lowered = true;
	}
	return lowered;
}
