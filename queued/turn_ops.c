/*
 * turn_ops.c -- what a turn session may ask of the world: rules, limits, delivery, log.
 *
 * The line of a failed AUTH is made for fail2ban; holdfast-queued(8) has the
 * expression. What the client chose itself stands at the line's end, in quotes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/rules.h"
#include "queued/deliver.h"
#include "queued/turn_conn.h"

static unsigned
limit(const struct turn_hub *hub)
{
	return ruleset_settings(hub->rules)->turn_rate;
}

static bool
op_network(void *arg)
{
	const struct sockaddr_storage *ss = turn_conn_addr(arg);
	const struct ruleset *rules = turn_conn_hub(arg)->rules;
	const struct sockaddr_in *in = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;

	if (ss->ss_family == AF_INET)
		return ruleset_turn_network(rules, AF_INET, &in->sin_addr);
	if (ss->ss_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return ruleset_turn_network(rules, AF_INET, &in6->sin6_addr.s6_addr[12]);
	return ruleset_turn_network(rules, AF_INET6, &in6->sin6_addr);
}

static bool
op_may_ask(void *arg)
{
	struct turn_hub *hub = turn_conn_hub(arg);

	return turn_rate_take(&hub->asks, turn_conn_peer(arg), limit(hub), clock_mono_ms());
}

static bool
op_may_guess(void *arg)
{
	struct turn_hub *hub = turn_conn_hub(arg);

	return turn_rate_allows(&hub->guesses, turn_conn_peer(arg), limit(hub), clock_mono_ms());
}

static void
op_guessed(void *arg)
{
	struct turn_hub *hub = turn_conn_hub(arg);

	(void)turn_rate_take(&hub->guesses, turn_conn_peer(arg), limit(hub), clock_mono_ms());
}

static enum turn_served
served(const struct rules_domain *rule)
{
	return rule->route.kind == ROUTE_TURN ? SERVED_BY_TURN : SERVED_BY_US;
}

/* A domain without a row may be served because its MX names us: what waits then tells. */
static bool
may_be_derived(const struct ruleset *rules, const char *domain)
{
	enum rules_derived d = ruleset_derived(rules, domain);

	return d == DERIVED_ALWAYS || (d == DERIVED_ASK && ruleset_nmx_networks(rules) > 0);
}

static enum turn_served
op_served(void *arg, const char *domain)
{
	const struct ruleset *rules = turn_conn_hub(arg)->rules;
	const struct rules_domain *rule = ruleset_domain(rules, domain);

	if (rule != NULL)
		return served(rule);
	return may_be_derived(rules, domain) ? SERVED_BY_US : SERVED_NOT;
}

static bool
is_below(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	return n > d + 1 && name[n - d - 1] == '.' && strcmp(name + n - d, domain) == 0;
}

static void
op_below(void *arg, const char *domain, void (*each)(void *, const char *, enum turn_served),
    void *each_arg)
{
	const struct ruleset *rules = turn_conn_hub(arg)->rules;

	for (size_t i = 0; i < ruleset_ndomains(rules); i++) {
		const struct rules_domain *rule = ruleset_domain_at(rules, i);

		if (is_below(rule->name, domain))
			each(each_arg, rule->name, served(rule));
	}
}

static bool
op_busy(void *arg, const char *const *domain, size_t n)
{
	return deliver_turn_busy(turn_conn_hub(arg)->deliver, domain, n);
}

static void
op_flush(void *arg, const char *domain)
{
	deliver_flush(turn_conn_hub(arg)->deliver, domain);
}

static void
op_decided(void *arg, const char *what, const char *reply)
{
	struct log_q user, request, answer;

	log_info("%s: turn client=%s, user=%s, request=%s, reply=%s", turn_conn_id(arg),
	    turn_conn_client(arg), log_quote(&user, turn_conn_user(arg)), log_quote(&request, what),
	    log_quote(&answer, reply));
}

static void
op_denied(void *arg, const char *method, const char *user, const char *why)
{
	struct log_q q;

	log_warn("%s: turn authentication failed: client=%s, method=%s, reason=\"%s\", user=%s",
	    turn_conn_id(arg), turn_conn_client(arg), method, why, log_quote(&q, user));
}

const struct turn_ops turn_conn_ops = {
	.network = op_network,
	.may_ask = op_may_ask,
	.may_guess = op_may_guess,
	.guessed = op_guessed,
	.served = op_served,
	.below = op_below,
	.busy = op_busy,
	.flush = op_flush,
	.decided = op_decided,
	.denied = op_denied,
};
