/*
 * store_note.c -- the store's interface to what is remembered beside mail.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/buf.h"
#include "queued/store_intake.h"
#include "queued/store_request.h"

#define OUTAGES_MAX	10000	/* rows of one answer */

/* --- destinations -------------------------------------------------------- */
void
store_put_destination(struct store *s, const struct store_destination *d)
{
	struct request *r = request_new(REQ_PUT_DESTINATION, NULL);

	r->u.put_destination = *d;
	r->u.put_destination.destination = xstrdup(d->destination);
	r->u.put_destination.reason = xstrdup(d->reason);
	store_submit(s, r);
}

void
store_destinations(struct store *s, store_destinations_cb *cb, void *arg)
{
	struct request *r = request_new(REQ_DESTINATIONS, arg);

	r->u.destinations.cb = cb;
	store_submit(s, r);
}

/* --- outages ------------------------------------------------------------- */
void
store_put_outage(struct store *s, const struct store_outage *o)
{
	struct request *r = request_new(REQ_PUT_OUTAGE, NULL);

	r->u.put_outage = *o;
	r->u.put_outage.destination = xstrdup(o->destination);
	r->u.put_outage.reason = xstrdup(o->reason);
	store_submit(s, r);
}

void
store_outages(struct store *s, const char *destination, size_t max, store_outages_cb *cb,
    void *arg)
{
	struct request *r = request_new(REQ_OUTAGES, arg);

	r->u.outages.destination = xstrdup(destination);
	r->u.outages.max = max < OUTAGES_MAX ? max : OUTAGES_MAX;
	r->u.outages.cb = cb;
	store_submit(s, r);
}

/* --- notes --------------------------------------------------------------- */
void
store_put_note(struct store *s, const char *name, const char *value)
{
	struct request *r = request_new(REQ_PUT_NOTE, NULL);

	r->u.note.name = xstrdup(name);
	r->u.note.value = xstrdup(value);
	store_submit(s, r);
}

void
store_note(struct store *s, const char *name, store_note_cb *cb, void *arg)
{
	struct request *r = request_new(REQ_NOTE, arg);

	r->u.note.name = xstrdup(name);
	r->u.note.cb = cb;
	store_submit(s, r);
}

/* --- the ledger ---------------------------------------------------------- */
void
store_ledger(struct store *s, int64_t message_id, store_ledger_cb *cb, void *arg)
{
	struct request *r = request_new(REQ_LEDGER, arg);

	r->u.ledger.id = message_id;
	r->u.ledger.cb = cb;
	store_submit(s, r);
}
