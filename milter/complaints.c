/*
 * complaints.c -- says once in a while what is amiss for every message.
 *
 * A rule whose pattern takes too long or a scanner that is down would write a line a message, just
 * when there are most of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/complaints.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"

struct complaint {
	char	*what;
	int64_t	 said;			/* clock_mono_ms() */
};

struct complaints {
	pthread_mutex_t	 lock;
	struct complaint all[COMPLAINTS_MAX];
	size_t		 n;
};

struct complaints *
complaints_new(void)
{
	struct complaints *c = xcalloc(1, sizeof(*c));

	(void)pthread_mutex_init(&c->lock, NULL);
	return c;
}

void
complaints_free(struct complaints **cp)
{
	struct complaints *c = *cp;

	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++)
		free(c->all[i].what);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
	*cp = NULL;
}

/* Under the lock. A new one was never said. */
static struct complaint *
find_or_make(struct complaints *c, const char *what, int64_t never)
{
	struct complaint *oldest = &c->all[0];

	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->all[i].what, what) == 0)
			return &c->all[i];
		if (c->all[i].said < oldest->said)
			oldest = &c->all[i];
	}
	if (c->n < COMPLAINTS_MAX)
		oldest = &c->all[c->n++];
	free(oldest->what);
	*oldest = (struct complaint){ xstrdup(what), never };
	return oldest;
}

bool
complaints_due(struct complaints *c, const char *what)
{
	int64_t now = clock_mono_ms(), every = (int64_t)COMPLAINTS_EVERY * 1000;
	struct complaint *e;
	bool due;

	(void)pthread_mutex_lock(&c->lock);
	e = find_or_make(c, what, now - every);
	due = now - e->said >= every;
	if (due)
		e->said = now;
	(void)pthread_mutex_unlock(&c->lock);
	return due;
}
