/*
 * setup_daemons.h -- starting, stopping and waiting for our daemons, with systemd
 * and without.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_SETUP_DAEMONS_H
#define HOLDFAST_CLI_SETUP_DAEMONS_H

#include <stdbool.h>
#include <sys/types.h>

struct conf;
struct plan;

#define QUEUED_UNIT	"holdfast-queued.service"
#define MILTER_UNIT	"holdfast-milter.service"

/* Is systemd in charge here? */
bool	 setup_has_systemd(void);
/* Who listens on a unix socket (the process that called listen), 0 nobody. */
pid_t	 setup_listener(const char *socket);
/* Ends the daemon of ours that listens there; nobody there is well, too. False: *why. */
bool	 setup_daemon_stop(const char *socket, char **why);
/* Sends SIGHUP to the process that a pid file of root names. False: *why. */
bool	 setup_daemon_hangup(const char *pid_file, char **why);
/* The process that a pid file names and that runs, else 0. */
pid_t	 setup_pid_of(const char *pid_file);
/* Waits until somebody listens there. False: *why. */
bool	 setup_daemon_wait(const char *socket, char **why);
/* One that runs is left alone unless `changed'; old: the configuration it runs with, NULL: this
 * one. start: false leaves it to the administrator. */
void	 setup_daemons_plan(const struct conf *old, const struct conf *, const char *conf_path,
	    bool changed, bool start, struct plan *);
/* Comes before files of units and configuration are changed: see marker() in setup_postfix_plan.c.
 */
void	 setup_daemons_marker(struct plan *);

#endif
