/*
 * host.c -- findings into verdicts, for the checks inside Holdfast.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/host.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "milter/complaints.h"
#include "milter/counters.h"
#include "milter/engine.h"
#include "milter/service.h"

void
host_act(const struct rules_act *act, const char *dsn, const char *text, const char *reason,
    struct verdict *out)
{
	char soft[CHECK_DSN_SIZE];

	switch (act->verdict) {
	case RULES_OFF:
		return;
	case RULES_SCORE:
		check_score(out, act->score, reason);
		return;
	case RULES_GREYLIST:
	case RULES_TAG:
	case RULES_QUARANTINE:
		out->action = act->verdict == RULES_GREYLIST ? VERDICT_GREYLIST :
		    act->verdict == RULES_TAG ? VERDICT_TAG : VERDICT_QUARANTINE;
		(void)snprintf(out->reason, sizeof(out->reason), "%s", reason);
		return;
	case RULES_DEFER:
		(void)snprintf(soft, sizeof(soft), "4%s", dsn + 1);
		check_defer(out, 450, soft, text, reason);
		return;
	case RULES_REJECT:
		check_reject(out, 550, dsn, text, reason);
		return;
	}
}

void
host_merge(struct verdict *into, const struct verdict *with)
{
	bool first = !engine_is_hit(into);
	int score = into->score + with->score;

	if (with->action > into->action || (first && engine_is_hit(with)))
		*into = *with;
	into->score = score;
}

void
host_count(const struct check_view *v, enum rules_mode mode, const char *rule, bool hit)
{
	struct counters *counters = v->host->service != NULL ? service_counters(v->host->service) : NULL;

	if (counters == NULL || v->dry)
		return;
	counters_add(counters, rule, COUNT_SEEN);
	if (hit)
		counters_add(counters, rule,
		    mode == MODE_ENFORCE && v->host->mode != MODE_SHADOW ? COUNT_HIT : COUNT_WOULD);
}

void
host_rule(const struct check_view *v, enum rules_mode mode, const char *rule,
    const struct verdict *found, struct verdict *into)
{
	struct verdict named = *found;

	(void)snprintf(named.rule, sizeof(named.rule), "%s", rule);
	host_count(v, mode, rule, engine_is_hit(found));
	if (!engine_is_hit(found))
		return;
	if (mode == MODE_ENFORCE)
		host_merge(into, &named);
	else if (v->host->would != NULL)
		v->host->would(v->host->arg, &named);
}

void
host_complain(const struct check_view *v, const char *what, const char *why)
{
	struct complaints *all = v->host->service != NULL ? service_complaints(v->host->service) : NULL;
	struct log_q q;

	if (all != NULL && !v->dry && complaints_due(all, what))
		log_warn("trace=%s %s: %s", v->trace, what, log_quote(&q, why));
}

void
host_skip(const struct check_view *v, const char *rule, uint32_t skip)
{
	skip &= RULES_SKIPPABLE;
	*v->host->skip |= skip;
	if (v->host->exempt != NULL)
		v->host->exempt(v->host->arg, rule, skip);
}

bool
host_is_live(const struct check_view *v)
{
	return !v->dry && v->host->mode != MODE_SHADOW;
}

bool
host_network(const struct check_view *v, char text[HOST_NETWORK_SIZE])
{
	const struct rules_settings *s = ruleset_settings(v->host->rules);
	uint8_t addr[16];
	unsigned bits;
	int family;

	if (rules_network_address(v->client_addr, &family, addr) == -1)
		return false;
	bits = family == AF_INET ? s->ipv4_bits : s->ipv6_bits;
	rules_network_mask(addr, bits);
	(void)rules_network_text(family, addr, bits, text);
	return true;
}
