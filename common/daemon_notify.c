/*
 * daemon_notify.c -- sd_notify(3)'s protocol, by hand: a datagram of
 * "NAME=VALUE" lines to the socket in $NOTIFY_SOCKET (a path, or an abstract
 * name behind `@'). Without the variable nothing is sent; a failure to send is
 * the service manager's loss and not ours.
 *
 * $WATCHDOG_USEC is the manager's patience. It is meant for one process, and
 * $WATCHDOG_PID says which: a child must not live by its parent's word.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/daemon.h"

static int
notify_address(struct sockaddr_un *sun, socklen_t *len)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t n;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return -1;
	n = strlen(path);
	if (n < 2 || n >= sizeof(sun->sun_path))
		return -1;
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, n);
	if (path[0] == '@')
		sun->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 0;
}

void
daemon_notify(const char *state)
{
	struct sockaddr_un sun;
	struct buf text = BUF_INIT;
	struct timespec now;
	socklen_t len;
	int fd;

	if (notify_address(&sun, &len) == -1)
		return;
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return;
	buf_puts(&text, state);
	/* Type=notify-reload pairs RELOADING=1 with the READY=1 after it by this time stamp. */
	if (strcmp(state, "RELOADING=1") == 0 && clock_gettime(CLOCK_MONOTONIC, &now) == 0)
		buf_printf(&text, "\nMONOTONIC_USEC=%jd",
		    (intmax_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	(void)sendto(fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT,
	    (const struct sockaddr *)&sun, len);
	buf_free(&text);
	close(fd);
}

bool
daemon_is_supervised(void)
{
	struct sockaddr_un sun;
	socklen_t len;

	return notify_address(&sun, &len) == 0;
}

void
daemon_status(const char *fmt, ...)
{
	static char *said;
	struct buf text = BUF_INIT;
	va_list ap;

	if (!daemon_is_supervised())
		return;
	buf_puts(&text, "STATUS=");
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < text.len; i++)	/* a line break would begin another variable */
		if ((unsigned char)text.data[i] < ' ')
			text.data[i] = ' ';
	if (said == NULL || strcmp(said, text.data) != 0)
		daemon_notify(text.data);
	free(said);
	said = buf_take(&text);
}

void
daemon_extend(unsigned seconds)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%u000000", seconds);
	daemon_notify(text);
}

/* The number in an environment variable, -1 if it is none. */
static intmax_t
number_in(const char *name)
{
	const char *text = getenv(name);
	intmax_t value;
	char *end;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	value = strtoimax(text, &end, 10);
	return *end == '\0' && errno == 0 ? value : -1;
}

int64_t
daemon_watchdog_ms(void)
{
	intmax_t usec = number_in("WATCHDOG_USEC"), pid = number_in("WATCHDOG_PID");

	if (usec <= 0 || !daemon_is_supervised())
		return 0;
	if (getenv("WATCHDOG_PID") != NULL && pid != getpid())
		return 0;
	return usec < 1000 ? 1 : (int64_t)(usec / 1000);
}
