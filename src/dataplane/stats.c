/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/stats.h"

static const char *const names[] = {
#define X(id, name, words) name,
	DROP_REASONS(X)
#undef X
};

static const char *const sentences[] = {
#define X(id, name, words) words,
	DROP_REASONS(X)
#undef X
};

const char *drop_name(enum drop_reason reason)
{
	return names[reason];
}

const char *drop_words(enum drop_reason reason)
{
	return sentences[reason];
}
