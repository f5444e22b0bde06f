/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An outer port: one ethdev with its queues and receive pool. port.c is the only file that knows
 * ethdev. Opened and closed by main; each worker owns transmit queue [its index] of every port and
 * the receive queues that dp_new() dealt to it.
 */
#ifndef PORT_H
#define PORT_H

#include <rte_mbuf.h>

#include "dataplane/dp_life.h"
#include "dataplane/dp_view.h"

#define PORT_MAX_ADDRS	  64
#define PORT_MAX_QUEUES	  64
#define PORT_DESC_DEFAULT 1024

struct port {
	/* read by workers */
	uint16_t ethdev;
	uint16_t rx_queues, tx_queues;
	uint16_t mtu;
	uint8_t mac[DP_MAC_LEN];
	int rx_fd[PORT_MAX_QUEUES]; /* readable when the queue has packets; -1: none such */

	/* agent only */
	char name[32];
	unsigned int kernel_ifindex; /* the interface the device stands on (af_xdp, tap); 0: none */
	struct rte_mempool *pool;
	unsigned int nb_addrs;
	struct ip_addr addrs[PORT_MAX_ADDRS];
};

/*
 * Probes and configures the device with one transmit queue a worker; index numbers its pool. Logs
 * what is wrong. -ENODEV, -ENOTSUP: too few transmit queues, -ENOMEM, or the driver's -errno.
 */
int port_open(struct port *p, unsigned int index, const struct dp_port_conf *conf,
	unsigned int nb_workers, uint32_t nb_mbufs);
/* Bytes of a buffer's data room that the packets of a port with this MTU (0: the default) need. */
uint32_t port_room(uint16_t mtu);
int port_start(struct port *p);
void port_stop(struct port *p);
void port_close(struct port *p);

/* Worker. Takes up to n packets; each is one segment. Returns how many. */
uint16_t port_rx(const struct port *p, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
/* Worker. Returns how many the device took: pkts[0..k); the rest stays the caller's. */
uint16_t port_tx(const struct port *p, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
/* Worker. Has the NIC found the IPv4 header checksum of this packet good? */
static inline bool port_ip_checked(const struct rte_mbuf *m)
{
	return (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
}

/* Agent. Of a device that stands on a kernel interface, both must have a link. */
bool port_link_up(const struct port *p);
/* Agent. Name, driver, link and counters; drops of ours are not in it. */
void port_info(const struct port *p, struct dp_port_info *info);

#endif
