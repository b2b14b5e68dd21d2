/*
 * drill.c -- test messages that are announced beforehand and held when they come.
 *
 *     announced --the message is durable--> stored --drills_end()--> gone
 *         \------------- time is over ---------/-- over(): what is still held is deleted --> gone
 *
 * The token is a secret of whoever may use the control socket: nobody else can make
 * a message that is held. An announcement is used once. When queued restarts they are
 * forgotten; a message that was held stays held, and its reason says what it is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/drill.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/envelope.h"
#include "common/log.h"

#define DRILLS_MAX	8	/* at once */

struct drill {
	char		 token[DRILL_TOKEN_SIZE];	/* "": free */
	struct drill_info info;
	struct event	*over;
	struct drills	*all;
};

struct drills {
	void		(*over)(void *, const char *);
	void		*arg;
	struct drill	 drill[DRILLS_MAX];
};

bool
drill_borne(const struct envelope *env, const char *token)
{
	size_t n;

	if (env->envid != NULL && strncmp(env->envid, DRILL_ENVID, strlen(DRILL_ENVID)) == 0 &&
	    strcmp(env->envid + strlen(DRILL_ENVID), token) == 0)
		return true;
	n = env->sender != NULL ? addr_local_len(env->sender) : 0;
	return n == strlen(DRILL_SENDER) + strlen(token) &&
	    strncmp(env->sender, DRILL_SENDER, strlen(DRILL_SENDER)) == 0 &&
	    strncmp(env->sender + strlen(DRILL_SENDER), token, strlen(token)) == 0;
}

static const struct drill *
find(const struct drills *all, const char *token)
{
	for (size_t i = 0; i < DRILLS_MAX; i++)
		if (all->drill[i].token[0] != '\0' && strcmp(all->drill[i].token, token) == 0)
			return &all->drill[i];
	return NULL;
}

static struct drill *
find_own(struct drills *all, const char *token)
{
	const struct drill *d = find(all, token);

	return d != NULL ? &all->drill[d - all->drill] : NULL;
}

static void
forget(struct drill *d)
{
	(void)event_del(d->over);
	memset(d->token, 0, sizeof(d->token));
	memset(&d->info, 0, sizeof(d->info));
}

static void
on_over(evutil_socket_t fd, short what, void *arg)
{
	struct drill *d = arg;

	(void)fd;
	(void)what;
	if (d->info.state == DRILL_STORED)
		d->all->over(d->all->arg, d->info.queue_id);
	forget(d);
}

struct drills *
drills_new(struct event_base *base, void (*over)(void *, const char *), void *arg)
{
	struct drills *all = xcalloc(1, sizeof(*all));

	all->over = over;
	all->arg = arg;
	for (size_t i = 0; i < DRILLS_MAX; i++) {
		all->drill[i].all = all;
		all->drill[i].over = event_new(base, -1, 0, on_over, &all->drill[i]);
		if (all->drill[i].over == NULL)
			log_fatal("cannot make timers");
	}
	return all;
}

void
drills_free(struct drills **ap)
{
	struct drills *all = *ap;

	if (all == NULL)
		return;
	for (size_t i = 0; i < DRILLS_MAX; i++)
		event_free(all->drill[i].over);
	free(all);
	*ap = NULL;
}

static bool
is_token(const char *s)
{
	size_t n = strlen(s);

	return n >= 16 && n < DRILL_TOKEN_SIZE && strspn(s, "0123456789abcdef") == n;
}

bool
drills_announce(struct drills *all, const char *token, unsigned seconds, const char **why)
{
	const struct timeval over = { .tv_sec = seconds, .tv_usec = 0 };
	struct drill *d = all->drill;

	*why = NULL;
	if (!is_token(token))
		*why = "a token is 16 to 40 hexadecimal digits";
	else if (seconds == 0 || seconds > DRILL_SECONDS_MAX)
		*why = "a drill takes from 1 to 900 seconds";
	else if (find(all, token) != NULL)
		*why = "that token is announced already";
	while (*why == NULL && d < all->drill + DRILLS_MAX && d->token[0] != '\0')
		d++;
	if (*why == NULL && d == all->drill + DRILLS_MAX)
		*why = "too many drills at once";
	if (*why != NULL)
		return false;
	(void)snprintf(d->token, sizeof(d->token), "%s", token);
	d->info.state = DRILL_ANNOUNCED;
	d->info.announced = clock_wall_ms();
	(void)event_add(d->over, &over);
	return true;
}

bool
drills_end(struct drills *all, const char *token)
{
	struct drill *d = find_own(all, token);

	if (d != NULL)
		forget(d);
	return d != NULL;
}

bool
drills_info(const struct drills *all, const char *token, struct drill_info *info)
{
	const struct drill *d = find(all, token);

	if (d != NULL)
		*info = d->info;
	return d != NULL;
}

const char *
drills_claim(const struct drills *all, const struct envelope *env)
{
	for (size_t i = 0; i < DRILLS_MAX; i++) {
		const struct drill *d = &all->drill[i];

		if (d->token[0] != '\0' && d->info.state == DRILL_ANNOUNCED &&
		    drill_borne(env, d->token))
			return d->token;
	}
	return NULL;
}

void
drills_stored(struct drills *all, const char *token, const char *queue_id)
{
	struct drill *d = find_own(all, token);

	if (d == NULL || d->info.state != DRILL_ANNOUNCED)
		return;
	d->info.state = DRILL_STORED;
	d->info.stored = clock_wall_ms();
	(void)snprintf(d->info.queue_id, sizeof(d->info.queue_id), "%s", queue_id);
	log_info("%s: drill: held", queue_id);
}
