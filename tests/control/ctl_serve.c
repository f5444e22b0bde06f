/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctl_serve SOCKET PEERS: answers ovpn-dpdkctl with the real ctl_answer() over the fake view, one
 * connection after the other, until it is killed. For test_cli.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/ctl.h"
#include "fake_view.h"

static void serve(struct agent *a, int fd)
{
	char request[CTL_REQUEST_MAX];
	size_t len = 0;
	ssize_t n = 1;
	char *answer;
	size_t done = 0, total;

	while (n > 0 && len < sizeof(request) && memchr(request, '\n', len) == NULL) {
		n = read(fd, request + len, sizeof(request) - len);
		len += n > 0 ? (size_t)n : 0;
	}
	answer = ctl_answer(a, request, len);
	total = answer != NULL ? strlen(answer) : 0;
	while (done < total && (n = write(fd, answer + done, total - done)) > 0)
		done += (size_t)n;
	free(answer);
}

int main(int argc, char **argv)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct agent *a;

	if (argc != 3 || fd < 0 || strlen(argv[1]) >= sizeof(sa.sun_path))
		return 2;
	strcpy(sa.sun_path, argv[1]);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 8) < 0)
		return 1;
	a = strcmp(argv[2], "none") == 0 ? fake_view_empty()
					 : fake_view((uint32_t)atoi(argv[2]), 1, 4);
	if (strcmp(argv[2], "none") != 0)
		fake_view_kernel((uint32_t)atoi(argv[2]), 2);
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0)
			return 1;
		serve(a, client);
		close(client);
	}
}
