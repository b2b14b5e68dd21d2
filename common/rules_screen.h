/*
 * rules_screen.h -- what screens mail, as it stands in a ruleset: lists, limits, DNS lists, header
 * rules, recipient patterns, policies.
 *
 * All of it is immutable and lent: it lives as long as the ruleset. Look-ups take no lock,
 * allocate nothing and are O(log n) in the number of rows (patterns and header rules: O(n)).
 *
 * `name' of a row is what log lines and counters call it: "list deny client 192.0.2.0/24".
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_SCREEN_H
#define HOLDFAST_RULES_SCREEN_H

#include "common/rules.h"
#include "common/rules_policy.h"

struct pattern;

/* --- policies ---------------------------------------------------------------- */
/* For this recipient (its address, its domain, or everybody), "" for everybody. */
const struct rules_policy *ruleset_policy(const struct ruleset *, const char *address);
/* Whose policy that is: an address, a domain, "" everybody's. */
const char *ruleset_scope(const struct ruleset *, const char *address);
/*
 * Recipients of the same class are treated alike from DATA on; a message has one class (RFC 5321 has
 * one reply for all of them). 0 and up; only to be compared.
 */
unsigned ruleset_class(const struct ruleset *, const char *address);
/* Does anything look at the content of mail of this class? Then the message is spooled. */
bool	ruleset_looks_inside(const struct ruleset *, const char *address);

/* Settings that a scope has of its own, as written. */
struct rules_setting;
size_t	ruleset_nscoped(const struct ruleset *);
void	ruleset_scoped_at(const struct ruleset *, size_t, const struct rules_setting **, const char **scope,
	    const char **value);

/* --- lists --------------------------------------------------------------------- */
enum rules_entry_action { ENTRY_ALLOW, ENTRY_DENY, ENTRY_DEFER };
enum rules_field {
	FIELD_CLIENT, FIELD_CLIENT_NAME, FIELD_HELO, FIELD_SENDER, FIELD_SENDER_DOMAIN, FIELD_RECIPIENT
};
#define RULES_NFIELDS	6
struct rules_entry {
	char			*name;
	enum rules_entry_action	 action;
	enum rules_field	 field;
	char			*value;		/* canonical */
	char			*scope;		/* "", a domain, an address */
	uint32_t		 skip;		/* ENTRY_ALLOW: bits 1 << enum rules_check */
	int64_t			 until;		/* wall s at which it is over; 0 never */
	enum rules_mode		 mode;		/* never OFF: those are left out */
	char			*note;
};
#define RULES_MATCH_MAX	32	/* rows of one look-up; less special ones beyond it are left out */
/*
 * The rows whose field matches and that hold for this recipient ("": those for all) at this time (wall s), the
 * most special first: of equal ones that for an address before that for a domain before that for all.
 * text: the name, address (any case), or for FIELD_CLIENT the address as text ("" none).
 */
size_t	ruleset_entries(const struct ruleset *, enum rules_field, const char *text,
	    const char *recipient, int64_t now, const struct rules_entry *out[RULES_MATCH_MAX]);
/* Does a scope hold for this recipient? Of an alias domain those of the domain hold, too. */
bool	ruleset_scope_holds(const struct ruleset *, const char *scope, const char *address);
size_t	ruleset_nentries(const struct ruleset *);

/* --- limits ------------------------------------------------------------------ */
enum rules_limit_what { LIMIT_CONNECTIONS, LIMIT_MESSAGES, LIMIT_RECIPIENTS, LIMIT_BYTES, LIMIT_UNKNOWN,
	LIMIT_SPAM };
#define RULES_NLIMITS	6
enum rules_limit_per { PER_CLIENT, PER_NETWORK, PER_SENDER, PER_SENDER_DOMAIN, PER_RECIPIENT,
	PER_RECIPIENT_DOMAIN, PER_HELO, PER_ALL };
#define RULES_NPERS	8
enum rules_limit_action { LIMIT_DEFER, LIMIT_REJECT, LIMIT_DELAY, LIMIT_LOCKOUT };
struct rules_limit {
	char			*name;		/* "limits messages client", and its match if it has one */
	enum rules_limit_what	 what;
	enum rules_limit_per	 per;
	char			*match;		/* "" everybody */
	struct rules_network	 network;	/* of a match that is one; bits of others are 0, text NULL */
	bool			 none;		/* an exception: no limit */
	uint64_t		 amount;	/* … in so many seconds */
	unsigned		 interval;
	uint64_t		 burst;		/* at once */
	enum rules_limit_action	 action;
	enum rules_mode		 mode;
	char			*note;
};
/* The row that counts for this value of `per' (an address as text, a name; "" for PER_ALL); NULL: none. */
const struct rules_limit *ruleset_limit(const struct ruleset *, enum rules_limit_what,
		    enum rules_limit_per, const char *value);
/*
 * The same for those who must not let a row in shadow mode change anything: the row that counts
 * among those that are enforced, and before it the most special in shadow mode, if that is more special.
 */
size_t	ruleset_limit_rows(const struct ruleset *, enum rules_limit_what, enum rules_limit_per,
	    const char *value, const struct rules_limit *out[2]);
/* Is there any row for it? */
bool	ruleset_limits(const struct ruleset *, enum rules_limit_what, enum rules_limit_per);
/* Their names in this order, and NULL. */
extern const char *const rules_limit_whats[RULES_NLIMITS + 1], *const rules_limit_pers[RULES_NPERS + 1];
const char *rules_limit_what_name(enum rules_limit_what);
const char *rules_limit_per_name(enum rules_limit_per);

/* --- DNS lists ------------------------------------------------------------------ */
enum rules_dnsbl_what { DNSBL_CLIENT, DNSBL_CLIENT_NAME, DNSBL_HELO, DNSBL_SENDER_DOMAIN };
struct rules_codes {		/* answers from lo to hi; or, with a mask, those that share a bit with it */
	uint32_t		 lo, hi, mask;
};
struct rules_dnsbl {
	char			*name;		/* "dnsbl zen.example", … */
	char			*zone;
	enum rules_dnsbl_what	 what;
	struct rules_codes	*codes;		/* none: any */
	size_t			 ncodes;
	struct rules_act	 act;
	enum rules_mode		 mode;		/* never OFF */
	char			*note;
};
size_t	ruleset_ndnsbls(const struct ruleset *);
const struct rules_dnsbl *ruleset_dnsbl_at(const struct ruleset *, size_t);
/* Does this answer (host byte order) count as a listing? Never for 127.255.255.x. */
bool	rules_dnsbl_counts(const struct rules_dnsbl *, uint32_t address);

/* --- headers -------------------------------------------------------------------- */
struct rules_header {
	char			*name;		/* "header subject ~ viagra" */
	char			*header;	/* lower case */
	struct pattern		*pattern;
	char			*scope;
	struct rules_act	 act;
	enum rules_mode		 mode;		/* never OFF */
	char			*note;
};
size_t	ruleset_nheaders(const struct ruleset *);
const struct rules_header *ruleset_header_at(const struct ruleset *, size_t);

/* --- alias domains --------------------------------------------------------------- */
/* What it is an alias of, NULL: it is none. ruleset_domain() follows it already. */
const char *ruleset_alias(const struct ruleset *, const char *domain);
size_t	ruleset_naliases(const struct ruleset *);
const char *ruleset_alias_at(const struct ruleset *, size_t);	/* its name */

#endif
