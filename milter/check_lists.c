/*
 * check_lists.c -- exceptions and refusals by name.
 *
 * Which rows count: of each field (client, client name, HELO, sender, sender's domain, recipient) the
 * rows of the most special value that matches, and of these those of the most special scope (this
 * recipient, its domain, everybody). Rows of other scopes and those that have expired are not there at
 * all. So `allow client 192.0.2.7' frees one host of a network with `deny client 192.0.2.0/24', and the
 * other way round.
 *
 * What they do: `deny' before `defer'; and fields do not pardon each other: who is allowed by his
 * address is still refused for his sender. `allow' never accepts anything, it only leaves the named
 * checks out.
 *
 * A row in shadow mode is told of, and those that it would hide count all the same.
 *
 * The words "<x>: Client host rejected: Access denied" and so on are those of Postfix.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/check_lists.h"

#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "common/clock.h"
#include "milter/checks.h"
#include "milter/host.h"
#include "milter/quote.h"

static const char *const words[RULES_NFIELDS] = {
	[FIELD_CLIENT] = "Client host",
	[FIELD_CLIENT_NAME] = "Client host",
	[FIELD_HELO] = "Helo command",
	[FIELD_SENDER] = "Sender address",
	[FIELD_SENDER_DOMAIN] = "Sender address",
	[FIELD_RECIPIENT] = "Recipient address",
};

/* --- which rows count ----------------------------------------------------------------------- */

static bool
same_place(const struct rules_entry *a, const struct rules_entry *b)
{
	return strcmp(a->value, b->value) == 0 && strcmp(a->scope, b->scope) == 0;
}

/* How many of these, the most special first: up to the first that is enforced, and its equals. */
static size_t
counting(const struct rules_entry *const *rows, size_t n)
{
	const struct rules_entry *first = NULL;		/* that is enforced */

	for (size_t i = 0; i < n; i++) {
		if (first != NULL && !same_place(first, rows[i]))
			return i;
		if (first == NULL && rows[i]->mode == MODE_ENFORCE)
			first = rows[i];
	}
	return n;
}

static const char *
field_text(const struct check_view *v, enum rules_field field)
{
	switch (field) {
	case FIELD_CLIENT:
		return v->client_addr;
	case FIELD_CLIENT_NAME:
		return v->client_name;
	case FIELD_HELO:
		return v->helo;
	case FIELD_SENDER:
		return v->sender;
	case FIELD_SENDER_DOMAIN:
		return addr_domain(v->sender);
	case FIELD_RECIPIENT:
		return v->rcpt;
	}
	return "";
}

static size_t
rows_of(const struct check_view *v, enum rules_field field, const struct rules_entry *out[RULES_MATCH_MAX])
{
	return counting(out, ruleset_entries(v->host->rules, field, field_text(v, field), v->rcpt,
	    clock_wall(), out));
}

/* --- what they do ------------------------------------------------------------------------------- */

/* "<joe@example.test>", for a client "<mx.example[192.0.2.1]>" */
static void
quote_whom(const struct check_view *v, enum rules_field field, char *text, size_t size)
{
	bool client = field == FIELD_CLIENT || field == FIELD_CLIENT_NAME;
	const char *what = client ? v->client_name : field == FIELD_SENDER_DOMAIN ? v->sender :
	    field_text(v, field);
	char said[ADDR_PATH_MAX];

	(void)quote(said, sizeof(said), what, strlen(what));
	if (client)
		(void)snprintf(text, size, "<%s[%s]>", said[0] != '\0' ? said : "unknown", v->client_addr);
	else
		(void)snprintf(text, size, "<%s>", said);
}

static void
refuse(const struct check_view *v, const struct rules_entry *e, struct verdict *out)
{
	char text[CHECK_TEXT_SIZE], whom[ADDR_PATH_MAX + 80];
	const char *reason = e->note[0] != '\0' ? e->note : "on a list";
	bool deny = e->action == ENTRY_DENY;

	quote_whom(v, e->field, whom, sizeof(whom));
	(void)snprintf(text, sizeof(text), "%s: %s rejected: %s", whom, words[e->field],
	    deny ? "Access denied" : "Try again later");
	if (deny)
		check_reject(out, 554, "5.7.1", text, reason);
	else
		check_defer(out, 450, "4.7.1", text, reason);
}

static void
apply(const struct check_view *v, const struct rules_entry *e, struct verdict *out)
{
	struct verdict found = { .action = VERDICT_PASS };

	if (e->action == ENTRY_ALLOW) {
		host_count(v, e->mode, e->name, true);
		/* Of checks in shadow mode it is known at least what they would do. */
		if (e->mode == MODE_ENFORCE && v->host->policy->mode[CHECK_LISTS] != MODE_SHADOW)
			host_skip(v, e->name, e->skip);
		return;
	}
	refuse(v, e, &found);
	host_rule(v, e->mode, e->name, &found, out);
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	const struct rules_entry *rows[RULES_MATCH_MAX];

	if (ruleset_nentries(v->host->rules) == 0)
		return 0;
	for (enum rules_field field = 0; field < RULES_NFIELDS; field++) {
		size_t n = rows_of(v, field, rows);

		for (size_t i = 0; i < n; i++)
			apply(v, rows[i], out);
	}
	return 0;
}

uint32_t
check_lists_skip(const struct check_view *v)
{
	const struct rules_entry *rows[RULES_MATCH_MAX];
	uint32_t skip = 0;

	if (v->host->policy->mode[CHECK_LISTS] != MODE_ENFORCE)
		return 0;
	for (enum rules_field field = 0; field < RULES_NFIELDS; field++) {
		size_t n = rows_of(v, field, rows);

		for (size_t i = 0; i < n; i++)
			if (rows[i]->action == ENTRY_ALLOW && rows[i]->mode == MODE_ENFORCE)
				skip |= rows[i]->skip & RULES_SKIPPABLE;
	}
	return skip;
}

const struct check check_lists = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "lists",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_DEFER,
	.at_rcpt = at_rcpt,
};
