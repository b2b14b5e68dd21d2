/*
 * pattern.c -- regular expressions of rules, by PCRE2 with limits on every match.
 *
 * An expression of the operator's meets a subject of a stranger's. What would backtrack for
 * minutes is cut off after a number of steps that is the same on every machine. The interpreter
 * and not the JIT: the latter counts other steps, and needs memory that is writable and executable,
 * which a hardened service forbids. Bytes and not characters: a header in whatever 8-bit character
 * set is to be matched, too, and UTF-8 in an expression matches itself.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"

#define LENGTH_MAX	4096	/* bytes of an expression */

struct pattern {
	pcre2_code		*code;
	pcre2_match_context	*limits;
	char			*text;
};

struct pattern *
pattern_new(const char *text, int whole, char **why)
{
	struct pattern *p;
	unsigned char said[200];
	PCRE2_SIZE at;
	int error;

	if (strlen(text) > LENGTH_MAX) {
		*why = xasprintf("longer than %d bytes", LENGTH_MAX);
		return NULL;
	}
	p = xcalloc(1, sizeof(*p));
	p->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_CASELESS |
	    PCRE2_NEVER_BACKSLASH_C | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP |
	    (whole ? PCRE2_ANCHORED | PCRE2_ENDANCHORED : 0u), &error, &at, NULL);
	if (p->code == NULL) {
		(void)pcre2_get_error_message(error, said, sizeof(said));
		*why = xasprintf("%s (at character %zu)", (const char *)said, at + 1);
		free(p);
		return NULL;
	}
	p->limits = pcre2_match_context_create(NULL);
	if (p->limits == NULL)
		log_fatal("out of memory");
	(void)pcre2_set_match_limit(p->limits, PATTERN_STEPS);
	(void)pcre2_set_depth_limit(p->limits, PATTERN_DEPTH);
	p->text = xstrdup(text);
	return p;
}

void
pattern_free(struct pattern **pp)
{
	struct pattern *p = *pp;

	if (p == NULL)
		return;
	pcre2_match_context_free(p->limits);
	pcre2_code_free(p->code);
	free(p->text);
	free(p);
	*pp = NULL;
}

enum pattern_result
pattern_match(const struct pattern *p, const char *subject, size_t len)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int rc;

	if (data == NULL)
		log_fatal("out of memory");
	rc = pcre2_match(p->code, (PCRE2_SPTR)subject, len, 0, PCRE2_NO_JIT, data, p->limits);
	pcre2_match_data_free(data);
	if (rc >= 0)
		return PATTERN_YES;
	return rc == PCRE2_ERROR_NOMATCH ? PATTERN_NO : PATTERN_LIMIT;
}

const char *
pattern_text(const struct pattern *p)
{
	return p->text;
}
