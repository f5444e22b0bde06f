/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Super-frames through a real TAP, in a network namespace of its own. A packet socket plays the
 * kernel's stack: it sends and sees super-frames as they are.
 *
 *   packet socket --- ovpn0 (TAP) --- host I/O --- worker --- port
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "stream.h"

#define PEER 7

struct bench {
	struct site s;
	struct key_material m;
	struct udp_addr remote;
	uint8_t mac[MAC_LEN]; /* of the peer */
	int packet;	      /* the packet socket */
	uint32_t pktid;
};

/* --- the bench -------------------------------------------------------------------------- */

static int tap(void)
{
	struct ifreq ifr = {
		.ifr_name = "ovpn0", .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	return fd;
}

static int packet_socket(void)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(3 /* all */)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	to.sll_ifindex = (int)if_nametoindex("ovpn0");
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* The stream's source addresses are the peer's. */
static void add_peer(struct bench *b)
{
	char v4[IP_STRLEN], v6[IP_STRLEN];
	uint8_t frame[2000];
	struct ip_addr a;

	make(&shapes[0], frame, 0, 1, 0, 0x10);
	a = ip_from_bytes(IP_V4, frame + 26);
	ip_str(&a, v4);
	make(&shapes[3], frame, 0, 1, 0, 0x10);
	a = ip_from_bytes(IP_V6, frame + 22);
	ip_str(&a, v6);
	b->m = reference_key(AEAD_AES_128_GCM, 0, 1);
	b->remote = udp_of("198.51.100.7", 5000);
	site_peer(&b->s, PEER, b->remote, v4, v6, &b->m);
	site_peer_mac(&b->s, PEER, b->mac);
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	struct world *wd = world_new(NULL);
	int fd = tap();

	assert_int_equal(system("sysctl -qw net.ipv6.conf.ovpn0.disable_ipv6=1 && "
				"ip link set ovpn0 arp off up"),
		0);
	site_new(&b->s, wd, 0, DP_MODE_MP, "192.0.2.1", 1194);
	assert_int_equal(dp_instance_device(wd->dp, b->s.iid, fd, b->s.mac), 0);
	add_peer(b);
	b->packet = packet_socket();
	world_settle(wd);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	close(b->packet);
	close(b->s.device);
	world_free(b->s.world);
	free(b);
	return 0;
}

static struct hostdev *device_of(struct bench *b)
{
	return atomic_load(&instance_find(b->s.world->dp, b->s.iid)->device);
}

static enum super_kind kind_of(const struct shape *s)
{
	return s->tcp ? (s->v4 ? SUPER_TCP4 : SUPER_TCP6) : s->v4 ? SUPER_UDP4 : SUPER_UDP6;
}

/* --- kernel -> workers ------------------------------------------------------------------ */

/* The next packet at the port holds exactly this inner packet. */
static void expect_inner(struct bench *b, const uint8_t *inner, size_t len)
{
	struct key_material far = reference_mirror(&b->m);
	uint8_t frame[FRAME_MAX], text[FRAME_MAX];
	size_t n = world_sent(b->s.world, 0, frame);

	assert_int_equal(n, 42 + 24 + len);
	assert_true(reference_open(&far, frame + 42, n - 42, text));
	assert_memory_equal(text, inner, len);
}

static void expect_segments(struct bench *b, const struct shape *s, size_t n, uint16_t size)
{
	uint8_t want[FRAME_MAX];

	for (uint32_t from = 0; from < n; from += size) {
		bool last = from + size >= n;
		size_t len = make(s, want, from, last ? n - from : size, (uint16_t)(from / size),
			last ? 0x18 : 0x10);

		expect_inner(b, want + 14, len - 14);
	}
}

static void kernel_sends(struct bench *b, struct super_vnet *v, uint8_t *frame, size_t len)
{
	struct iovec iov[2] = {{v, sizeof(*v)}, {frame, len}};

	memcpy(frame, b->mac, MAC_LEN);
	assert_int_equal(writev(b->packet, iov, 2), sizeof(*v) + len);
}

static void super_frames_of_the_kernel_are_cut(void **state)
{
	static uint8_t frame[STREAM_FRAME_MAX];
	static const size_t sizes[] = {1301, 20300, 64000};
	struct bench *b = *state;
	const struct thread_stats *stats = &b->s.world->dp->hostio.stats;

	for (size_t k = 0; k < JOINABLE; k++) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			uint64_t reads = stats->host_in_reads, packets = stats->host_in_packets;
			size_t segments = (sizes[i] + 1299) / 1300;
			struct super_vnet v;
			size_t len = make_super(&shapes[k], frame, sizes[i], 1300, 0x18, &v);

			kernel_sends(b, &v, frame, len);
			world_settle(b->s.world);
			expect_segments(b, &shapes[k], sizes[i], 1300);
			assert_int_equal(stats->host_in_packets - packets, segments);
			/* a kernel without USO has cut it itself */
			assert_int_equal(stats->host_in_reads - reads,
				device_of(b)->joins[kind_of(&shapes[k])] ? 1 : segments);
		}
	}
	world_no_drops(b->s.world);
}

