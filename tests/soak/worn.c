/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ovpn-dpdkd for storm.sh: keys of id 0, the first of each peer, come with all packet ids used but
 * one before openvpn must be asked for another. All the rest is the daemon's own.
 */
#include "crypto/key.h"

/* The linker's names for what is there and what is called instead (--wrap). */
int __real_key_new(struct aead *a, struct slab *keys, const struct key_material *m,
	uint32_t replay_window, uint64_t now_ms, struct key **out);
int __wrap_key_new(struct aead *a, struct slab *keys, const struct key_material *m,
	uint32_t replay_window, uint64_t now_ms, struct key **out);

int __wrap_key_new(struct aead *a, struct slab *keys, const struct key_material *m,
	uint32_t replay_window, uint64_t now_ms, struct key **out)
{
	int ret = __real_key_new(a, keys, m, replay_window, now_ms, out);

	if (ret == 0 && m->key_id == 0)
		pktid_init(&(*out)->tx, KEY_PACKETS_ASK, (*out)->tx.limit);
	return ret;
}
