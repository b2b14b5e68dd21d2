/*
 * dns_lab.c -- a check lab with a service, and a name server by a table.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/dns_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/conf.h"
#include "milter/service.h"

static struct conf *
make_conf(const struct dns_lab *d)
{
	const struct rulesdb *db = d->lab->db;
	char path[160], *why = NULL;
	struct conf *conf;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/holdfast.conf", db->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f, "hostname = mx2.test\nresolver = %s\n", dns_server_address(d->server));
	(void)fclose(f);
	if ((conf = conf_load(path, &why)) == NULL)
		fail_msg("%s", why);
	return conf;
}

struct dns_lab *
dns_lab_new(const char *sql, const struct dns_server_row *row, size_t n)
{
	struct dns_lab *d = xcalloc(1, sizeof(*d));
	char *why = NULL;

	d->server = dns_server_start();
	dns_server_table(d->server, row, n);
	d->lab = check_lab_new(sql);
	d->service = service_new(make_conf(d), d->lab->rules, &why);
	if (d->service == NULL)
		fail_msg("%s", why);
	d->lab->host.service = d->service;
	return d;
}

void
dns_lab_connect(struct dns_lab *d, const struct check *check)
{
	struct check_lab *l = d->lab;

	check_lab_end_conn(l, check);
	l->view.conn = &l->slot.conn;
	l->view.txn = &l->slot.txn;
	l->host.policy = ruleset_policy(l->set, "");
	check->at_connect(&l->view);
}

void
dns_lab_free(struct dns_lab **dp, const struct check *check)
{
	struct dns_lab *d = *dp;

	check_lab_end_conn(d->lab, check);
	service_free(&d->service);
	check_lab_free(&d->lab, check);
	dns_server_stop(&d->server);
	free(d);
	*dp = NULL;
}
