/*
 * derived.h -- is a domain without a row in the rules ours, because its MX says so?
 *
 * As Postfix's permit_mx_backup with permit_mx_backup_networks: the MX records of the domain
 * name this host, and its best MX hosts lie in networks of the rules (table mx_network).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DERIVED_H
#define HOLDFAST_DERIVED_H

#include <stdbool.h>
#include <stddef.h>

#define DERIVED_WHY	64	/* as a reason in the log */

struct derived;
struct dns;
struct ruleset;

enum derived_answer {
	DERIVED_FOREIGN,	/* not ours */
	DERIVED_OURS,
	DERIVED_UNKNOWN		/* the DNS failed: ask again later (451 4.4.3) */
};

/* dns is lent and must outlive it. Thread-safe. */
struct derived	*derived_new(struct dns *);
void		 derived_free(struct derived **);
/*
 * hostname: ours, as MX records name us. May take DERIVED_BUDGET ms, if the rules derive
 * domains at all and the answer is not known. why: the reason, for the log.
 */
enum derived_answer derived_ask(struct derived *, struct ruleset *, const char *hostname,
		    const char *domain, char why[DERIVED_WHY]);

/* --- the decision, pure --------------------------------------------------- */

struct derived_host {		/* an MX host of the domain */
	unsigned	 preference;
	bool		 self;		/* it is this host */
	bool		 failed;	/* its addresses could not be found out now */
	bool		 resolved;	/* it has addresses */
	bool		 inside;	/* … all of them in the networks */
};
enum derived_answer derived_decide(const struct derived_host *, size_t n, const char **why);

#endif
