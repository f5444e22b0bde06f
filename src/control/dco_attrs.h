/* SPDX-License-Identifier: BSD-3-Clause */
/* What both families of OpenVPN spell alike: addresses, ciphers, keys. Pure. */
#ifndef DCO_ATTRS_H
#define DCO_ATTRS_H

#include "control/dco.h"

struct nlmsghdr;

/* An address of a family (network byte order); an absent attribute is IP_NONE. False: a length that
 * is not that family's. */
bool dco_read_ip(const struct nlattr *a, uint8_t family, struct ip_addr *out);
/* IPv4 in IPv6's clothes (::ffff:a.b.c.d) becomes IPv4. */
void dco_unmap(struct ip_addr *a);
bool dco_read_slot(uint32_t value, enum keyslot *slot);
/*
 * The algorithm and the keys of both directions, by the number of the cipher and the nests of a
 * key and a nonce tail. -EINVAL: malformed. A cipher that cannot be had is a good request, whose
 * k->known is false. k->slot and the key id are the caller's.
 */
int dco_read_keys(uint32_t cipher, const struct nlattr *encrypt, const struct nlattr *decrypt,
	struct dco_key *k);
/* The number of an algorithm's cipher, as dco_read_keys() takes it. */
uint32_t dco_cipher(enum aead_alg alg);
/* IP_NONE: nothing. */
void dco_put_ip(struct nlmsghdr *h, uint16_t type, const struct ip_addr *a);

#endif
