/*
 * store_operator.c -- the store's interface for those who look at the queue and change it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/buf.h"
#include "common/clock.h"
#include "queued/store_intake.h"
#include "queued/store_request.h"

#define LIST_MAX	1000	/* messages of a page */

static void
filter_copy(struct store *s, struct store_filter *to, const struct store_filter *from)
{
	int64_t lag = store_lag(s);

	to->queue_id = xstrdup(from->queue_id);
	to->domain = xstrdup(from->domain);
	to->sender = xstrdup(from->sender);
	to->recipient = xstrdup(from->recipient);
	to->older = from->older != 0 ? from->older - lag : 0;
	to->newer = from->newer != 0 ? from->newer - lag : 0;
	to->state = from->state;
}

void
store_totals(struct store *s, store_totals_cb *cb, void *arg)
{
	struct request *r = request_new(REQ_TOTALS, arg);

	r->u.totals.cb = cb;
	store_submit(s, r);
}

void
store_list(struct store *s, const struct store_filter *filter, int64_t after, size_t max,
    store_list_cb *cb, void *arg)
{
	struct request *r = request_new(REQ_LIST, arg);

	filter_copy(s, &r->u.list.l.filter, filter);
	r->u.list.l.after = after;
	r->u.list.l.max = max < LIST_MAX ? max : LIST_MAX;
	r->u.list.cb = cb;
	store_submit(s, r);
}

void
store_change(struct store *s, enum store_change what, const struct store_filter *filter,
    const char *who, store_change_cb *cb, void *arg)
{
	struct request *r = request_new(REQ_CHANGE, arg);

	r->u.change.c.what = what;
	filter_copy(s, &r->u.change.c.filter, filter);
	r->u.change.c.who = xstrdup(who);
	r->u.change.c.now = clock_wall() - store_lag(s);
	r->u.change.cb = cb;
	store_submit(s, r);
}

/* --- the quarantine ------------------------------------------------------ */
void
store_expire(struct store *s, const char *domain, int64_t before, const char *who,
    store_change_cb *cb, void *arg)
{
	const struct store_filter old = { .domain = domain, .state = RCPT_QUARANTINED,
		.older = before };

	store_change(s, CHANGE_EXPIRE, &old, who, cb, arg);
}

void
store_quarantine_summary(struct store *s, store_quarantine_cb *cb, void *arg)
{
	struct request *r = request_new(REQ_QUARANTINE, arg);

	r->u.quarantine.cb = cb;
	store_submit(s, r);
}
