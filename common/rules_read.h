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
#include "common/rules_screen.h"

struct sqlite3;

#define RULES_APPLICATION_ID	0x48464452	/* "HFDR"; rules.sql says the same */
#define RULES_SCHEMA_VERSION	3

struct rules_schedule {
	char		*name;
	struct schedule	 schedule;
};

/* The recipients of one domain, sorted by strcmp(); strings lie in the arena. */
struct rules_list {
	const char	**v;
	size_t		 n;
};

/* A setting of a scope, as it was read. */
struct rules_scoped {
	char		*scope;
	const struct rules_setting *setting;
	char		*value;
};
/* A scope and all that holds in it. */
struct rules_scope {
	char		*name;
	struct rules_policy policy;
	unsigned	 class;
	bool		 inside;	/* something looks at the content */
};
struct rules_alias {
	char		*name, *domain;
};
struct rules_pattern {
	char		*domain;
	bool		 accept;
	struct pattern	*pattern;
};
/* Prefix lengths that occur: bit n of v4 and v6[n / 64] for /n. */
struct rules_bits {
	uint64_t	 v4, v6[3];
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
	struct rules_policy	 policy;	/* everybody's */
	struct rules_scoped	*scoped;
	size_t			 nscoped;
	struct rules_scope	*scope;		/* sorted by name; [0] is everybody's, "" */
	size_t			 nscopes;
	struct rules_entry	*entry;		/* sorted by field and value */
	size_t			 nentries;
	struct rules_bits	 entry_bits;
	struct rules_limit	*limit;		/* sorted by what, per and match */
	size_t			 nlimits;
	struct rules_bits	 limit_bits;
	struct rules_dnsbl	*dnsbl;
	size_t			 ndnsbls;
	struct rules_header	*header;
	size_t			 nheaders;
	struct rules_alias	*alias;		/* sorted by name */
	size_t			 naliases;
	struct rules_pattern	*pattern;	/* sorted by domain, refusals first */
	size_t			 npatterns;
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
	RULES_SCHEDULE, RULES_SETTING, RULES_DOMAIN
};

/* Everything, in one read transaction. *set is the caller's reference. */
enum rules_read	rules_read(struct sqlite3 *, struct ruleset **set, char **why);
/* The same in the caller's transaction. */
enum rules_read	rules_read_all(struct sqlite3 *, struct ruleset **set, char **why);
/* The one row with this key, if there is one, in the caller's transaction; for a
 * domain all schedules, too. Of settings all rows have this key as their name. Other rows may be bad. */
enum rules_read	rules_read_row(struct sqlite3 *, enum rules_table, const char *key,
		    struct ruleset **set, char **why);
/* All but the recipients, in the caller's transaction: does everything fit together? */
enum rules_read	rules_read_frame(struct sqlite3 *, struct ruleset **set, char **why);
/* Is this a rules database that we can read? */
enum rules_read	rules_read_identity(struct sqlite3 *, char **why);
/* Its schema, 0 if it is none of ours or cannot be read. */
int		rules_read_version(struct sqlite3 *);

/* The domain with a row of this name, no alias. */
const struct rules_domain *ruleset_domain_own(const struct ruleset *, const char *domain);

/* The form in which a local part is kept: unquoted, and lowered unless `exact'.
 * out has ADDR_LOCAL_MAX + 1 bytes. 0, or -1 with *why (static). */
int	rules_local_canonical(const char *local, size_t len, bool exact, char *out,
	    const char **why);
/* Is this text, from the database, such a form? */
bool	rules_local_valid(const char *local, size_t len, const char **why);

#endif
