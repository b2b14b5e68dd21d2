/*
 * engine.c -- runs the checks of a stage and merges their verdicts.
 *
 * Checks run in order of cost and stop at the first reject: nothing that a
 * dearer one could say would change it. A deferral does not stop them, since a
 * later check may know that the client need not come back at all.
 *
 * Invariants: merging is a pure function of two verdicts; a check that fails, or
 * whose verdict could not be said to a client, counts as its on_fault and never
 * as a reject (P3).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/engine.h"

#include <assert.h>
#include <string.h>

static bool
text_is_clean(const char *text)
{
	const unsigned char *p;

	/* Bytes >= 0x80: an SMTPUTF8 address may be quoted in a reply (RFC 6531 3.7.4). */
	for (p = (const unsigned char *)text; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			return false;
	return text[0] != '\0';
}

bool
engine_valid(const struct verdict *v)
{
	int class;

	switch (v->action) {
	case VERDICT_PASS:
		return true;
	case VERDICT_DEFER:
		class = 4;
		break;
	case VERDICT_REJECT:
		class = 5;
		break;
	default:		/* an out-of-tree check may return any number */
		return false;
	}
	return v->code / 100 == class && v->dsn[0] == '0' + class && v->dsn[1] == '.' &&
	    memchr(v->dsn, '\0', sizeof(v->dsn)) != NULL &&
	    memchr(v->text, '\0', sizeof(v->text)) != NULL && text_is_clean(v->text) &&
	    memchr(v->reason, '\0', sizeof(v->reason)) != NULL;
}

void
engine_merge(struct verdict *into, const struct verdict *with)
{
	int score = into->score + with->score;

	if (with->action > into->action)
		*into = *with;
	into->score = score;
}

void
engine_fault(const struct check *check, struct verdict *out)
{
	memset(out, 0, sizeof(*out));
	out->check = check->name;
	if (check->on_fault != VERDICT_PASS)
		check_defer(out, 451, "4.3.0", "Temporary lookup failure", "check failed");
	out->check = check->name;
}

static check_hook *
hook(const struct check *check, enum check_stage stage)
{
	switch (stage) {
	case STAGE_RCPT:
		return check->at_rcpt;
	case STAGE_EOM:
		return check->at_eom;
	}
	return NULL;
}

void
engine_run(const struct check *const *table, size_t n, enum check_stage stage,
    const struct check_view *view, struct verdict *out)
{
	struct verdict v;
	check_hook *fn;
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < n && out->action != VERDICT_REJECT; i++) {
		if ((fn = hook(table[i], stage)) == NULL)
			continue;
		memset(&v, 0, sizeof(v));
		if (fn(view, &v) == -1 || !engine_valid(&v))
			engine_fault(table[i], &v);
		v.check = table[i]->name;
		engine_merge(out, &v);
	}
}

const char *
engine_action_name(enum verdict_action action)
{
	switch (action) {
	case VERDICT_PASS:
		return "pass";
	case VERDICT_DEFER:
		return "defer";
	case VERDICT_REJECT:
		return "reject";
	}
	return "?";
}

const char *
engine_stage_name(enum check_stage stage)
{
	switch (stage) {
	case STAGE_RCPT:
		return "rcpt";
	case STAGE_EOM:
		return "eom";
	}
	return "?";
}
