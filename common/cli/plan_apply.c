/*
 * plan_apply.c -- carries a plan out, and takes it back.
 *
 * Before a file is written it is compared with what the plan was made from: a
 * change of somebody else in between ends the work. Taking back compares too:
 * what is not as the plan left it belongs to somebody else by now.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/plan.h"
#include "common/cli/proc.h"
#include "common/cli/record.h"
#include "common/cli/setup_daemons.h"

static bool
same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool
run(const struct words *argv, char **why)
{
	const char **v;
	struct proc p;
	bool ok;

	if (argv->n == 0)
		return true;
	if (argv->n == 2 && strcmp(argv->v[0], "@stop") == 0)
		return setup_daemon_stop(argv->v[1], why);
	if (argv->n == 2 && strcmp(argv->v[0], "@hangup") == 0)
		return setup_daemon_hangup(argv->v[1], why);
	if (argv->n == 2 && strcmp(argv->v[0], "@wait") == 0)
		return setup_daemon_wait(argv->v[1], why);
	v = xcalloc(argv->n + 1, sizeof(*v));
	for (size_t i = 0; i < argv->n; i++)
		v[i] = argv->v[i];
	p = (struct proc){ .argv = v };
	ok = proc_run(&p);
	if (!ok)
		*why = xstrdup(p.why);
	proc_clear(&p);
	free(v);
	return ok;
}

/* --- forth --------------------------------------------------------------- */

/* Is the file still as it was when the plan was made? */
static int
unchanged(const struct plan_step *s, char **why)
{
	struct buf now = BUF_INIT;
	enum file_found found = file_read(s->path, &now, NULL, why);
	int rc = found == FILE_BAD ? -1 : 0;

	if (rc == 0 && ((found == FILE_THERE) != s->existed || !same(&now, &s->before))) {
		*why = xasprintf("%s was changed by somebody else meanwhile", s->path);
		rc = -1;
	}
	buf_free(&now);
	return rc;
}

static int
carry_out(struct plan_step *s, char **why)
{
	switch (s->kind) {
	case PLAN_FILE:
		if (unchanged(s, why) == -1)
			return -1;
		return file_write(s->path, s->after.data, s->after.len, &s->owner, why);
	case PLAN_DIR:
		return file_make_dir(s->path, &s->owner, why);
	case PLAN_RUN:
		return run(&s->argv, why) ? 0 : -1;
	case PLAN_CALL:
		return s->call(s->arg, why);
	}
	abort();	/* a kind that is none */
}

int
plan_apply(struct plan *p, struct record *r, char **why)
{
	struct words left = { NULL, 0 };
	char *reason = NULL, *more;

	for (size_t i = 0; i < p->n; i++) {
		/* Known before it happens: what is half done can be taken back by --undo even if we
		 * die. */
		p->step[i].done = true;
		if (record_save(r, p, "applying", &reason) == 0 &&
		    carry_out(&p->step[i], &reason) == 0)
			continue;
		plan_take_back(p, &left, NULL);
		(void)record_save(r, p, "rolled back", &more);
		more = words_join(&left, "\n  ");
		*why = left.n > 0
		    ? xasprintf("%s; what was done before was taken back, but not all of it:\n  %s",
		    reason, more)
		    : xasprintf("%s; what was done before was taken back", reason);
		free(more);
		free(reason);
		words_clear(&left);
		return -1;
	}
	return record_save(r, p, "done", why);
}

/* --- and back ------------------------------------------------------------ */

static void __attribute__((format(printf, 2, 3)))
tell(struct words *list, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (list == NULL)
		return;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	words_add(list, buf_str(&b));
	buf_free(&b);
}

