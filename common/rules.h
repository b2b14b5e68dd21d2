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
#include "common/rules_policy.h"
#include "common/schedule.h"

#define RULES_OPERATOR_MAX	320	/* octets of an address, NUL included */

enum rules_recipients { RECIPIENTS_LIST, RECIPIENTS_VERIFY, RECIPIENTS_ANY };
enum rules_tls { TLS_OFF, TLS_MAY, TLS_VERIFY, TLS_PINNED, TLS_DANE };
enum rules_client { CLIENT_NONE, CLIENT_XFORWARD, CLIENT_XCLIENT };	/* how the primary is told who it was */
enum rules_bounce { BOUNCE_NEVER, BOUNCE_SPF_PASS };	/* never: what would be bounced is quarantined */

/* Where mail goes, and how: what makes a destination. */
enum rules_route_kind {
	ROUTE_HOSTS,	/* the hosts of `primary', in order of preference[] */
	ROUTE_MX,	/* the MX hosts of the domain `mx', but for ourselves and what is no better than us */
	ROUTE_TURN	/* nowhere by ourselves: the primary fetches its mail (ATRN) */
};
struct rules_route {
	enum rules_route_kind	 kind;
	struct endpoint_list	 primary;	/* ROUTE_HOSTS; default port 25 */
	unsigned		*preference;	/* of primary.v[i]: lower first, balanced when equal */
	char			*mx;		/* ROUTE_MX: whose, lower case; "" the domain's own */
	uint16_t		 mx_port;
	enum rules_tls		 tls;
	char			*tls_name;	/* expected in the certificate; "" the host's name */
	char			*tls_ca;	/* verify: file with the CAs; "" the system's */
	char			*tls_pin;	/* pinned: SHA-256 of the SPKI, hex, separated by one blank */
	char			*source4, *source6;	/* address to connect from; "" any */
	enum rules_client	 client;
};

/* One domain that we are backup MX for. */
struct rules_domain {
	char			*name;		/* lower case */
	struct rules_route	 route;
	char			*destination;	/* canonical text of the route: equal text = same
						 * destination */
	unsigned		 concurrency;	/* connections; 0: the setting. A destination takes the
						 * least of its domains */
	unsigned		 message_rate;	/* messages a second; 0: the setting */
	enum rules_recipients	 recipients;
	const struct schedule	*schedule;	/* never NULL */
	enum rules_bounce	 bounce;
	bool			 delivery_id;	/* add a Holdfast-Delivery: header, the same at each attempt */
	char			*schedule_name;
	uint64_t		 size_limit;	/* bytes; 0: message_size_limit of holdfast.conf */
	bool			 case_sensitive;	/* local parts; default false */
	char			*delimiter;	/* of extensions, "+"; "" for none */
	char			*catch_all;	/* "" none; "@" any local part is accepted */
	time_t			 list_time;	/* last import, 0 never */
	unsigned		 list_max_age;	/* s after which the list is stale; 0 never */
	size_t			 nrecipients;
};

/* Numbers that hold for the whole system (table `setting'). */
struct rules_settings {
	enum rules_mode	mode;			/* MODE_SHADOW: nobody is refused */
	unsigned	probe_interval;		/* seconds; 2 */
	unsigned	probe_budget;		/* probes per second, all destinations; 200 */
	unsigned	concurrency;		/* connections per destination; 20 */
	unsigned	connection_messages;	/* messages per connection; 200 */
	unsigned	connection_time;	/* seconds per connection; 300 */
	unsigned	message_rate;		/* messages a second and destination; 0 (no limit) */
	unsigned	canary;			/* messages that must pass after an outage; 5 (0: no guard) */
	unsigned	canary_interval;	/* seconds between two canaries of a held destination; 60 */
	unsigned	hop_limit;		/* Received: lines; 50 */
	unsigned	bounce_rate;		/* bounces and warnings an hour and sender domain; 10 */
	unsigned	quarantine_lifetime;	/* seconds; 0 (for ever) */
	unsigned	digest_hour;		/* local time of the daily digest; 6. 24: none */
	unsigned	turn_delay;		/* seconds before an ETRN or a failed AUTH is answered; 0..30, 1 */
	unsigned	turn_rate;		/* ETRN and ATRN a minute and client address; 10 */
	unsigned	ipv4_bits, ipv6_bits;	/* of a client's network; 24, 64 */
	char		operator[RULES_OPERATOR_MAX];	/* who gets the digest; "postmaster" */
};

