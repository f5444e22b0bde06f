/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic for churn's peers, whoever of them is there just now.
 *
 *   inside    UDP to random VPN addresses, through churn's device: some are a peer's, some not.
 *   outside   data packets to churn's port: for random peers, encrypted with keys that they may
 *             have (soak_keys.h), and forged ones. It moves from port to port, so authentic ones
 *             are floats. Peers who are meant to fall silent are left alone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "book.h"
#include "seal.h"
#include "soak_keys.h"

#define BURST	   8
#define MOVE_EVERY 4096 /* packets from one port */

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static uint32_t below(uint64_t *random, uint32_t n)
{
	return (uint32_t)(soak_random(random) % n);
}

/* --- inside ------------------------------------------------------------------------------- */

static void send_inside(int fd4, int fd6, uint64_t *random)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	static const uint8_t payload[1372];
	uint32_t i = below(random, BOOK_SLOTS);
	struct ip_addr a = below(random, 2) == 0 ? book_vpn4(i) : book_vpn6(i);
	size_t len = below(random, sizeof(payload));

	/* without a device there is no route: that is all right */
	if (a.family == IP_V4) {
		memcpy(&v4.sin_addr, a.b, 4);
		sendto(fd4, payload, len, MSG_DONTWAIT, (struct sockaddr *)&v4, sizeof(v4));
	} else {
		memcpy(&v6.sin6_addr, a.b, 16);
		sendto(fd6, payload, len, MSG_DONTWAIT, (struct sockaddr *)&v6, sizeof(v6));
	}
}

/* --- outside ------------------------------------------------------------------------------ */

/* An openvpn ping, or an IPv4 packet whose source may be the peer's. */
static size_t plaintext(uint64_t *random, uint8_t *p)
{
	static const uint8_t ping[] = {0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed,
		0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48};
	static const uint8_t ip4[20] = {
		0x45, 0, 0, 40, 0, 1, 0, 0, 64, 253, 0, 0, [16] = 10, 77, 255, 1};
	struct ip_addr source = book_vpn4(below(random, BOOK_SLOTS));

	if (below(random, 2) == 0) {
		memcpy(p, ping, sizeof(ping));
		return sizeof(ping);
	}
	memset(p, 0, 40);
	memcpy(p, ip4, sizeof(ip4));
	memcpy(p + 12, source.b, 4);
	return 40;
}

static void send_outside(int fd, uint64_t *random, uint32_t packet_id)
{
	uint32_t slot = below(random, BOOK_SLOTS);
	struct nlc_key k;
	uint8_t text[64];
	uint8_t packet[128];
	size_t len;

	if (book_slot_is_mortal(slot))
		return;
	k = soak_key(book_id(slot), (uint8_t)below(random, 3));
	len = plaintext(random, text);
	len = seal(&k, book_id(slot), packet_id, text, len, packet);
	if (below(random, 4) == 0)
		packet[below(random, (uint32_t)len - SEAL_HEADER_LEN) + SEAL_HEADER_LEN] ^= 1;
	send(fd, packet, len, MSG_DONTWAIT);
}

static int connected(const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || fd < 0 ||
		connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		fprintf(stderr, "noise: cannot send to %s: %s\n", address, strerror(errno));
		exit(1);
	}
	return fd;
}

/* --- both --------------------------------------------------------------------------------- */

/* Sleeps between bursts so that so many packets a second are sent. */
static void pace(uint32_t rate)
{
	struct timespec t = {.tv_nsec = (long)(1000000000ull * BURST / rate)};

	nanosleep(&t, NULL);
}

static void usage(void)
{
	fputs("usage: noise inside SEED RATE\n"
	      "       noise outside SEED RATE ADDRESS PORT\n"
	      "RATE: packets a second, 10 or more\n",
		stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = on_signal};
	bool inside = argc == 4 && strcmp(argv[1], "inside") == 0;
	uint64_t random;
	uint32_t rate, sent = 0;
	int fd, fd6 = -1;

	if (!inside && !(argc == 6 && strcmp(argv[1], "outside") == 0))
		usage();
	random = strtoull(argv[2], NULL, 10);
	rate = (uint32_t)strtoul(argv[3], NULL, 10);
	if (rate < 10)
		usage();
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	fd = inside ? socket(AF_INET, SOCK_DGRAM, 0) : connected(argv[4], argv[5]);
	if (inside)
		fd6 = socket(AF_INET6, SOCK_DGRAM, 0);
	while (!stopped) {
		for (unsigned int i = 0; i < BURST; i++) {
			if (inside)
				send_inside(fd, fd6, &random);
			else
				send_outside(fd, &random, ++sent);
		}
		if (!inside && sent % MOVE_EVERY < BURST) {
			close(fd);
			fd = connected(argv[4], argv[5]);
		}
		pace(rate);
	}
	return 0;
}
