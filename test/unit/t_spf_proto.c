/*
 * t_spf_proto.c -- the messages between the milter and the SPF process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <string.h>

#include "milter/spf_proto.h"

static void
test_query(void **state)
{
	static const struct {
		const char	*client;
		int		 rc;
		bool		 ipv6;
		uint8_t		 first, last;	/* of the address */
	} table[] = {
		{ "192.0.2.1", 0, false, 192, 1 },
		{ "2001:db8::5", 0, true, 0x20, 5 },
		{ "::ffff:192.0.2.1", 0, false, 192, 1 },
		{ "::192.0.2.1", 0, true, 0, 1 },
		{ "", -1, false, 0, 0 },
		{ "192.0.2", -1, false, 0, 0 },
		{ "IPv6:2001:db8::5", -1, false, 0, 0 },
		{ "fe80::1%eth0", -1, false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct spf_query q = { table[i].client, "h.test", "a@d.test" };
		struct spf_message m, back;
		uint8_t packet[SPF_PROTO_MAX];
		size_t len;

		assert_int_equal(table[i].rc, spf_proto_query(&m, 77, -5, &q));
		if (table[i].rc == -1)
			continue;
		len = spf_proto_write(&m, packet);
		assert_int_equal(0, spf_proto_read(packet, len, &back));
		assert_int_equal(SPF_MESSAGE_QUERY, back.type);
		assert_int_equal(77, back.id);
		assert_int_equal(-5, back.deadline);
		assert_int_equal(table[i].ipv6, back.ipv6);
		assert_int_equal(table[i].first, back.client[0]);
		assert_int_equal(table[i].last, back.client[table[i].ipv6 ? 15 : 3]);
		assert_true(back.has_sender);
		assert_string_equal("h.test", back.helo);
		assert_string_equal("a@d.test", back.sender);
	}
}

static void
test_query_texts(void **state)
{
	char longest[SPF_TEXT_MAX + 2];
	struct spf_query q = { "192.0.2.1", longest, longest };
	struct spf_message m, back;
	uint8_t packet[SPF_PROTO_MAX];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[SPF_TEXT_MAX + 1] = '\0';
	assert_int_equal(0, spf_proto_query(&m, 1, 2, &q));
	assert_string_equal("", m.helo);	/* not cut: that would be another name */
	assert_string_equal("", m.sender);
	longest[SPF_TEXT_MAX] = '\0';
	assert_int_equal(0, spf_proto_query(&m, 1, 2, &q));
	assert_int_equal(0, spf_proto_read(packet, spf_proto_write(&m, packet), &back));
	assert_string_equal(longest, back.sender);
	/* The null sender is HELO's identity. */
	q.sender = "";
	assert_int_equal(0, spf_proto_query(&m, 1, 2, &q));
	assert_false(m.has_sender);
	q.sender = NULL;
	assert_int_equal(0, spf_proto_query(&m, 1, 2, &q));
	assert_false(m.has_sender);
}

static void
test_answer(void **state)
{
	struct spf_message m = { .type = SPF_MESSAGE_ANSWER, .id = UINT64_MAX,
	    .answer = { .result = SPF_PERMERROR, .terms = 10, .queries = 110, .domain = "d.test", .why = "so" } };
	struct spf_message back;
	uint8_t packet[SPF_PROTO_MAX];
	size_t len = spf_proto_write(&m, packet);

	(void)state;
	assert_int_equal(0, spf_proto_read(packet, len, &back));
	assert_true(back.id == UINT64_MAX);
	assert_int_equal(SPF_PERMERROR, back.answer.result);
	assert_int_equal(10, back.answer.terms);
	assert_int_equal(110, back.answer.queries);
	assert_string_equal("d.test", back.answer.domain);
	assert_string_equal("so", back.answer.why);
	/* every cut, and one octet too many */
	for (size_t i = 0; i < len; i++)
		assert_int_equal(-1, spf_proto_read(packet, i, &back));
	packet[len] = 0;
	assert_int_equal(-1, spf_proto_read(packet, len + 1, &back));
}

static void
test_death(void **state)
{
	struct spf_message m = { .type = SPF_MESSAGE_DEATH, .status = 9 }, back;
	uint8_t packet[SPF_PROTO_MAX];

	(void)state;
	assert_int_equal(0, spf_proto_read(packet, spf_proto_write(&m, packet), &back));
	assert_int_equal(SPF_MESSAGE_DEATH, back.type);
	assert_int_equal(9, back.status);
}

/* What somebody who has taken the child over might try. */
static void
test_bad_answers(void **state)
{
	struct spf_message m = { .type = SPF_MESSAGE_ANSWER, .id = 1,
	    .answer = { .result = SPF_PASS, .domain = "d.test", .why = "" } }, back;
	uint8_t good[SPF_PROTO_MAX], packet[SPF_PROTO_MAX];
	size_t len = spf_proto_write(&m, good);
	static const struct {
		size_t	at;
		uint8_t	value;
	} table[] = {
		{ 0, 0 },		/* magic */
		{ 4, 3 },		/* type */
		{ 13, SPF_NRESULTS },
		{ 18, 0xff },		/* the domain's length */
		{ 19, 7 },
		{ 19, 5 },
		{ 20, '\0' },		/* in it */
		{ 20, '\n' },
		{ 20, 0x80 },
		{ 20, 0x7f },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		memcpy(packet, good, len);
		assert_int_equal(0, spf_proto_read(packet, len, &back));
		packet[table[i].at] = table[i].value;
		if (spf_proto_read(packet, len, &back) != -1)
			fail_msg("octet %zu as %u is taken", table[i].at, table[i].value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_query_texts),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_bad_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
