/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/tos.h"

#include "dataplane/classify.h"

/* What stands inside, by inner then outer bits; DROP: RFC 6040, figure 4. */
#define DROP 0xff
static const uint8_t merged[4][4] = {
	[ECN_NONE] =
		{[ECN_NONE] = ECN_NONE, [ECN_1] = ECN_NONE, [ECN_0] = ECN_NONE, [ECN_CE] = DROP},
	[ECN_1] = {[ECN_NONE] = ECN_1, [ECN_1] = ECN_1, [ECN_0] = ECN_1, [ECN_CE] = ECN_CE},
	[ECN_0] = {[ECN_NONE] = ECN_0, [ECN_1] = ECN_1, [ECN_0] = ECN_0, [ECN_CE] = ECN_CE},
	[ECN_CE] = {[ECN_NONE] = ECN_CE, [ECN_1] = ECN_CE, [ECN_0] = ECN_CE, [ECN_CE] = ECN_CE},
};

bool tos_decap(uint8_t *p, enum ip_family family, uint8_t outer)
{
	uint16_t old = be16_load(p), new;
	uint8_t at = family == IP_V4 ? 0 : 4; /* where the two bits stand in the first word */
	uint8_t ecn = merged[old >> at & TOS_ECN][outer & TOS_ECN];

	if (ecn == DROP)
		return false;
	new = (uint16_t)((old & ~(TOS_ECN << at)) | ecn << at);
	if (new == old)
		return true;
	be16_store(p, new);
	if (family == IP_V4)
		checksum_replace(p + 10, old, new);
	return true;
}
