/*
 * rules_canon.c -- the values of a row in the form in which they are kept, or why they are none.
 *
 * One spelling for each meaning, so that a row is found again under its key and two rows never
 * mean the same. What the reader finds in another spelling was written past the command; it is refused
 * with the right spelling in the reason.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/pattern.h"
#include "common/rules_network.h"
#include "common/rules_row.h"
#include "common/rules_screen.h"
#include "common/rules_text.h"

#define EMPTY_SENDER	"<>"

int
rules_canon_why(char **why, const char *column, char *reason)
{
	*why = xasprintf("%s: %s", column, reason);
	free(reason);
	return -1;
}

int
rules_canon_bad(char **why, const char *column, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	return rules_canon_why(why, column, buf_take(&b));
}

static void
replace(char **value, char *with)
{
	free(*value);
	*value = with;
}

/* --- words ------------------------------------------------------------------ */

static int
one_of(const char *column, const char *value, const char *const *words, char **why)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], value) == 0)
			return 0;
	for (size_t i = 0; words[i] != NULL; i++)
		buf_printf(&b, "%s%s", i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ", words[i]);
	(void)rules_canon_bad(why, column, "`%s' is not %s", value, buf_str(&b));
	buf_free(&b);
	return -1;
}

static int
mode(const char *value, char **why)
{
	static const char *const words[] = { "off", "shadow", "enforce", NULL };

	return one_of("mode", value, words, why);
}

static int
verdict(char **value, unsigned allowed, char **why)
{
	struct rules_act act;
	char *reason = NULL;

	if (rules_act_parse(*value, allowed, &act, &reason) == -1)
		return rules_canon_why(why, "verdict", reason);
	replace(value, rules_act_format(&act));
	return 0;
}

/* --- names and addresses ------------------------------------------------------- */

/* A domain as it is kept. */
static int
domain(const char *column, char **value, char **why)
{
	const char *reason;

	rules_key_lower(*value);
	if (rules_name_check(*value, &reason) == -1)
		return rules_canon_bad(why, column, "`%s': %s", *value, reason);
	return 0;
}

/* The same, or `.domain' for it and all below it. */
static int
domain_or_suffix(const char *column, char **value, char **why)
{
	char *bare;
	int rc;

	if (**value != '.')
		return domain(column, value, why);
	bare = xstrdup(*value + 1);
	rc = domain(column, &bare, why);
	replace(value, xasprintf(".%s", bare));
	free(bare);
	return rc;
}

static int
address(const char *column, char **value, char **why)
{
	const char *reason;

	if (addr_parse_mailbox(*value, ADDR_UTF8, &reason) != ADDR_OK)
		return rules_canon_bad(why, column, "`%s' is not an address: %s", *value, reason);
	rules_key_lower(*value);
	return 0;
}

static int
network(const char *column, char **value, char **why)
{
	struct rules_network n;
	char *reason = NULL;

	if (rules_network_parse(*value, &n, &reason) == -1)
		return rules_canon_why(why, column, reason);
	replace(value, n.text);
	return 0;
}

int
rules_canon_scope(char **value, char **why)
{
	if (**value == '\0')
		return 0;
	return strchr(*value, '@') != NULL ? address("scope", value, why) :
	    domain("scope", value, why);
}

/* --- list -------------------------------------------------------------------- */

/* HELO may be an address literal, or anything else a client says. */
static int
helo(const char *column, char **value, char **why)
{
	rules_key_lower(*value);
	if (**value == '\0' || strpbrk(*value, " \t") != NULL)
		return rules_canon_bad(why, column, "`%s' is empty or has blanks", *value);
	return 0;
}

static int
list_value(const char *field, char **value, char **why)
{
	if (strcmp(field, "client") == 0)
		return network("value", value, why);
	if (strcmp(field, "helo") == 0)
		return helo("value", value, why);
	if (strcmp(field, "client_name") == 0 || strcmp(field, "sender_domain") == 0)
		return domain_or_suffix("value", value, why);
	if (strcmp(field, "sender") == 0 && strcmp(*value, EMPTY_SENDER) == 0)
		return 0;
	return address("value", value, why);
}

static int
list_checks(const char *action, char **value, char **why)
{
	struct buf b = BUF_INIT;
	uint32_t skip = 0;
	char *reason = NULL;

	if (strcmp(action, "allow") != 0) {
		if (strspn(*value, " ,") != strlen(*value))
			return rules_canon_bad(why, "checks", "go with `allow' only");
		replace(value, xstrdup(""));
		return 0;
	}
	if (rules_checks_parse(*value, &skip, &reason) == -1)
		return rules_canon_why(why, "checks", reason);
	for (unsigned i = 0; i < RULES_NCHECKS; i++)
		if (skip >> i & 1)
			buf_printf(&b, "%s%s", b.len > 0 ? " " : "", rules_check_name((enum rules_check)i));
	replace(value, buf_take(&b));
	return 0;
}

