/*
 * turn_users.h -- who may fetch mail with ATRN, and for which domains.
 *
 * A file of lines `user domain[,domain...] secret'. It is read whole or not at
 * all; what was read never changes and is shared by reference, so that a
 * session keeps its user when the file is read again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TURN_USERS_H
#define HOLDFAST_TURN_USERS_H

#include <stdbool.h>
#include <stddef.h>

#define TURN_NAME_MAX	255	/* octets of a user's name or a secret */

struct turn_user {
	char	*name;		/* printable ASCII, no blanks */
	char	*secret;	/* the same */
	char	**domain;	/* lower case */
	size_t	 ndomains;
	unsigned lineno;
};
struct turn_users;

/* NULL: *why (malloc'd) is "file:line: reason", or "file: reason". */
struct turn_users *turn_users_load(const char *path, char **why);
struct turn_users *turn_users_ref(struct turn_users *);
void		 turn_users_unref(struct turn_users **);
size_t		 turn_users_count(const struct turn_users *);
/* NULL: nobody. Lends. */
const struct turn_user *turn_users_find(const struct turn_users *, const char *name);
bool		 turn_user_owns(const struct turn_user *, const char *domain);

#endif
