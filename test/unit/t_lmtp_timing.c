/*
 * t_lmtp_timing.c -- when a client of the LMTP server has had its time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "queued/lmtp_conn.h"

#define TIMEOUT	300000
#define SESSION	3600000

static const struct {
	struct lmtp_timing	 t;	/* started, progress, data_started, data_bytes, stuck */
	enum lmtp_wants		 wants;
	int64_t			 now;
	const char		*why;
} rows[] = {
	{ { 0, 0, 0, 0, 0 }, LMTP_WANTS_COMMAND, TIMEOUT - 1, NULL },
	{ { 0, 0, 0, 0, 0 }, LMTP_WANTS_COMMAND, TIMEOUT, "command timeout" },
	{ { 0, 3500000, 0, 0, 0 }, LMTP_WANTS_COMMAND, SESSION - 1, NULL },
	{ { 0, 3500000, 0, 0, 0 }, LMTP_WANTS_COMMAND, SESSION, "session timeout" },
	{ { 0, 3500000, 3500000, 1 << 20, 0 }, LMTP_WANTS_DATA, SESSION, "session timeout" },
	{ { 0, 0, 0, 100000000, 0 }, LMTP_WANTS_DATA, TIMEOUT, "data timeout" },
	/* the rate: 256 octets a second after a minute */
	{ { 0, 59000, 0, 1, 0 }, LMTP_WANTS_DATA, LMTP_RATE_GRACE_MS, NULL },
	{ { 0, 59000, 0, 1, 0 }, LMTP_WANTS_DATA, LMTP_RATE_GRACE_MS + 1, "data too slow" },
	{ { 0, 99000, 0, 25600, 0 }, LMTP_WANTS_DATA, 100000, NULL },
	{ { 0, 99000, 0, 25599, 0 }, LMTP_WANTS_DATA, 100000, "data too slow" },
	/* our own slowness is nobody's fault */
	{ { 0, 0, 0, 0, 0 }, LMTP_WANTS_STORE, 10 * SESSION, NULL },
	/* who does not read his replies */
	{ { 0, 400000, 0, 0, 400000 }, LMTP_WANTS_COMMAND, 699999, NULL },
	{ { 0, 400000, 0, 0, 400000 }, LMTP_WANTS_COMMAND, 700000, "client does not read" },
	{ { 0, 400000, 0, 0, 400000 }, LMTP_WANTS_STORE, 700000, "client does not read" },
	/* after our last words */
	{ { 0, 0, 0, 0, 0 }, LMTP_WANTS_CUT, LMTP_LINGER_MS - 1, NULL },
	{ { 0, 0, 0, 0, 0 }, LMTP_WANTS_CUT, LMTP_LINGER_MS, "" },
};

static void
test_rows(void **state)
{
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why = lmtp_overdue(&rows[i].t, rows[i].wants, TIMEOUT, SESSION, rows[i].now);
		if ((why == NULL) != (rows[i].why == NULL) ||
		    (why != NULL && strcmp(why, rows[i].why) != 0))
			fail_msg("row %zu: %s", i, why != NULL ? why : "(in time)");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
