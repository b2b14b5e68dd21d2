/*
 * t_setup_postfix.c -- what setup decides about a Postfix, by tables: from what is in
 * main.cf to what should be.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cli/plan.h"
#include "common/cli/postfix.h"
#include "common/cli/setup_postfix.h"
#include "common/endpoint.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A Postfix as it comes; `main' is put over it. */
static const char defaults[] =
    "in_flow_delay = 1s\n"
    "inet_interfaces = all\n"
    "lmtp_destination_concurrency_limit = $default_destination_concurrency_limit\n"
    "lmtp_send_xforward_command = no\n"
    "mailbox_size_limit = 51200000\n"
    "message_size_limit = 10240000\n"
    "milter_default_action = tempfail\n"
    "milter_protocol = 6\n"
    "mydestination = $myhostname, localhost\n"
    "mynetworks = 127.0.0.0/8\n"
    "non_smtpd_milters = \n"
    "parent_domain_matches_subdomains = relay_domains,mynetworks\n"
    "proxy_read_maps = $local_recipient_maps $relay_domains\n"
    "relay_domains = ${{$compatibility_level} <level {2} ? {$mydestination} : {}}\n"
    "relay_recipient_maps = \n"
    "relay_transport = relay\n"
    "smtpd_forbid_bare_newline = no\n"
    "smtpd_milters = \n"
    "smtpd_recipient_restrictions = \n"
    "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination\n"
    "transport_maps = \n"
    "virtual_alias_domains = $virtual_alias_maps\n"
    "virtual_alias_maps = \n"
    "virtual_mailbox_domains = \n"
    "virtual_mailbox_limit = 51200000\n"
    "virtual_mailbox_maps = \n";
static const char expanded[] =
    "lmtp_destination_concurrency_limit = 20\n"
    "mydestination = mx2.example.net, localhost\n"
    "relay_domains = \n"
    "virtual_alias_domains = \n";
static const char master[] =
    "smtp inet n - y - - smtpd\nlmtp unix - - y - - lmtp\nproxymap unix - - n - - proxymap\n";

/* Values of `over' ("a = b\n...") take the place of those in `all'. */
static char *
put_over(const char *all, const char *over)
{
	struct buf b = BUF_INIT;

	for (const char *p = all; *p != '\0';) {
		size_t len = strcspn(p, "\n"), name = strcspn(p, " ");
		const char *at = over;

		while (*at != '\0' && !(strncmp(at, p, name) == 0 && at[name] == ' ')) {
			at += strcspn(at, "\n");
			at += *at == '\n';
		}
		if (*at != '\0')
			buf_printf(&b, "%.*s\n", (int)strcspn(at, "\n"), at);
		else
			buf_printf(&b, "%.*s\n", (int)len, p);
		p += len + (p[len] == '\n');
	}
	return buf_take(&b);
}

static struct postfix *
postfix(const char *main, const char *types, const char *overrides)
{
	char *all = put_over(defaults, main), *half = put_over(all, expanded), *full = put_over(half, main);
	struct postfix *p = postfix_parse("/etc/postfix", all, main, full, types, master, overrides);

	free(all);
	free(half);
	free(full);
	return p;
}

/* Only this is in any table. */
static bool
lookup(void *arg, const char *table, const char *key)
{
	(void)arg;
	return strcmp(table, "hash:/etc/postfix/x") == 0 && strcmp(key, "example.test") == 0;
}

