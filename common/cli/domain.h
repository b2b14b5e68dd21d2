/*
 * domain.h -- a domain's rules, for people and for programs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_DOMAIN_H
#define HOLDFAST_CLI_DOMAIN_H

#include <jansson.h>

struct rules_domain;

json_t	*domain_json(const struct rules_domain *);	/* the caller's reference */
void	 domain_print(const struct rules_domain *);

#endif
