/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration file: YAML -> struct config. Pure: reads bytes, touches nothing else.
 * Every error names file, line and column, what is wrong, and what would be right.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH "/etc/ovpn-dpdk/ovpn-dpdk.yaml"

enum config_idle { CONFIG_IDLE_SLEEP, CONFIG_IDLE_POLL };
enum config_crypto_mode { CONFIG_CRYPTO_AUTO, CONFIG_CRYPTO_CPU, CONFIG_CRYPTO_QUEUE };
enum config_inner { CONFIG_INNER_KERNEL };
enum config_tos { CONFIG_TOS_COPY, CONFIG_TOS_CLEAR };

#define CONFIG_MSSFIX_OFF 1

struct config_port {
	const char *name; /* 1..15 characters, an interface name */
	const char *devargs;
	uint16_t queues;	   /* 0: automatic */
	uint16_t rx_desc, tx_desc; /* powers of two, 64..8192; default 1024 */
	uint16_t mtu;		   /* 1280..9000; default 1500 */
	const char **addresses; /* "192.0.2.1/24": set on the mirror TAP at start; may be empty */
	unsigned int nb_addresses;
};

struct config_crypto {
	const char *device; /* cryptodev name or devargs */
	enum config_crypto_mode mode;
};

/* What one openvpn's device has instead of the settings for all. */
struct config_instance {
	const char *device; /* as its configuration names it; in whichever network namespace */
	uint16_t mssfix;    /* as below */
};

struct config {
	const char **eal; /* EAL arguments, one each, before those of the command line */
	unsigned int nb_eal;
	struct config_port *ports; /* 1..16 */
	unsigned int nb_ports;
	struct config_crypto *crypto; /* 1..8; default crypto_aesni_gcm then crypto_aesni_mb */
	unsigned int nb_crypto;
	unsigned int
		workers; /* first so many worker lcores; 0: all of them; the rest is for crypto */
	uint32_t max_peers;	 /* 1..1000000; default 4096 */
	uint32_t replay_window;	 /* power of two, 64..65536; default 8192 */
	uint32_t handshake_rate; /* openers a second towards openvpn; default 1000; 0: no limit */
	enum config_idle idle;
	enum config_inner inner;
	uint16_t mssfix;			 /* 0: auto; CONFIG_MSSFIX_OFF; or 576..9000 */
	const struct config_instance *instances; /* 0..256 */
	unsigned int nb_instances;
	enum config_tos dscp, ecn;
	const char *dco_socket; /* default SHIM_SOCKET */
	const char *ctl_socket; /* default CTL_SOCKET */
	const char *group;	/* group that may use both sockets; NULL: root only */
};

/*
 * Reads a file. 0 and *out (config_free() it), or -errno with the whole error text, lines ended by
 * newlines, in err. -ENOENT, -EINVAL, -ENOMEM.
 */
int config_load(const char *path, struct config **out, char *err, size_t err_len);
/* The same for bytes in memory; name stands for the path in errors. */
int config_parse(const char *name, const uint8_t *text, size_t len, struct config **out, char *err,
	size_t err_len);
void config_free(struct config *c);

#endif
