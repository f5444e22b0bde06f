/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture file in, a capture file out: the data plane on net_pcap. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_bus_vdev.h>

#include "world.h"
#include "dataplane/dp_view.h"

#define PEER 5

struct files {
	char dir[32], in[48], out[48], devargs[160];
};

static int setup(void **state)
{
	struct files *f = calloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/ovpn-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->in, sizeof(f->in), "%s/in.pcap", f->dir);
	snprintf(f->out, sizeof(f->out), "%s/out.pcap", f->dir);
	snprintf(f->devargs, sizeof(f->devargs), "net_pcap0,rx_pcap=%s,tx_pcap=%s", f->in, f->out);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct files *f = *state;

	unlink(f->in);
	unlink(f->out);
	rmdir(f->dir);
	free(f);
	return 0;
}

static FILE *capture_new(const char *path)
{
	/* magic, version 2.4, zone, accuracy, longest, Ethernet; of this machine's byte order */
	static const uint32_t header[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1};
	FILE *to = fopen(path, "wb");

	assert_non_null(to);
	assert_int_equal(fwrite(header, sizeof(header), 1, to), 1);
	return to;
}

static void capture_add(FILE *to, const struct flow *f, const void *payload, size_t len)
{
	uint8_t frame[FRAME_MAX];
	size_t n = frame_udp(frame, f, payload, len);
	const uint32_t record[4] = {0, 0, (uint32_t)n, (uint32_t)n};

	assert_int_equal(fwrite(record, sizeof(record), 1, to), 1);
	assert_int_equal(fwrite(frame, n, 1, to), 1);
}

/* The capture: 3 data packets, one of them twice and one forged; control; rubbish; another's. */
static void write_capture(const char *path, const struct key_material *m, const uint8_t *inner)
{
	struct flow f = flow_of(udp_of("198.51.100.7", 50000), udp_of("192.0.2.1", 1194));
	struct key_material far = reference_mirror(m);
	uint8_t packet[200];
	FILE *to = capture_new(path);
	size_t len;

	for (uint32_t id = 1; id <= 3; id++) {
		len = reference_seal(&far, PEER, id, inner, 100, packet);
		capture_add(to, &f, packet, len);
	}
	capture_add(to, &f, packet, len);
	packet[7] = 9;
	capture_add(to, &f, packet, len);
	capture_add(to, &f, "\x38hello", 6);
	capture_add(to, &f, "\xf8", 1);
	f.dst.port = 53;
	capture_add(to, &f, "\x38hello", 6);
	fclose(to);
}

static void expect_verdicts(struct site *s, const uint8_t *inner)
{
	struct world *wd = s->world;
	uint64_t drops[NB_DROPS];
	uint8_t frame[FRAME_MAX];
	struct dp_event ev;

	dp_drops(wd->dp, drops);
	for (unsigned int i = 0; i < NB_DROPS; i++)
		assert_int_equal(drops[i],
			i == DROP_REPLAYED || i == DROP_AUTH_FAILED || i == DROP_BAD_OPCODE);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(world_read(s->device, frame), 114);
		assert_memory_equal(frame + 14, inner, 100);
	}
	assert_int_equal(world_read(s->device, frame), 0);
	assert_true(dp_event_next(wd->dp, &ev));
	assert_int_equal(ev.len, 6);
	assert_memory_equal(ev.data, "\x38hello", 6);
	assert_false(dp_event_next(wd->dp, &ev));
	assert_int_equal(world_read(wd->mirror[0], frame), 48);
	assert_int_equal(world_read(wd->mirror[0], frame), 0);
}

static void a_capture_is_sorted_and_answered_into_another(void **state)
{
	const struct files *f = *state;
	struct world_conf conf = {.nb_ports = 1, .devargs = f->devargs};
	struct key_material m = reference_key(AEAD_AES_256_GCM, 2, 4), far = reference_mirror(&m);
	struct udp_addr remote = udp_of("198.51.100.7", 50000);
	struct ip_addr us = ip_of("10.8.0.1"), them = ip_of("10.8.0.2");
	uint8_t inner[100], answer[80], frame[FRAME_MAX], mac[MAC_LEN];
	struct flow flow;
	struct world *wd;
	struct site s;
	FILE *from;

	frame_inner(inner, &them, &us, sizeof(inner), 1);
	frame_inner(answer, &us, &them, sizeof(answer), 2);
	write_capture(f->in, &m, inner);
	wd = world_new(&conf);
	site_new(&s, wd, 0, DP_MODE_MP, "192.0.2.1", 1194);
	site_peer(&s, PEER, remote, "10.8.0.2", NULL, &m);
	site_peer_mac(&s, PEER, mac);
	flow = site_flow_out(&s, remote);
	world_settle(wd);
	expect_verdicts(&s, inner);
	world_write(s.device, frame, site_frame(frame, mac, answer, sizeof(answer)));
	world_settle(wd);
	close(s.device);
	world_free(wd);
	rte_vdev_uninit("net_pcap0");

	from = fopen(f->out, "rb");
	assert_non_null(from);
	assert_int_equal(fread(frame, 1, sizeof(frame), from), 24 + 16 + 42 + 24 + 80);
	fclose(from);
	assert_null(frame_udp_wrong(frame + 40, 42 + 24 + 80, &flow, 24 + 80));
	assert_true(reference_open(&far, frame + 40 + 42, 24 + 80, inner));
	assert_memory_equal(inner, answer, sizeof(answer));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_capture_is_sorted_and_answered_into_another, setup, teardown),
	};
	int ret = world_begin(argc, argv);

	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
