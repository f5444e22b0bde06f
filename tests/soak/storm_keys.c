/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys of all peers at once: used both ways, worn out, replaced, used again. What proves a key is a
 * datagram that its peer sends through the tunnel and gets back.
 */
#include "storm_table.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "book.h"

#define RECEIVE_BUFFER (32 << 20)
#define TWICE_EVERY    8 /* peers that are answered twice, so that a packet id used twice shows */

/* --- inside the tunnels ------------------------------------------------------------------- */

union inside_addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int open_one(const struct ip_addr *own)
{
	union inside_addr a = {.v4 = {.sin_family = AF_INET, .sin_port = htons(STORM_PORT)}};
	int fd = socket(own->family == IP_V4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(a.v4);
	int size = RECEIVE_BUFFER;

	memcpy(&a.v4.sin_addr, own->b, 4);
	if (own->family == IP_V6) {
		a.v6 = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_port = htons(STORM_PORT)};
		memcpy(&a.v6.sin6_addr, own->b, 16);
		len = sizeof(a.v6);
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
		bind(fd, &a.any, len) < 0)
		breach("no socket in the tunnels: %s", strerror(errno));
	return fd;
}

void storm_inside_open(struct storm *s)
{
	s->inside[0] = open_one(&STORM_OWN4);
	s->inside[1] = open_one(&STORM_OWN6);
}

/* Written down, and sent back. What is lost comes again. */
static void answer(struct storm *s, int fd)
{
	uint8_t word[STORM_TALK_LEN + 1];
	union inside_addr from;
	socklen_t len = sizeof(from);
	struct udp_addr at, own;
	ssize_t n;

	while ((n = recvfrom(fd, word, sizeof(word), 0, &from.any, &len)) >= 0) {
		uint32_t i = be32_load(word), key_id = be32_load(word + 4);

		at = from.any.sa_family == AF_INET
			? (struct udp_addr){ip_from_bytes(IP_V4, &from.v4.sin_addr),
				  ntohs(from.v4.sin_port), 0}
			: (struct udp_addr){ip_from_bytes(IP_V6, &from.v6.sin6_addr),
				  ntohs(from.v6.sin6_port), 0};
		if (n != STORM_TALK_LEN || i >= s->peers)
			breach("a datagram of nobody came through a tunnel");
		own = storm_inside(i);
		if (!udp_addr_equal(&at, &own))
			breach("peer %u's datagram came from another's address", i);
		if (key_id != s->key_id)
			breach("peer %u's datagram of key %u was let in, its key is %u", i, key_id,
				s->key_id);
		s->p[i].used = (uint8_t)(1 + key_id);
		for (uint32_t left = i % TWICE_EVERY == 0 ? 2 : 1; left > 0; left--)
			sendto(fd, word, STORM_TALK_LEN, 0, &from.any, len);
		len = sizeof(from);
	}
}

/*
 * What lies unread is thrown away: who asked twice because the answer was late has been answered
 * once, and his second datagram may have come, with the key of then, after all had been heard.
 */
static void forget(int fd)
{
	uint8_t word[STORM_TALK_LEN];

	while (recv(fd, word, sizeof(word), 0) >= 0)
		;
}

/* How many the other ends say they heard by this key, and one of the others. */
static void read_report(struct storm *s, uint32_t *heard, uint32_t *not_heard)
{
	uint32_t key_id, n, i;
	char line[64];

	if (fgets(line, sizeof(line), s->reports) == NULL ||
		sscanf(line, "heard %u %u %u", &key_id, &n, &i) != 3)
		breach("the other ends have ended");
	if (key_id != s->key_id)
		return;
	*heard = n;
	*not_heard = i;
}

static void check_talked(const struct storm *s, uint32_t heard, uint32_t not_heard)
{
	for (uint32_t i = 0; i < s->peers; i++) {
		if (s->p[i].used != 1 + s->key_id)
			breach("nothing of peer %u by its key %u comes through", i, s->key_id);
	}
	if (heard != s->peers)
		breach("%u of %u peers get nothing by their key %u, as peer %u", s->peers - heard,
			s->peers, s->key_id, not_heard);
}

void storm_talk(struct storm *s)
{
	struct pollfd fds[] = {{s->inside[0], POLLIN, 0}, {s->inside[1], POLLIN, 0},
		{nlc_fd(s->c), POLLIN, 0}, {fileno(s->reports), POLLIN, 0}};
	uint32_t heard = 0, not_heard = 0;
	uint64_t began = now_ms();

	forget(s->inside[0]);
	forget(s->inside[1]);
	order(s, "talk %u %u %u\n", s->round, s->key_id, s->peers);
	while (heard < s->peers && now_ms() - began < PATIENCE_MS) {
		poll(fds, ARRAY_LEN(fds), 50);
		answer(s, s->inside[0]);
		answer(s, s->inside[1]);
		storm_take(s);
		if (fds[3].revents != 0)
			read_report(s, &heard, &not_heard);
	}
	order(s, "rest\n");
	check_talked(s, heard, not_heard);
	said(began, "data of %u peers both ways by key %u", s->peers, s->key_id);
}

/* --- old keys, new keys ------------------------------------------------------------------- */

void storm_wear(struct storm *s)
{
	uint64_t began = now_ms(), last;

	s->wearing = true;
	storm_talk(s);
	while (s->tells && s->nb_asked < s->peers) {
		storm_take(s);
		storm_ask(s);
		if (now_ms() - began > PATIENCE_MS)
			breach("keys of %u peers wear out, for %u another is asked for", s->peers,
				s->nb_asked);
	}
	if (s->tells)
		said(began, "%u peers for whom new keys are asked", s->nb_asked);
	for (last = now_ms(); now_ms() - last < QUIET_MS; poll(NULL, 0, 10))
		storm_take(s);
	s->wearing = false;
}

static void check_keys(struct storm *s)
{
	uint8_t got;

	for (uint32_t i = 0; i < s->peers; i++) {
		int ret = nlc_key_get(s->c, i, NLC_PRIMARY, &got);

		if (ret == -EOPNOTSUPP)
			return;
		if (ret != 0 || got != s->key_id ||
			nlc_key_get(s->c, i, NLC_SECONDARY, &got) != -ENOENT)
			breach("peer %u has not its new key alone", i);
	}
}

void storm_rekey(struct storm *s)
{
	uint8_t old = s->key_id++;
	uint64_t began = now_ms();

	order(s, "ping 0 %u %u\n", old, s->active);
	for (uint32_t i = 0; i < s->peers; i++) {
		struct nlc_key k = storm_key(s->seed, i, s->key_id);

		must(nlc_key_new(s->c, i, NLC_SECONDARY, &k), "no new key");
		must(nlc_keys_swap(s->c, i), "keys do not change places");
		must(nlc_key_del(s->c, i, NLC_SECONDARY), "the old key cannot be removed");
		if (i % 64 == 0)
			storm_take(s);
	}
	order(s, "rest\n");
	s->request_us = (now_ms() - began) * 1000 / (3ull * s->peers);
	said(began, "%u rekeys", s->peers);
	check_keys(s);
	storm_dump(s);
}