static void checksums_the_kernel_left_open_are_filled_in(void **state)
{
	struct bench *b = *state;
	uint8_t frame[FRAME_MAX], want[FRAME_MAX];

	for (size_t k = 0; k < NB_SHAPES; k++) {
		struct super_vnet v;
		size_t len = make_super(&shapes[k], frame, 777, 0, 0x12, &v);

		v.gso_type = 0;
		kernel_sends(b, &v, frame, len);
		world_settle(b->s.world);
		make(&shapes[k], want, 0, 777, 0, 0x12);
		expect_inner(b, want + 14, len - 14);
	}
	world_no_drops(b->s.world);
}

/* A worker that is full: what it has no room for stays, in order, and is cut later. */
static void a_super_frame_waits_for_room(void **state)
{
	static uint8_t frame[STREAM_FRAME_MAX];
	struct bench *b = *state;
	struct world *wd = b->s.world;
	struct rte_ring *in = wd->w->rings.host_in;
	unsigned int sent = 0, got = 0;
	struct super_vnet v;
	size_t len = make_super(&shapes[0], frame, 60000, 1400, 0x18, &v);

	while (!rte_ring_full(in)) {
		kernel_sends(b, &v, frame, len);
		sent++;
		hostio_turn(&wd->dp->hostio);
	}
	for (int i = 0; i < 3; i++, sent++)
		kernel_sends(b, &v, frame, len);
	for (int i = 0; i < 10; i++)
		assert_int_equal(hostio_turn(&wd->dp->hostio), 0);
	for (int quiet = 0; quiet < 3; quiet++) {
		worker_iteration(wd->w);
		hostio_turn(&wd->dp->hostio);
		while (rte_ring_count(wd->out[0]) >= 43) {
			expect_segments(b, &shapes[0], 60000, 1400);
			got++;
			quiet = 0;
		}
		if (aead_inflight(wd->w->aead) > 0) {
			/* another lcore works on them: not more than it can take on a busy machine
			 */
			usleep(aead_inflight(wd->w->aead) > 256 ? 30000 : 2000);
			quiet = 0;
		}
	}
	assert_int_equal(got, sent);
	world_no_drops(wd);
}

/* Each packet of it counts, and once. */
static void packets_of_a_super_frame_that_are_too_big_are_counted(void **state)
{
	static uint8_t frame[STREAM_FRAME_MAX];
	struct bench *b = *state;
	struct super_vnet v;
	size_t len = make_super(&shapes[0], frame, 30000, 9000, 0x18, &v);

	assert_int_equal(system("ip link set ovpn0 mtu 9500"), 0);
	kernel_sends(b, &v, frame, len);
	world_settle(b->s.world);
	world_drops(b->s.world, DROP_TOO_BIG, 4);
}

static void a_super_frame_without_buffers_is_counted(void **state)
{
	static uint8_t frame[STREAM_FRAME_MAX];
	struct bench *b = *state;
	struct hostio *h = &b->s.world->dp->hostio;
	struct rte_mbuf **all = calloc(h->pool->size + 1, sizeof(struct rte_mbuf *));
	struct super_vnet v;
	size_t len = make_super(&shapes[0], frame, 14000, 1400, 0x18, &v);
	unsigned int n = 0;

	if (h->spare == NULL)
		h->spare = rte_pktmbuf_alloc(h->pool);
	while ((all[n] = rte_pktmbuf_alloc(h->pool)) != NULL)
		n++;
	rte_pktmbuf_free(all[--n]);
	rte_pktmbuf_free(all[--n]);
	kernel_sends(b, &v, frame, len);
	world_settle(b->s.world);
	world_drops_of_none(b->s.world, DROP_NO_MBUF, 8, 8);
	rte_pktmbuf_free_bulk(all, n);
	free(all);
	world_settle(b->s.world);
}

/* --- workers -> kernel ------------------------------------------------------------------ */

/* The frame of the stream arrives in a data packet; its Ethernet header does not travel. */
static void peer_sends(struct bench *b, const uint8_t *frame, size_t len)
{
	site_data(&b->s, b->remote, &b->m, PEER, ++b->pktid, frame + 14, len - 14);
}

