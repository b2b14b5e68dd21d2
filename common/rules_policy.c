/*
 * rules_policy.c -- the words of screening: checks, modes, verdicts, scores.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define SCORE_MAX	1000000		/* hundredths */

static const char *const checks[RULES_NCHECKS] = {
	[CHECK_LISTS] = "lists",
	[CHECK_LIMITS] = "limits",
	[CHECK_HELO] = "helo",
	[CHECK_SENDER] = "sender",
	[CHECK_SPOOF] = "spoof",
	[CHECK_RECIPIENT] = "recipient",
	[CHECK_SIZE] = "size",
	[CHECK_SENDER_DOMAIN] = "sender_domain",
	[CHECK_SPF] = "spf",
	[CHECK_DNSBL] = "dnsbl",
	[CHECK_PLUGIN] = "plugin",
	[CHECK_GREYLIST] = "greylist",
	[CHECK_HEADER] = "header",
	[CHECK_VIRUS] = "virus",
	[CHECK_SPAM] = "spam",
};
static const char *const modes[] = {
	[MODE_OFF] = "off", [MODE_SHADOW] = "shadow", [MODE_ENFORCE] = "enforce",
};
static const char *const verdicts[] = {
	[RULES_OFF] = "off", [RULES_SCORE] = "points", [RULES_GREYLIST] = "greylist",
	[RULES_TAG] = "tag", [RULES_QUARANTINE] = "quarantine", [RULES_DEFER] = "defer",
	[RULES_REJECT] = "reject",
};
#define N(a)	(sizeof(a) / sizeof((a)[0]))

static int
find(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return (int)i;
	return -1;
}

const char *
rules_check_name(enum rules_check check)
{
	return checks[check];
}

int
rules_check_parse(const char *word, enum rules_check *check)
{
	int i = find(checks, N(checks), word);

	if (i == -1)
		return -1;
	*check = (enum rules_check)i;
	return 0;
}

const char *
rules_mode_name(enum rules_mode mode)
{
	return modes[mode];
}

int
rules_mode_parse(const char *word, enum rules_mode *mode)
{
	int i = find(modes, N(modes), word);

	if (i == -1)
		return -1;
	*mode = (enum rules_mode)i;
	return 0;
}

/* --- scores ---------------------------------------------------------------- */

int
rules_score_parse(const char *s, bool never, int *score)
{
	const char *p = s;
	size_t whole, part;
	long n;

	if (never && strcmp(s, "never") == 0) {
		*score = RULES_NEVER;
		return 0;
	}
	p += *p == '-';
	whole = strspn(p, "0123456789");
	if (whole == 0 || whole > 5)
		return -1;
	n = strtol(p, NULL, 10) * RULES_POINT;
	p += whole;
	if (*p == '.') {
		part = strspn(++p, "0123456789");
		if (part == 0 || part > 2)
			return -1;
		n += (p[0] - '0') * 10 + (part == 2 ? p[1] - '0' : 0);
		p += part;
	}
	if (*p != '\0' || n > SCORE_MAX)
		return -1;
	*score = (int)(s[0] == '-' ? -n : n);
	return 0;
}

const char *
rules_score_text(int score, char text[RULES_SCORE_SIZE])
{
	int n = score < 0 ? -score : score;
	const char *sign = score < 0 ? "-" : "";

	if (score == RULES_NEVER)
		(void)snprintf(text, RULES_SCORE_SIZE, "never");
	else if (n % RULES_POINT == 0)
		(void)snprintf(text, RULES_SCORE_SIZE, "%s%d", sign, n / RULES_POINT);
	else if (n % 10 == 0)
		(void)snprintf(text, RULES_SCORE_SIZE, "%s%d.%d", sign, n / RULES_POINT,
		    n % RULES_POINT / 10);
	else
		(void)snprintf(text, RULES_SCORE_SIZE, "%s%d.%02d", sign, n / RULES_POINT,
		    n % RULES_POINT);
	return text;
}

char *
rules_score_format(int score)
{
	char text[RULES_SCORE_SIZE];

	return xstrdup(rules_score_text(score, text));
}

/* --- verdicts -------------------------------------------------------------- */

static char *
not_allowed(const char *word, unsigned allowed)
{
	struct buf b = BUF_INIT;
	const char *comma = "";

	buf_printf(&b, "`%s' is not ", word);
	for (unsigned i = 0; i < N(verdicts); i++) {
		if (!(allowed >> i & 1))
			continue;
		allowed &= ~(1u << i);
		buf_printf(&b, "%s%s%s", comma[0] != '\0' && allowed == 0 ? " or " : comma,
		    i == RULES_SCORE ? "a number of " : "", verdicts[i]);
		comma = ", ";
	}
	return buf_take(&b);
}

int
rules_act_parse(const char *word, unsigned allowed, struct rules_act *act, char **why)
{
	int i = find(verdicts, N(verdicts), word), score;

	if (i == RULES_SCORE)
		i = -1;		/* "points" is no verdict, a number is */
	if (i == -1 && (allowed >> RULES_SCORE & 1) && rules_score_parse(word, false, &score) == 0) {
		*act = (struct rules_act){ RULES_SCORE, score };
		return 0;
	}
	if (i == -1 || !(allowed >> i & 1)) {
		*why = not_allowed(word, allowed);
		return -1;
	}
	*act = (struct rules_act){ (enum rules_verdict)i, 0 };
	return 0;
}

char *
rules_act_format(const struct rules_act *act)
{
	return act->verdict == RULES_SCORE ? rules_score_format(act->score) :
	    xstrdup(verdicts[act->verdict]);
}
