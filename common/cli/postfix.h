/*
 * postfix.h -- what a Postfix is configured to do, read through postconf(1).
 *
 * Read once, then asked; setup's planner and doctor's checks look at it and at nothing
 * else, so tests build one by hand.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_POSTFIX_H
#define HOLDFAST_CLI_POSTFIX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/cli/words.h"

struct postfix_param {
	char	*name;
	char	*value;		/* as in main.cf, or the default */
	char	*expanded;	/* with $names replaced */
	bool	 set;		/* main.cf has it */
};

struct postfix {
	char			*dir;		/* of main.cf */
	struct postfix_param	*param;		/* sorted by name */
	size_t			 n;
	struct words		 types;		/* of lookup tables */
	struct words		 services;	/* "smtp inet n - y - - smtpd": blanks squeezed */
	struct words		 overrides;	/* "smtp/inet/smtpd_milters = x" of master.cf */
};

/* NULL and *why when postconf fails. */
struct postfix	*postfix_read(const char *dir, char **why);
/* From what postconf, postconf -n, -x, -m, -M and -P print. */
struct postfix *postfix_parse(const char *dir, const char *all, const char *set,
    const char *expanded, const char *types, const char *services, const char *overrides);
void		 postfix_free(struct postfix **);

/* "" and false for what this version does not have. Lend. */
bool		 postfix_knows(const struct postfix *, const char *name);
const char	*postfix_value(const struct postfix *, const char *name);
const char	*postfix_expanded(const struct postfix *, const char *name);
bool		 postfix_is_set(const struct postfix *, const char *name);
long long	 postfix_number(const struct postfix *, const char *name);	/* "5s" is 5 */
bool		 postfix_has_type(const struct postfix *, const char *type);
/* What master.cf gives the server of port 25 instead; NULL: nothing. Lends. */
const char	*postfix_override(const struct postfix *, const char *name);
/* Does a server listen on port 25, and is it chrooted? */
bool		 postfix_listens(const struct postfix *, bool *chrooted);
bool		 postfix_chrooted(const struct postfix *, const char *service);	/* "lmtp" */

/* --- what it means ------------------------------------------------------- */
/* The socket of an element of smtpd_milters: "unix:x" of "{ unix:x, default_action=y }". Caller
 * frees. */
char		*postfix_milter_name(const char *word);

enum postfix_guard {
	GUARD_GOOD,	/* strangers cannot relay to anywhere */
	GUARD_NONE,	/* nothing says so: Postfix does not take mail at all */
	GUARD_OPEN	/* a `permit' comes first, or everybody is in mynetworks */
};
enum postfix_guard postfix_relay_guard(const struct postfix *, const char **why);

/*
 * Where this Postfix would put mail for a domain by itself: the name of the parameter that has it,
 * NULL none. lookup(arg, table, key): is the key in that table ("hash:/etc/postfix/virtual")?
 */
const char	*postfix_own_domain(const struct postfix *, const char *domain,
		    bool (*lookup)(void *, const char *, const char *), void *arg);
/* Is a domain in one of its lists: literally, by a parent where parents count, by a table? */
bool		 postfix_list_has(const struct postfix *, const char *param, const char *domain,
		    bool (*lookup)(void *, const char *, const char *), void *arg);
/* That lookup, by postmap -q. arg: the struct postfix. */
bool		 postfix_lookup(void *arg, const char *table, const char *key);

#endif
