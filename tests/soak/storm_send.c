/* SPDX-License-Identifier: BSD-3-Clause */
/* The other ends of storm's peers, on a raw socket: ten thousand addresses without as many sockets.
 */
#include "storm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "seal.h"
#include "soak_keys.h"

#define IP_HDR_LEN     20
#define UDP_HDR_LEN    8
#define PAUSE_MS       250 /* between two passes */
#define CONTROL_V1     4
#define PACKETS_A_WAIT 64 /* then the others on this machine have a turn */

struct sender {
	const struct storm_sources *s;
	const struct udp_addr *to;
	int fd;
	uint32_t pass; /* the packet ids of all */
	char what;     /* first letter of the order */
	uint32_t round, key_id, count;
};

/* One datagram from that place. The kernel fills in what is left zero; UDP has no checksum. */
static void send_from(struct sender *d, const struct udp_addr *from, const uint8_t *p, size_t len)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint8_t b[256] = {0x45, [8] = 64, [9] = IPPROTO_UDP};

	memcpy(b + 12, from->ip.b, 4);
	memcpy(b + 16, d->to->ip.b, 4);
	be16_store(b + IP_HDR_LEN, from->port);
	be16_store(b + IP_HDR_LEN + 2, d->to->port);
	be16_store(b + IP_HDR_LEN + 4, (uint16_t)(UDP_HDR_LEN + len));
	memcpy(b + IP_HDR_LEN + UDP_HDR_LEN, p, len);
	memcpy(&to.sin_addr, d->to->ip.b, 4);
	/* what is lost comes again with the next pass */
	sendto(d->fd, b, IP_HDR_LEN + UDP_HDR_LEN + len, 0, (struct sockaddr *)&to, sizeof(to));
}

static void send_data(struct sender *d, uint32_t i)
{
	static const uint8_t ping[] = {0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed,
		0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48};
	const struct nlc_key k = soak_key(i, (uint8_t)d->key_id);
	const struct udp_addr from = storm_place(d->s, i, d->round);
	uint8_t packet[128];

	send_from(d, &from, packet, seal(&k, i, d->pass, ping, sizeof(ping), packet));
}

static void send_control(struct sender *d, uint32_t i)
{
	const struct udp_addr from = storm_place(d->s, i, d->round);
	uint8_t packet[STORM_CONTROL_LEN] = {CONTROL_V1 << 3};

	be32_store(packet + 1, i);
	send_from(d, &from, packet, sizeof(packet));
}

/* False: the pipe has ended. Waits so long for a word. */
static bool orders(struct sender *d, int wait_ms)
{
	struct pollfd pfd = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[128];

	if (poll(&pfd, 1, wait_ms) <= 0)
		return true;
	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	d->what = line[0];
	if (sscanf(line, "data %u %u %u", &d->round, &d->key_id, &d->count) == 3 ||
		sscanf(line, "control %u %u", &d->round, &d->count) == 2 || line[0] == 'r')
		return true;
	fprintf(stderr, "storm: no order: %s", line);
	return false;
}

int storm_send(const struct storm_sources *s, const struct udp_addr *to)
{
	const struct timespec breath = {.tv_nsec = 1000000};
	struct sender d = {.s = s, .to = to, .what = 'r'};

	d.fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (d.fd < 0) {
		fprintf(stderr, "storm: no raw socket: %s\n", strerror(errno));
		return 1;
	}
	setvbuf(stdin, NULL, _IONBF, 0);
	while (orders(&d, d.what == 'r' ? -1 : PAUSE_MS)) {
		d.pass++;
		for (uint32_t i = 0; i < d.count && d.what != 'r'; i++) {
			if (d.what == 'd')
				send_data(&d, i);
			else
				send_control(&d, i);
			if (i % PACKETS_A_WAIT == PACKETS_A_WAIT - 1)
				nanosleep(&breath, NULL);
		}
	}
	close(d.fd);
	return 0;
}
