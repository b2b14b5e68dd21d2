/*
 * service.h -- what all sessions share: configuration, rules, the way to
 * queued, and how many transactions are running.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SERVICE_H
#define HOLDFAST_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check;
struct complaints;
struct conf;
struct counters;
struct derived;
struct dns;
struct dnsbl;
struct greylist;
struct limits;
struct lmtp_pool;
struct plugin_set;
struct rules;
struct service;
struct spf;

/* One configuration and what was made from it. Read-only; a transaction keeps its reference. */
struct setup {
	const struct conf	*conf;
	struct lmtp_pool	*pool;
};

/* conf becomes its own; rules stay the caller's. NULL and *why (malloc'd): its resolver cannot be used. */
struct service	*service_new(struct conf *, struct rules *, char **why);
void		 service_free(struct service **);		/* no transaction may be running */
/* New configuration for the transactions to come; becomes its own. */
void		 service_reload(struct service *, struct conf *);

struct setup	*service_setup(struct service *);		/* a reference: give it back */
void		 service_unref(struct service *, struct setup **);
struct rules	*service_rules(const struct service *);
struct dns	*service_dns(const struct service *);
struct derived	*service_derived(const struct service *);
struct counters	*service_counters(const struct service *);
struct limits	*service_limits(const struct service *);
struct greylist	*service_greylist(const struct service *);
struct complaints *service_complaints(const struct service *);
/* Lent, for as long as the service lives; without one SPF is a temperror. */
void		 service_use_spf(struct service *, struct spf *);
struct spf	*service_spf(const struct service *);
/* Checks from outside; become its own. Once, before the first session. */
void		 service_plugins(struct service *, struct plugin_set *);
struct dnsbl	*service_dnsbl(const struct service *);
/* All checks, cheapest first; the same for the whole run of the program. */
const struct check *const *service_checks(const struct service *, size_t *n);

/* A transaction begins (false: we are shutting down) and ends. */
bool		 service_enter(struct service *);
void		 service_leave(struct service *);
unsigned	 service_running(struct service *);		/* transactions now */
/*
 * Let no transaction begin any more; true when none runs and the MTA has the answers,
 * false after timeout ms.
 */
bool		 service_drain(struct service *, int64_t timeout);

#endif