static const struct {
	const char	*main;		/* what main.cf has */
	const char	*set;		/* what is to be set, `|' between; "" nothing */
	const char	*says;		/* in a problem or note; NULL: there is no problem */
	bool		 transport, recipients;
} row[] = {
#define OUR	"proxy:sqlite:/etc/postfix/holdfast-domains.cf"
#define OURT	"proxy:sqlite:/etc/postfix/holdfast-transport.cf"
#define OURR	"proxy:sqlite:/etc/postfix/holdfast-recipients.cf"
#define MILTER	"milter_default_action = tempfail|smtpd_milters = unix:holdfast/milter.sock|in_flow_delay = 0|"
#define REST	"lmtp_send_xforward_command = yes|message_size_limit = 104857600|mailbox_size_limit = 104857600" \
    "|smtpd_forbid_bare_newline = yes"
#define DONE	"milter_default_action = tempfail\nsmtpd_milters = unix:holdfast/milter.sock\nin_flow_delay = 0\n" \
    "relay_domains = " OUR "\nrelay_recipient_maps = \n" \
    "relay_transport = lmtp:unix:holdfast/queued.sock\nlmtp_send_xforward_command = yes\n" \
    "message_size_limit = 104857600\nmailbox_size_limit = 0\nsmtpd_forbid_bare_newline = yes\n"
	/* a fresh one, and the same again */
	{ "", MILTER "relay_domains = " OUR "|relay_recipient_maps = |"
	  "relay_transport = lmtp:unix:holdfast/queued.sock|" REST, NULL, false, false },
	{ DONE, "", NULL, false, false },
	/* other milters stay, before ours */
	{ DONE "smtpd_milters = inet:localhost:8891 { unix:/x, a=b }\n",
	  "smtpd_milters = inet:localhost:8891, { unix:/x, a=b }, unix:holdfast/milter.sock", NULL, false, false },
	{ DONE "smtpd_milters = unix:holdfast/milter.sock, inet:localhost:8891\n",
	  "smtpd_milters = inet:localhost:8891, unix:holdfast/milter.sock", NULL, false, false },
	/* … and what is set for them */
	{ DONE "smtpd_milters = inet:localhost:8891\nmilter_default_action = accept\n",
	  "smtpd_milters = inet:localhost:8891, { unix:holdfast/milter.sock, default_action=tempfail, "
	  "protocol=6 }", "stay as they are", false, false },
	{ DONE "smtpd_milters = inet:localhost:8891, { unix:holdfast/milter.sock, default_action=tempfail, "
	  "protocol=6 }\nmilter_default_action = accept\n", "", "stay as they are", false, false },
	{ DONE "smtpd_milters = \nmilter_default_action = accept\nmilter_protocol = 2\n",
	  "milter_default_action = tempfail|milter_protocol = 6|smtpd_milters = unix:holdfast/milter.sock", NULL,
	  false, false },
	/* other relay domains keep their transport */
	{ DONE "relay_domains = other.test\n", "relay_domains = other.test, " OUR "|"
	  "transport_maps = " OURT, NULL, true, false },
	{ DONE "relay_domains = example.test\n", "relay_domains = example.test, " OUR, NULL, false, false },
	{ DONE "relay_transport = relay:[x]\n", "transport_maps = " OURT, NULL, true, false },
	{ DONE "transport_maps = hash:/etc/postfix/x\n", "transport_maps = " OURT ", hash:/etc/postfix/x", NULL,
	  true, false },
	{ DONE "transport_maps = " OURT ", hash:/etc/postfix/x\n", "", NULL, true, false },
	/* recipients */
	{ DONE "relay_recipient_maps = hash:/r\n", "relay_recipient_maps = hash:/r, " OURR, NULL, false, true },
	/* sizes */
	{ DONE "message_size_limit = 0\n", "", NULL, false, false },
	{ DONE "message_size_limit = 200000000\n", "", NULL, false, false },
	{ DONE "message_size_limit = 1000\nmailbox_size_limit = 51200000\nvirtual_mailbox_domains = v.test\n",
	  "message_size_limit = 104857600|mailbox_size_limit = 104857600|virtual_mailbox_limit = 104857600", NULL,
	  false, false },
	/* relaying: never open */
	{ DONE "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n", "", NULL, false, false },
	{ DONE "smtpd_relay_restrictions = \nsmtpd_recipient_restrictions = permit_mynetworks "
	  "reject_unauth_destination\n", "", NULL, false, false },
	{ DONE "smtpd_relay_restrictions = \n", "smtpd_relay_restrictions = permit_mynetworks, "
	  "permit_sasl_authenticated, reject_unauth_destination", NULL, false, false },
	{ DONE "smtpd_relay_restrictions = permit_mynetworks\n",
	  "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination", NULL, false, false },
	{ DONE "smtpd_relay_restrictions = permit\n", "", "open relay", false, false },
	{ DONE "smtpd_relay_restrictions = permit, reject_unauth_destination\n", "", "open relay", false, false },
	{ DONE "mynetworks = 127.0.0.0/8 0.0.0.0/0\n", "", "open relay", false, false },
	/* conflicts */
	{ DONE "mydestination = example.test\n", "", "mydestination", false, false },
	{ DONE "virtual_mailbox_domains = hash:/etc/postfix/x\n", "virtual_mailbox_limit = 104857600",
	  "virtual_mailbox_domains", false, false },
	{ DONE "virtual_alias_domains = EXAMPLE.test\n", "", "virtual_alias_domains", false, false },
	/* oddities are told */
	{ DONE "inet_interfaces = loopback-only\n", "", "no mail comes in from outside", false, false },
	{ DONE "lmtp_destination_concurrency_limit = 1\n", "", "handed over slowly", false, false },
	{ DONE "proxy_read_maps = x\n",
	  "proxy_read_maps = x, $relay_domains, $transport_maps, $relay_recipient_maps", NULL, false, false },
};

