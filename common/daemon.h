/*
 * daemon.h -- what both daemons do at start: options, user, notification.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DAEMON_H
#define HOLDFAST_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "common/conf.h"

struct daemon_options {
	const char	*conf_path;	/* -c FILE */
	bool		 foreground;	/* -f */
	bool		 check_only;	/* -t */
	bool		 verbose;	/* -v */
	bool		 offline;	/* -o, of queued alone: serve one command, see control.h */
};

/* Parses options; prints usage and exits (EX_USAGE), or version and exits (-V). more: "o" or "". */
void	daemon_options(int argc, char **argv, const char *more, struct daemon_options *);
/* Loads the configuration or exits with EX_CONFIG and "file:line: reason". */
struct conf *daemon_conf(const struct daemon_options *);
/*
 * Background: fork, the parent exits 0 when the child calls daemon_ready() and non-zero
 * when it dies before that, so that the starter learns of a failed start.
 */
void	daemon_detach(const struct daemon_options *);
/* Root only: become `user' for good (groups, gid, uid; checked). *why on failure. */
int	daemon_drop(const char *user, char **why);
/* The service answers now: sd_notify READY=1, release the parent. */
void	daemon_ready(void);
void	daemon_notify(const char *state);	/* sd_notify datagram: "STOPPING=1", "RELOADING=1", "WATCHDOG=1" */
/* One short line for `systemctl status'. What was said already is not said again. Main thread only. */
void	daemon_status(const char *, ...) __attribute__((format(printf, 1, 2)));
/* The start (or stop) goes on for at most so many seconds more; call again and again. */
void	daemon_extend(unsigned seconds);
bool	daemon_is_supervised(void);		/* somebody reads all this */
/* After so many ms without "WATCHDOG=1" we are ended; 0: nobody watches this process. */
int64_t	daemon_watchdog_ms(void);
/* Raise RLIMIT_NOFILE to its hard limit, umask 077, ignore SIGPIPE, stdin from /dev/null. */
void	daemon_hygiene(void);

#endif
