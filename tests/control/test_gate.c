/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may connect to the daemon's sockets, and whose files they are. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/gate.h"

#define NOBODY 65534
#define GROUP  "daemon" /* Debian has it, and nobody of ours is in it */
#define OTHER  54321	/* a group without a name */

static char dir[] = "/tmp/gate-test-XXXXXX";
static char path[64];

static struct sockaddr_un address(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, path);
	return addr;
}

static void gate_open(struct gate *g, const char *group)
{
	int fd = gate_listen(g, path, SOCK_SEQPACKET, group);

	assert_true(fd >= 0);
	g->src.fd = fd;
}

static void gate_shut(struct gate *g)
{
	close(g->src.fd);
	gate_remove(g);
}

/* What gate_accept() says to a process of this user and these groups; the file lets all in. */
static int comes(struct gate *g, uid_t uid, gid_t gid, const gid_t *groups, size_t n)
{
	struct sockaddr_un addr = address();
	int status, ret;
	pid_t pid;

	assert_int_equal(chmod(path, 0666), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		_exit(setgroups(n, groups) != 0 || setgid(gid) != 0 || setuid(uid) != 0 ||
			connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ret = gate_accept(g);
	if (ret < 0)
		return ret;
	close(ret);
	return 0;
}

static void root_and_one_group_come_in(void **state)
{
	const struct group *entry = getgrnam(GROUP);
	const gid_t some[] = {OTHER, entry->gr_gid, OTHER + 1}, others[] = {0, OTHER, OTHER + 1};
	struct gate g;
	struct stat st;

	(void)state;
	gate_open(&g, GROUP);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, entry->gr_gid);
	assert_int_equal(comes(&g, 0, OTHER, NULL, 0), 0);
	assert_int_equal(comes(&g, NOBODY, entry->gr_gid, NULL, 0), 0);
	assert_int_equal(comes(&g, NOBODY, NOBODY, some, 3), 0);
	assert_int_equal(comes(&g, NOBODY, NOBODY, NULL, 0), -EPERM);
	assert_int_equal(comes(&g, NOBODY, NOBODY, others, 3), -EPERM);
	assert_int_equal(comes(&g, NOBODY, 0, others, 3), -EPERM);
	gate_shut(&g);
}

static void without_a_group_root_alone_comes_in(void **state)
{
	const gid_t zero[] = {0};
	struct gate g;
	struct stat st;

	(void)state;
	gate_open(&g, NULL);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(comes(&g, 0, 0, NULL, 0), 0);
	assert_int_equal(comes(&g, NOBODY, 0, zero, 1), -EPERM);
	assert_int_equal(comes(&g, NOBODY, NOBODY, NULL, 0), -EPERM);
	gate_shut(&g);
	assert_int_equal(gate_listen(&g, path, SOCK_SEQPACKET, "no such group"), -EINVAL);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_path_in_use_is_left_alone(void **state)
{
	struct sockaddr_un addr = address();
	struct gate g, second;
	char lock[80];
	struct stat st;
	int fd;

	(void)state;
	/* by another daemon */
	gate_open(&g, NULL);
	assert_int_equal(gate_listen(&second, path, SOCK_SEQPACKET, NULL), -EADDRINUSE);
	/* and by one whose lock somebody removed */
	snprintf(lock, sizeof(lock), "%s.lock", path);
	assert_int_equal(unlink(lock), 0);
	assert_int_equal(gate_listen(&second, path, SOCK_SEQPACKET, NULL), -EADDRINUSE);
	assert_int_equal(comes(&g, 0, 0, NULL, 0), 0);
	/* what is there now is another's: it stays */
	assert_int_equal(unlink(path), 0);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	gate_shut(&g);
	assert_int_equal(stat(path, &st), 0);
	/* nobody listens there any more: it is replaced */
	close(fd);
	gate_open(&g, NULL);
	gate_shut(&g);
	assert_int_equal(access(path, F_OK), -1);
	/* a file */
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(gate_listen(&g, path, SOCK_SEQPACKET, NULL), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_and_one_group_come_in),
		cmocka_unit_test(without_a_group_root_alone_comes_in),
		cmocka_unit_test(a_path_in_use_is_left_alone),
	};
	int failed;

	if (mkdtemp(dir) == NULL || chmod(dir, 0755) != 0)
		return 1;
	snprintf(path, sizeof(path), "%s/sock", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (rmdir(dir) != 0)
		return 1;
	return failed;
}