/* All that peers have sent reaches host I/O at once, also when crypto is done in pieces. */
static void settle_at_once(struct bench *b)
{
	struct worker *w = b->s.world->w;

	while (worker_iteration(w) > 0 || aead_inflight(w->aead) > 0)
		;
	world_settle(b->s.world);
}

/* What the kernel's stack gets next: length without vnet header; 0: nothing. */
static size_t kernel_gets(struct bench *b, struct super_vnet *v, uint8_t *frame)
{
	struct iovec iov[2] = {{v, sizeof(*v)}, {frame, STREAM_FRAME_MAX}};
	ssize_t n =
		recvmsg(b->packet, &(struct msghdr){.msg_iov = iov, .msg_iovlen = 2}, MSG_DONTWAIT);

	assert_true(n > 10 || errno == EAGAIN);
	return n > 10 ? (size_t)n - 10 : 0;
}

static void packets_of_a_flow_reach_the_kernel_as_one(void **state)
{
	static uint8_t frame[STREAM_FRAME_MAX], want[STREAM_FRAME_MAX];
	struct bench *b = *state;
	const struct thread_stats *stats = &b->s.world->dp->hostio.stats;

	for (size_t k = 0; k < JOINABLE; k++) {
		uint64_t writes = stats->host_out_writes, packets = stats->host_out_packets;
		struct super_vnet v, want_v;
		size_t len = 0;

		if (!device_of(b)->joins[kind_of(&shapes[k])])
			continue; /* a kernel without USO */
		for (uint16_t i = 0; i < 30; i++) {
			len = make(&shapes[k], frame, i * 1300u, i < 29 ? 1300 : 11, i,
				i < 29 ? 0x10 : 0x18);
			peer_sends(b, frame, len);
		}
		settle_at_once(b);
		len = make_super(&shapes[k], want, 29 * 1300 + 11, 1300, 0x18, &want_v);
		assert_int_equal(kernel_gets(b, &v, frame), len);
		assert_memory_equal(frame + 12, want + 12, len - 12);
		assert_memory_equal(frame, b->s.mac, MAC_LEN);
		assert_memory_equal(frame + MAC_LEN, b->mac, MAC_LEN);
		assert_int_equal(v.gso_type, want_v.gso_type);
		assert_int_equal(v.gso_size, 1300);
		assert_int_equal(kernel_gets(b, &v, frame), 0);
		assert_int_equal(stats->host_out_writes - writes, 1);
		assert_int_equal(stats->host_out_packets - packets, 30);
	}
	world_no_drops(b->s.world);
}

/* Six flows in turn become six super-frames; an acknowledgement in one keeps its place. */
static void interleaved_flows_are_joined_each_in_order(void **state)
{
	static uint8_t frame[STREAM_FRAME_MAX];
	struct bench *b = *state;
	const struct shape *s = &shapes[1];
	uint32_t next[6] = {0};
	unsigned int frames[6] = {0};
	struct super_vnet v;
	size_t len;

	for (uint16_t i = 0; i < 10; i++) {
		for (uint8_t flow = 0; flow < 6; flow++) {
			bool ack = flow == 3 && i == 5;

			len = make(s, frame, (flow == 3 && i > 5 ? i - 1u : i) * 1000u,
				ack ? 0 : 1000, i, 0x10);
			frame[35] ^= flow; /* source port */
			seal(s, frame, len);
			peer_sends(b, frame, len);
		}
	}
	settle_at_once(b);
	while ((len = kernel_gets(b, &v, frame)) > 0) {
		unsigned int flow = frame[35] ^ (40000 & 0xff);

		assert_true(flow < 6);
		assert_int_equal(be32_load(frame + 38), 0xfffff000u + next[flow]);
		next[flow] += (uint32_t)(len - hdr_of(s));
		frames[flow]++;
	}
	for (unsigned int flow = 0; flow < 6; flow++) {
		assert_int_equal(next[flow], flow == 3 ? 9000 : 10000);
		assert_int_equal(frames[flow], flow == 3 ? 3 : 1);
	}
	world_no_drops(b->s.world);
}

