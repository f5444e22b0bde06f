/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The other ends of storm's peers, on raw sockets: ten thousand addresses without as many sockets.
 */
#include "storm.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "book.h"
#include "seal.h"
#include "storm_udp.h"

#define PAUSE_MS       250 /* between two passes */
#define CONTROL_V1     4
#define PACKETS_A_WAIT 64 /* then the others on this machine have a turn */
#define PACKET_MAX     256
#define RECEIVE_BUFFER (32 << 20)

enum { V4, V6, FAMILIES };

/* A peer's other end, with the key that it was last told to use. */
struct end {
	uint32_t sent, got; /* packet ids */
	uint8_t key_id;
	bool heard;
};

struct sender {
	const struct storm_sources *s;
	uint8_t seed;
	const struct udp_addr *to; /* by family */
	int out[FAMILIES], in[FAMILIES];
	char what; /* first letter of the order */
	uint32_t round, key_id, count;
	uint32_t nb_heard;
	struct end *ends;
};

static int family_of(const struct udp_addr *a)
{
	return a->ip.family == IP_V4 ? V4 : V6;
}

/* --- sending ------------------------------------------------------------------------------ */

/* From where peer i is. What is lost comes again with the next pass. */
static void send_from(struct sender *d, uint32_t i, const uint8_t *p, size_t len)
{
	const struct udp_addr from = storm_place(d->s, i, d->round);
	const struct udp_addr *to = &d->to[family_of(&from)];
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	uint8_t b[PACKET_MAX];

	len = storm_udp_write(b, &from, to, p, len);
	memcpy(&v4.sin_addr, to->ip.b, 4);
	memcpy(&v6.sin6_addr, to->ip.b, 16);
	if (family_of(&from) == V4)
		sendto(d->out[V4], b, len, 0, (struct sockaddr *)&v4, sizeof(v4));
	else
		sendto(d->out[V6], b, len, 0, (struct sockaddr *)&v6, sizeof(v6));
}

static void send_data(struct sender *d, uint32_t i, const uint8_t *text, size_t len)
{
	const struct nlc_key k = storm_key(d->seed, i, (uint8_t)d->key_id);
	uint8_t packet[PACKET_MAX];

	send_from(d, i, packet, seal(&k, i, ++d->ends[i].sent, text, len, packet));
}

static void ping(struct sender *d, uint32_t i)
{
	static const uint8_t ping[] = {0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed,
		0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48};

	send_data(d, i, ping, sizeof(ping));
}

static void talk(struct sender *d, uint32_t i)
{
	const struct udp_addr from = storm_inside(i);
	const struct udp_addr to = {
		from.ip.family == IP_V4 ? STORM_OWN4 : STORM_OWN6, STORM_PORT, 0};
	uint8_t word[STORM_TALK_LEN], text[STORM_UDP_HDRS + STORM_TALK_LEN];

	be32_store(word, i);
	be32_store(word + 4, d->key_id);
	send_data(d, i, text, storm_udp_write(text, &from, &to, word, sizeof(word)));
}

static void control(struct sender *d, uint32_t i)
{
	uint8_t packet[STORM_CONTROL_LEN] = {CONTROL_V1 << 3};

	be32_store(packet + 1, i);
	send_from(d, i, packet, sizeof(packet));
}

/* --- hearing ------------------------------------------------------------------------------ */

/* The answer's own words, which were in the tunnel. */
static void check_answer(const struct sender *d, uint32_t i, const uint8_t *text, size_t len)
{
	const struct udp_addr inside = storm_inside(i);
	struct storm_datagram g;

	if (!storm_udp_read(text, len, &g) || g.len != STORM_TALK_LEN ||
		!udp_addr_equal(&g.to, &inside) || be32_load(g.payload) != i ||
		be32_load(g.payload + 4) != d->key_id)
		breach("peer %u is sent what is not its own", i);
}

static void on_data(struct sender *d, const struct storm_datagram *g)
{
	uint32_t i = be32_load(g->payload) & 0xffffff, key_id = g->payload[0] & 7;
	uint32_t packet_id = be32_load(g->payload + 4);
	uint8_t text[PACKET_MAX];
	struct udp_addr at;
	struct nlc_key k;
	struct end *e;

	if (i >= d->count)
		breach("data is sent to peer %u, which has said nothing", i);
	e = &d->ends[i];
	at = storm_place(d->s, i, d->round);
	if (!udp_addr_equal(&g->to, &at))
		breach("data for peer %u is sent to where it is not", i);
	if (key_id != d->key_id)
		breach("peer %u, which has key %u, is sent data of key %u", i, d->key_id, key_id);
	k = storm_key(d->seed, i, (uint8_t)key_id);
	if (g->len > sizeof(text) || !unseal(&k, g->payload, g->len, text))
		breach("data for peer %u cannot be decrypted with its key %u", i, key_id);
	if (packet_id <= e->got)
		breach("peer %u is sent packet id %u of key %u after %u", i, packet_id, key_id,
			e->got);
	check_answer(d, i, text, g->len - SEAL_HEADER_LEN - SEAL_TAG_LEN);
	e->got = packet_id;
	d->nb_heard += !e->heard;
	e->heard = true;
}

