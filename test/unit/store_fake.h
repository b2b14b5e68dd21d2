/*
 * store_fake.h -- the intake half of store.h in memory, for tests of the LMTP
 * server: it answers when the test wants, and what the test wants.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_STORE_FAKE_H
#define HOLDFAST_TEST_STORE_FAKE_H

#include "common/buf.h"
#include "queued/store.h"

struct fake_commit {
	struct store_intake	*intake;
	store_intake_cb		*cb;	/* NULL: forgotten */
	void			*arg;
	struct fake_commit	*next;
};

struct store {
	struct event_base	*base;
	struct event		*answer;
	/* how to behave */
	enum store_result	 result;
	bool			 hold;		/* no answers until fake_release() */
	bool			 full;		/* store_has_room() says no */
	size_t			 pause_at;	/* 0, or: octets of a message after which a pause is asked */
	/* what was seen */
	struct buf		 last;		/* the last committed message */
	size_t			 last_nrcpt;
	unsigned		 open;		/* intakes begun and not ended */
	unsigned		 committed, aborted, forgotten;
	uint64_t		 bytes;
	/* waiting */
	struct fake_commit	*first, **tail;
	void			(*resume)(void *);
	void			*resume_arg;
};

struct store	*fake_open(struct event_base *);
void		 fake_close(struct store **);
void		 fake_release(struct store *);	/* answer, and from now on at once; end a pause */

#endif
