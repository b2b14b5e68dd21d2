/*
 * spf_record.h -- an SPF record (RFC 7208 3, 4.6, 5, 6) as libspf2 evaluates it right, pure.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SPF_RECORD_H
#define HOLDFAST_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/dns.h"
#include "milter/spf_macro.h"

#define SPF_RECORD_MAX	4096	/* octets; longer ones are a permerror */
#define SPF_TERMS_MAX	10	/* that ask the DNS, in all records of an evaluation (4.6.4) */

/*
 * Names in what we write carry a mark where they mean more than themselves: this octet, which no
 * record may hold, a letter, and the name. PTR names have a dot between, since they are compared
 * by their ends.
 */
#define SPF_MARK		'\001'
#define SPF_MARK_CHUNK		'c'	/* TXT: the rest of a record, by its number */
#define SPF_MARK_ANY		'z'	/* a, mx with /0: any address is the client's */
#define SPF_MARK_HOST		'h'	/* an MX host */
#define SPF_MARK_HOST_ANY	'H'	/* … of an mx with /0 */
#define SPF_MARK_PTR		'p'	/* ".name": a name of the client */
#define SPF_MARK_NEVER		'x'	/* a name that cannot be: no question is asked */

/* Is this TXT string an SPF record (4.5)? */
bool	spf_record_is(const char *text, size_t len);

/* Is its syntax good? NULL, or what is wrong (static). */
const char *spf_record_fault(const char *text, size_t len);
/* Does a good one need %{p}? */
bool	spf_record_uses_name(const char *text, size_t len);

/*
 * A good record, macros expanded, for an evaluation with a client of this family. In pieces:
 * each ends with a redirect to the next, named by SPF_MARK, SPF_MARK_CHUNK and a number that
 * counts from `number' for the second.
 */
struct spf_chunks {
	char	**v;
	size_t	 n;
};
/* Appends to *chunks. 0, or -1: a macro grew without bounds. */
int	spf_record_write(const char *text, size_t len, const struct spf_macro_env *, size_t number,
	    struct spf_chunks *);
void	spf_chunks_clear(struct spf_chunks *);

/* Can it be looked up? Labels of 1 to 63 octets, no more than 253 together. */
bool	spf_name_valid(const char *name);

#endif
