/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "log.h"

#define BACKLOG	      64
#define LOCK_NAME_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) + sizeof(".lock"))

static int make_parents(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
		if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
			log_err("cannot make directory %s: %s", dir, strerror(errno));
			return -errno;
		}
	}
	return 0;
}

static void lock_name(const struct sockaddr_un *addr, char name[LOCK_NAME_MAX])
{
	snprintf(name, LOCK_NAME_MAX, "%s.lock", addr->sun_path);
}

/* Is the file with that name the one that fd has open? Its last owner may have removed it. */
static bool is_named(int fd, const char *name)
{
	struct stat here;
	struct stat there;

	return fstat(fd, &here) == 0 && lstat(name, &there) == 0 && here.st_dev == there.st_dev &&
		here.st_ino == there.st_ino;
}

/* The lock's descriptor, or -errno. */
static int take_lock(const struct sockaddr_un *addr)
{
	char name[LOCK_NAME_MAX];

	lock_name(addr, name);
	for (;;) {
		int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0) {
			log_err("cannot open %s: %s", name, strerror(errno));
			return -errno;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			log_err("another daemon answers on %s, or is about to", addr->sun_path);
			close(fd);
			return -EADDRINUSE;
		}
		if (is_named(fd, name))
			return fd;
		close(fd);
	}
}

static void drop_lock(struct gate *g)
{
	char name[LOCK_NAME_MAX];

	if (g->lock < 0)
		return;
	lock_name(&g->addr, name);
	if (is_named(g->lock, name))
		unlink(name); /* while it is held */
	close(g->lock);
	g->lock = -1;
}

/* 0: the path is free now; -EADDRINUSE: someone listens there. */
static int clear_stale(const struct sockaddr_un *addr, int type)
{
	struct stat st;
	int fd;
	int ret;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		log_err("%s exists and is not a socket", addr->sun_path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? errno : 0;
	close(fd);
	/* only a refused connection proves that nobody listens */
	if (ret != ECONNREFUSED) {
		log_err("another daemon answers on %s", addr->sun_path);
		return -EADDRINUSE;
	}
	log_info("removing %s, left behind by a daemon that is gone", addr->sun_path);
	return unlink(addr->sun_path) < 0 ? -errno : 0;
}

static int find_group(struct gate *g, const char *group)
{
	const struct group *entry;

	g->has_group = group != NULL;
	if (group == NULL)
		return 0;
	entry = getgrnam(group);
	if (entry == NULL) {
		log_err("there is no group named %s", group);
		return -EINVAL;
	}
	g->gid = entry->gr_gid;
	return 0;
}

static int bind_private(struct gate *g, int fd)
{
	mode_t mask = umask(0177);
	int ret = bind(fd, (const struct sockaddr *)&g->addr, sizeof(g->addr)) < 0 ? -errno : 0;

	umask(mask);
	return ret;
}

static int open_for_group(struct gate *g)
{
	struct stat st;

	if (g->has_group &&
		(chown(g->addr.sun_path, (uid_t)-1, g->gid) < 0 ||
			chmod(g->addr.sun_path, 0660) < 0))
		return -errno;
	if (stat(g->addr.sun_path, &st) < 0)
		return -errno;
	g->dev = st.st_dev;
	g->ino = st.st_ino;
	return 0;
}

/* Bound and listening: the descriptor, or -errno. */
static int listen_on(struct gate *g, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = bind_private(g, fd);
	if (ret == 0)
		ret = open_for_group(g);
	if (ret == 0 && listen(fd, BACKLOG) < 0)
		ret = -errno;
	if (ret == 0)
		return fd;
	log_err("cannot listen on %s: %s", g->addr.sun_path, strerror(-ret));
	close(fd);
	return ret;
}

int gate_listen(struct gate *g, const char *path, int type, const char *group)
{
	int ret;

	*g = (struct gate)GATE_NONE;
	g->addr.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(g->addr.sun_path)) {
		log_err("the socket path %s is too long", path);
		return -ENAMETOOLONG;
	}
	strcpy(g->addr.sun_path, path);
	ret = find_group(g, group);
	if (ret == 0)
		ret = make_parents(path);
	if (ret == 0)
		ret = g->lock = take_lock(&g->addr);
	if (ret >= 0)
		ret = clear_stale(&g->addr, type);
	if (ret == 0)
		ret = listen_on(g, type);
	if (ret < 0)
		gate_remove(g);
	return ret;
}

static bool in_group(int fd, gid_t primary, gid_t wanted)
{
	gid_t groups[NGROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (primary == wanted)
		return true;
	/* what the kernel noted at connect(): no name service that could block the loop */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++) {
		if (groups[i] == wanted)
			return true;
	}
	return false;
}

int gate_accept(struct gate *g)
{
	int fd = accept4(g->src.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
		(peer.uid == 0 || (g->has_group && in_group(fd, peer.gid, g->gid))))
		return fd;
	if (log_limit_pass(&g->refused))
		log_warn("%s: refused process %d of user %u", g->addr.sun_path, (int)peer.pid,
			(unsigned int)peer.uid);
	close(fd);
	return -EPERM;
}

void gate_remove(struct gate *g)
{
	struct stat st;

	if (g->ino != 0 && stat(g->addr.sun_path, &st) == 0 && st.st_dev == g->dev &&
		st.st_ino == g->ino)
		unlink(g->addr.sun_path);
	g->ino = 0;
	drop_lock(g);
}
