/*
 * deliver_intake.c -- the intake half of store.h for the delivery's tests: keeps what it was given.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/deliver_intake.h"

struct store_intake {
	struct store	*store;
	struct buf	 body;
};

struct intake_taken *intake_taken;
size_t intake_ntaken;
bool intake_full;

struct store_intake *
store_intake_begin(struct store *s)
{
	struct store_intake *in = xcalloc(1, sizeof(*in));

	in->store = s;
	return in;
}

const char *
store_intake_queue_id(const struct store_intake *in)
{
	(void)in;
	return "REPORT";
}

bool
store_intake_write(struct store_intake *in, const void *data, size_t len, void (*resume)(void *),
    void *arg)
{
	(void)resume;
	(void)arg;
	buf_put(&in->body, data, len);
	return true;
}

/* Answers at once: the real store does so later, and the callers must not care. */
void
store_intake_commit(struct store_intake **inp, const struct envelope *env, store_intake_cb *cb,
    void *arg)
{
	struct store_intake *in = *inp;
	struct intake_taken *t;

	*inp = NULL;
	if (!intake_full) {
		intake_taken = xrealloc(intake_taken, intake_ntaken + 1, sizeof(*intake_taken));
		t = &intake_taken[intake_ntaken++];
		memset(t, 0, sizeof(*t));
		t->sender = xstrdup(env->sender);
		t->route = xstrdup(env->route);
		t->trace = xstrdup(env->trace);
		t->rcpt = xstrdup(env->rcpt[0].address);
		t->body = buf_take(&in->body);
	}
	buf_free(&in->body);
	free(in);
	cb(arg, intake_full ? STORE_FULL : STORE_OK, "REPORT", intake_full ? "full" : NULL);
}

const char *
store_state(const struct store *s)
{
	(void)s;
	return "ok";
}

void
intake_clear(void)
{
	for (size_t i = 0; i < intake_ntaken; i++) {
		free(intake_taken[i].sender);
		free(intake_taken[i].route);
		free(intake_taken[i].trace);
		free(intake_taken[i].rcpt);
		free(intake_taken[i].body);
	}
	free(intake_taken);
	intake_taken = NULL;
	intake_ntaken = 0;
	intake_full = false;
}
