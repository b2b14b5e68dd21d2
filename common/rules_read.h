/*
 * rules_read.h -- rules.db's rows into a ruleset; shared by the daemons' side
 * (rules.c) and the command's (rules_edit.c), so that what one writes the
 * other never refuses.
 *
 * Private to common/rules*.c: others use rules.h and rules_edit.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_READ_H
#define HOLDFAST_RULES_READ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/rules.h"
#include "common/rules_network.h"

struct sqlite3;

#define RULES_APPLICATION_ID	0x48464452	/* "HFDR"; rules.sql says the same */
#define RULES_SCHEMA_VERSION	2

struct rules_schedule {
	char		*name;
	struct schedule	 schedule;
};

/* The recipients of one domain, sorted by strcmp(); strings lie in the arena. */
struct rules_list {
	const char	**v;
	size_t		 n;
};

struct ruleset {
	atomic_uint		 refs;
	struct rules_schedule	*schedule;
	size_t			 nschedules;
	struct rules_domain	*domain;	/* sorted by name */
	struct rules_list	*list;		/* list[i] belongs to domain[i] */
	size_t			 ndomains;
	struct rules_settings	 settings;
	struct rules_networks	 mx_network, turn_network;
	struct rules_mx_domain	*mx_domain;	/* sorted by name */
	size_t			 nmx_domains;
	struct rules_domain	 derived;	/* for domains that only their MX speaks for */
	char			*arena;		/* all local parts, a NUL after each */
};

enum rules_read {
	RULES_READ_OK,
	RULES_READ_BUSY,	/* a writer has it: nothing is known, ask again */
	RULES_READ_REFUSED	/* *why names the row, or what the file is */
};

/* In the order in which they are read. */
enum rules_table {
	RULES_SCHEDULE, RULES_SETTING, RULES_MX_NETWORK, RULES_MX_DOMAIN, RULES_TURN_NETWORK,
	RULES_DOMAIN
};

/* Everything, in one read transaction. *set is the caller's reference. */
enum rules_read	rules_read(struct sqlite3 *, struct ruleset **set, char **why);
/* The same in the caller's transaction. */
enum rules_read	rules_read_all(struct sqlite3 *, struct ruleset **set, char **why);
/* The one row with this key, if there is one, in the caller's transaction; for a
 * domain all schedules, too. Other rows may be bad. */
enum rules_read	rules_read_row(struct sqlite3 *, enum rules_table, const char *key,
		    struct ruleset **set, char **why);
/* Is this a rules database that we can read? */
enum rules_read	rules_read_identity(struct sqlite3 *, char **why);
/* Its schema, 0 if it is none of ours or cannot be read. */
int		rules_read_version(struct sqlite3 *);

/* The form in which a local part is kept: unquoted, and lowered unless `exact'.
 * out has ADDR_LOCAL_MAX + 1 bytes. 0, or -1 with *why (static). */
int	rules_local_canonical(const char *local, size_t len, bool exact, char *out,
	    const char **why);
/* Is this text, from the database, such a form? */
bool	rules_local_valid(const char *local, size_t len, const char **why);

#endif
