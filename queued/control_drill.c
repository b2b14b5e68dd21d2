/*
 * control_drill.c -- the commands of `holdfast drill': its announcement, and what
 * became of a message that has left.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>
#include <sysexits.h>

#include "common/log.h"
#include "queued/control_request.h"
#include "queued/drill.h"

/* NULL: answered with a failure already. */
static const char *
token_of(struct request *r)
{
	const char *token = json_string_value(json_object_get(r->args, "token"));

	if (token == NULL)
		request_fail(r, EX_USAGE, "token is missing");
	return token;
}

void
control_drill_begin(struct request *r)
{
	const json_t *seconds = json_object_get(r->args, "seconds");
	json_int_t n = json_integer_value(seconds);
	const char *token = token_of(r), *why;

	if (token == NULL)
		return;
	if (!drills_announce(r->view->drills, token,
	    n > 0 && n <= DRILL_SECONDS_MAX ? (unsigned)n : 0, &why)) {
		request_fail(r, EX_DATAERR, "%s", why);
		return;
	}
	log_info("control: drill.begin by %s for %u s", r->who, (unsigned)n);
	request_done(r, NULL);
}

void
control_drill_show(struct request *r)
{
	const char *token = token_of(r);
	struct drill_info info;

	if (token == NULL)
		return;
	if (!drills_info(r->view->drills, token, &info)) {
		request_fail(r, EX_DATAERR, "no such drill; its time may be over");
		return;
	}
	request_line(r, json_pack("{s:s,s:s,s:I,s:I}",
	    "state", info.state == DRILL_STORED ? "stored" : "announced",
	    "queue_id", info.queue_id, "announced_ms", (json_int_t)info.announced,
	    "stored_ms", (json_int_t)info.stored));
	request_done(r, NULL);
}

void
control_drill_end(struct request *r)
{
	const char *token = token_of(r);

	if (token == NULL)
		return;
	if (drills_end(r->view->drills, token))
		request_done(r, NULL);
	else
		request_fail(r, EX_DATAERR, "no such drill; its time may be over");
}

/* --- ledger.show --------------------------------------------------------- */

static void
got_ledger(void *arg, enum store_result result, const struct store_ledger *v, size_t n)
{
	struct request *r = arg;

	if (result != STORE_OK) {
		request_store_fault(r, result, NULL);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		json_t *line = json_pack("{s:s,s:I,s:s}", "queue_id", v[i].queue_id,
		    "ended", (json_int_t)v[i].ended, "disposition", v[i].disposition);

		json_object_set_new(line, "sender", request_text(v[i].sender));
		json_object_set_new(line, "recipient", request_text(v[i].recipient));
		json_object_set_new(line, "relay", request_text(v[i].relay));
		json_object_set_new(line, "reply", request_text(v[i].reply));
		json_object_set_new(line, "who", request_text(v[i].who));
		request_line(r, line);
	}
	request_done(r, NULL);
}

void
control_ledger_show(struct request *r)
{
	const char *id = json_string_value(json_object_get(r->args, "id"));
	int64_t message_id = id != NULL ? queue_id_parse(id) : 0;

	if (message_id == 0)
		request_fail(r, EX_DATAERR, "which message? give \"id\"");
	else
		store_ledger(r->view->store, message_id, got_ledger, r);
}
