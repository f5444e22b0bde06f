/* SPDX-License-Identifier: BSD-3-Clause */
#include "hostif_world.h"
#include "control/rtnl_verbs.h"
#include "dataplane/dp_view.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SILENCE_MS 100
#define EVENT_MS   8000
#define FRAME_MS   20000 /* a managed neighbour that failed is asked for every 5 s */
#define ETHER_ARP  0x0806

/* --- the recording data plane ------------------------------------------------------------- */

unsigned int dp_nb_ports(const struct dp *dp)
{
	(void)dp;
	return WORLD_PORTS;
}

void dp_port_info(struct dp *dp, unsigned int port, struct dp_port_info *info)
{
	*info = dp->port[port];
}

bool dp_port_link_up(struct dp *dp, unsigned int port)
{
	return dp->port[port].link_up;
}

/*
 * Between the modules and their netlink verb (--wrap): this kernel is as old as the test says.
 * Kernels before 5.16 do not know the mark, and ignore it; strict ones refuse what they do not
 * know.
 */
enum world_kernel world_kernel;
int __real_rtnl_neighbour_use(
	struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip, bool managed);
int __wrap_rtnl_neighbour_use(
	struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip, bool managed);

int __wrap_rtnl_neighbour_use(
	struct rtnl *r, uint32_t ifindex, const struct ip_addr *ip, bool managed)
{
	if (managed && world_kernel == KERNEL_REFUSES)
		return -EINVAL;
	return __real_rtnl_neighbour_use(r, ifindex, ip, managed && world_kernel == KERNEL_MANAGES);
}

static int take_refusal(struct dp *dp)
{
	int ret = dp->refuse;

	dp->refuse = 0;
	return ret;
}

int dp_port_mirror(struct dp *dp, unsigned int port, int fd)
{
	int ret = take_refusal(dp);

	if (ret == 0)
		dp->port_fd[port] = fd;
	return ret;
}

int dp_instance_device(struct dp *dp, uint32_t iid, int fd, const uint8_t mac[DP_MAC_LEN])
{
	int ret = take_refusal(dp);

	if (ret == 0) {
		dp->instance[iid].fd = fd;
		memcpy(dp->instance[iid].mac, mac, DP_MAC_LEN);
	}
	return ret;
}

int dp_instance_mtu(struct dp *dp, uint32_t iid, uint32_t mtu)
{
	dp->instance[iid].mtu = mtu;
	return 0;
}

int dp_instance_mssfix(struct dp *dp, uint32_t iid, uint16_t mssfix)
{
	dp->instance[iid].mssfix = mssfix;
	return 0;
}

uint32_t dp_device_mtu_max(const struct dp *dp)
{
	(void)dp;
	return 2033;
}

int dp_instance_routes(struct dp *dp, uint32_t iid, const struct dp_route *routes, unsigned int n)
{
	free(dp->instance[iid].routes);
	dp->instance[iid].routes = calloc(n + 1, sizeof(*routes));
	assert_non_null(dp->instance[iid].routes);
	memcpy(dp->instance[iid].routes, routes, n * sizeof(*routes));
	dp->instance[iid].nb_routes = n;
	dp->instance[iid].pushes++;
	return 0;
}

static int find_address(const struct dp *dp, unsigned int port, const struct ip_addr *a)
{
	for (unsigned int i = 0; i < dp->nb_addresses[port]; i++)
		if (ip_equal(&dp->address[port][i], a))
			return (int)i;
	return -1;
}

int dp_port_addr_add(struct dp *dp, unsigned int port, const struct ip_addr *a)
{
	if (find_address(dp, port, a) >= 0)
		return 0;
	if (dp->nb_addresses[port] == WORLD_ADDRESSES)
		return -ENOSPC;
	dp->address[port][dp->nb_addresses[port]++] = *a;
	return 0;
}

int dp_port_addr_del(struct dp *dp, unsigned int port, const struct ip_addr *a)
{
	int i = find_address(dp, port, a);

	assert_true(i >= 0);
	dp->address[port][i] = dp->address[port][--dp->nb_addresses[port]];
	return 0;
}

/* --- namespaces ----------------------------------------------------------------------------- */