static bool
says(const struct words *w, const char *what)
{
	for (size_t i = 0; i < w->n; i++)
		if (strstr(w->v[i], what) != NULL)
			return true;
	return false;
}

/* Later lines of DONE… take precedence: the last of a name counts, as in main.cf. */
static char *
last_of_each(const char *text)
{
	struct buf b = BUF_INIT;

	for (const char *p = text; *p != '\0';) {
		size_t len = strcspn(p, "\n"), name = strcspn(p, " ");
		bool again = false;

		for (const char *q = p + len; (q = strchr(q, '\n')) != NULL && q[1] != '\0'; q++)
			again = again || (strncmp(q + 1, p, name) == 0 && q[1 + name] == ' ');
		if (!again)
			buf_printf(&b, "%.*s\n", (int)len, p);
		p += len + (p[len] == '\n');
	}
	return buf_take(&b);
}

static void
decide(const char *main, const char *types, const char *overrides, struct postfix_decision *d,
    struct plan *plan)
{
	struct postfix_wish w = { .milter = xstrdup("unix:holdfast/milter.sock"),
		.lmtp = xstrdup("lmtp:unix:holdfast/queued.sock"), .rules_db = xstrdup("/rules.db"),
		.size = 104857600 };
	char *own = last_of_each(main);
	struct postfix *p = postfix(own, types, overrides);

	words_add(&w.domains, "example.test");
	memset(plan, 0, sizeof(*plan));
	setup_postfix_decide(p, &w, lookup, NULL, d, plan);
	postfix_wish_clear(&w);
	postfix_free(&p);
	free(own);
}

static void
test_decisions(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct postfix_decision d;
		struct plan plan;
		char *set;

		decide(row[i].main, "btree hash sqlite texthash", "", &d, &plan);
		set = words_join(&d.set, "|");
		if (row[i].says == NULL && plan.problems.n > 0)
			fail_msg("row %zu: %s", i, plan.problems.v[0]);
		if (row[i].says != NULL && !says(&plan.problems, row[i].says) &&
		    !says(&plan.notes, row[i].says))
			fail_msg("row %zu does not say `%s'", i, row[i].says);
		if (strcmp(set, row[i].set) != 0)
			fail_msg("row %zu: %s\ninstead of: %s", i, set, row[i].set);
		assert_int_equal(d.transport, row[i].transport);
		assert_int_equal(d.recipients, row[i].recipients);
		free(set);
		words_clear(&d.set);
		plan_clear(&plan);
	}
}

/* A Postfix that cannot read SQLite gets lists instead. */
static void
test_without_sqlite(void **state)
{
	struct postfix_decision d;
	struct plan plan;

	(void)state;
	decide("", "btree hash texthash", "", &d, &plan);
	assert_false(d.sqlite);
	assert_true(says(&d.set, "relay_domains = texthash:/etc/postfix/holdfast-domains"));
	words_clear(&d.set);
	plan_clear(&plan);
	/* and one that no longer can loses the other table */
	decide(DONE, "btree hash texthash", "", &d, &plan);
	assert_true(says(&d.set, "relay_domains = texthash:/etc/postfix/holdfast-domains"));
	assert_false(says(&d.set, "sqlite"));
	words_clear(&d.set);
	plan_clear(&plan);
}

