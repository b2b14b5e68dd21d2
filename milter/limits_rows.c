/*
 * limits_rows.c -- which rows of the rate limits count for what a client does.
 *
 * A row is found by the value of its `per' (the client, the sender, ...) and has a bucket for each such
 * value. Mail without a client address is this host's own, and no row counts for it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/limits_rows.h"

#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/clock.h"
#include "milter/service.h"

bool
limits_rows_init(struct limits_rows *a, const struct check_view *v)
{
	memset(a, 0, sizeof(*a));
	a->v = v;
	if (v->host->service == NULL || v->client_addr[0] == '\0' || !host_network(v, a->network))
		return false;
	a->limits = service_limits(v->host->service);
	return true;
}

void
limits_rows_clear(struct limits_rows *a)
{
	for (size_t i = 0; i < a->nmade; i++)
		free(a->made[i]);
	free(a->made);
	free(a->ask);
}

/* bob@alias has no bucket beside that of bob@domain. */
static const char *
recipient_of(struct limits_rows *a, const char *rcpt)
{
	const char *target = ruleset_alias(a->v->host->rules, addr_domain(rcpt));

	if (target == NULL)
		return rcpt;
	a->made = xrealloc(a->made, a->nmade + 1, sizeof(*a->made));
	a->made[a->nmade] = xasprintf("%.*s@%s", (int)addr_local_len(rcpt), rcpt, target);
	return a->made[a->nmade++];
}

/* What a row for this `per' is matched with. */
static const char *
value_of(const struct check_view *v, enum rules_limit_per per, const char *rcpt)
{
	switch (per) {
	case PER_CLIENT:
	case PER_NETWORK:
		return v->client_addr;
	case PER_SENDER:
		return v->sender;
	case PER_SENDER_DOMAIN:
		return addr_domain(v->sender);
	case PER_RECIPIENT:
		return rcpt;
	case PER_RECIPIENT_DOMAIN:
		return addr_domain(rcpt);
	case PER_HELO:
		return v->helo;
	case PER_ALL:
		return "";
	}
	return "";
}

/* Whose bucket it is: that of the network, or of what an alias stands for. */
static const char *
bucket_of(struct limits_rows *a, enum rules_limit_per per, const char *value, const char *rcpt)
{
	if (per == PER_NETWORK)
		return a->network;
	if (per == PER_RECIPIENT)
		return recipient_of(a, rcpt);
	if (per == PER_RECIPIENT_DOMAIN)
		return addr_domain(recipient_of(a, rcpt));
	return value;
}

static void
add(struct limits_rows *a, enum rules_limit_what what, enum rules_limit_per per, const char *rcpt, uint64_t n,
    bool look)
{
	const struct rules_limit *rows[2];
	const char *value = value_of(a->v, per, rcpt);
	size_t nrows = ruleset_limit_rows(a->v->host->rules, what, per, value, rows);

	if (nrows > 0)
		a->ask = xrealloc(a->ask, a->n + nrows, sizeof(*a->ask));
	for (size_t i = 0; i < nrows; i++) {
		const struct rules_limit *rule = rows[i];

		if (rule->none)
			continue;
		a->ask[a->n++] = (struct limits_ask){ .rule = rule,
		    .value = bucket_of(a, per, value, rcpt), .n = n, .look = look,
		    .blocks = rule->mode == MODE_ENFORCE && rule->action != LIMIT_DELAY };
	}
}

/* Nothing else is known of it yet. */
void
limits_rows_connection(struct limits_rows *a)
{
	static const enum rules_limit_per pers[] = { PER_CLIENT, PER_NETWORK, PER_ALL };

	for (size_t i = 0; i < sizeof(pers) / sizeof(pers[0]); i++)
		add(a, LIMIT_CONNECTIONS, pers[i], "", 1, false);
}

static bool
is_of_recipient(enum rules_limit_per per)
{
	return per == PER_RECIPIENT || per == PER_RECIPIENT_DOMAIN;
}

/* Has this message a recipient in the domain already? Then it is not another message for it. */
static bool
has_domain(const struct check_view *v, const char *domain)
{
	for (size_t i = 0; i < v->nrcpts; i++)
		if (addr_domain_equal(addr_domain(v->rcpts[i]), domain))
			return true;
	return false;
}

void
limits_rows_messages(struct limits_rows *a, bool counted)
{
	const struct check_view *v = a->v;

	for (enum rules_limit_per per = 0; per < RULES_NPERS; per++) {
		if (counted && !is_of_recipient(per))
			continue;
		if (per == PER_RECIPIENT_DOMAIN && has_domain(v, addr_domain(v->rcpt)))
			continue;
		add(a, LIMIT_MESSAGES, per, v->rcpt, 1, false);
	}
}

void
limits_rows_recipients(struct limits_rows *a)
{
	for (enum rules_limit_per per = 0; per < RULES_NPERS; per++)
		add(a, LIMIT_RECIPIENTS, per, a->v->rcpt, 1, false);
}

/* What a whole message is or has: it counts for each of its recipients. */
static void
add_message(struct limits_rows *a, enum rules_limit_what what, uint64_t n)
{
	const struct check_view *v = a->v;

	for (enum rules_limit_per per = 0; per < RULES_NPERS; per++) {
		if (!is_of_recipient(per)) {
			add(a, what, per, "", n, false);
			continue;
		}
		for (size_t i = 0; i < v->nrcpts; i++)
			add(a, what, per, v->rcpts[i], n, false);
	}
}

void
limits_rows_signal(struct limits_rows *a, enum rules_limit_what what, bool before)
{
	size_t n = a->n, kept = a->n;

	if (what == LIMIT_SPAM && !before)
		add_message(a, what, 1);
	else
		for (enum rules_limit_per per = 0; per < RULES_NPERS; per++)
			add(a, what, per, a->v->rcpt, 1, before);
	for (; n < a->n; n++) {
		/* Those that lock out have done so; what has come counts, whatever the others say. */
		if (before && a->ask[n].rule->action == LIMIT_LOCKOUT)
			continue;
		a->ask[kept] = a->ask[n];
		a->ask[kept++].blocks &= before;
	}
	a->n = kept;
}

void
limits_rows_bytes(struct limits_rows *a)
{
	add_message(a, LIMIT_BYTES, a->v->bytes);
}

void
limits_rows_ask(struct limits_rows *a)
{
	limits_ask(a->limits, a->ask, a->n, a->v->host->policy->limit_entries, clock_wall_us(), a->v->dry);
}