static int open_ns(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

void go_to(int netns)
{
	assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

static int shell_in(int netns, const char *fmt, va_list ap)
{
	char command[1024];
	int here = open_ns();
	int ret;

	vsnprintf(command, sizeof(command), fmt, ap);
	go_to(netns);
	ret = system(command);
	go_to(here);
	close(here);
	if (ret != 0)
		print_message("exit %d: %s\n", ret, command);
	return ret;
}

void run_in(int netns, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = shell_in(netns, fmt, ap);
	va_end(ap);
	assert_int_equal(ret, 0);
}

bool holds_in(int netns, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = shell_in(netns, fmt, ap);
	va_end(ap);
	return ret == 0;
}

void world_enter(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link set lo up"), 0);
	/* Link-local addresses without detection: no events of theirs seconds later. */
	assert_int_equal(system("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad"), 0);
}

/* Calls visit for each open descriptor of the process; how many there are. */
static unsigned int each_fd(void (*visit)(int fd, void *arg), void *arg)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;
	struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		int fd = atoi(e->d_name);

		if (e->d_name[0] == '.' || fd == dirfd(dir))
			continue;
		n++;
		if (visit != NULL)
			visit(fd, arg);
	}
	closedir(dir);
	return n;
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	world_kernel = KERNEL_MANAGES;
	w->fds = each_fd(NULL, NULL);
	w->home = open_ns();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	w->other = open_ns();
	go_to(w->home);
	run_in(w->other, "ip link set lo up");
	for (int i = 0; i < WORLD_PORTS; i++) {
		struct dp_port_info *p = &w->dp.port[i];

		w->dp.port_fd[i] = -1;
		snprintf(p->name, sizeof(p->name), "wan%d", i);
		memcpy(p->mac, (uint8_t[]){0x02, 0xaa, 0, 0, 0, (uint8_t)i}, sizeof(p->mac));
		p->mtu = i == 0 ? 1500 : 1400;
		p->link_up = true;
	}
	for (int i = 0; i < WORLD_INSTANCES; i++)
		w->dp.instance[i].fd = -1;
	assert_int_equal(hostif_new(&w->dp, &w->h), 0);
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;
	int ret;

	hostif_free(w->h);
	/* The TAPs' descriptors are still open: the devices must be gone nevertheless. */
	ret = holds_in(w->home, "test $(ip -o link show | wc -l) = 1") &&
			holds_in(w->other, "test $(ip -o link show | wc -l) = 1")
		? 0
		: -1;
	for (int i = 0; i < WORLD_PORTS; i++)
		if (w->dp.port_fd[i] >= 0)
			close(w->dp.port_fd[i]);
	for (int i = 0; i < WORLD_INSTANCES; i++) {
		if (w->dp.instance[i].fd >= 0)
			close(w->dp.instance[i].fd);
		free(w->dp.instance[i].routes);
	}
	close(w->other);
	close(w->home);
	if (each_fd(NULL, NULL) != w->fds) {
		print_message("descriptors: %u before, %u now\n", w->fds, each_fd(NULL, NULL));
		ret = -1;
	}
	free(w);
	return ret;
}

static bool settle_within(struct world *w, int first_ms)
{
	struct pollfd p = {.fd = hostif_fd(w->h), .events = POLLIN};
	bool changed = false;
	int wait = first_ms;

	while (poll(&p, 1, wait) > 0) {
		changed |= hostif_poll(w->h);
		wait = first_ms < SILENCE_MS ? first_ms : SILENCE_MS;
	}
	return changed;
}

bool settle_for(struct world *w, int ms)
{
	return settle_within(w, ms);
}

static uint64_t cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t longest_turn(struct world *w)
{
	struct pollfd p = {.fd = hostif_fd(w->h), .events = POLLIN};
	uint64_t longest = 0;

	while (poll(&p, 1, SILENCE_MS) > 0) {
		uint64_t begun = cpu_ms();
		uint64_t took;

		hostif_poll(w->h);
		took = cpu_ms() - begun;
		longest = took > longest ? took : longest;
	}
	return longest;
}

bool ticks(struct world *w, unsigned int n)
{
	bool changed = false;

	while (n-- > 0) {
		hostif_tick(w->h);
		changed |= settle_within(w, 0);
	}
	return changed;
}

void mirror(struct world *w, unsigned int port, const char *v4, const char *v6)
{
	const char *addresses[] = {v4, v6};

	assert_int_equal(hostif_mirror_new(w->h, port, addresses, 2), 0);
	settle(w);
}

