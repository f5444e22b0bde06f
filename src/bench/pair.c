/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --static-peers FILE: one setting a line, '#' begins a comment.
 *
 *   seed 42
 *   peers 1000
 *   cipher AES-256-GCM
 *   a 198.18.0.1:1194 02:00:00:00:00:0a
 *   b 198.18.0.2:1194 02:00:00:00:00:0b
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "bench/bench.h"

struct reader {
	const char *path;
	unsigned int line;
	bool side[2];
};

static int bad(const struct reader *r, const char *what)
{
	fprintf(stderr, "%s:%u: %s\n", r->path, r->line, what);
	return -1;
}

/* "192.0.2.1:1194" or "[2001:db8::1]:1194". */
static bool read_address(const char *text, struct udp_addr *a)
{
	char ip[64];
	uint8_t bytes[16];
	int port = 0, end = 0;
	bool v6 = text[0] == '[';

	if (sscanf(text, v6 ? "[%63[^]]]:%d%n" : "%63[^:]:%d%n", ip, &port, &end) != 2 ||
		text[end] != '\0' || port < 1 || port > 65535 ||
		inet_pton(v6 ? AF_INET6 : AF_INET, ip, bytes) != 1)
		return false;
	*a = (struct udp_addr){
		.ip = ip_from_bytes(v6 ? IP_V6 : IP_V4, bytes),
		.port = (uint16_t)port,
	};
	return true;
}

static bool read_mac(const char *text, uint8_t mac[6])
{
	int end = 0;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		       &mac[3], &mac[4], &mac[5], &end) == 6 &&
		text[end] == '\0';
}

static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= max;
}

static int read_side(struct reader *r, unsigned int side, const char *value, const char *mac,
	struct bench_pair *p)
{
	if (!read_address(value, &p->addr[side]))
		return bad(r, "an address with its port is 192.0.2.1:1194 or [2001:db8::1]:1194");
	if (mac == NULL || !read_mac(mac, p->mac[side]))
		return bad(r, "a MAC address must follow, as in 02:00:00:00:00:0a");
	r->side[side] = true;
	return 0;
}

static int read_cipher(const struct reader *r, const char *name, struct bench_pair *p)
{
	for (unsigned int i = 0; i < AEAD_NB_ALGS; i++) {
		if (strcasecmp(name, aead_alg_name((enum aead_alg)i)) == 0) {
			p->alg = (enum aead_alg)i;
			return 0;
		}
	}
	return bad(r, "no such cipher");
}

static int read_line(struct reader *r, char *line, struct bench_pair *p)
{
	char *save = NULL, *word, *value, *more;
	uint64_t n;

	line[strcspn(line, "#\r\n")] = '\0';
	word = strtok_r(line, " \t", &save);
	if (word == NULL)
		return 0;
	value = strtok_r(NULL, " \t", &save);
	more = strtok_r(NULL, " \t", &save);
	if (value == NULL)
		return bad(r, "a value is missing");
	if (strtok_r(NULL, " \t", &save) != NULL)
		return bad(r, "too many words");
	if (strcmp(word, "a") == 0 || strcmp(word, "b") == 0)
		return read_side(r, word[0] == 'b', value, more, p);
	if (more != NULL)
		return bad(r, "too many words");
	if (strcmp(word, "cipher") == 0)
		return read_cipher(r, value, p);
	if (strcmp(word, "seed") == 0)
		return read_number(value, UINT64_MAX, &p->seed) ? 0 : bad(r, "seed: a number");
	if (strcmp(word, "peers") != 0)
		return bad(r, "no such word; here may be: seed, peers, cipher, a, b");
	if (!read_number(value, BENCH_PEERS_MAX, &n) || n == 0)
		return bad(r, "peers: a whole number from 1 to 1000000");
	p->peers = (uint32_t)n;
	return 0;
}

int bench_pair_read(const char *path, struct bench_pair *p)
{
	struct reader r = {.path = path};
	FILE *f = fopen(path, "r");
	char line[256];
	int ret = 0;

	*p = (struct bench_pair){.peers = 1, .alg = AEAD_AES_256_GCM};
	if (f == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while (ret == 0 && fgets(line, sizeof(line), f) != NULL) {
		r.line++;
		ret = read_line(&r, line, p);
	}
	fclose(f);
	if (ret == 0 && (!r.side[0] || !r.side[1]))
		return bad(&r, "both sides, a and b, must be there");
	if (ret == 0 && p->addr[0].ip.family != p->addr[1].ip.family)
		return bad(&r, "both sides must be of one IP version");
	return ret;
}
