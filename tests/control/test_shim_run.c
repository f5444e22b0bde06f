/* SPDX-License-Identifier: BSD-3-Clause */
/* `ovpn-dpdkctl run`: what it refuses, and what it hands to the program. SHIM names the shim. */
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/run.h"

struct place {
	char dir[32];
	char socket[64];
	char program[64];
	char said[4096]; /* stdout and stderr of the last run */
	int listen_fd;
};

static int set_up(void **state)
{
	static struct place place;
	struct place *p = &place;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	*state = p;
	strcpy(p->dir, "/tmp/test-run-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->socket, sizeof(p->socket), "%s/dco.sock", p->dir);
	snprintf(p->program, sizeof(p->program), "%s/program", p->dir);
	strcpy(addr.sun_path, p->socket);
	p->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(p->listen_fd, 8), 0);
	assert_non_null(getenv("SHIM"));
	setenv("OVPN_DPDK_SHIM", getenv("SHIM"), 1);
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	close(p->listen_fd);
	unlink(p->socket);
	unlink(p->program);
	return rmdir(p->dir);
}

/* Runs in a child, because run_main() replaces the process. Returns its exit status. */
static int run(struct place *p, char *const argv[])
{
	int argc = 0;
	int out[2];
	int status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	while (argv[argc] != NULL)
		argc++;
	assert_int_equal(pipe(out), 0);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
		_exit(run_main(argc, (char **)(uintptr_t)argv));
	}
	close(out[1]);
	while ((got = read(out[0], p->said + n, sizeof(p->said) - 1 - n)) > 0)
		n += (size_t)got;
	p->said[n] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define RUN(p, ...) run(p, (char *[]){S("run"), __VA_ARGS__, NULL})
#define S(text)	    (char *)(uintptr_t)(text)

static void program_gets_the_shim_before_other_preloads(void **state)
{
	struct place *p = *state;
	char want[8192];

	setenv("LD_PRELOAD", "libc.so.6", 1);
	assert_int_equal(RUN(p, S("--socket"), p->socket, S("--"), S("sh"), S("-c"),
				 S("echo \"$LD_PRELOAD $OVPN_DPDK_SOCKET $0\"; exit 7"), S("--")),
		7);
	unsetenv("LD_PRELOAD");
	snprintf(want, sizeof(want), "%s:libc.so.6 %s --\n", getenv("SHIM"), p->socket);
	assert_string_equal(p->said, want);
}

static void socket_is_taken_from_the_environment(void **state)
{
	struct place *p = *state;

	setenv("OVPN_DPDK_SOCKET", p->socket, 1);
	assert_int_equal(RUN(p, S("sh"), S("-c"), S("exit 5")), 5);
	unsetenv("OVPN_DPDK_SOCKET");
}

static void without_daemon_it_says_so_and_fails(void **state)
{
	struct place *p = *state;

	assert_int_equal(RUN(p, S("--socket"), S("/nonexistent/dco.sock"), S("--"), S("true")), 3);
	assert_non_null(strstr(p->said, "no daemon answers on /nonexistent/dco.sock"));
}

static void missing_shim_is_named(void **state)
{
	struct place *p = *state;

	setenv("OVPN_DPDK_SHIM", "/nonexistent/shim.so", 1);
	assert_int_equal(RUN(p, S("--socket"), p->socket, S("true")), 1);
	setenv("OVPN_DPDK_SHIM", getenv("SHIM"), 1);
	assert_non_null(strstr(p->said, "OVPN_DPDK_SHIM"));
}

static void missing_program_is_named(void **state)
{
	struct place *p = *state;

	assert_int_equal(RUN(p, S("--socket"), p->socket, S("no-such-program")), 1);
	assert_non_null(strstr(p->said, "no program no-such-program"));
}

/* The loader would leave the shim out silently. */
static void static_program_is_refused(void **state)
{
	struct place *p = *state;
	Elf64_Ehdr eh = {.e_type = ET_EXEC, .e_phentsize = sizeof(Elf64_Phdr)};
	int fd = open(p->program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	assert_int_equal(write(fd, &eh, sizeof(eh)), sizeof(eh));
	close(fd);
	assert_int_equal(RUN(p, S("--socket"), p->socket, S("--"), p->program), 1);
	assert_non_null(strstr(p->said, "statically linked"));
}

static void wrong_usage_shows_the_usage(void **state)
{
	struct place *p = *state;

	assert_int_equal(RUN(p, S("--")), 2);
	assert_non_null(strstr(p->said, "usage: ovpn-dpdkctl run"));
	assert_int_equal(RUN(p, S("--sockets"), p->socket, S("true")), 2);
	assert_non_null(strstr(p->said, "unknown option --sockets"));
	assert_int_equal(RUN(p, S("--socket")), 2);
	assert_non_null(strstr(p->said, "a value is missing after --socket"));
	assert_int_equal(RUN(p, S("--help")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(program_gets_the_shim_before_other_preloads),
		cmocka_unit_test(socket_is_taken_from_the_environment),
		cmocka_unit_test(without_daemon_it_says_so_and_fails),
		cmocka_unit_test(missing_shim_is_named),
		cmocka_unit_test(missing_program_is_named),
		cmocka_unit_test(static_program_is_refused),
		cmocka_unit_test(wrong_usage_shows_the_usage),
	};

	alarm(240);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
