/*
 * check_spf.h -- what SPF said of a transaction, for those who record it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CHECK_SPF_H
#define HOLDFAST_CHECK_SPF_H

#include <stdbool.h>

#include "common/buf.h"
#include "milter/spf.h"

struct spf_facts {
	bool			 has_sender;	/* not the null sender */
	struct spf_answer	 helo;		/* its domain "": HELO was no name that has a policy */
	struct spf_answer	 sender;
};

/* Of check_spf's memory of a transaction; NULL: it was not asked. */
const struct spf_facts *check_spf_facts(const void *txn);
/* The result that counts for the message (RFC 7208 2.4: of HELO for the null sender). */
enum spf_result	 check_spf_result(const struct spf_facts *);
/* The value of an Authentication-Results: header; caller frees. */
char		*check_spf_header(const struct spf_facts *, const char *hostname, const char *sender);

#endif
