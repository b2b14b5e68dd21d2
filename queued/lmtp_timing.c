/*
 * lmtp_timing.c -- when a client has had its time.
 *
 * A pure function of the clock and what happened when. The command timeout
 * runs from the last whole command, so that a command that trickles in does
 * not extend it; the data timeout from the last octets, with a minimum rate
 * beside it. While we are the slow ones (LMTP_WANTS_STORE) nothing runs out.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/lmtp_conn.h"

static bool
too_slow(const struct lmtp_timing *t, int64_t now)
{
	int64_t ms = now - t->data_started;

	return ms > LMTP_RATE_GRACE_MS && t->data_bytes * 1000 / (uint64_t)ms < LMTP_RATE_MIN;
}

const char *
lmtp_overdue(const struct lmtp_timing *t, enum lmtp_wants wants, int64_t timeout_ms,
    int64_t session_ms, int64_t now)
{
	if (t->stuck != 0 && now - t->stuck >= timeout_ms)
		return "client does not read";
	switch (wants) {
	case LMTP_WANTS_STORE:
		return NULL;
	case LMTP_WANTS_DATA:
		if (now - t->progress >= timeout_ms)
			return "data timeout";
		if (too_slow(t, now))
			return "data too slow";
		break;
	case LMTP_WANTS_COMMAND:
		if (now - t->progress >= timeout_ms)
			return "command timeout";
		break;
	case LMTP_WANTS_CLOSE:
	case LMTP_WANTS_CUT:
		return now - t->progress >= LMTP_LINGER_MS ? "" : NULL;
	}
	return now - t->started >= session_ms ? "session timeout" : NULL;
}
