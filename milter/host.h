/*
 * host.h -- what checks inside Holdfast may use beside the view: rules, the DNS, counters,
 * and the memory of what was before.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_HOST_H
#define HOLDFAST_HOST_H

#include <stdint.h>

#include "common/rules_network.h"
#include "common/rules_screen.h"
#include "milter/holdfast/check.h"

struct service;

struct check_host {
	struct service		*service;	/* see service.h for what all sessions share */
	struct ruleset		*rules;
	const struct rules_policy *policy;	/* of this recipient; at_eom of the message's class */
	const struct rules_domain *domain;	/* of this recipient; NULL at_connect and at_eom */
	const char		*hostname;	/* ours */
	int64_t			 deadline;	/* at_eom: clock_mono_ms() by which all checks should be
						 * through; 0 none */
	uint32_t		*skip;		/* bits 1 << enum rules_check: what an exception skips */
	/* In which mode the check is asked: in MODE_SHADOW it may change nothing for any client. */
	enum rules_mode		 mode;
	/* A rule in shadow mode would have done this: it is logged and counted. NULL in tests. */
	void			(*would)(void *arg, const struct verdict *);
	/* An exception leaves these checks out (bits). NULL: nobody wants to know which it was. */
	void			(*exempt)(void *arg, const char *rule, uint32_t skip);
	void			*arg;
};

/*
 * What a finding amounts to by the rules, as a verdict: REJECT says `550 5.7.1 text', DEFER `450 4.7.1 text',
 * points and GREYLIST say nothing. The dsn may be another of class 5; DEFER takes it with class 4.
 */
void	host_act(const struct rules_act *, const char *dsn, const char *text, const char *reason,
	    struct verdict *out);
/* More severe, or more points: does it change what is known already? */
void	host_merge(struct verdict *into, const struct verdict *with);
/* A rule without a verdict of its own (an exception, a delay) holds, or would. Counts it. */
void	host_count(const struct check_view *, enum rules_mode, const char *rule, bool hit);
/* A rule with a mode of its own: in force, or only said to have been. Counts it, too. */
void	host_rule(const struct check_view *, enum rules_mode, const char *rule, const struct verdict *,
	    struct verdict *into);
/* Something is amiss with a check itself: logged once in a while, however often it is said. */
void	host_complain(const struct check_view *, const char *what, const char *why);
/* An exception: leaves out what of these checks (bits) may be left out, for this recipient. */
void	host_skip(const struct check_view *, const char *rule, uint32_t skip);
/* Is what this check says in force, and remembered? Not in shadow mode, nor when it is only asked. */
bool	host_is_live(const struct check_view *);

/* The client's network by the rules, "192.0.2.0/24"; false: it has no address. */
#define HOST_NETWORK_SIZE	RULES_NETWORK_TEXT
bool	host_network(const struct check_view *, char [HOST_NETWORK_SIZE]);

#endif
