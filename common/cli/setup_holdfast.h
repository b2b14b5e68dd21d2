/*
 * setup_holdfast.h -- Holdfast's own part of a setup: holdfast.conf, folders, units.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_SETUP_HOLDFAST_H
#define HOLDFAST_CLI_SETUP_HOLDFAST_H

#include <sys/types.h>

#include <stdbool.h>

struct buf;
struct conf;
struct plan;

/* What the MTA needs of us. */
struct holdfast_wish {
	const char	*conf_path;
	const char	*hostname;	/* for a new holdfast.conf */
	const char *socket_dir; /* where the MTA finds our sockets; NULL: wherever they are */
	bool		 postfix;	/* its group must get in, else root does */
	gid_t		 mta_gid;
	const char	*mta_group;	/* its name */
};

/* The text of holdfast.conf with a key set: its line replaced, its commented line uncommented, or a
 * new line. Pure. */
void	 setup_conf_set(struct buf *text, const char *key, const char *value);

/*
 * Reads or makes holdfast.conf: *old is what is in force (NULL: there is none), the result what
 * will be. NULL: it is a problem of the plan.
 */
struct conf *setup_conf_plan(const struct holdfast_wish *, struct conf **old, struct plan *);
/* Folders, tmpfiles, drop-ins of the units. *changed: the daemons must be restarted for it. */
void	 setup_places_plan(const struct holdfast_wish *, const struct conf *, bool *changed,
	    struct plan *);

#endif
