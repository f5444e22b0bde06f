/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/hostif_ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

int hostif_ns_list_init(struct hostif_ns_list *l)
{
	LIST_INIT(&l->all);
	l->home_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return l->home_fd < 0 ? -errno : 0;
}

void hostif_ns_list_fini(struct hostif_ns_list *l)
{
	close(l->home_fd);
}

int hostif_ns_enter(int netns_fd)
{
	return setns(netns_fd, CLONE_NEWNET) < 0 ? -errno : 0;
}

void hostif_ns_leave(const struct hostif_ns_list *l)
{
	if (setns(l->home_fd, CLONE_NEWNET) == 0)
		return;
	log_err("cannot return to the daemon's network namespace: %s", strerror(errno));
	abort();
}

static int open_sockets(struct hostif_ns *ns)
{
	int ret = rtnl_new(&ns->rtnl);

	if (ret < 0)
		return ret;
	ret = rtnl_events_new(&ns->events);
	if (ret < 0)
		rtnl_free(ns->rtnl);
	return ret;
}

static int ns_new(
	struct hostif_ns_list *l, int netns_fd, const struct stat *st, struct hostif_ns **out)
{
	struct hostif_ns *ns = calloc(1, sizeof(*ns));
	int ret;

	if (ns == NULL)
		return -ENOMEM;
	ret = hostif_ns_enter(netns_fd);
	if (ret < 0)
		goto free_ns;
	ret = open_sockets(ns);
	hostif_ns_leave(l);
	if (ret < 0)
		goto free_ns;
	ns->dev = st->st_dev;
	ns->ino = st->st_ino;
	ns->users = 1;
	LIST_INIT(&ns->devices);
	LIST_INSERT_HEAD(&l->all, ns, link);
	*out = ns;
	return 0;
free_ns:
	free(ns);
	return ret;
}

int hostif_ns_get(struct hostif_ns_list *l, int netns_fd, struct hostif_ns **out, bool *made)
{
	struct hostif_ns *ns;
	struct stat st;

	if (fstat(netns_fd, &st) < 0)
		return -errno;
	*made = false;
	LIST_FOREACH (ns, &l->all, link) {
		if (ns->dev == st.st_dev && ns->ino == st.st_ino) {
			ns->users++;
			*out = ns;
			return 0;
		}
	}
	*made = true;
	return ns_new(l, netns_fd, &st, out);
}

void hostif_ns_put(struct hostif_ns *ns)
{
	if (--ns->users > 0)
		return;
	LIST_REMOVE(ns, link);
	rtnl_events_free(ns->events);
	rtnl_free(ns->rtnl);
	free(ns);
}
