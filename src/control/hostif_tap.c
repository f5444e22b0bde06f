/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif_tap.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TUN_MAJOR 10 /* /dev/net/tun, in whatever folder */
#define TUN_MINOR 200

/* The kernel's own rules, and no '%': it would choose a number for tun%d. */
static int check_name(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (isspace((unsigned char)name[i]) || strchr("/:%", name[i]) != NULL)
			return -EINVAL;
	return 0;
}

static int attach(int fd, const char *name, bool offload)
{
	/* Exclusive: a persistent TAP of that name would be taken over otherwise. */
	struct ifreq ifr = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL)};

	if (offload)
		ifr.ifr_flags |= IFF_VNET_HDR;
	memcpy(ifr.ifr_name, name, strlen(name));
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return errno == EBUSY ? -EEXIST : -errno;
	return 0;
}

int hostif_tap_new(const char *name, bool offload, int *fd, uint32_t *ifindex)
{
	int ret = check_name(name);
	int tap;

	if (ret < 0)
		return ret;
	tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap < 0)
		return -errno;
	ret = attach(tap, name, offload);
	if (ret < 0)
		goto close_tap;
	*ifindex = if_nametoindex(name);
	if (*ifindex == 0) {
		ret = -errno;
		goto close_tap;
	}
	*fd = tap;
	return 0;
close_tap:
	close(tap);
	return ret;
}

/*
 * Is it the kernel's own? What the kernel knows already says so: the file system behind the
 * descriptor of another process may be one that never answers.
 */
static bool is_tun(int fd)
{
	struct statx st;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &st) == 0 &&
		S_ISCHR(st.stx_mode) && st.stx_rdev_major == TUN_MAJOR &&
		st.stx_rdev_minor == TUN_MINOR;
}

/* As we make them: the thread that reads it has others to read. */
static bool never_waits(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

static bool in_netns(int fd, int netns_fd)
{
	struct stat theirs;
	struct stat wanted;
	int ns = ioctl(fd, TUNGETDEVNETNS);
	bool same = ns >= 0 && fstat(ns, &theirs) == 0 && fstat(netns_fd, &wanted) == 0 &&
		theirs.st_dev == wanted.st_dev && theirs.st_ino == wanted.st_ino;

	if (ns >= 0)
		close(ns);
	return same;
}

int hostif_tap_check(int fd, int netns_fd, char name[16])
{
	const unsigned int all = IFF_TUN | IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE |
		IFF_NAPI | IFF_NAPI_FRAGS | IFF_PERSIST;
	struct ifreq ifr = {.ifr_flags = 0};

	if (!is_tun(fd) || !never_waits(fd) || ioctl(fd, TUNGETIFF, &ifr) < 0 ||
		!in_netns(fd, netns_fd))
		return -ENODEV;
	if (((unsigned int)(unsigned short)ifr.ifr_flags & all) !=
		(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
		return -ENODEV;
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	name[IFNAMSIZ - 1] = '\0';
	return 0;
}

int hostif_tap_carrier(int fd, bool up)
{
	int on = up;

	return ioctl(fd, TUNSETCARRIER, &on) < 0 ? -errno : 0;
}
