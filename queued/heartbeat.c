/*
 * heartbeat.c -- tells the service manager that holdfast-queued works, and what it is doing.
 *
 * A beat is a question to the store (its totals) and back: "WATCHDOG=1" is said
 * when the answer arrives. So it vouches for all that an acknowledged message needs, the
 * loop and the store's thread and the disk behind it, and for no more. While
 * one question waits no other is asked.
 *
 * What a missed beat means
 *   The loop hangs, or the store's thread does: a bug. The manager kills us and
 *   starts us anew; a kill at any point loses nothing that was acknowledged (P1).
 *   The disk hangs (an fsync that does not come back). Then nobody gets a 250 either, and
 *   clients wait for one in vain. The kill takes effect when the call returns, so a disk that
 *   comes back costs a restart; one that stays away shows as a failed unit instead of
 *   a service that looks well.
 * A store that is full or has had an I/O error answers: it deals with that by itself
 * (store_work.c), and a restart would mend nothing.
 *
 * The manager's patience (WatchdogSec=) must therefore be longer than the slowest
 * commit of a disk that works.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/heartbeat.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/log.h"

#define BEAT_MS		10000	/* how often at most; the line of status is as old */
#define BEATS		4	/* in the manager's patience, at least */
#define SILENT_MS	15000	/* a store that does not answer for so long is worth a line */

struct heartbeat {
	struct store	*store;
	struct event	*timer;
	void		(*count)(void *, struct deliver_counts *);
	void		*arg;
	int64_t		 asked;		/* monotonic ms; 0: no question waits */
	bool		 silent;	/* that was told */
	bool		 stopping;
};

void
heartbeat_line(char *line, size_t size, const struct store_totals *t,
    const struct deliver_counts *p, const char *store_state)
{
	struct buf b = BUF_INIT;
	unsigned away = p->down + p->held;

	if (strcmp(store_state, "ok") != 0)
		buf_printf(&b, "store: %s; ", store_state);
	if (t->messages == 0)
		buf_puts(&b, "no mail held");
	else
		buf_printf(&b, "%" PRIu64 " message%s held", t->messages,
		    t->messages == 1 ? "" : "s");
	if (t->quarantined != 0)
		buf_printf(&b, " (%" PRIu64 " recipient%s in quarantine)", t->quarantined,
		    t->quarantined == 1 ? "" : "s");
	if (p->all == 0)
		buf_puts(&b, ", no primaries yet");
	else if (away == 0)
		buf_printf(&b, ", %u primar%s up", p->all, p->all == 1 ? "y" : "ies");
	else
		buf_printf(&b, ", %u of %u primar%s down", away, p->all, p->all == 1 ? "y" : "ies");
	(void)snprintf(line, size, "%s", buf_str(&b));
	buf_free(&b);
}

static void
tell(const struct heartbeat *h, const struct store_totals *t)
{
	struct deliver_counts primaries;
	char line[256];

	h->count(h->arg, &primaries);
	heartbeat_line(line, sizeof(line), t, &primaries, store_state(h->store));
	daemon_status("%s%s", h->stopping ? "stopping; " : "", line);
}

static void
answered(void *arg, enum store_result result, const struct store_totals *t)
{
	static const struct store_totals unknown = { 0, 0, 0, 0, 0 };
	struct heartbeat *h = arg;

	daemon_notify("WATCHDOG=1");
	if (h->silent)
		log_info("store: answers again, after %lld s",
		    (long long)(clock_mono_ms() - h->asked) / 1000);
	h->asked = 0;
	h->silent = false;
	if (result == STORE_OK)
		tell(h, t);
	else
		tell(h, &unknown);
}

static void
beat(evutil_socket_t fd, short what, void *arg)
{
	struct heartbeat *h = arg;
	int64_t now = clock_mono_ms();

	(void)fd;
	(void)what;
	if (h->asked == 0) {
		h->asked = now;
		store_totals(h->store, answered, h);
	} else if (now - h->asked >= SILENT_MS) {
		if (!h->silent)
			log_error("store: no answer for %lld s: is the disk hung?",
			    (long long)(now - h->asked) / 1000);
		h->silent = true;
		daemon_status("the store has not answered for %lld s: is the disk hung?",
		    (long long)(now - h->asked) / 1000);
	}
}

struct heartbeat *
heartbeat_new(struct event_base *base, struct store *store,
    void (*count)(void *, struct deliver_counts *), void *arg)
{
	int64_t patience = daemon_watchdog_ms();
	int64_t ms = patience != 0 && patience / BEATS < BEAT_MS ? patience / BEATS + 1 : BEAT_MS;
	struct timeval interval = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };
	struct heartbeat *h;

	if (!daemon_is_supervised())
		return NULL;
	h = xcalloc(1, sizeof(*h));
	h->store = store;
	h->count = count;
	h->arg = arg;
	h->timer = event_new(base, -1, EV_PERSIST, beat, h);
	if (h->timer == NULL || event_add(h->timer, &interval) == -1)
		log_fatal("no timer for the heartbeat");
	beat(-1, 0, h);
	return h;
}

void
heartbeat_stopping(struct heartbeat *h)
{
	if (h != NULL)
		h->stopping = true;
}

void
heartbeat_free(struct heartbeat **hp)
{
	struct heartbeat *h = *hp;

	if (h == NULL)
		return;
	store_forget(h->store, h);
	event_free(h->timer);
	free(h);
	*hp = NULL;
}
