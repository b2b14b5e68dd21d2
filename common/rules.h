/*
 * rules.h -- rules.db, read into an immutable ruleset.
 *
 * A ruleset is built whole or not at all: a bad row leaves the old one in
 * force and is named in *why (P8). Readers hold a reference, so a reload never
 * pulls rules from under a running transaction. All look-ups are in memory,
 * thread-safe and O(log n). rules.sql says what each column means.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_H
#define HOLDFAST_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/endpoint.h"
#include "common/schedule.h"

enum rules_recipients { RECIPIENTS_LIST, RECIPIENTS_VERIFY, RECIPIENTS_ANY };
enum rules_tls { TLS_OFF, TLS_MAY, TLS_VERIFY, TLS_PINNED, TLS_DANE };

/* One domain that we are backup MX for. */
struct rules_domain {
	char			*name;		/* lower case */
	struct endpoint_list	 primary;	/* tried in this order; default port 25 */
	char			*destination;	/* canonical text of the route: equal text = same
						 * destination (hosts and TLS level) */
	enum rules_recipients	 recipients;
	enum rules_tls		 tls;
	const struct schedule	*schedule;	/* never NULL */
	char			*schedule_name;
	uint64_t		 size_limit;	/* bytes; 0: message_size_limit of holdfast.conf */
	bool			 case_sensitive;	/* local parts; default false */
	char			*delimiter;	/* of extensions, "+"; "" for none */
	char			*catch_all;	/* "" none; "@" any local part is accepted */
	time_t			 list_time;	/* last import, 0 never */
	size_t			 nrecipients;
};

/* Numbers that hold for the whole system (table `setting'). */
struct rules_settings {
	unsigned	probe_interval;		/* seconds; 2 */
	unsigned	probe_budget;		/* probes per second, all destinations; 200 */
	unsigned	concurrency;		/* connections per destination; 20 */
	unsigned	connection_messages;	/* messages per connection; 200 */
	unsigned	connection_time;	/* seconds per connection; 300 */
};

enum rules_answer {
	RULES_NOT_OURS,		/* the domain is not served here */
	RULES_KNOWN,		/* listed, by extension, catch-all, `any', postmaster */
	RULES_UNKNOWN,		/* the list says no */
	RULES_UNSURE		/* no usable list: never a 550 */
};

struct ruleset;

/*
 * The current rules of a database file. Open after going to the background: SQLite's
 * connections must not be carried across fork().
 */
struct rules;
struct rules	*rules_open(const char *path, char **why);	/* NULL: cannot start */
void		 rules_close(struct rules **);
/*
 * Has the file changed? Call at least twice a second (costs one shared lock).
 * 1: a new ruleset is in force; 0: no change; -1: refused, *why says which row
 * (told once for each change), the old rules stay.
 */
int		 rules_poll(struct rules *, char **why);
/* The file's state in words for `status': "ok" or the reason of the refusal. Lends. */
const char	*rules_state(const struct rules *);

struct ruleset	*rules_current(struct rules *);	/* a reference: give it back */
struct ruleset	*ruleset_ref(struct ruleset *);
void		 ruleset_unref(struct ruleset **);

const struct rules_domain *ruleset_domain(const struct ruleset *, const char *domain);
size_t		 ruleset_ndomains(const struct ruleset *);
const struct rules_domain *ruleset_domain_at(const struct ruleset *, size_t);
/* Lends the i-th of d->nrecipients listed local parts of one of the set's domains, unquoted. */
const char	*ruleset_recipient_at(const struct ruleset *, const struct rules_domain *,
		    size_t i);
const struct rules_settings *ruleset_settings(const struct ruleset *);
/*
 * Address as RCPT had it. domain and how may be NULL; *how lends "list", "extension",
 * "catch-all", "any", "postmaster" (always known, RFC 5321 4.5.1), or is NULL when not known.
 */
enum rules_answer ruleset_recipient(const struct ruleset *, const char *address,
		    const struct rules_domain **domain, const char **how);

#endif
