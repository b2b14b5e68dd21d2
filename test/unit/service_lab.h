/*
 * service_lab.h -- what all sessions share, for tests of what remembers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_SERVICE_LAB_H
#define HOLDFAST_TEST_SERVICE_LAB_H

#include <stdint.h>

#include "milter/service.h"

struct rules;

/* With a configuration in dir, which all else needs as well. */
struct service	*service_lab(const char *dir, struct rules *);
/* {seen, hit, would} of a rule. */
struct service_lab_count {
	uint64_t	seen, hit, would;
};
struct service_lab_count service_lab_count(const struct service *, const char *rule);

#endif
