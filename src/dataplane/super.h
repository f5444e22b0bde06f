/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Super-frames: many segments of one flow that cross the border to the kernel as one frame, as
 * network cards and virtio-net do it (TSO, USO). Cutting turns one that the kernel sent into the
 * packets it stands for; joining turns packets into one that the kernel takes. Pure: frames begin
 * with Ethernet and lie in one piece.
 */
#ifndef SUPER_H
#define SUPER_H

#include <assert.h>

#include "base.h"

#define SUPER_FRAMES_MAX 64    /* joined in one */
#define SUPER_IP_MAX	 65535 /* bytes of IP that its length fields can say */
#define SUPER_LEN_MAX	 65664 /* no frame of the kernel is longer: Ethernet, IPv6, 65,535 bytes */
#define SUPER_HDR_MAX	 114   /* of a joined frame: Ethernet, IPv6, TCP with all its options */
#define SUPER_VNET_LEN	 10

/* What stands before a frame (struct virtio_net_hdr); 16-bit fields in the machine's order. */
struct super_vnet {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start; /* offset in the frame */
	uint16_t csum_offset;
};

static_assert(sizeof(struct super_vnet) == SUPER_VNET_LEN, "as the kernel has it");

#define SUPER_VNET_NEEDS_CSUM 1

enum super_kind { SUPER_NONE, SUPER_TCP4, SUPER_TCP6, SUPER_UDP4, SUPER_UDP6, SUPER_KINDS };

/* --- kernel -> packets ------------------------------------------------------------------ */

/* Does the frame behind v stand for several? */
static inline bool super_is(const struct super_vnet *v)
{
	return v->gso_type != 0;
}

/*
 * The checksum that the kernel left to the device, if it did: from csum_start to the end of the
 * frame. False: it would lie outside.
 */
bool super_complete(const struct super_vnet *v, uint8_t *frame, size_t len);

struct super_cut {
	const uint8_t *frame;
	enum super_kind kind;
	uint16_t l4;	  /* offset of the TCP or UDP header */
	uint32_t hdr_len; /* all headers */
	uint32_t size;	  /* payload of each segment but the last */
	uint32_t payload;
	uint32_t pseudo; /* sum of the pseudo header without the length */
	unsigned int n;	 /* segments */
};

/* False: the frame contradicts itself or v, or is of a kind we never asked for. */
bool super_cut_begin(
	struct super_cut *c, const struct super_vnet *v, const uint8_t *frame, size_t len);
/* Bytes of the longest segment. */
size_t super_cut_room(const struct super_cut *c);
/* Writes segment i of n, checksums and all, into out[super_cut_room()]. Returns its length. */
size_t super_cut_segment(const struct super_cut *c, unsigned int i, uint8_t *out);

/* --- packets -> kernel ------------------------------------------------------------------ */

/* What joining wants to know about a frame. */
struct super_frame {
	enum super_kind kind; /* SUPER_NONE: it goes alone */
	uint32_t flow;	      /* equal within a flow; 0: not known */
	uint16_t l4;	      /* offset of the TCP or UDP header */
	uint16_t hdr_len;
	uint16_t payload; /* bytes */
	bool last;	  /* none of its flow may follow it in the same super-frame (TCP: PSH) */
};

void super_look(struct super_frame *f, const uint8_t *frame, size_t len);

/* Frames that will leave as one. */
struct super_join {
	const uint8_t *first;
	struct super_frame f; /* of the first */
	uint32_t payload;     /* of all */
	uint16_t n;
	bool closed;   /* takes no more */
	bool verified; /* the first frame's checksums are right */
	bool push;     /* TCP: the last has PSH */
};

/* Headers of a super-frame as they are written. */
struct super_head {
	struct super_vnet vnet;
	uint8_t hdr[SUPER_HDR_MAX];
};

static_assert(offsetof(struct super_head, hdr) == SUPER_VNET_LEN, "written in one piece");

/* frame stays the caller's and must outlive j. */
void super_join_begin(struct super_join *j, const uint8_t *frame, const struct super_frame *f);
/*
 * Adds a frame if whoever cuts the whole gets it back as it is, but for the IPv4 identification of
 * packets that may not be fragmented, where it has no meaning. Its checksums are verified, because
 * nobody will afterwards.
 */
bool super_join_add(struct super_join *j, const uint8_t *frame, const struct super_frame *f);
/*
 * The bytes of *out to write, before the payloads of all frames; n > 1. The kernel owes us no
 * checksum: the one in there is the pseudo header's.
 */
size_t super_join_head(const struct super_join *j, struct super_head *out);

#endif
