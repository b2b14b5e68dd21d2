/*
 * deliver.h -- everything between "a message waits" and "the primary has it".
 *
 * Owns the destinations (health, probing, slow start, fairness between domains)
 * and their SMTP sessions; takes jobs from the store and settles them. All on the loop's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DELIVER_H
#define HOLDFAST_DELIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;
struct deliver;
struct event_base;
struct ruleset;
struct store;

enum destination_state { DEST_UP, DEST_DOWN, DEST_PROBING, DEST_RAMPING, DEST_HELD };

struct deliver	*deliver_new(struct event_base *, struct store *, const struct conf *,
		    struct ruleset *);		/* takes its own reference */
/* New rules: routes, schedules and limits of queued mail change at once; running sessions finish. */
void	deliver_rules(struct deliver *, struct ruleset *);
/* New configuration after SIGHUP (timeouts, hostname): for sessions that begin from now on; no
 * pointer into the earlier one is kept when this returns. */
void	deliver_conf(struct deliver *, const struct conf *);
/* New mail for this domain is durable. */
void	deliver_kick(struct deliver *, const char *domain);
/* The operator (or a primary's ETRN) says: try now. domain NULL: all. Probes at once, resets slow start's wait. */
void	deliver_flush(struct deliver *, const char *domain);
/*
 * The operator ends the half-recovery guard of a destination (its name as listed, or a domain that goes there). False: none is
 * held by that name.
 */
bool	deliver_release(struct deliver *, const char *name);
/* The destination with that name, or to which that domain's mail goes; lends its name. NULL: none. */
const char *deliver_destination(struct deliver *, const char *name);
/*
 * ATRN: a primary has called us and reversed the roles. Takes over the connected io (its handlers
 * are replaced): the mail of these domains goes over it until none is left or it breaks;
 * done(arg, messages delivered) then, exactly once. False (and io stays the caller's): another such session has one of the domains.
 */
struct smtp_io;
bool	deliver_turn_busy(struct deliver *, const char *const *domains, size_t n);
bool	deliver_turn(struct deliver *, const char *const *domains, size_t n, struct smtp_io **,
	    const char *peer, void (*done)(void *, unsigned delivered), void *arg);
/* Start no new work; call done(arg) when nothing is in flight (at the latest after shutdown_timeout). */
void	deliver_drain(struct deliver *, void (*done)(void *), void *arg);
void	deliver_free(struct deliver **);	/* cuts what is left; leases end */

struct destination_info {
	const char	*name;		/* "192.0.2.1:25,192.0.2.2:25" */
	enum destination_state state;
	int64_t		 since;		/* wall seconds */
	int64_t		 next_probe;	/* wall seconds; 0 when up */
	unsigned	 concurrency;	/* connections open now */
	unsigned	 window;	/* connections allowed now (slow start) */
	bool		 canary;	/* the first messages after an outage are on trial */
	const char	*reason;	/* last failure in words, "" if none */
	const char *const *domains;
	size_t		 ndomains;
};
/* Every destination that a rule names or for which mail waits. What fn is given is lent during the call. */
void	deliver_each(struct deliver *, void (*fn)(void *, const struct destination_info *), void *arg);
struct deliver_counts {
	unsigned	all, down;
	unsigned	held;		/* back, and the guard holds their mail */
};
void	deliver_count(struct deliver *, struct deliver_counts *);
const char *destination_state_name(enum destination_state);	/* "up", … */

#endif