int
rules_canon_list(char **v, char **why)
{
	static const char *const actions[] = { "allow", "deny", "defer", NULL };
	static const char *const fields[] = { "client", "client_name", "helo", "sender",
		"sender_domain", "recipient", NULL };

	if (one_of("action", v[0], actions, why) == -1 || one_of("field", v[1], fields, why) == -1 ||
	    list_value(v[1], &v[2], why) == -1 || rules_canon_scope(&v[3], why) == -1 ||
	    list_checks(v[0], &v[4], why) == -1 || mode(v[6], why) == -1)
		return -1;
	if (rules_day_end(v[5]) == -1)
		return rules_canon_bad(why, "expires", "`%s' is not a day like 2026-12-31", v[5]);
	return 0;
}

/* --- limits ------------------------------------------------------------------- */

static int
limit_match(const char *per, char **value, char **why)
{
	if (**value == '\0')
		return 0;
	if (strcmp(per, "all") == 0)
		return rules_canon_bad(why, "match", "there is one bucket for all; leave it empty");
	if (strcmp(per, "client") == 0 || strcmp(per, "network") == 0)
		return network("match", value, why);
	if (strcmp(per, "helo") == 0)
		return helo("match", value, why);
	if (strchr(*value, '@') != NULL && (strcmp(per, "sender") == 0 || strcmp(per, "recipient") == 0))
		return address("match", value, why);
	return domain_or_suffix("match", value, why);
}

int
rules_canon_limits(char **v, char **why)
{
	static const char *const actions[] = { "defer", "reject", "delay", "lockout", NULL };
	char *reason = NULL;

	if (one_of("what", v[0], rules_limit_whats, why) == -1 ||
	    one_of("per", v[1], rules_limit_pers, why) == -1 ||
	    limit_match(v[1], &v[2], why) == -1 || one_of("action", v[5], actions, why) == -1 ||
	    mode(v[6], why) == -1)
		return -1;
	if (strcmp(v[0], "connections") == 0 && strcmp(v[1], "client") != 0 &&
	    strcmp(v[1], "network") != 0 && strcmp(v[1], "all") != 0)
		return rules_canon_bad(why, "per", "connections are counted per client, network or all: "
		    "nothing else is known of them");
	if (strcmp(v[5], "lockout") == 0 && strcmp(v[1], "client") != 0 && strcmp(v[1], "network") != 0)
		return rules_canon_bad(why, "action", "lockout goes with per client or network");
	if (rules_rate_check(v[3], v[4], strcmp(v[0], "bytes") == 0, &reason) == -1)
		return rules_canon_why(why, "rate", reason);
	return 0;
}

/* --- dnsbl, header, pattern -------------------------------------------------------- */

int
rules_canon_dnsbl(char **v, char **why)
{
	static const char *const whats[] = { "client", "client_name", "helo", "sender_domain", NULL };
	struct rules_codes *codes = NULL;
	char *reason = NULL;
	size_t n = 0;

	if (domain("zone", &v[0], why) == -1 || one_of("what", v[1], whats, why) == -1)
		return -1;
	if (rules_codes_parse(v[2], &codes, &n, &reason) == -1)
		return rules_canon_why(why, "codes", reason);
	replace(&v[2], rules_codes_format(codes, n));
	free(codes);
	if (verdict(&v[3], 1u << RULES_SCORE | 1u << RULES_GREYLIST | 1u << RULES_DEFER |
	    1u << RULES_REJECT, why) == -1)
		return -1;
	return mode(v[4], why);
}

static int
expression(const char *text, bool whole, char **why)
{
	char *reason = NULL;
	struct pattern *p = pattern_new(text, whole, &reason);

	if (p == NULL)
		return rules_canon_why(why, "pattern", reason);
	pattern_free(&p);
	return 0;
}

int
rules_canon_header(char **v, char **why)
{
	size_t len = strlen(v[0]);

	if (len > 1 && v[0][len - 1] == ':')
		v[0][len - 1] = '\0';
	addr_lower(v[0]);
	for (const char *p = v[0]; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == ':')		/* RFC 5322 3.6.8 */
			return rules_canon_bad(why, "name", "`%s' is not a header's name", v[0]);
	if (v[0][0] == '\0')
		return rules_canon_bad(why, "name", "is empty");
	if (expression(v[1], false, why) == -1 || rules_canon_scope(&v[2], why) == -1 ||
	    verdict(&v[3], 1u << RULES_SCORE | 1u << RULES_TAG | 1u << RULES_QUARANTINE |
	    1u << RULES_DEFER | 1u << RULES_REJECT, why) == -1)
		return -1;
	return mode(v[4], why);
}

int
rules_canon_pattern(char **v, char **why)
{
	static const char *const answers[] = { "accept", "reject", NULL };

	if (domain("domain", &v[0], why) == -1 || expression(v[1], true, why) == -1)
		return -1;
	return one_of("answer", v[2], answers, why);
}

/* --- domains and networks ------------------------------------------------------------ */

int
rules_canon_alias(char **v, char **why)
{
	if (domain("name", &v[0], why) == -1 || domain("domain", &v[1], why) == -1)
		return -1;
	if (strcmp(v[0], v[1]) == 0)
		return rules_canon_bad(why, "domain", "a domain is no alias of itself");
	return 0;
}

int
rules_canon_network(char **v, char **why)
{
	return network("network", &v[0], why);
}

int
rules_canon_mx_domain(char **v, char **why)
{
	static const char *const serves[] = { "always", "never", NULL };

	if (domain("name", &v[0], why) == -1)
		return -1;
	return one_of("serve", v[1], serves, why);
}
