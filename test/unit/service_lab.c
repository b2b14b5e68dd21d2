/*
 * service_lab.c -- what all sessions share, for tests of what remembers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/service_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/conf.h"
#include "milter/counters.h"

struct service *
service_lab(const char *dir, struct rules *rules)
{
	char path[256], *why = NULL;
	struct service *service;
	struct conf *conf;
	FILE *fp;

	(void)snprintf(path, sizeof(path), "%s/holdfast.conf", dir);
	fp = fopen(path, "w");
	assert_non_null(fp);
	(void)fprintf(fp, "hostname = mx2.test\n");
	(void)fclose(fp);
	if ((conf = conf_load(path, &why)) == NULL || (service = service_new(conf, rules, &why)) == NULL)
		fail_msg("%s", why);
	return service;
}

struct sought {
	const char		*name;
	struct service_lab_count count;
};

static void
find(void *arg, const char *name, const uint64_t n[NCOUNTERS])
{
	struct sought *s = arg;

	if (strcmp(name, s->name) == 0)
		s->count = (struct service_lab_count){ n[COUNT_SEEN], n[COUNT_HIT], n[COUNT_WOULD] };
}

struct service_lab_count
service_lab_count(const struct service *service, const char *rule)
{
	struct sought s = { .name = rule };

	counters_each(service_counters(service), find, &s);
	return s.count;
}
