/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/dco_attrs.h"

#include <errno.h>

#include <libmnl/libmnl.h>

enum key_dir_attr { KEY_DIR_KEY = 1, KEY_DIR_NONCE_TAIL, KEY_DIR_MAX = KEY_DIR_NONCE_TAIL };

enum cipher { CIPHER_NONE, CIPHER_AES_GCM, CIPHER_CHACHA20_POLY1305 };

bool dco_read_ip(const struct nlattr *a, uint8_t family, struct ip_addr *out)
{
	*out = (struct ip_addr){0};
	if (a == NULL)
		return true;
	if (nl_attr_len(a) != ip_len(family))
		return false;
	*out = ip_from_bytes(family, nl_attr_data(a));
	return true;
}

void dco_unmap(struct ip_addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t v4[4];

	if (a->family != IP_V6 || memcmp(a->b, mapped, sizeof(mapped)) != 0)
		return;
	memcpy(v4, a->b + sizeof(mapped), sizeof(v4));
	*a = ip_from_bytes(IP_V4, v4);
}

bool dco_read_slot(uint32_t value, enum keyslot *slot)
{
	if (value > KEYSLOT_SECONDARY)
		return false;
	*slot = (enum keyslot)value;
	return true;
}

/* The length of the key, 0: malformed. A key longer than ours can be is read in part: unknown. */
static size_t read_key_dir(
	const struct nlattr *nest, uint8_t key[AEAD_KEY_MAX], uint8_t tail[KEY_NONCE_TAIL_LEN])
{
	const struct nlattr *a[KEY_DIR_MAX + 1];
	size_t len;

	if (nl_nest_read(nest, a, KEY_DIR_MAX) < 0 || a[KEY_DIR_KEY] == NULL ||
		a[KEY_DIR_NONCE_TAIL] == NULL ||
		nl_attr_len(a[KEY_DIR_NONCE_TAIL]) != KEY_NONCE_TAIL_LEN)
		return 0;
	len = nl_attr_len(a[KEY_DIR_KEY]);
	memcpy(key, nl_attr_data(a[KEY_DIR_KEY]), len < AEAD_KEY_MAX ? len : AEAD_KEY_MAX);
	memcpy(tail, nl_attr_data(a[KEY_DIR_NONCE_TAIL]), KEY_NONCE_TAIL_LEN);
	return len;
}

/* False: no algorithm of ours has this name and key length. */
static bool read_alg(uint32_t cipher, size_t key_len, enum aead_alg *alg)
{
	if (cipher == CIPHER_CHACHA20_POLY1305) {
		*alg = AEAD_CHACHA20_POLY1305;
		return key_len == 32;
	}
	*alg = key_len == 16	? AEAD_AES_128_GCM
		: key_len == 24 ? AEAD_AES_192_GCM
				: AEAD_AES_256_GCM;
	return cipher == CIPHER_AES_GCM && (key_len == 16 || key_len == 24 || key_len == 32);
}

int dco_read_keys(uint32_t cipher, const struct nlattr *encrypt, const struct nlattr *decrypt,
	struct dco_key *k)
{
	size_t encrypt_len;
	size_t decrypt_len;

	k->known = false;
	/* a cipher without keys is a good request for something that cannot be had */
	if (cipher == CIPHER_NONE)
		return 0;
	encrypt_len = read_key_dir(encrypt, k->material.encrypt, k->material.encrypt_tail);
	decrypt_len = read_key_dir(decrypt, k->material.decrypt, k->material.decrypt_tail);
	if (encrypt_len == 0 || decrypt_len == 0)
		return -EINVAL;
	k->known = encrypt_len == decrypt_len && read_alg(cipher, encrypt_len, &k->material.alg);
	return 0;
}

uint32_t dco_cipher(enum aead_alg alg)
{
	return alg == AEAD_CHACHA20_POLY1305 ? CIPHER_CHACHA20_POLY1305 : CIPHER_AES_GCM;
}

void dco_put_ip(struct nlmsghdr *h, uint16_t type, const struct ip_addr *a)
{
	if (a->family != IP_NONE)
		mnl_attr_put(h, type, ip_len(a->family), a->b);
}