int path_to(struct world *w, const char *remote, uint32_t scope, const char *local,
	struct dp_path *path)
{
	struct udp_addr r = {.ip = ip(remote), .scope = scope};
	struct ip_addr l = local != NULL ? ip(local) : (struct ip_addr){.family = IP_NONE};
	struct hostif_remote *held;

	assert_int_equal(hostif_remote_get(w->h, &r, &l, &held), 0);
	return hostif_remote_path(w->h, held, path);
}

/*
 * What was put off, as the agent's ticks bring it about: whoever lost the CPU in the midst of work
 * rests for nine times as long (pace.h).
 */
static bool pay(struct world *w)
{
	struct pollfd p = {.fd = hostif_fd(w->h), .events = POLLIN};
	bool changed = false;

	for (int i = 0; i < 1000; i++) {
		hostif_tick(w->h);
		if (poll(&p, 1, 0) <= 0)
			break;
		changed |= hostif_poll(w->h);
		usleep(10000);
	}
	return changed;
}

bool settle(struct world *w)
{
	bool changed = settle_within(w, SILENCE_MS);

	return pay(w) || changed;
}

bool settle_after_event(struct world *w)
{
	bool changed = settle_within(w, EVENT_MS);

	return pay(w) || changed;
}

/* --- addresses and frames ------------------------------------------------------------------- */

struct ip_addr ip(const char *text)
{
	uint8_t b[16] = {0};

	if (inet_pton(AF_INET, text, b) == 1)
		return ip_from_bytes(IP_V4, b);
	assert_int_equal(inet_pton(AF_INET6, text, b), 1);
	return ip_from_bytes(IP_V6, b);
}

bool has_address(const struct dp *dp, unsigned int port, const char *text)
{
	struct ip_addr a = ip(text);

	return find_address(dp, port, &a) >= 0;
}

uint32_t peer_of(const struct dp *dp, uint32_t iid, const char *prefix)
{
	char text[IP_STRLEN];
	unsigned int len;
	struct ip_addr a;

	assert_int_equal(sscanf(prefix, "%45[^/]/%u", text, &len), 2);
	a = ip(text);
	for (unsigned int i = 0; i < dp->instance[iid].nb_routes; i++) {
		const struct dp_route *r = &dp->instance[iid].routes[i];

		if (r->prefix_len == len && ip_equal(&r->prefix, &a))
			return r->peer_id;
	}
	return DP_NO_PEER;
}

/* Bytes in front of every frame: the devices of instances carry offload headers. */
static size_t vnet_len(int fd)
{
	struct ifreq ifr = {0};

	assert_int_equal(ioctl(fd, TUNGETIFF, &ifr), 0);
	return (ifr.ifr_flags & IFF_VNET_HDR) != 0 ? 10 : 0;
}

/* The next frame within the time, zeros behind its end. */
static bool next_frame(int fd, uint8_t frame[static 64], int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint8_t buf[2048] = {0};

	if (poll(&p, 1, ms) <= 0 || read(fd, buf, sizeof(buf)) <= 0)
		return false;
	memcpy(frame, buf + vnet_len(fd), 64);
	return true;
}

bool frame_to(int fd, const char *dst, uint8_t frame[static 64])
{
	struct ip_addr want = ip(dst);

	while (next_frame(fd, frame, FRAME_MS)) {
		uint16_t type = be16_load(frame + 12);
		struct ip_addr got = {.family = IP_NONE};

		if (type == 0x0800)
			got = ip_from_bytes(IP_V4, frame + 14 + 16);
		if (type == 0x86dd)
			got = ip_from_bytes(IP_V6, frame + 14 + 24);
		if (ip_equal(&got, &want))
			return true;
	}
	return false;
}

void send_to(int netns, const char *dst, int mark)
{
	struct ip_addr a = ip(dst);
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(9)};
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	bool v4 = a.family == IP_V4;
	int here = open_ns();
	int s;

	memcpy(&sin.sin_addr, a.b, 4);
	memcpy(&sin6.sin6_addr, a.b, 16);
	go_to(netns);
	s = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
	go_to(here);
	close(here);
	assert_true(s >= 0);
	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	assert_int_equal(sendto(s, "x", 1, 0, v4 ? (void *)&sin : (void *)&sin6,
				 v4 ? sizeof(sin) : sizeof(sin6)),
		1);
	close(s);
}

