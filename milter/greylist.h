/*
 * greylist.h -- who has come before: triplets of client network, sender and recipient, and the
 * networks that have shown often enough that they come again.
 *
 * Times are wall seconds.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_GREYLIST_H
#define HOLDFAST_GREYLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct greylist;
struct memory;
struct rules_policy;

struct greylist	*greylist_new(void);
void		 greylist_free(struct greylist **);

enum greylist_answer {
	GREYLIST_FIRST,		/* never seen: put off */
	GREYLIST_EARLY,		/* comes again too soon */
	GREYLIST_EXPIRED,	/* came again too late, which is a first time */
	GREYLIST_PASS,		/* comes again as it should, or has passed before */
	GREYLIST_FREE		/* its network need not come again */
};

struct greylist_who {
	const char	*network;	/* "192.0.2.0/24" */
	const char	*sender;	/* any case; "" the null sender */
	const char	*recipient;	/* any case */
	bool		 counted;	/* a pass of this message was counted for the network already */
};
/*
 * Asks, and remembers unless dry. *wait: of those that are put off, s until it passes. A pass is counted
 * for the network unless it was, and `counted' says so then.
 */
enum greylist_answer greylist_ask(struct greylist *, struct greylist_who *, const struct rules_policy *,
	    int64_t now, bool dry, unsigned *wait);

/* For the file. Triplets: text "network\nsender\nrecipient"; networks: "network". Both have these numbers. */
enum greylist_number { GREYLIST_SINCE, GREYLIST_LAST, GREYLIST_PASSES };
struct memory	*greylist_triplets(struct greylist *);
struct memory	*greylist_networks(struct greylist *);

/* --- the decision, pure ------------------------------------------------------------------------ */

struct greylist_entry {		/* all 0: there is none */
	int64_t		 since;		/* when it first came */
	int64_t		 last;		/* when it last passed */
	unsigned	 passes;
};
enum greylist_answer greylist_decide(const struct greylist_entry *, const struct rules_policy *, int64_t now,
	    unsigned *wait);
/* Have there been enough passes of a network, and not too long ago? */
bool	greylist_is_free(const struct greylist_entry *, const struct rules_policy *, int64_t now);

#endif
