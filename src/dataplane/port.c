/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/port.h"

#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "dataplane/pool.h"
#include "log.h"

#define DEFAULT_MTU 1500
#define ROOM_MIN    RTE_MBUF_DEFAULT_BUF_SIZE
#define FRAME_EXTRA 64 /* Ethernet, VLAN tags, CRC */

static uint16_t find_ethdev(const char *devargs)
{
	struct rte_dev_iterator it;
	uint16_t id;

	if (rte_eth_dev_get_port_by_name(devargs, &id) == 0)
		return id;
	RTE_ETH_FOREACH_MATCHING_DEV(id, devargs, &it)
	{
		rte_eth_iterator_cleanup(&it);
		return id;
	}
	return RTE_MAX_ETHPORTS;
}

static struct rte_device *find_probed(const char *bus, const char *devargs)
{
	size_t len = strcspn(devargs, ",");
	struct rte_dev_iterator it;
	struct rte_device *dev;

	RTE_DEV_FOREACH(dev, bus, &it)
	{
		if (rte_dev_is_probed(dev) && strncmp(rte_dev_name(dev), devargs, len) == 0 &&
			rte_dev_name(dev)[len] == '\0')
			break;
	}
	return dev;
}

/*
 * A closed ethdev leaves its device behind, of which probing makes no other: it must go first.
 * args: those it had; they count for a device that is given by its name alone.
 */
static int clear_away(const char *devargs, char *args, size_t size)
{
	struct rte_device *dev = find_probed("bus=vdev", devargs);
	const struct rte_devargs *had;

	args[0] = '\0';
	if (dev == NULL)
		dev = find_probed("bus=pci", devargs);
	if (dev == NULL)
		return 0;
	had = rte_dev_devargs(dev);
	if (had != NULL && had->args != NULL)
		snprintf(args, size, "%s", had->args);
	return rte_dev_remove(dev);
}

/* An ethdev that exists under this name, or what these devargs make. */
static int probe(const char *devargs, uint16_t *ethdev)
{
	char args[512], all[1024];
	int ret;

	*ethdev = find_ethdev(devargs);
	if (*ethdev != RTE_MAX_ETHPORTS)
		return 0;
	ret = clear_away(devargs, args, sizeof(args));
	if (ret < 0)
		return ret;
	snprintf(all, sizeof(all), "%s,%s", devargs, args);
	ret = rte_dev_probe(args[0] != '\0' && strchr(devargs, ',') == NULL ? all : devargs);
	if (ret < 0 && ret != -EEXIST)
		return ret;
	*ethdev = find_ethdev(devargs);
	return *ethdev == RTE_MAX_ETHPORTS ? -ENODEV : 0;
}

uint32_t port_room(uint16_t mtu)
{
	uint32_t need = RTE_PKTMBUF_HEADROOM + (mtu == 0 ? DEFAULT_MTU : mtu) + FRAME_EXTRA;

	return RTE_ALIGN_CEIL(RTE_MAX((uint32_t)ROOM_MIN, need), (uint32_t)RTE_CACHE_LINE_SIZE);
}

static int make_pool(struct port *p, unsigned int index, uint32_t nb_mbufs)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "rx_port%u", index);
	p->pool =
		pool_new(name, nb_mbufs, 256, port_room(p->mtu), rte_eth_dev_socket_id(p->ethdev));
	return p->pool == NULL ? -rte_errno : 0;
}

static int configure(
	struct port *p, const struct dp_port_conf *conf, const struct rte_eth_dev_info *info)
{
	struct rte_eth_conf ec = {0};
	int ret;

