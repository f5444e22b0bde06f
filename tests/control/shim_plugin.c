/* SPDX-License-Identifier: BSD-3-Clause */
#include "shim_plugin.h"

#include <fcntl.h>
#include <sys/socket.h>

/* The call before it comes back to here: as the last of a function it would be a jump. */
static inline int returned(int value)
{
	__asm__ volatile("" : "+r"(value));
	return value;
}

int plugin_socket(int family, int type, int protocol)
{
	return returned(socket(family, type, protocol));
}

int plugin_socketpair(int family, int type, int protocol, int fds[2])
{
	return returned(socketpair(family, type, protocol, fds));
}

int plugin_open(const char *path, int flags)
{
	return returned(open(path, flags));
}

int plugin_buffer(int fd)
{
	int size = 0;
	socklen_t len = sizeof(size);

	return returned(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len)) == 0 ? size : -1;
}
