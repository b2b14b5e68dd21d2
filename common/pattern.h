/*
 * pattern.h -- regular expressions of rules (PCRE2), which cannot be made to take for ever.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_PATTERN_H
#define HOLDFAST_PATTERN_H

#include <stddef.h>

#define PATTERN_STEPS	100000u		/* of the matcher for one subject, then it gives up */
#define PATTERN_DEPTH	1000u		/* … and of its recursion */

struct pattern;

enum pattern_result { PATTERN_NO, PATTERN_YES, PATTERN_LIMIT };

/* Case is ignored. whole: the subject as a whole must match. NULL: *why (malloc'd) says what, and where. */
struct pattern	*pattern_new(const char *text, int whole, char **why);
void		 pattern_free(struct pattern **);
/* Any bytes. Thread-safe. LIMIT: it took too many steps; as good as NO, but to be told. */
enum pattern_result pattern_match(const struct pattern *, const char *subject, size_t len);
const char	*pattern_text(const struct pattern *);	/* as written; lends */

#endif
