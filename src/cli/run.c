/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/run.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <ovpn-dpdk/shim_proto.h>

#include "cli/exit_status.h"

#define SHIM_ENV  "OVPN_DPDK_SHIM"
#define SHIM_FILE "libovpn-dpdk-shim.so"

static const char usage[] =
	"usage: ovpn-dpdkctl run [--socket PATH] -- PROGRAM [ARGUMENT...]\n"
	"Starts PROGRAM (openvpn) with its data channel on ovpn-dpdkd.\n"
	"  -s, --socket PATH  the daemon's socket for openvpn (default " SHIM_SOCKET ",\n"
	"                     or $" SHIM_SOCKET_ENV ")\n";

static int wrong(const char *why, const char *word)
{
	fprintf(stderr, "ovpn-dpdkctl: run: %s%s%s\n%s", why, word != NULL ? " " : "",
		word != NULL ? word : "", usage);
	return EXIT_USAGE;
}

/* 0 if something listens there. */
static int daemon_answers(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ret = 0;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* Where the shim lies: named, in the build tree that this program is in, or installed. */
static bool find_shim(char path[PATH_MAX])
{
	const char *named = getenv(SHIM_ENV);
	char exe[PATH_MAX];
	char near[2 * PATH_MAX];
	ssize_t n;
	char *slash;

	if (named != NULL && *named != '\0')
		return realpath(named, path) != NULL;
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
		if (slash != NULL)
			*slash = '\0';
		snprintf(near, sizeof(near), "%s/../shim/" SHIM_FILE, exe);
		if (realpath(near, path) != NULL)
			return true;
	}
	return realpath(SHIM_PATH, path) != NULL;
}

/* The file that execvp() would start; false: none. */
static bool find_program(const char *name, char path[PATH_MAX])
{
	const char *dir = getenv("PATH");

	if (strchr(name, '/') != NULL || dir == NULL)
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && access(path, X_OK) == 0;
	while (*dir != '\0') {
		size_t n = strcspn(dir, ":");

		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)n, dir, n != 0 ? "/" : "", name) <
				PATH_MAX &&
			access(path, X_OK) == 0)
			return true;
		dir += n;
		dir += *dir == ':';
	}
	return false;
}

/* A 64-bit ELF program without an interpreter is static. Scripts and the rest pass. */
static bool is_static(const char *path)
{
	bool found = false;
	Elf64_Phdr ph;
	Elf64_Ehdr eh;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) ||
		memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64) {
		close(fd);
		return false;
	}
	for (unsigned int i = 0; i < eh.e_phnum && !found; i++) {
		off_t at = (off_t)(eh.e_phoff + (Elf64_Off)i * eh.e_phentsize);

		found = pread(fd, &ph, sizeof(ph), at) == sizeof(ph) && ph.p_type == PT_INTERP;
	}
	close(fd);
	return !found;
}

/*
 * The loader leaves the shim out of such programs without a word, and openvpn would then run its
 * data channel by itself. NULL: the shim can be loaded.
 */
static const char *unloadable(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 &&
		(((st.st_mode & S_ISUID) != 0 && st.st_uid != getuid()) ||
			((st.st_mode & S_ISGID) != 0 && st.st_gid != getgid())))
		return "it is setuid or setgid";
	if (getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0)
		return "it has file capabilities";
	if (is_static(path))
		return "it is statically linked";
	return NULL;
}

static int set_environment(const char *shim, const char *socket_path)
{
	const char *others = getenv("LD_PRELOAD");
	char *all;
	int ret;

	if (others != NULL && *others != '\0')
		ret = asprintf(&all, "%s:%s", shim, others);
	else
		ret = asprintf(&all, "%s", shim);
	if (ret < 0)
		return -ENOMEM;
	ret = setenv("LD_PRELOAD", all, 1);
	free(all);
	if (ret == 0)
		ret = setenv(SHIM_SOCKET_ENV, socket_path, 1);
	return ret < 0 ? -errno : 0;
}

static int start(const char *socket_path, char **argv)
{
	char program[PATH_MAX];
	char shim[PATH_MAX];
	const char *why;
	int ret = daemon_answers(socket_path);

	if (ret < 0) {
		fprintf(stderr,
			"ovpn-dpdkctl: no daemon answers on %s: start ovpn-dpdkd first (%s)\n",
			socket_path, strerror(-ret));
		return EXIT_NO_DAEMON;
	}
	if (!find_shim(shim)) {
		fprintf(stderr,
			"ovpn-dpdkctl: " SHIM_FILE " is neither here nor at " SHIM_PATH
			": set " SHIM_ENV " to its path\n");
		return EXIT_REFUSED;
	}
	if (!find_program(argv[0], program)) {
		fprintf(stderr, "ovpn-dpdkctl: there is no program %s\n", argv[0]);
		return EXIT_REFUSED;
	}
	why = unloadable(program);
	if (why != NULL) {
		fprintf(stderr, "ovpn-dpdkctl: the shim cannot be loaded into %s: %s\n", program,
			why);
		return EXIT_REFUSED;
	}
	ret = set_environment(shim, socket_path);
	if (ret == 0) {
		execv(program, argv);
		ret = -errno;
	}
	fprintf(stderr, "ovpn-dpdkctl: cannot start %s: %s\n", program, strerror(-ret));
	return EXIT_REFUSED;
}

int run_main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"socket", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *path = getenv(SHIM_SOCKET_ENV);
	int letter;

	if (path == NULL || *path == '\0')
		path = SHIM_SOCKET;
	opterr = 0;
	optind = 0; /* glibc: start over */
	while ((letter = getopt_long(argc, argv, "+:s:h", longs, NULL)) != -1) {
		if (letter == 'h') {
			fputs(usage, stdout);
			return EXIT_OK;
		}
		if (letter == ':')
			return wrong("a value is missing after", argv[optind - 1]);
		if (letter != 's')
			return wrong("unknown option", argv[optind - 1]);
		path = optarg;
	}
	if (optind >= argc)
		return wrong("say which program", NULL);
	return start(path, argv + optind);
}
