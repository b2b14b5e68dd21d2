/*
 * check_lab.c -- a check and what it needs around it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/check_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void
would(void *arg, const struct verdict *v)
{
	struct check_lab *l = arg;

	buf_printf(&l->would, "%s=%s ", v->rule, v->reason);
}

static void
read_rules(struct check_lab *l)
{
	const struct rulesdb *db = l->db;
	char *why = NULL;

	ruleset_unref(&l->set);
	rules_close(&l->rules);
	l->rules = rules_open(db->path, &why);
	if (l->rules == NULL)
		fail_msg("%s", why);
	l->set = rules_current(l->rules);
	l->host.rules = l->set;
}

struct check_lab *
check_lab_new(const char *sql)
{
	struct check_lab *l = xcalloc(1, sizeof(*l));

	assert_int_equal(0, rulesdb_setup(&l->db));
	rulesdb_sql(l->db, "INSERT INTO domain (name, primaries, recipients)"
	    " VALUES ('example.test', 'p.test', 'any')");
	l->host = (struct check_host){ .hostname = "mx2.test", .skip = &l->skip, .would = would, .arg = l };
	l->view = (struct check_view){ .size = sizeof(l->view), .trace = "trace", .client_addr = "192.0.2.1",
	    .client_name = "client.example.org", .helo = "client.example.org", .auth = "",
	    .sender = "ann@example.org", .rcpt = "joe@example.test", .host = &l->host };
	check_lab_sql(l, sql);
	return l;
}

void
check_lab_sql(struct check_lab *l, const char *sql)
{
	rulesdb_sql(l->db, sql);
	read_rules(l);
}

void
check_lab_ask(struct check_lab *l, const struct check *check, enum check_stage stage, struct verdict *v)
{
	struct engine_run r = { .table = &check, .n = 1, .slot = &l->slot, .stage = stage,
	    .view = &l->view };
	struct verdict hypothetical;
	const char *address = l->view.rcpt != NULL ? l->view.rcpt : "joe@example.test";

	l->host.policy = ruleset_policy(l->set, address);
	l->host.domain = stage == STAGE_RCPT ? ruleset_domain(l->set, "example.test") : NULL;
	engine_run(&r, v, &hypothetical);
	assert_true(engine_valid(v));
}

void
check_lab_end_txn(struct check_lab *l, const struct check *check)
{
	if (l->slot.txn != NULL && check->end_txn != NULL)
		check->end_txn(l->slot.txn);
	l->slot.txn = NULL;
}

void
check_lab_end_conn(struct check_lab *l, const struct check *check)
{
	check_lab_end_txn(l, check);
	if (l->slot.conn != NULL && check->end_conn != NULL)
		check->end_conn(l->slot.conn);
	l->slot.conn = NULL;
}

void
check_lab_free(struct check_lab **lp, const struct check *check)
{
	struct check_lab *l = *lp;

	if (l == NULL)
		return;
	if (check != NULL)
		check_lab_end_conn(l, check);
	ruleset_unref(&l->set);
	rules_close(&l->rules);
	(void)rulesdb_teardown(&l->db);
	buf_free(&l->would);
	free(l);
	*lp = NULL;
}
