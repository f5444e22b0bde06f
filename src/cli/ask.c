/* SPDX-License-Identifier: BSD-3-Clause */
#include "ask.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/ctl.h"

#define ANSWER_TIMEOUT 10 /* seconds; the daemon answers in milliseconds */
#define ANSWER_MAX     (64u << 20)

__attribute__((format(printf, 1, 2))) static void complain(const char *fmt, ...)
{
	va_list ap;

	fputs("ovpn-dpdkctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	putc('\n', stderr);
}

static void complain_connect(const char *path, int error)
{
	if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR)
		complain("no ovpn-dpdkd answers on %s: is it running? "
			 "(systemctl status ovpn-dpdkd)",
			path);
	else if (error == EACCES || error == EPERM)
		complain("no permission for %s: be root, or in the group that `sockets: group:` "
			 "names in the daemon's configuration",
			path);
	else
		complain("cannot connect to %s: %s", path, strerror(error));
}

static int connect_to(const char *path)
{
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd;

	if (path[0] == '\0' || strlen(path) >= sizeof(sa.sun_path)) {
		complain("'%s' cannot be a socket's path: 1 to %zu characters", path,
			sizeof(sa.sun_path) - 1);
		return -1;
	}
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0 &&
		connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	complain_connect(path, errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool send_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool send_request(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	bool ok = text != NULL && send_all(fd, text, strlen(text)) && send_all(fd, "\n", 1);

	free(text);
	return ok;
}

/* Everything up to the end; malloc()ed, NULL with errno. */
static char *read_answer(int fd, size_t *len)
{
	size_t room = 65536;
	char *text = malloc(room);

	*len = 0;
	while (text != NULL) {
		ssize_t n = recv(fd, text + *len, room - *len, 0);

		if (n == 0)
			return text;
		if (n < 0 && errno == EINTR)
			continue;
		if (n >= 0 && *len + (size_t)n > ANSWER_MAX)
			errno = EMSGSIZE;
		if (n < 0 || *len + (size_t)n > ANSWER_MAX)
			break;
		*len += (size_t)n;
		if (*len == room) {
			char *grown = realloc(text, room * 2);

			if (grown == NULL)
				break;
			text = grown;
			room *= 2;
		}
	}
	free(text);
	return NULL;
}

static int check_answer(const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (json_is_true(json_object_get(answer, "ok")) &&
		json_object_get(answer, "result") != NULL)
		return EXIT_OK;
	complain("%s", error != NULL ? error : "ovpn-dpdkd gave an answer that is none");
	return EXIT_REFUSED;
}

/* The answer, or NULL after a line on stderr. */
static json_t *converse(const char *socket_path, int fd, const json_t *request)
{
	json_t *answer = NULL;
	char *text = NULL;
	size_t len = 0;

	if (send_request(fd, request))
		text = read_answer(fd, &len);
	if (text == NULL && (errno == EAGAIN || errno == EWOULDBLOCK))
		complain("ovpn-dpdkd on %s did not answer within %d seconds", socket_path,
			ANSWER_TIMEOUT);
	else if (text == NULL)
		complain("no answer from ovpn-dpdkd on %s: %s", socket_path, strerror(errno));
	else if (len == 0)
		complain("ovpn-dpdkd on %s closed the connection without an answer", socket_path);
	else
		answer = json_loadb(text, len, 0, NULL);
	if (len > 0 && answer == NULL)
		complain("what answers on %s is no ovpn-dpdkd", socket_path);
	free(text);
	return answer;
}

int ask(const char *socket_path, const json_t *request, json_t **answer)
{
	int fd = connect_to(socket_path);
	int status = EXIT_NO_DAEMON;

	*answer = NULL;
	if (fd < 0)
		return status;
	*answer = converse(socket_path, fd, request);
	close(fd);
	if (*answer != NULL)
		status = check_answer(*answer);
	if (status != EXIT_OK) {
		json_decref(*answer);
		*answer = NULL;
	}
	return status;
}