/* The kernel must see for itself that the checksum is wrong. */
static void a_damaged_packet_goes_alone_as_it_is(void **state)
{
	static uint8_t frame[STREAM_FRAME_MAX], damaged[FRAME_MAX];
	struct bench *b = *state;
	const struct shape *s = &shapes[1];
	struct super_vnet v;
	size_t len = 0;

	for (uint16_t i = 0; i < 9; i++) {
		len = make(s, frame, i * 1000u, 1000, i, 0x10);
		if (i == 4) {
			frame[500] ^= 1;
			memcpy(damaged, frame, len);
		}
		peer_sends(b, frame, len);
	}
	settle_at_once(b);
	assert_int_equal(kernel_gets(b, &v, frame), hdr_of(s) + 4000);
	assert_int_equal(kernel_gets(b, &v, frame), len);
	assert_memory_equal(frame + 14, damaged + 14, len - 14);
	assert_int_equal(v.flags & SUPER_VNET_NEEDS_CSUM, 0);
	assert_int_equal(kernel_gets(b, &v, frame), hdr_of(s) + 4000);
	assert_int_equal(kernel_gets(b, &v, frame), 0);
}

/* A timer takes no writes (EINVAL), as an old kernel takes no USO: each frame is tried and counts.
 */
static void what_the_kernel_refuses_as_one_is_tried_one_by_one(void **state)
{
	uint8_t frame[FRAME_MAX];
	struct bench *b = *state;
	struct world *wd = b->s.world;
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	assert_int_equal(dp_instance_device(wd->dp, b->s.iid, timer, b->s.mac), 0);
	device_of(b)->vnet = true;
	device_of(b)->joins[SUPER_TCP4] = device_of(b)->joins[SUPER_UDP4] = true;
	for (uint16_t i = 0; i < 9; i++)
		peer_sends(b, frame, make(&shapes[0], frame, i * 1000u, 1000, i, 0x10));
	settle_at_once(b);
	world_drops(wd, DROP_HOST_WRITE, 9);
	assert_false(device_of(b)->joins[SUPER_TCP4]);
	assert_true(device_of(b)->joins[SUPER_UDP4]);
	world_reclaim(wd);
}

/* Down, it takes nothing; up again, it takes super-frames as before. */
static void a_device_that_is_down_costs_each_packet_once(void **state)
{
	static uint8_t frame[STREAM_FRAME_MAX];
	struct bench *b = *state;
	struct super_vnet v;

	assert_int_equal(system("ip link set ovpn0 down"), 0);
	for (uint16_t i = 0; i < 9; i++)
		peer_sends(b, frame, make(&shapes[0], frame, i * 1000u, 1000, i, 0x10));
	settle_at_once(b);
	world_drops(b->s.world, DROP_HOST_WRITE, 9);
	assert_int_equal(system("ip link set ovpn0 up"), 0);
	while (recv(b->packet, frame, sizeof(frame), MSG_DONTWAIT) >= 0 || errno == ENETDOWN)
		;
	for (uint16_t i = 9; i < 20; i++)
		peer_sends(b, frame, make(&shapes[0], frame, i * 1000u, 1000, i, 0x10));
	settle_at_once(b);
	assert_int_equal(kernel_gets(b, &v, frame), hdr_of(&shapes[0]) + 11000);
	world_no_drops(b->s.world);
}

/* Somebody removes the device: host I/O has nothing more to wait for there. */
static void a_device_that_somebody_removed_keeps_nobody_busy(void **state)
{
	struct bench *b = *state;
	struct hostio *h = &b->s.world->dp->hostio;
	struct pollfd p = {.fd = h->epoll, .events = POLLIN};

	assert_int_equal(system("ip link del ovpn0"), 0);
	for (int i = 0; i < 5; i++)
		hostio_turn(h);
	assert_int_equal(poll(&p, 1, 0), 0);
	world_no_drops(b->s.world);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(super_frames_of_the_kernel_are_cut),
		TEST(checksums_the_kernel_left_open_are_filled_in),
		TEST(a_super_frame_waits_for_room),
		TEST(packets_of_a_super_frame_that_are_too_big_are_counted),
		TEST(a_super_frame_without_buffers_is_counted),
		TEST(packets_of_a_flow_reach_the_kernel_as_one),
		TEST(interleaved_flows_are_joined_each_in_order),
		TEST(a_damaged_packet_goes_alone_as_it_is),
		TEST(what_the_kernel_refuses_as_one_is_tried_one_by_one),
		TEST(a_device_that_is_down_costs_each_packet_once),
		TEST(a_device_that_somebody_removed_keeps_nobody_busy),
	};
	int ret;

	if (unshare(CLONE_NEWNET) < 0) {
		perror("unshare");
		return 1;
	}
	ret = world_begin(argc, argv);
	if (ret == 0) {
		ret = cmocka_run_group_tests(tests, NULL, NULL);
		world_end();
	}
	return ret;
}
