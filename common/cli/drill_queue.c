/*
 * drill_queue.c -- the drill's message in the queue, watched through the control socket.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "common/cli/access.h"
#include "common/cli/cli.h"
#include "common/cli/drill.h"
#include "common/cli/out.h"
#include "common/clock.h"
#include "common/control.h"

#define STORED_SECONDS	45	/* the MTA may have kept it and bring it later */
#define DOWN_SECONDS	8	/* a primary that is known to be down gets so long */
#define POLL_MS		50

/* --- asking -------------------------------------------------------------- */

struct answer {
	json_t	*line;		/* the last one; NULL: none */
	size_t	 n;
};

static void
on_line(void *arg, json_t *line)
{
	struct answer *a = arg;

	json_decref(a->line);
	a->line = json_incref(line);
	a->n++;
}

/* One request, no matter how it ends. false: no answer, or a refusal. */
static bool
ask(const struct drill *d, const char *cmd, const char *key, const char *value, struct answer *a,
    char **why)
{
	json_t *last = control_call(
	    d->control, json_pack("{s:s,s:s}", "cmd", cmd, key, value), on_line, NULL, a, why);
	bool ok = json_is_true(json_object_get(last, "ok"));

	if (last != NULL && !ok)
		*why = xstrdup(out_str(last, "error"));
	json_decref(last);
	return ok;
}

static void
nap(void)
{
	const struct timespec ts = { 0, POLL_MS * 1000000L };

	(void)nanosleep(&ts, NULL);
}

/* --- the steps ----------------------------------------------------------- */

bool
drill_announce(struct drill *d)
{
	unsigned seconds = d->hold + d->timeout + STORED_SECONDS + 60;
	json_t *q = json_pack("{s:s,s:s,s:i}", "cmd", "drill.begin", "token", d->token, "seconds",
	    (int)(seconds < 900 ? seconds : 900));
	char *why = NULL;
	json_t *last = control_call(d->control, q, NULL, NULL, NULL, &why);

	d->announced = json_is_true(json_object_get(last, "ok"));
	if (!d->announced)
		drill_tell(d, "announce", false, -1,
		    "systemctl restart holdfast-queued, if it is older than this "
		    "command",
		    "holdfast-queued: %s", why != NULL ? why : out_str(last, "error"));
	json_decref(last);
	free(why);
	return d->announced;
}

static bool
look_stored(struct drill *d, char **why)
{
	struct answer a = { NULL, 0 };
	bool stored = false;

	if (ask(d, "drill.show", "token", d->token, &a, why) && a.line != NULL &&
	    strcmp(out_str(a.line, "state"), "stored") == 0) {
		d->queue_id = xstrdup(out_str(a.line, "queue_id"));
		d->stored = out_int(a.line, "stored_ms");
		stored = true;
	}
	json_decref(a.line);
	return stored;
}

bool
drill_wait_stored(struct drill *d)
{
	int64_t end = clock_mono_ms() + STORED_SECONDS * 1000;
	char *why = NULL;

	while (
	    !look_stored(d, &why) && why == NULL && clock_mono_ms() < end && !drill_interrupted())
		nap();
	if (d->queue_id != NULL)
		drill_tell(d, "durable", true, (double)(d->stored - d->begun) / 1000, NULL,
		    "in the queue as %s, on disk", d->queue_id);
	else if (why != NULL)
		drill_tell(d, "durable", false, -1, "journalctl -t holdfast/queued",
		    "holdfast-queued: %s", why);
	else
		drill_tell(d, "durable", false, -1,
		    "mailq; holdfast doctor milters milter-socket transport",
		    "the MTA said 250 (%s), but nothing came to Holdfast in %d s: it was not "
		    "asked, or the MTA keeps "
		    "the message or has sent it elsewhere",
		    d->mta_said, STORED_SECONDS);
	free(why);
	return d->queue_id != NULL;
}

/* The message in the queue as it is now; NULL: it is not there (or *why). */
static json_t *
show(const struct drill *d, char **why)
{
	struct answer a = { NULL, 0 };

	if (!ask(d, "queue.show", "id", d->queue_id, &a, why)) {
		json_decref(a.line);
		return NULL;
	}
	return a.line;
}

bool
drill_watch_held(struct drill *d)
{
	int64_t end = clock_mono_ms() + (int64_t)d->hold * 1000;
	char *why = NULL, *state = NULL;
	bool held = true;

	do {
		json_t *m = show(d, &why);

		free(state);
		state = xstrdup(m != NULL ? out_str(m, "state") : "gone");
		held = strcmp(state, "held") == 0;
		if (held && d->trace == NULL)
			d->trace = xstrdup(out_str(m, "trace"));
		json_decref(m);
		if (held)
			nap();
	} while (held && clock_mono_ms() < end && !drill_interrupted());
	if (held && !drill_interrupted())
		drill_tell(d, "held", true, -1, NULL,
		    "for %u s, as if the primary were down; nothing left", d->hold);
	else if (!drill_interrupted())
		drill_tell(d, "held", false, -1, "journalctl -t holdfast/queued",
		    "it should be held, but is %s%s%s", state, why != NULL ? ": " : "",
		    why != NULL ? why : "");
	free(state);
	free(why);
	return held && !drill_interrupted();
}

