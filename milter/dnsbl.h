/*
 * dnsbl.h -- the health of DNS lists: a zone that does not answer, or answers with errors, is left alone.
 *
 * Shared by all sessions. A zone that is off is probed, when its pause is over, by one session at
 * a time; whoever gets a ticket gives it back with what came of it. All times are mono ms.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DNSBL_H
#define HOLDFAST_DNSBL_H

#include <stdbool.h>
#include <stdint.h>

#define DNSBL_FIRST_PAUSE	15000	/* ms that a silent zone is left alone at first */
#define DNSBL_PROBE_TIME	10000	/* ms after which a probe that nothing was heard of is forgotten */

struct dns;
struct dnsbl;

enum dnsbl_ticket {
	DNSBL_NO,		/* it is off: do not ask */
	DNSBL_ASK,
	DNSBL_PROBE		/* it is off: ask to see whether it is back */
};
enum dnsbl_result {
	DNSBL_NOTHING,		/* nobody waited for the answer */
	DNSBL_ANSWER,		/* listed or not listed */
	DNSBL_SILENCE,		/* none in time, or SERVFAIL */
	/* An answer that is no listing: 127.255.255.x, or outside of 127.0.0.0/8; or everything is listed. */
	DNSBL_ERROR
};
/* When a zone goes off, and for how long: a policy's settings. */
struct dnsbl_limits {
	unsigned	failures;	/* SILENCE in a row */
	int64_t		pause;		/* ms, at most */
};

/* dns is lent, for look-ups in lists alone. */
struct dnsbl	*dnsbl_new(struct dns *);
void		 dnsbl_free(struct dnsbl **);
struct dns	*dnsbl_dns(const struct dnsbl *);
enum dnsbl_ticket dnsbl_take(struct dnsbl *, const char *zone, int64_t now);
/* Back, with the result; detail: why not an answer. One line in the log when the zone goes off or on. */
void		 dnsbl_give(struct dnsbl *, const char *zone, enum dnsbl_ticket, enum dnsbl_result,
		    const char *detail, const struct dnsbl_limits *, int64_t now);
/*
 * Is it time to look whether the zone lists what no list may (RFC 5782 5)? True for one session in `interval' ms; a
 * probe looks in any case.
 */
bool		 dnsbl_test_is_due(struct dnsbl *, const char *zone, int64_t interval, int64_t now);
/* Without a ticket. */
bool		 dnsbl_is_off(struct dnsbl *, const char *zone);

/* --- one zone, pure ------------------------------------------------------------ */
struct dnsbl_health {
	unsigned	failures;	/* in a row */
	bool		off;
	int64_t		pause;		/* off: ms from one probe to the next */
	int64_t		retry;		/* off: when it may be probed */
};
enum dnsbl_change { DNSBL_SAME, DNSBL_WENT_OFF, DNSBL_CAME_BACK };

enum dnsbl_ticket dnsbl_health_take(struct dnsbl_health *, int64_t now);
enum dnsbl_change dnsbl_health_give(struct dnsbl_health *, enum dnsbl_ticket, enum dnsbl_result,
		    const struct dnsbl_limits *, int64_t now);

#endif
