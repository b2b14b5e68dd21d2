/*
 * conf_value.c -- intervals and sizes, as people write them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "common/conf.h"

/* Digits, then the rest. Refuses what does not fit into 64 bits. */
static int
number(const char *s, uint64_t *v, const char **rest)
{
	if (!isdigit((unsigned char)*s))
		return -1;
	for (*v = 0; isdigit((unsigned char)*s); s++)
		if (__builtin_mul_overflow(*v, 10u, v) ||
		    __builtin_add_overflow(*v, (uint64_t)(*s - '0'), v))
			return -1;
	*rest = s;
	return 0;
}

int
conf_parse_interval(const char *s, unsigned *seconds)
{
	static const char unit[] = "smhdw";
	static const uint64_t factor[] = { 1, 60, 3600, 86400, 604800 };
	const char *rest, *u = unit;
	uint64_t v;

	if (number(s, &v, &rest) == -1)
		return -1;
	if (*rest != '\0' && ((u = strchr(unit, *rest)) == NULL || rest[1] != '\0'))
		return -1;
	if (__builtin_mul_overflow(v, factor[u - unit], &v) || v > UINT_MAX)
		return -1;
	*seconds = (unsigned)v;
	return 0;
}

int
conf_parse_size(const char *s, uint64_t *bytes)
{
	static const char unit[] = "KMGT";
	const char *rest, *u;
	uint64_t v;

	if (number(s, &v, &rest) == -1)
		return -1;
	if (*rest != '\0') {
		u = strchr(unit, toupper((unsigned char)*rest));
		if (u == NULL || rest[1] != '\0' ||
		    __builtin_mul_overflow(v, UINT64_C(1) << (10 * (u - unit + 1)), &v))
			return -1;
	}
	*bytes = v;
	return 0;
}