/* A network of clients or hosts. */
struct rules_network {
	char	*text;			/* "192.0.2.0/24", canonical */
	char	*note;
	int	 family;		/* AF_INET, AF_INET6 */
	uint8_t	 addr[16];		/* network byte order; IPv4 uses the first four */
	unsigned bits;
};

/* May a domain without a row be served because its MX names us? */
enum rules_derived { DERIVED_ASK, DERIVED_ALWAYS, DERIVED_NEVER };
struct rules_mx_domain {
	char			*name;		/* lower case */
	char			*note;
	enum rules_derived	 serve;		/* never DERIVED_ASK */
};

enum rules_answer {
	RULES_NOT_OURS,		/* the domain is not served here */
	RULES_KNOWN,		/* listed, by extension, pattern, catch-all, `any', postmaster */
	RULES_UNKNOWN,		/* the list says no */
	RULES_UNSURE,		/* no usable list: never a 550 */
	RULES_STALE		/* the list says no, but is too old to be believed: never a 550 */
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

/* Also by an alias: the domain that it stands for. */
const struct rules_domain *ruleset_domain(const struct ruleset *, const char *domain);
size_t		 ruleset_ndomains(const struct ruleset *);
const struct rules_domain *ruleset_domain_at(const struct ruleset *, size_t);
/* Lends the i-th of d->nrecipients listed local parts of one of the set's domains, unquoted. */
const char	*ruleset_recipient_at(const struct ruleset *, const struct rules_domain *,
		    size_t i);
const struct rules_settings *ruleset_settings(const struct ruleset *);
const struct schedule *ruleset_schedule(const struct ruleset *, const char *name);	/* NULL: none */
size_t		 ruleset_nschedules(const struct ruleset *);
const struct schedule *ruleset_schedule_at(const struct ruleset *, size_t, const char **name);
/* Is the address (network byte order, family AF_*) in a network of the table? */
bool		 ruleset_mx_network(const struct ruleset *, int family, const void *addr);	/* mx_network */
bool		 ruleset_turn_network(const struct ruleset *, int family, const void *addr);	/* turn_network */
size_t		 ruleset_nmx_networks(const struct ruleset *);	/* 0: nothing is derived from the DNS */
size_t		 ruleset_nturn_networks(const struct ruleset *);
const struct rules_network *ruleset_mx_network_at(const struct ruleset *, size_t);
const struct rules_network *ruleset_turn_network_at(const struct ruleset *, size_t);
/* What table mx_domain says of the domain; DERIVED_ASK without a row. */
enum rules_derived ruleset_derived(const struct ruleset *, const char *domain);
size_t		 ruleset_nmx_domains(const struct ruleset *);
const struct rules_mx_domain *ruleset_mx_domain_at(const struct ruleset *, size_t);
/*
 * The rule for a domain that has no row but is served by its MX: route ROUTE_MX, its recipients
 * known to the primary alone (RECIPIENTS_VERIFY), defaults for all else. Lends; belongs to the
 * set. Its name and destination are "": the caller knows the domain, rules_destination() the rest.
 */
const struct rules_domain *ruleset_derived_rule(const struct ruleset *);
/* The text of a destination: equal text = same destination. `domain' is whose mail it is, lower
 * case. Caller frees. "192.0.2.1:25", "mx:example.test:25", "a.test:25+b.test:25;tls=verify". */
char		*rules_destination(const struct rules_route *, const char *domain);
/*
 * Address as RCPT had it, now: wall seconds. domain and how may be NULL; *how lends "list", "extension",
 * "pattern", "catch-all", "any", "postmaster" (always known, RFC 5321 4.5.1), or is NULL when not known.
 * With RULES_UNKNOWN it may be "pattern", too: one that rejects.
 */
enum rules_answer ruleset_recipient(const struct ruleset *, const char *address, int64_t now,
		    const struct rules_domain **domain, const char **how);
/* Lends the pattern that decides about this address if the list does not; NULL: none does. */
const char	*ruleset_recipient_pattern(const struct ruleset *, const char *address, bool *accept);
/* Is the list too old for its "no" to be believed? */
bool		 rules_list_stale(const struct rules_domain *, int64_t now);

#endif
