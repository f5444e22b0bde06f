/* SPDX-License-Identifier: BSD-3-Clause */
/* What several directives decide together, or what is missing. */
#include <linux/capability.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base.h"
#include "cli/check_rules.h"

/* MAC addresses of the daemon's devices begin so: "ov" in a locally administered one. */
static const uint8_t our_mac[] = {0x02, 0x6f, 0x76};

/* The first of these names that is given, with that argument if there is one. */
static const struct directive *first_of(
	const struct conf *c, const char *const *names, size_t n, const char *const *args)
{
	for (size_t i = 0; i < n; i++) {
		const struct directive *d = conf_last(c, names[i]);

		if (d != NULL && (args[i] == NULL || strcmp(first_arg(d), args[i]) == 0))
			return d;
	}
	return NULL;
}

const struct directive *server_of(const struct conf *c)
{
	static const char *const names[] = {"server", "server-ipv6", "server-bridge", "mode"};
	static const char *const args[] = {NULL, NULL, NULL, "server"};

	return first_of(c, names, ARRAY_LEN(names), args);
}

static bool pulls(const struct conf *c)
{
	return conf_last(c, "client") != NULL || conf_last(c, "pull") != NULL;
}

static bool has_tls(const struct conf *c)
{
	return conf_last(c, "client") != NULL || conf_last(c, "tls-client") != NULL ||
		conf_last(c, "tls-server") != NULL || server_of(c) != NULL;
}

static void check_dev(struct findings *f)
{
	const struct directive *dev = conf_last(f->conf, "dev");
	const struct directive *type = conf_last(f->conf, "dev-type");

	if (dev == NULL) {
		found(f, EFFECT_LOST, OPENVPN_ALL, NULL, "dev tun", "no dev is given");
		return;
	}
	if (type != NULL && strcmp(first_arg(type), "tun") != 0)
		found(f, EFFECT_LOST, OPENVPN_ALL, type, "dev-type tun",
			"only tun devices are offloaded, not Ethernet");
	if (type == NULL && strncmp(first_arg(dev), "tap", 3) == 0)
		found(f, EFFECT_LOST, OPENVPN_ALL, dev, "dev tun",
			"only tun devices are offloaded, not Ethernet");
	else if (type == NULL && strncmp(first_arg(dev), "null", 4) == 0)
		found(f, EFFECT_LOST, OPENVPN_ALL, dev, "dev tun", "there is no device to offload");
	else if (type == NULL && strncmp(first_arg(dev), "tun", 3) != 0)
		found(f, EFFECT_LOST, OPENVPN_ALL, dev, "dev-type tun, as a line of its own",
			"from this name openvpn cannot tell the kind of device");
}

/* A device of that name is there, and not ours. Names without a digit get one that is free. */
static void check_device_exists(struct findings *f)
{
	const struct directive *dev = conf_last(f->conf, "dev");
	const char *name = first_arg(dev);
	struct ifreq ask = {0};
	int fd;

	if (dev == NULL || strpbrk(name, "0123456789") == NULL || strlen(name) >= IFNAMSIZ)
		return;
	memcpy(ask.ifr_name, name, strlen(name));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (ioctl(fd, SIOCGIFHWADDR, &ask) == 0 &&
		memcmp(ask.ifr_hwaddr.sa_data, our_mac, sizeof(our_mac)) != 0)
		found(f, EFFECT_LOST, OPENVPN_ALL, dev,
			"another name, or remove the device: ip link delete DEVICE",
			"a device %s exists already, and is none of an offload", name);
	close(fd);
}

static void check_tls(struct findings *f)
{
	const struct directive *secret = conf_last(f->conf, "secret");

	if (!has_tls(f->conf))
		found(f, EFFECT_LOST, OPENVPN_ALL, secret,
			"tls-server at one end and tls-client at the other, with certificates or "
			"peer-fingerprint",
			"%s",
			secret != NULL ? "a static key has no TLS to make data keys with"
				       : "neither tls-server nor tls-client is given");
}

/* openvpn 2.6 makes net30 of nothing; 2.7 makes subnet. */
static void check_topology(struct findings *f)
{
	const struct directive *server = server_of(f->conf);
	const struct directive *topology = conf_last(f->conf, "topology");

	if (server == NULL)
		return;
	if (topology == NULL)
		found(f, EFFECT_LOST, OPENVPN_26, server, "topology subnet, as a line of its own",
			"without a topology a server of 2.6 has net30, which is not offloaded");
	else if (strcmp(first_arg(topology), "subnet") != 0)
		found(f, EFFECT_LOST, OPENVPN_ALL, topology, "topology subnet",
			"a server is offloaded with topology subnet only");
}