/* The lines that the plan put in, for somebody to take out by hand. */
static void
tell_by_hand(const struct plan_step *s, struct words *left)
{
	char *diff = plan_diff(s->path, &s->before, &s->after);
	struct buf b = BUF_INIT;

	for (const char *p = diff; *p != '\0';) {
		size_t len = strcspn(p, "\n");
		bool head = strncmp(p, "+++", 3) == 0 || strncmp(p, "---", 3) == 0;

		if (!head && (p[0] == '+' || p[0] == '-'))
			buf_printf(&b, "\n    %s %.*s", p[0] == '+' ? "remove  " : "put back",
			    (int)len - 1, p + 1);
		p += len + (p[len] == '\n');
	}
	tell(left, "%s was changed since and is left alone; by hand:%s", s->path, buf_str(&b));
	buf_free(&b);
	free(diff);
}

enum now { NOW_AFTER, NOW_BEFORE, NOW_OTHER };

/* NOW_OTHER: *why is set when it cannot even be read. */
static enum now
look(const struct plan_step *s, char **why)
{
	struct buf b = BUF_INIT;
	enum file_found found = file_read(s->path, &b, NULL, why);
	enum now now = NOW_OTHER;

	if (s->existed ? found == FILE_THERE && same(&b, &s->before) : found == FILE_NONE)
		now = NOW_BEFORE;
	else if (found == FILE_THERE && same(&b, &s->after))
		now = NOW_AFTER;
	buf_free(&b);
	return now;
}

static void
restore_file(const struct plan_step *s, bool in_any_case, struct words *left, struct words *did)
{
	char *why = NULL;
	enum now now = look(s, &why);

	if (now == NOW_BEFORE)
		;
	else if (why != NULL)
		tell(left, "%s", why);
	else if (now == NOW_OTHER && !in_any_case)
		tell_by_hand(s, left);
	else if ((s->existed ? file_write(s->path, s->before.data, s->before.len, &s->owner_before,
	    &why) : file_remove(s->path, &why)) == -1)
		tell(left, "%s", why);
	else
		tell(did, "%s %s", s->existed ? "restored" : "removed ", s->path);
	free(why);
}

static void
restore_dir(const struct plan_step *s, struct words *left, struct words *did)
{
	char *why = NULL;

	if (s->existed) {
		if (file_make_dir(s->path, &s->owner_before, &why) == -1)
			tell(left, "%s", why);
		free(why);
	} else if (rmdir(s->path) == 0)
		tell(did, "removed  %s", s->path);
	else if (errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
		tell(left, "%s: %s", s->path, strerror(errno));
}

static void
run_back(const struct plan_step *s, struct words *left, struct words *did)
{
	char *why = NULL, *words;

	if (s->undo.n == 0)
		return;
	if (!run(&s->guard, &why)) {	/* a daemon that does not run has nothing to read again */
		free(why);
		return;
	}
	words = words_join(&s->undo, " ");
	if (run(&s->undo, &why))
		tell(did, "ran      %s", words);
	else
		tell(left, "%s", why);
	free(words);
	free(why);
}

/* Files that somebody has changed since: what a program made of them stays with them. */
static void
find_kept(const struct plan *p, struct words *kept)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_step *s = &p->step[i];
		char *why = NULL;

		if (s->kind == PLAN_FILE && s->done && s->made_of == NULL &&
		    look(s, &why) == NOW_OTHER)
			words_add(kept, s->path);
		free(why);
	}
}

static void
take_back(const struct plan_step *s, const struct words *kept, struct words *left,
    struct words *did)
{
	switch (s->kind) {
	case PLAN_FILE:
		if (s->made_of != NULL && words_have(kept, s->made_of))
			tell(left, "%s is left alone, as is %s, which it is made of", s->path,
			    s->made_of);
		else
			restore_file(s, s->made_of != NULL, left, did);
		break;
	case PLAN_DIR:
		restore_dir(s, left, did);
		break;
	case PLAN_RUN:
		run_back(s, left, did);
		break;
	case PLAN_CALL:
		if (s->undo_call != NULL)
			s->undo_call(s->arg);
		break;
	}
}

void
plan_take_back(struct plan *p, struct words *left, struct words *did)
{
	struct words kept = { NULL, 0 };

	find_kept(p, &kept);
	for (size_t i = p->n; i-- > 0;) {
		if (p->step[i].done)
			take_back(&p->step[i], &kept, left, did);
		p->step[i].done = false;
	}
	words_clear(&kept);
}
