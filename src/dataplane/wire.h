/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * OpenVPN's bytes on the wire. Pure; the width of packet ids exists here only.
 *
 * P_DATA_V2, AEAD (doc: openvpn, doc/doxygen/doc_protocol_overview.h; Linux
 * drivers/net/ovpn/proto.h):
 *
 *    0                   1                   2                   3
 *   |op(5)|kid(3)|            peer id (24)            | packet id (32) ...
 *   | tag (128) .................................................. | ciphertext ...
 *
 * big-endian; the first 8 bytes are the AAD; nonce = packet id (4) || nonce tail (8).
 */
#ifndef WIRE_H
#define WIRE_H

#include "base.h"

enum wire_opcode {
	WIRE_CONTROL_HARD_RESET_CLIENT_V1 = 1,
	WIRE_CONTROL_HARD_RESET_SERVER_V1 = 2,
	WIRE_CONTROL_SOFT_RESET_V1 = 3,
	WIRE_CONTROL_V1 = 4,
	WIRE_ACK_V1 = 5,
	WIRE_DATA_V1 = 6,
	WIRE_CONTROL_HARD_RESET_CLIENT_V2 = 7,
	WIRE_CONTROL_HARD_RESET_SERVER_V2 = 8,
	WIRE_DATA_V2 = 9,
	WIRE_CONTROL_HARD_RESET_CLIENT_V3 = 10,
	WIRE_CONTROL_WKC_V1 = 11,
};

#define WIRE_DATA_HDR_LEN 24 /* op, key id, peer id, packet id, tag */
#define WIRE_AAD_LEN	  8
#define WIRE_TAG_OFFSET	  8
#define WIRE_PEER_MAX	  0xfffffeu
#define WIRE_PEER_UNDEF	  0xffffffu
#define WIRE_PING_LEN	  16

struct wire_data {
	uint32_t word; /* opcode, key id and peer id: equal for all packets of one key */
	uint8_t key_id;
	uint32_t peer_id;
	uint32_t pktid;
};

static inline uint8_t wire_opcode(uint8_t first)
{
	return first >> 3;
}

/* Whom the first word of a data packet names. */
static inline uint8_t wire_key_id(uint32_t word)
{
	return word >> 24 & 7;
}

static inline uint32_t wire_peer_id(uint32_t word)
{
	return word & 0xffffff;
}

/* Reads the data header. p must hold WIRE_DATA_HDR_LEN bytes. */
static inline struct wire_data wire_data_read(const uint8_t *p)
{
	uint32_t w = be32_load(p);

	return (struct wire_data){
		.word = w,
		.key_id = wire_key_id(w),
		.peer_id = wire_peer_id(w),
		.pktid = be32_load(p + 4),
	};
}

/* The first 8 bytes of a data packet (also its AAD) as one word, in memory order. */
static inline uint64_t wire_data_head(uint8_t key_id, uint32_t peer_id, uint32_t pktid)
{
	uint32_t w = (uint32_t)WIRE_DATA_V2 << 27 | (uint32_t)key_id << 24 | peer_id;

	return __builtin_bswap64((uint64_t)w << 32 | pktid);
}

/* The payload of a keepalive (openvpn: ping_string), and the first bytes of an OCC message. */
extern const uint8_t wire_ping[WIRE_PING_LEN];

static inline bool wire_is_ping(const uint8_t *p, size_t len)
{
	return len == WIRE_PING_LEN && memcmp(p, wire_ping, WIRE_PING_LEN) == 0;
}

#endif