	ec.rxmode.mtu = p->mtu;
	ec.rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	if (p->rx_queues > 1 && info->flow_type_rss_offloads != 0) {
		ec.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		ec.rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP);
	}
	ret = rte_eth_dev_configure(p->ethdev, p->rx_queues, p->tx_queues, &ec);
	if (ret < 0) {
		log_err("port %s: %s cannot be configured with %u receive and %u transmit queues: %s",
			p->name, conf->devargs, p->rx_queues, p->tx_queues, rte_strerror(-ret));
		return ret;
	}
	/* Drivers without MTU (net_ring, net_pcap) carry what they are given. */
	ret = rte_eth_dev_set_mtu(p->ethdev, p->mtu);
	if (ret < 0 && ret != -ENOTSUP) {
		log_err("port %s: %s refuses an MTU of %u (at most %u): %s", p->name, conf->devargs,
			p->mtu, info->max_mtu, rte_strerror(-ret));
		return ret;
	}
	return 0;
}

/*
 * net_af_xdp has no receive interrupts in DPDK, but its queue is a socket that can be polled: the
 * one of that kind that was not there before. -1: there is none.
 */
static int newest_xsk(const struct port *p, uint16_t q)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	int found = -1;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		int fd = atoi(e->d_name), domain = 0;
		socklen_t len = sizeof(domain);
		bool known = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
			domain != AF_XDP;

		for (uint16_t i = 0; i < q; i++)
			known |= p->rx_fd[i] == fd;
		if (!known && fd > found)
			found = fd;
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

static int setup_queues(struct port *p, const struct dp_port_conf *conf, bool xdp)
{
	uint16_t rxd = conf->rx_desc == 0 ? PORT_DESC_DEFAULT : conf->rx_desc;
	uint16_t txd = conf->tx_desc == 0 ? PORT_DESC_DEFAULT : conf->tx_desc;
	int ret = rte_eth_dev_adjust_nb_rx_tx_desc(p->ethdev, &rxd, &txd);

	for (uint16_t q = 0; ret >= 0 && q < p->rx_queues; q++) {
		ret = rte_eth_rx_queue_setup(
			p->ethdev, q, rxd, rte_eth_dev_socket_id(p->ethdev), NULL, p->pool);
		p->rx_fd[q] = ret < 0 || !xdp ? -1 : newest_xsk(p, q);
	}
	for (uint16_t q = 0; ret >= 0 && q < p->tx_queues; q++)
		ret = rte_eth_tx_queue_setup(
			p->ethdev, q, txd, rte_eth_dev_socket_id(p->ethdev), NULL);
	if (ret < 0)
		log_err("port %s: queues of %s cannot be set up: %s", p->name, conf->devargs,
			rte_strerror(-ret));
	return ret;
}

static int choose_queues(struct port *p, const struct dp_port_conf *conf,
	const struct rte_eth_dev_info *info, unsigned int nb_workers)
{
	if (info->max_tx_queues < nb_workers) {
		log_err("port %s: %s has %u transmit queues, but there are %u workers and each needs "
			"one: give the daemon %u worker lcores (eal: -l or --lcores)",
			p->name, conf->devargs, info->max_tx_queues, nb_workers,
			info->max_tx_queues);
		return -ENOTSUP;
	}
	if (conf->queues > info->max_rx_queues || conf->queues > PORT_MAX_QUEUES) {
		log_err("port %s: %u receive queues asked for, %s has %u", p->name, conf->queues,
			conf->devargs, info->max_rx_queues);
		return -ENOTSUP;
	}
	p->tx_queues = (uint16_t)nb_workers;
	p->rx_queues = conf->queues != 0
		? conf->queues
		: (uint16_t)RTE_MIN(RTE_MIN(nb_workers, (unsigned int)PORT_MAX_QUEUES),
			  (unsigned int)info->max_rx_queues);
	return 0;
}

