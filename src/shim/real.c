/* SPDX-License-Identifier: BSD-3-Clause */
#include "shim.h"

#include <dlfcn.h>
#include <stdatomic.h>

/* dlsym() gives void *, which ISO C does not convert to a function pointer. */
#define LOOK_UP(name) (*(void **)(void *)&r.name = dlsym(RTLD_NEXT, #name))

const struct real *real(void)
{
	static struct real r;
	static atomic_bool known;

	/* Two threads may both look up: they store the same values. */
	if (atomic_load_explicit(&known, memory_order_acquire))
		return &r;
	LOOK_UP(socket);
	LOOK_UP(close);
	LOOK_UP(bind);
	LOOK_UP(getsockname);
	LOOK_UP(setsockopt);
	LOOK_UP(sendmsg);
	LOOK_UP(recvmsg);
	LOOK_UP(sendto);
	LOOK_UP(recvfrom);
	LOOK_UP(open);
	LOOK_UP(open64);
	LOOK_UP(fopen);
	LOOK_UP(fopen64);
	LOOK_UP(stat);
	LOOK_UP(stat64);
	LOOK_UP(daemon);
	LOOK_UP(poll);
	LOOK_UP(epoll_wait);
	LOOK_UP(select);
	LOOK_UP(exit);
	atomic_store_explicit(&known, true, memory_order_release);
	return &r;
}