static void
test_master(void **state)
{
	struct postfix_decision d;
	struct plan plan;

	(void)state;
	decide(DONE, "sqlite", "smtp/inet/smtpd_milters = inet:x\nsubmission/inet/smtpd_milters = inet:y\n", &d,
	    &plan);
	assert_true(says(&plan.notes, "its own smtpd_milters (inet:x)"));
	assert_false(says(&plan.notes, "inet:y"));
	words_clear(&d.set);
	plan_clear(&plan);
}

static void
test_words(void **state)
{
	static const struct {
		const char	*text, *want;
	} w[] = { { "", "" }, { " a ,b\tc,, d", "a|b|c|d" }, { "{ a b, c } d", "{ a b, c }|d" },
		{ "a{b c}d e", "a{b c}d|e" }, { "{a {b c}} d", "{a {b c}}|d" }, { "{a b", "{a b" },
		{ "a} b", "a}|b" } };

	(void)state;
	for (size_t i = 0; i < COUNT(w); i++) {
		struct words list;
		char *got;

		words_split(&list, w[i].text);
		got = words_join(&list, "|");
		assert_string_equal(got, w[i].want);
		free(got);
		words_clear(&list);
	}
}

static void
test_names(void **state)
{
	static const struct {
		const char	*milter, *queue, *want;
	} s[] = { { "unix:/var/spool/postfix/holdfast/m.sock", "/var/spool/postfix", "unix:holdfast/m.sock" },
		{ "unix:/run/x/m.sock", "/var/spool/postfix", "unix:/run/x/m.sock" },
		{ "unix:/var/spool/postfix2/m.sock", "/var/spool/postfix", "unix:/var/spool/postfix2/m.sock" },
		{ "inet:99@127.0.0.1", "/q", "inet:127.0.0.1:99" },
		{ "inet:99@::1", "/q", "inet:[::1]:99" } };
	static const char *const milters[][2] = { { "unix:x", "unix:x" },
		{ "{ inet:h:1, default_action=accept }", "inet:h:1" }, { "{unix:y}", "unix:y" }, { "{}", "" } };

	(void)state;
	for (size_t i = 0; i < COUNT(s); i++) {
		struct endpoint e;
		const char *why;
		char *got;

		assert_int_equal(endpoint_parse_milter(s[i].milter, &e, &why), 0);
		got = setup_postfix_socket(&e, s[i].queue);
		assert_string_equal(got, s[i].want);
		free(got);
		endpoint_clear(&e);
	}
	for (size_t i = 0; i < COUNT(milters); i++) {
		char *got = postfix_milter_name(milters[i][0]);

		assert_string_equal(got, milters[i][1]);
		free(got);
	}
}

/* Subdomains of a relay domain are relayed, too; those of mydestination are not ours. */
static void
test_lists(void **state)
{
	struct postfix *p = postfix("relay_domains = example.test, hash:/etc/postfix/x\n", "hash", "");

	(void)state;
	assert_true(postfix_list_has(p, "relay_domains", "example.TEST", NULL, NULL));
	assert_true(postfix_list_has(p, "relay_domains", "a.example.test", NULL, NULL));
	assert_false(postfix_list_has(p, "relay_domains", "badexample.test", NULL, NULL));
	assert_false(postfix_list_has(p, "mydestination", "a.localhost", NULL, NULL));
	assert_true(postfix_list_has(p, "mydestination", "LOCALHOST", NULL, NULL));
	postfix_free(&p);
	p = postfix("relay_domains = hash:/etc/postfix/x\n", "hash", "");
	assert_true(postfix_list_has(p, "relay_domains", "example.test", lookup, NULL));
	assert_false(postfix_list_has(p, "relay_domains", "other.test", lookup, NULL));
	postfix_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words), cmocka_unit_test(test_names), cmocka_unit_test(test_lists),
		cmocka_unit_test(test_decisions), cmocka_unit_test(test_without_sqlite),
		cmocka_unit_test(test_master),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
