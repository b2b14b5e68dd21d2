/*
 * deliver_suspect.c -- messages that break connections.
 *
 * A connection that breaks before the final dot says nothing about its
 * message: usually the primary went away. But some message may be what
 * kills the primary's process, and as the oldest it would come first each time and
 * block all others. So breaks are counted for the last few messages that saw
 * one; at the third in a row the message is deferred like any other.
 *
 * Memory is a fixed ring; forgetting one early only costs a few more tries.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/deliver_private.h"

static struct deliver_suspect *
find(struct deliver *d, int64_t id)
{
	for (size_t i = 0; i < DELIVER_SUSPECTS; i++)
		if (d->suspect[i].broken > 0 && d->suspect[i].message_id == id)
			return &d->suspect[i];
	return NULL;
}

bool
deliver_suspect_broke(struct deliver *d, int64_t id)
{
	struct deliver_suspect *s = find(d, id);

	if (s == NULL) {
		s = &d->suspect[d->next_suspect];
		d->next_suspect = (d->next_suspect + 1) % DELIVER_SUSPECTS;
		if (s->broken == 0)
			d->nsuspects++;
		s->message_id = id;
		s->broken = 0;
	}
	if (++s->broken < DELIVER_SUSPECT_MAX)
		return false;
	s->broken = 0;
	d->nsuspects--;
	return true;
}

void
deliver_suspect_clear(struct deliver *d, int64_t id)
{
	struct deliver_suspect *s = d->nsuspects > 0 ? find(d, id) : NULL;

	if (s == NULL)
		return;
	s->broken = 0;
	d->nsuspects--;
}
