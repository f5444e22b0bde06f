/* SPDX-License-Identifier: BSD-3-Clause */
/* libc's calls, made by a library that the program has loaded. */
#ifndef SHIM_PLUGIN_H
#define SHIM_PLUGIN_H

int plugin_socket(int family, int type, int protocol);
int plugin_socketpair(int family, int type, int protocol, int fds[2]);
int plugin_open(const char *path, int flags);
/* SO_SNDBUF */
int plugin_buffer(int fd);

#endif
