/*
 * spf_budget.h -- how much of the DNS an SPF evaluation may use (RFC 7208 4.6.4), pure.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SPF_BUDGET_H
#define HOLDFAST_SPF_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/dns.h"
#include "milter/spf_record.h"

#define SPF_VOIDS_MAX	2	/* terms that find nothing */
#define SPF_NAMES_MAX	10	/* MX and PTR records looked at */

/* What a question of libspf2's is for. */
enum spf_ask {
	SPF_ASK_CHUNK,		/* the rest of a record, which is here */
	SPF_ASK_POLICY,		/* the record that the evaluation begins with */
	SPF_ASK_TERM,		/* a term's own: include, redirect, a, exists, mx, ptr */
	SPF_ASK_PART,		/* the addresses of what an mx or ptr found */
	SPF_ASK_NOTHING		/* a name that cannot be */
};

struct spf_budget {
	bool		 begun;		/* the policy was asked for */
	unsigned	 terms, voids;
	bool		 is_void;	/* the current term is counted in voids already */
};

/* *name: the name to ask for, *mark: its mark or '\0'. */
enum spf_ask spf_budget_classify(struct spf_budget *, const char *asked, enum dns_type, const char **name,
	    char *mark);
/* Another term; false: one too many. */
bool	spf_budget_term(struct spf_budget *);
/* The current term has found nothing; false: once too often. */
bool	spf_budget_void(struct spf_budget *);

#endif