/* compress, comp-lzo and allow-compression set one state after the other. */
static void check_compression(struct findings *f)
{
	const struct directive *alg = NULL;   /* that gives packets another form */
	const struct directive *allow = NULL; /* that lets others do so */

	for (size_t i = 0; i < f->conf->n; i++) {
		const struct directive *d = &f->conf->d[i];
		const char *arg = first_arg(d);

		if (strcmp(d->words[0], "compress") == 0 && strcmp(arg, "migrate") == 0)
			alg = allow = NULL;
		else if (strcmp(d->words[0], "compress") == 0 ||
			strcmp(d->words[0], "comp-lzo") == 0)
			alg = d;
		else if (strcmp(d->words[0], "allow-compression") == 0)
			allow = strcmp(arg, "no") != 0 ? d : NULL;
	}
	if (alg != NULL)
		found(f, EFFECT_LOST, OPENVPN_ALL, alg,
			"remove it at both ends; a server whose clients still have it: compress "
			"migrate",
			"with it, even with \"no\" or \"stub\", packets have a byte that no offload "
			"knows");
	if (allow != NULL)
		found(f, EFFECT_LOST, OPENVPN_ALL, allow, "allow-compression no, or no such line",
			"an offload cannot decompress");
}

/* VERSION of "compat-mode VERSION", as 20400 for 2.4.0; 0: none. */
static unsigned int compat_version(const struct directive *d)
{
	unsigned int major = 0, minor = 0, patch = 0;

	if (d == NULL)
		return 0;
	sscanf(first_arg(d), "%2u.%2u.%2u", &major, &minor, &patch);
	return major * 10000 + minor * 100 + patch;
}

/* "cipher" counts between two peers without pull, and for peers older than 2.5. */
static void check_cipher(struct findings *f)
{
	static const char instead[] = "data-ciphers AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305, and "
				      "no cipher";
	const struct conf *c = f->conf;
	const struct directive *cipher = conf_last(c, "cipher");
	const struct directive *fallback = conf_last(c, "data-ciphers-fallback");
	const struct directive *compat = conf_last(c, "compat-mode");
	unsigned int version = compat_version(compat);
	bool old = version != 0 && version < 20500;

	if (fallback != NULL && fallback > cipher)
		return; /* has a rule of its own */
	if (cipher == NULL && version != 0 && version < 20400)
		found(f, EFFECT_LOST, OPENVPN_ALL, compat,
			"remove the line, or add cipher AES-256-GCM",
			"peers older than 2.4 get BF-CBC, which is not offloaded");
	if (cipher == NULL || cipher_offloaded(first_arg(cipher), strlen(first_arg(cipher))))
		return;
	if (old)
		found(f, EFFECT_LOST, OPENVPN_ALL, cipher, instead,
			"with compat-mode %s it is one of the data ciphers, and is not offloaded",
			first_arg(compat));
	else if (fallback != NULL || (!pulls(c) && server_of(c) == NULL))
		found(f, EFFECT_LOST, OPENVPN_ALL, cipher, instead,
			"here it is the fallback%s, and is not offloaded",
			fallback == NULL ? ", between two peers" : " that the line above asks for");
}

static bool has_capability(unsigned int cap, bool permitted)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}, {0}};

	if (syscall(SYS_capget, &head, data) < 0)
		return true;
	return ((permitted ? data[0].permitted : data[0].effective) & 1U << cap) != 0;
}

/* openvpn keeps CAP_NET_ADMIN when it becomes another user, if it has what that takes. */
static void check_user(struct findings *f)
{
	const struct directive *user = conf_last(f->conf, "user");

	if (user == NULL ||
		(has_capability(CAP_SETPCAP, false) && has_capability(CAP_NET_ADMIN, true)))
		return;
	found(f, geteuid() == 0 ? EFFECT_LOST : EFFECT_DEPENDS, OPENVPN_ALL, user,
		"start openvpn as root with both (Debian's units do)",
		"openvpn must start with CAP_SETPCAP and CAP_NET_ADMIN, to keep the latter; this "
		"user has not both");
}

/* A pull-filter takes what begins with its text; the first that does decides. */
static void check_pull_filter(struct findings *f)
{
	static const char needed[] = "peer-id ";

	for (size_t i = 0; i < f->conf->n; i++) {
		const struct directive *d = &f->conf->d[i];

		if (strcmp(d->words[0], "pull-filter") != 0 || d->nb_words != 3 ||
			strncmp(needed, d->words[2], strlen(d->words[2])) != 0)
			continue;
		if (strcmp(d->words[1], "accept") != 0)
			found(f, EFFECT_SHUTS, OPENVPN_ALL, d,
				"pull-filter accept peer-id, before it",
				"it takes the server's peer-id away, without which an offload has "
				"no packets");
		return;
	}
}

void check_whole(struct findings *f)
{
	check_dev(f);
	check_device_exists(f);
	check_tls(f);
	check_topology(f);
	check_compression(f);
	check_cipher(f);
	check_user(f);
	check_pull_filter(f);
}
