/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/dco.h"

#include "control/dco_ovpn.h"
#include "control/dco_v2.h"

static const struct dco_family *const families[] = {&dco_v2_family, &dco_ovpn_family};

const struct dco_family *dco_family_by_id(uint16_t id)
{
	for (unsigned int i = 0; i < ARRAY_LEN(families); i++) {
		if (families[i]->genl.id == id)
			return families[i];
	}
	return NULL;
}

const struct dco_family *dco_family_by_group(uint32_t group_id)
{
	for (unsigned int i = 0; i < ARRAY_LEN(families); i++) {
		if (families[i]->genl.group_id == group_id)
			return families[i];
	}
	return NULL;
}

const struct dco_family *dco_family_by_kind(const char *kind)
{
	for (unsigned int i = 0; i < ARRAY_LEN(families); i++) {
		if (strcmp(families[i]->kind, kind) == 0)
			return families[i];
	}
	return NULL;
}

int dco_ctrl_answer(const struct nl_request *r, struct nl_out *o)
{
	const struct nl_family *all[ARRAY_LEN(families) + 1] = {&nl_ctrl_family};

	for (unsigned int i = 0; i < ARRAY_LEN(families); i++)
		all[i + 1] = &families[i]->genl;
	return nl_ctrl_answer(r, all, ARRAY_LEN(all), o);
}