bool
drill_release(struct drill *d)
{
	struct answer a = { NULL, 0 };
	char *why = NULL;
	bool ok = ask(d, "queue.release", "id", d->queue_id, &a, &why);

	d->released = clock_wall_ms();
	if (!ok)
		drill_tell(d, "released", false, -1, "holdfast queue show", "%s",
		    why != NULL ? why : "refused");
	json_decref(a.line);
	free(why);
	return ok;
}

/* --- the end ------------------------------------------------------------- */

/* How the domain's destination is: "up", "down", … Caller frees. */
static char *
primary_state(const struct drill *d, char **reason)
{
	struct answer a = { NULL, 0 };
	char *why = NULL, *state;

	(void)ask(d, "primary.list", "destination", d->domain, &a, &why);
	state = xstrdup(a.line != NULL ? out_str(a.line, "state") : "");
	free(*reason);
	*reason = xstrdup(a.line != NULL ? out_str(a.line, "reason") : "");
	json_decref(a.line);
	free(why);
	return state;
}

/* Has it left, and how? */
static bool
look_ledger(struct drill *d, enum drill_end *end)
{
	struct answer a = { NULL, 0 };
	char *why = NULL;
	bool left = ask(d, "ledger.show", "id", d->queue_id, &a, &why) && a.line != NULL;

	if (left && strcmp(out_str(a.line, "disposition"), "delivered") == 0) {
		d->delivered = clock_wall_ms();
		*end = DRILL_DELIVERED;
		drill_tell(d, "delivered", true, (double)(d->delivered - d->released) / 1000, NULL,
		    "to %s after its release: %s", out_str(a.line, "relay"),
		    out_str(a.line, "reply"));
	} else if (left) {
		*end = DRILL_FAILED;
		drill_tell(d, "delivered", false, -1, "holdfast queue list", "it was %s: %s",
		    out_str(a.line, "disposition"), out_str(a.line, "reply"));
	}
	json_decref(a.line);
	free(why);
	return left;
}

/* Why it is still here. */
static enum drill_end
tell_waiting(const struct drill *d, const char *state, const char *reason)
{
	char *why = NULL, *fix = xasprintf("holdfast primary show %s", d->domain);
	bool down = strcmp(state, "down") == 0 || strcmp(state, "probing") == 0;
	json_t *m = show(d, &why), *rcpt = json_array_get(json_object_get(m, "recipients"), 0);
	const char *said = rcpt != NULL ? out_str(rcpt, "reason") : "";

	if (strncmp(said, "drill:", 6) == 0)
		said = "";	/* its own, from before */
	if (down)
		drill_tell(d, "delivered", false, -1, fix,
		    "the primary is down (%s): the backup takes and keeps mail, "
		    "and will deliver it when the primary is back",
		    reason);
	else
		drill_tell(d, "delivered", false, -1, fix,
		    "the primary has not taken it in %u s, its state is %s%s%s", d->timeout, state,
		    said[0] != '\0' ? ": " : "", said);
	json_decref(m);
	free(why);
	free(fix);
	return down ? DRILL_PRIMARY_DOWN : DRILL_FAILED;
}

enum drill_end
drill_wait_delivered(struct drill *d)
{
	int64_t start = clock_mono_ms(), end = start + (int64_t)d->timeout * 1000, look = start;
	enum drill_end result = DRILL_FAILED;
	char *state = NULL, *reason = NULL;

	for (;;) {
		int64_t now = clock_mono_ms();

		if (look_ledger(d, &result))
			break;
		if (drill_interrupted())
			break;
		if (now >= look) {
			free(state);
			state = primary_state(d, &reason);
			look = now + 1000;
			if ((strcmp(state, "down") == 0 || strcmp(state, "probing") == 0) &&
			    end > start + DOWN_SECONDS * 1000)
				end = start + DOWN_SECONDS * 1000;
		}
		if (now >= end) {
			result = tell_waiting(d, state, reason);
			break;
		}
		nap();
	}
	free(state);
	free(reason);
	return result;
}

void
drill_clean_up(struct drill *d, bool delete)
{
	struct answer a = { NULL, 0 };
	char *why = NULL;
	json_t *left;

	if (d->announced)
		(void)ask(d, "drill.end", "token", d->token, &a, &why);
	free(why);
	why = NULL;
	if (delete && d->queue_id != NULL) {
		(void)ask(d, "queue.delete", "id", d->queue_id, &a, &why);
		free(why);
		why = NULL;
		if ((left = show(d, &why)) != NULL)
			cli_note("the test message is still in the queue: holdfast queue delete %s",
			    d->queue_id);
		json_decref(left);
	}
	json_decref(a.line);
	free(why);
}