static void hear(struct sender *d)
{
	uint8_t p[PACKET_MAX + STORM_UDP_HDRS];
	struct storm_datagram g;
	ssize_t n;

	for (int f = V4; f < FAMILIES; f++) {
		while ((n = recv(d->in[f], p, sizeof(p), MSG_DONTWAIT | MSG_TRUNC)) >= 0) {
			if (d->what == 't' && n <= (ssize_t)sizeof(p) &&
				storm_udp_read(p, (size_t)n, &g) &&
				udp_addr_equal(&g.from, &d->to[f]) && g.len > SEAL_HEADER_LEN)
				on_data(d, &g);
		}
	}
}

static void say_heard(const struct sender *d)
{
	uint32_t i = 0;

	while (i < d->count && d->ends[i].heard)
		i++;
	printf("heard %u %u %u\n", d->key_id, d->nb_heard, i);
	fflush(stdout);
}

/* --- orders ------------------------------------------------------------------------------- */

static void on_order(struct sender *d, const char *line)
{
	d->what = line[0];
	if (sscanf(line, "%*[a-z] %u %u %u", &d->round, &d->key_id, &d->count) != 3 &&
		sscanf(line, "control %u %u", &d->round, &d->count) != 2 && line[0] != 'r')
		breach("no order: %s", line);
	d->nb_heard = 0;
	for (uint32_t i = 0; i < STORM_PEERS_MAX; i++) {
		struct end *e = &d->ends[i];

		e->heard = false;
		if (e->key_id != d->key_id)
			*e = (struct end){.key_id = (uint8_t)d->key_id};
	}
}

/* Waits so long for an order, -1 for ever, and hears meanwhile. */
enum waited { WAITED_FOR_NOTHING, ORDERED, THE_END };

static enum waited wait_for_order(struct sender *d, int wait_ms)
{
	uint64_t until = now_ms() + (uint64_t)wait_ms;
	char line[128];

	for (;;) {
		struct pollfd fds[] = {
			{STDIN_FILENO, POLLIN, 0}, {d->in[V4], POLLIN, 0}, {d->in[V6], POLLIN, 0}};
		uint64_t now = now_ms();
		uint32_t before = d->nb_heard;

		if (poll(fds, ARRAY_LEN(fds),
			    wait_ms < 0		  ? -1
				    : now < until ? (int)(until - now)
						  : 0) < 0)
			breach("poll: %s", strerror(errno));
		if (fds[0].revents != 0) {
			if (fgets(line, sizeof(line), stdin) == NULL)
				return THE_END;
			on_order(d, line);
			return ORDERED;
		}
		hear(d);
		if (d->nb_heard == d->count && before != d->count)
			say_heard(d);
		if (wait_ms >= 0 && now_ms() >= until)
			return WAITED_FOR_NOTHING;
	}
}

/* Each peer that has something to say says it once. */
static enum waited pass(struct sender *d)
{
	const struct timespec breath = {.tv_nsec = 1000000};
	uint32_t sent = 0;

	for (uint32_t i = 0; i < d->count; i++) {
		if (d->what == 't' && d->ends[i].heard)
			continue;
		if (d->what == 'p')
			ping(d, i);
		else if (d->what == 't')
			talk(d, i);
		else
			control(d, i);
		if (++sent % PACKETS_A_WAIT == 0) {
			enum waited w = wait_for_order(d, 0);

			if (w != WAITED_FOR_NOTHING)
				return w;
			nanosleep(&breath, NULL);
		}
	}
	return WAITED_FOR_NOTHING;
}

/* --- life --------------------------------------------------------------------------------- */

static int open_in(uint16_t protocol)
{
	struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);
	int size = RECEIVE_BUFFER;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
		bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		breach("no packet socket: %s", strerror(errno));
	return fd;
}

static int open_out(int family)
{
	int fd = socket(family, SOCK_RAW, IPPROTO_RAW);

	if (fd < 0)
		breach("no raw socket: %s", strerror(errno));
	return fd;
}

int storm_send(const struct storm_sources *s, uint8_t seed, const struct udp_addr to[2])
{
	struct sender d = {.s = s, .seed = seed, .to = to, .what = 'r'};
	enum waited w = WAITED_FOR_NOTHING;

	d.ends = calloc(STORM_PEERS_MAX, sizeof(*d.ends));
	if (d.ends == NULL)
		breach("no memory");
	d.out[V4] = open_out(AF_INET);
	d.out[V6] = open_out(AF_INET6);
	d.in[V4] = open_in(ETH_P_IP);
	d.in[V6] = open_in(ETH_P_IPV6);
	setvbuf(stdin, NULL, _IONBF, 0);
	while (w != THE_END) {
		if (d.what != 'r') {
			w = pass(&d);
			if (w != WAITED_FOR_NOTHING)
				continue;
			if (d.what == 't')
				say_heard(&d);
		}
		w = wait_for_order(&d, d.what == 'r' ? -1 : PAUSE_MS);
	}
	free(d.ends);
	return 0;
}
