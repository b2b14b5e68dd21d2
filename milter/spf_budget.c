/*
 * spf_budget.c -- how much of the DNS an SPF evaluation may use (RFC 7208 4.6.4).
 *
 * The RFC counts terms, over all records of an evaluation; libspf2 counts afresh in every
 * include, so that one MAIL FROM could cause thousands of questions. What we see are questions.
 * But each term has one of its own, and what follows from its answer (the addresses of MX hosts,
 * of PTR names) bears the mark that we put there.
 *
 * The policy itself costs nothing; a term that finds nothing counts once, however many of
 * its parts do.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/spf_budget.h"

enum spf_ask
spf_budget_classify(struct spf_budget *b, const char *asked, enum dns_type type, const char **name,
    char *mark)
{
	bool first = !b->begun;

	b->begun = true;
	*mark = asked[0] == SPF_MARK ? asked[1] : '\0';
	*name = *mark != '\0' ? asked + 2 : asked;
	switch (*mark) {
	case SPF_MARK_CHUNK:
		return SPF_ASK_CHUNK;
	case SPF_MARK_PTR:
		*name += **name == '.';
		return SPF_ASK_PART;
	case SPF_MARK_HOST:
	case SPF_MARK_HOST_ANY:
		return SPF_ASK_PART;
	case SPF_MARK_NEVER:
		return SPF_ASK_NOTHING;
	default:
		return first && type == DNS_TXT ? SPF_ASK_POLICY : SPF_ASK_TERM;
	}
}

bool
spf_budget_term(struct spf_budget *b)
{
	b->is_void = false;
	return ++b->terms <= SPF_TERMS_MAX;
}

bool
spf_budget_void(struct spf_budget *b)
{
	if (b->is_void)
		return true;
	b->is_void = true;
	return ++b->voids <= SPF_VOIDS_MAX;
}