int port_open(struct port *p, unsigned int index, const struct dp_port_conf *conf,
	unsigned int nb_workers, uint32_t nb_mbufs)
{
	struct rte_eth_dev_info info;
	int ret;

	snprintf(p->name, sizeof(p->name), "%s", conf->name);
	p->mtu = conf->mtu == 0 ? DEFAULT_MTU : conf->mtu;
	ret = probe(conf->devargs, &p->ethdev);
	if (ret < 0) {
		log_err("port %s: no ethdev comes of '%s': %s (is its PMD package installed, and a PCI "
			"device bound to vfio-pci?)",
			p->name, conf->devargs, rte_strerror(-ret));
		return ret;
	}
	ret = rte_eth_dev_info_get(p->ethdev, &info);
	if (ret < 0)
		return ret;
	p->kernel_ifindex = info.if_index;
	ret = choose_queues(p, conf, &info, nb_workers);
	if (ret < 0)
		return ret;
	ret = make_pool(p, index, nb_mbufs);
	if (ret < 0) {
		log_err("port %s: no memory for %u packet buffers: %s (eal: -m, or hugepages)",
			p->name, nb_mbufs, rte_strerror(-ret));
		return ret;
	}
	ret = configure(p, conf, &info);
	if (ret == 0)
		ret = setup_queues(p, conf, strcmp(info.driver_name, "net_af_xdp") == 0);
	if (ret == 0) {
		struct rte_ether_addr mac;

		ret = rte_eth_macaddr_get(p->ethdev, &mac);
		memcpy(p->mac, mac.addr_bytes, DP_MAC_LEN);
	}
	return ret;
}

int port_start(struct port *p)
{
	int ret = rte_eth_dev_start(p->ethdev);

	if (ret < 0) {
		log_err("port %s: cannot be started: %s", p->name, rte_strerror(-ret));
		return ret;
	}
	/* multicast (ND, routing protocols) belongs to the kernel behind the mirror TAP */
	rte_eth_allmulticast_enable(p->ethdev);
	return 0;
}

void port_stop(struct port *p)
{
	rte_eth_dev_stop(p->ethdev);
}

void port_close(struct port *p)
{
	if (p->pool == NULL)
		return;
	rte_eth_dev_close(p->ethdev);
	rte_mempool_free(p->pool);
	p->pool = NULL;
}

uint16_t port_rx(const struct port *p, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_eth_rx_burst(p->ethdev, queue, pkts, n);
}

uint16_t port_tx(const struct port *p, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_eth_tx_burst(p->ethdev, queue, pkts, n);
}

/* Drivers on top of a kernel interface say "up" without looking at it. */
static bool kernel_link_up(unsigned int ifindex)
{
	struct ifreq ifr = {.ifr_ifindex = (int)ifindex};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = s >= 0 && ioctl(s, SIOCGIFNAME, &ifr) == 0 && ioctl(s, SIOCGIFFLAGS, &ifr) == 0 &&
		(ifr.ifr_flags & IFF_RUNNING) != 0;

	if (s >= 0)
		close(s);
	return up;
}

bool port_link_up(const struct port *p)
{
	struct rte_eth_link link = {0};

	return rte_eth_link_get_nowait(p->ethdev, &link) == 0 &&
		link.link_status == RTE_ETH_LINK_UP &&
		(p->kernel_ifindex == 0 || kernel_link_up(p->kernel_ifindex));
}

void port_info(const struct port *p, struct dp_port_info *info)
{
	struct rte_eth_dev_info dev;
	struct rte_eth_link link = {0};
	struct rte_eth_stats st = {0};

	*info = (struct dp_port_info){
		.mtu = p->mtu,
		.rx_queues = p->rx_queues,
		.tx_queues = p->tx_queues,
	};
	snprintf(info->name, sizeof(info->name), "%s", p->name);
	memcpy(info->mac, p->mac, sizeof(info->mac));
	rte_eth_dev_get_name_by_port(p->ethdev, info->ethdev);
	if (rte_eth_dev_info_get(p->ethdev, &dev) == 0)
		snprintf(info->driver, sizeof(info->driver), "%s", dev.driver_name);
	info->link_up = port_link_up(p);
	if (rte_eth_link_get_nowait(p->ethdev, &link) == 0)
		info->speed_mbps =
			link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
	rte_eth_stats_get(p->ethdev, &st);
	info->rx_packets = st.ipackets;
	info->rx_bytes = st.ibytes;
	info->tx_packets = st.opackets;
	info->tx_bytes = st.obytes;
	info->rx_missed = st.imissed;
	info->rx_nombuf = st.rx_nombuf;
	info->tx_dropped = st.oerrors;
}
