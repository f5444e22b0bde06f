/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL and crypto of a test program: what world.c and the tests of rings of their own need. */
#ifndef SUITE_H
#define SUITE_H

#include "crypto/aead.h"

struct aead *suite_aead(void);

#endif
