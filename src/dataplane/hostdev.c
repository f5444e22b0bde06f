/* SPDX-License-Identifier: BSD-3-Clause */
#include "dataplane/hostdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dataplane/state.h"

/* younger than some kernel headers */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static bool has_vnet(int fd)
{
	struct ifreq ifr = {0};

	return ioctl(fd, TUNGETIFF, &ifr) == 0 && (ifr.ifr_flags & IFF_VNET_HDR) != 0;
}

/*
 * What the kernel may leave to us. Not TUN_F_TSO_ECN: a congestion signal shall not be spread over
 * what was one packet. A kernel that does not know USO (before 6.2) takes none from us either.
 */
static int set_offloads(struct hostdev *d)
{
	unsigned int tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
	int len = SUPER_VNET_LEN;

	if (ioctl(d->fd, TUNSETVNETHDRSZ, &len) < 0)
		return -errno;
	d->joins[SUPER_TCP4] = d->joins[SUPER_TCP6] = true;
	if (ioctl(d->fd, TUNSETOFFLOAD, (unsigned long)(tcp | TUN_F_USO4 | TUN_F_USO6)) == 0)
		d->joins[SUPER_UDP4] = d->joins[SUPER_UDP6] = true;
	else if (ioctl(d->fd, TUNSETOFFLOAD, (unsigned long)tcp) < 0)
		return -errno;
	return 0;
}

static int prepare(struct hostio *h, struct hostdev *d)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = d};
	int ret;

	if (fcntl(d->fd, F_SETFL, fcntl(d->fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	d->vnet = has_vnet(d->fd);
	ret = d->vnet ? set_offloads(d) : 0;
	if (ret == 0 && epoll_ctl(h->epoll, EPOLL_CTL_ADD, d->fd, &ev) < 0)
		ret = -errno;
	return ret;
}

struct hostdev *hostdev_new(
	struct hostio *h, int fd, uint32_t iid, uint8_t port, const uint8_t mac[6])
{
	struct hostdev *d = malloc(sizeof(*d));
	int ret;

	if (d == NULL)
		return NULL;
	*d = (struct hostdev){.fd = fd, .iid = iid, .port = port};
	memcpy(d->mac, mac, sizeof(d->mac));
	ret = prepare(h, d);
	if (ret < 0) {
		free(d);
		errno = -ret;
		return NULL;
	}
	return d;
}

static void hostdev_free(void *arg)
{
	struct hostdev *d = arg;

	close(d->fd);
	free(d);
}

void hostdev_del(struct hostio *h, struct hostdev *d)
{
	if (d == NULL)
		return;
	epoll_ctl(h->epoll, EPOLL_CTL_DEL, d->fd, NULL);
	rcu_defer(&h->dp->rcu, hostdev_free, d);
}
