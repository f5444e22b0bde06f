/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/inner.h"

#define OCC_EXIT 6

static const uint8_t occ[16] = {
	0x28,
	0x7f,
	0x34,
	0x6b,
	0xd4,
	0xef,
	0x7a,
	0x81,
	0x2d,
	0x56,
	0xb8,
	0xd3,
	0xaf,
	0xc5,
	0x45,
	0x9c,
};

bool inner_is_occ(const uint8_t *p, size_t len)
{
	return len >= sizeof(occ) && memcmp(p, occ, sizeof(occ)) == 0;
}

bool inner_is_occ_exit(const uint8_t *p, size_t len)
{
	return len == sizeof(occ) + 1 && inner_is_occ(p, len) && p[sizeof(occ)] == OCC_EXIT;
}
