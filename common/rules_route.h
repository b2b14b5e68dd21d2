/*
 * rules_route.h -- routes as rules.db writes them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_ROUTE_H
#define HOLDFAST_RULES_ROUTE_H

#include "common/rules.h"

/* All texts "", may, xforward, port 25. */
void	 rules_route_init(struct rules_route *);
void	 rules_route_clear(struct rules_route *);

/*
 * Column `primaries': "a:25+b,c", "mx", "mx:example.test:2525", "turn". The
 * hosts of one preference are sorted, so that a+b and b+a are one destination.
 * 0, or -1 with *why (static); what was filled in is for rules_route_clear().
 */
int	 rules_route_parse(const char *, struct rules_route *, const char **why);
/* Column `source': "192.0.2.1", "2001:db8::1" or both with a comma. */
int	 rules_route_source(const char *, struct rules_route *, const char **why);

/* Column `tls_pin': as `holdfast' takes it, with colons, in any case; as it is
 * kept. NULL and *why (static), or the caller frees it. */
char	*rules_pin_canonical(const char *, const char **why);

#endif
