/*
 * t_derived.c -- is a domain served because of its MX? The decision by a table, the look-ups against a small server.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <stdbool.h>
#include <string.h>

#include "common/buf.h"
#include "common/dns.h"
#include "common/rules.h"
#include "milter/derived.h"
#include "test/unit/dns_server.h"
#include "test/unit/rulesdb.h"

#define US		true, false, false, false
#define INSIDE		false, false, true, true
#define OUTSIDE		false, false, true, false
#define NO_ADDRESS	false, false, false, true
#define FAILED		false, true, false, true

static void
decisions(void **state)
{
	static const struct {
		struct derived_host	v[4];
		size_t			n;
		enum derived_answer	answer;
	} rows[] = {
		{ { { 0, US } }, 0, DERIVED_FOREIGN },
		{ { { 10, INSIDE }, { 20, US } }, 2, DERIVED_OURS },
		{ { { 20, US }, { 10, INSIDE } }, 2, DERIVED_OURS },
		{ { { 10, INSIDE }, { 20, OUTSIDE }, { 30, US } }, 3, DERIVED_OURS },
		{ { { 10, INSIDE }, { 10, INSIDE }, { 30, US } }, 3, DERIVED_OURS },
		{ { { 10, INSIDE }, { 10, NO_ADDRESS }, { 30, US } }, 3, DERIVED_OURS },
		/* the best ones decide: all of them */
		{ { { 10, OUTSIDE }, { 20, US } }, 2, DERIVED_FOREIGN },
		{ { { 5, OUTSIDE }, { 10, INSIDE }, { 20, US } }, 3, DERIVED_FOREIGN },
		{ { { 10, INSIDE }, { 10, OUTSIDE }, { 20, US } }, 3, DERIVED_FOREIGN },
		{ { { 10, NO_ADDRESS }, { 20, US } }, 2, DERIVED_FOREIGN },
		/* we are not among them, or the best */
		{ { { 10, INSIDE } }, 1, DERIVED_FOREIGN },
		{ { { 10, US }, { 20, INSIDE } }, 2, DERIVED_FOREIGN },
		{ { { 10, US }, { 10, INSIDE } }, 2, DERIVED_FOREIGN },
		{ { { 10, US } }, 1, DERIVED_FOREIGN },
		{ { { 10, US }, { 5, INSIDE }, { 20, US } }, 3, DERIVED_OURS },
		/* the DNS failed where it matters */
		{ { { 10, FAILED }, { 20, US } }, 2, DERIVED_UNKNOWN },
		{ { { 10, INSIDE }, { 20, FAILED } }, 2, DERIVED_UNKNOWN },
		{ { { 10, INSIDE }, { 15, FAILED }, { 20, US } }, 3, DERIVED_OURS },
		{ { { 10, INSIDE }, { 10, FAILED }, { 20, US } }, 3, DERIVED_UNKNOWN },
	};
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (derived_decide(rows[i].v, rows[i].n, &why) != rows[i].answer)
			fail_msg("row %zu: %s", i, why);
}

/* --- with look-ups ----------------------------------------------------------- */

struct world {
	void			*db;
	struct rules		*rules;
	struct dns_server	*server;
	struct dns		*dns;
	struct derived		*derived;
};

static enum derived_answer
ask(struct world *w, const char *hostname, const char *domain)
{
	struct ruleset *set = rules_current(w->rules);
	char why[DERIVED_WHY];
	enum derived_answer answer = derived_ask(w->derived, set, hostname, domain, why);

	ruleset_unref(&set);
	return answer;
}

static void
change(struct world *w, const char *sql)
{
	char *why = NULL;

	rulesdb_sql(w->db, sql);
	if (rules_poll(w->rules, &why) != 1)
		fail_msg("%s", why != NULL ? why : "not noticed");
}

/* The server's MX of example.test: 10 m1.test, 11 m2.test, each at 203.0.113.1, .2 and 2001:db8::1, ::2. */
static void
asking(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, "m2.test", "example.test"), DERIVED_FOREIGN);	/* no network */
	change(w, "INSERT INTO mx_network (network) VALUES ('203.0.113.0/24')");
	assert_int_equal(ask(w, "m2.test", "example.test"), DERIVED_FOREIGN);	/* not all addresses */
	change(w, "INSERT INTO mx_network (network) VALUES ('2001:db8::/32')");
	assert_int_equal(ask(w, "m2.test", "Example.TEST"), DERIVED_OURS);
	assert_int_equal(ask(w, "m1.test", "sub.example.test"), DERIVED_FOREIGN);
	assert_int_equal(ask(w, "m2.test", "none.example.test"), DERIVED_FOREIGN);
	assert_int_equal(ask(w, "m2.test", "nx.example.test"), DERIVED_FOREIGN);
	assert_int_equal(ask(w, "m2.test", "fail.example.test"), DERIVED_UNKNOWN);
	assert_int_equal(ask(w, "m2.test", "[192.0.2.1]"), DERIVED_FOREIGN);
	assert_int_equal(ask(w, "m2.test", ""), DERIVED_FOREIGN);
	change(w, "INSERT INTO mx_domain (name, serve) VALUES ('example.test', 'never'), "
	    "('nx.example.test', 'always')");
	assert_int_equal(ask(w, "m2.test", "example.test"), DERIVED_FOREIGN);
	assert_int_equal(ask(w, "m2.test", "nx.example.test"), DERIVED_OURS);
}

/* What is known is not asked again; new rules are not answered from memory. */
static void
remembering(void **state)
{
	struct world *w = *state;

	change(w, "INSERT INTO mx_network (network) VALUES ('203.0.113.0/24'), ('2001:db8::/32')");
	assert_int_equal(ask(w, "m2.test", "example.test"), DERIVED_OURS);
	dns_server_stop(&w->server);
	assert_int_equal(ask(w, "m2.test", "example.test"), DERIVED_OURS);
	change(w, "DELETE FROM mx_network WHERE network = '203.0.113.0/24'");
	assert_int_not_equal(ask(w, "m2.test", "example.test"), DERIVED_OURS);
	w->server = dns_server_start();
}

static int
setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	char *why = NULL;

	if (rulesdb_setup(&w->db) != 0)
		return -1;
	w->server = dns_server_start();
	w->rules = rules_open(((struct rulesdb *)w->db)->path, &why);
	w->dns = dns_new(dns_server_address(w->server), "", &why);
	if (w->rules == NULL || w->dns == NULL)
		return -1;
	w->derived = derived_new(w->dns);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	derived_free(&w->derived);
	dns_free(&w->dns);
	dns_server_stop(&w->server);
	rules_close(&w->rules);
	(void)rulesdb_teardown(&w->db);
	free(w);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions),
		cmocka_unit_test_setup_teardown(asking, setup, teardown),
		cmocka_unit_test_setup_teardown(remembering, setup, teardown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