static bool next_arp(int fd, const char *address, uint8_t f[static 64], int ms)
{
	struct ip_addr asked = ip(address);

	while (next_frame(fd, f, ms))
		if (be16_load(f + 12) == ETHER_ARP && f[21] == 1 && memcmp(f + 38, asked.b, 4) == 0)
			return true;
	return false;
}

bool asks_arp(int fd, const char *address)
{
	uint8_t f[64];

	return next_arp(fd, address, f, FRAME_MS);
}

bool answer_arp(int fd, const char *address, const uint8_t mac[static 6])
{
	return answer_arp_within(fd, address, mac, FRAME_MS);
}

bool answer_arp_within(int fd, const char *address, const uint8_t mac[static 6], int ms)
{
	uint8_t f[64];
	uint8_t reply[42] = {0};

	if (!next_arp(fd, address, f, ms))
		return false;
	memcpy(reply, f + 6, 6);
	memcpy(reply + 6, mac, 6);
	memcpy(reply + 12, f + 12, 8);
	reply[21] = 2;
	memcpy(reply + 22, mac, 6);
	memcpy(reply + 28, f + 38, 4);
	memcpy(reply + 32, f + 22, 10);
	return write(fd, reply, sizeof(reply)) == sizeof(reply);
}

/* --- devices and peers ----------------------------------------------------------------------- */

struct hostif_device *device(struct world *w, uint32_t iid, int netns, const char *name)
{
	struct hostif_device *d = NULL;

	assert_int_equal(hostif_device_new(w->h, iid, netns, name, &d), 0);
	return d;
}

/* As openvpn does, after the link is there. */
void bring_up(int netns, const char *name)
{
	run_in(netns, "ip link set %s mtu 1500 up", name);
	run_in(netns, "ip addr add 10.8.0.1/24 dev %s && ip addr add fd00::1/64 nodad dev %s", name,
		name);
}

void mac_of(uint32_t peer_id, uint8_t mac[DP_MAC_LEN])
{
	mac[0] = 0x02;
	mac[1] = mac[2] = 0;
	mac[3] = (uint8_t)(peer_id >> 16);
	mac[4] = (uint8_t)(peer_id >> 8);
	mac[5] = (uint8_t)peer_id;
}

void add_peer(struct world *w, struct hostif_device *d, uint32_t id, const char *v4, const char *v6)
{
	struct ip_addr vpn4 = v4 == NULL ? (struct ip_addr){0} : ip(v4);
	struct ip_addr vpn6 = v6 == NULL ? (struct ip_addr){0} : ip(v6);
	uint8_t mac[DP_MAC_LEN];

	mac_of(id, mac);
	assert_int_equal(hostif_peer_add(w->h, d, id, &vpn4, &vpn6, mac), 0);
}

/* The device of most tests: with peers 2 and 3, whose addresses end in their ids. */
struct hostif_device *device_with_peers(struct world *w)
{
	struct hostif_device *d = device(w, 1, w->other, "ovpn0");

	bring_up(w->other, "ovpn0");
	add_peer(w, d, 2, "10.8.0.2", "fd00::2");
	add_peer(w, d, 3, "10.8.0.3", "fd00::3");
	settle(w);
	return d;
}

/* --- losing events --------------------------------------------------------------------------- */

/* Does the descriptor hear rtnetlink multicasts? */
static bool hears_events(int fd)
{
	uint32_t groups[4] = {0};
	socklen_t len = sizeof(groups);

	return getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, groups, &len) == 0 &&
		groups[0] != 0;
}

static void shrink(int fd, void *arg)
{
	int size = 0; /* the kernel makes it its minimum */

	(void)arg;
	if (hears_events(fd))
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
}

void shrink_event_buffers(void)
{
	each_fd(shrink, NULL);
}

/* Of a socket by its inode, in the namespace the thread is in. */
static unsigned long drops_of(unsigned long inode)
{
	FILE *f = fopen("/proc/thread-self/net/netlink", "r");
	unsigned long drops = 0;
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned long d;
		unsigned long i;

		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &d, &i) == 2 &&
			i == inode)
			drops = d;
	}
	fclose(f);
	return drops;
}

static void add_drops(int fd, void *arg)
{
	struct stat st;

	if (hears_events(fd) && fstat(fd, &st) == 0)
		*(unsigned long *)arg += drops_of(st.st_ino);
}

unsigned long lost_events(void)
{
	unsigned long sum = 0;

	each_fd(add_drops, &sum);
	return sum;
}
