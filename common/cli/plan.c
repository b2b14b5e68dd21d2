/*
 * plan.c -- making a plan: steps for what is not yet as it should be.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/plan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static struct plan_step *
add(struct plan *p, enum plan_kind kind, const char *what)
{
	struct plan_step *s;

	p->step = xrealloc(p->step, p->n + 1, sizeof(*p->step));
	s = &p->step[p->n++];
	memset(s, 0, sizeof(*s));
	s->kind = kind;
	s->what = xstrdup(what);
	return s;
}

static void
say(struct words *list, const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT;

	buf_vprintf(&b, fmt, ap);
	if (!words_have(list, buf_str(&b)))
		words_add(list, buf_str(&b));
	buf_free(&b);
}

void
plan_note(struct plan *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(&p->notes, fmt, ap);
	va_end(ap);
}

void
plan_problem(struct plan *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(&p->problems, fmt, ap);
	va_end(ap);
}

/* What cannot be looked at cannot be planned. */
static void
unreadable(struct plan *p, char *why)
{
	plan_problem(p, "%s", why);
	free(why);
}

struct plan_step *
plan_file(struct plan *p, const char *path, const char *text, size_t len,
    const struct file_owner *owner, const char *what)
{
	struct buf before = BUF_INIT;
	struct file_owner is = { 0, 0, 0 };
	struct plan_step *s;
	char *why = NULL;
	enum file_found found = file_read(path, &before, &is, &why);

	if (found == FILE_BAD)
		unreadable(p, why);
	if (found == FILE_BAD ||
	    (found == FILE_THERE && before.len == len &&
	    (len == 0 || memcmp(before.data, text, len) == 0))) {
		buf_free(&before);
		return NULL;
	}
	s = add(p, PLAN_FILE, what);
	s->path = xstrdup(path);
	s->existed = found == FILE_THERE;
	s->before = before;
	buf_put(&s->after, text, len);
	s->owner_before = is;
	s->owner = s->existed ? is : *owner;
	return s;
}

struct plan_step *
plan_dir(struct plan *p, const char *path, const struct file_owner *owner, const char *what)
{
	struct file_owner is = { 0, 0, 0 };
	struct plan_step *s;
	char *why = NULL;
	enum file_found found = file_find_dir(path, &is, &why);

	if (found == FILE_BAD)
		unreadable(p, why);
	if (found == FILE_BAD || (found == FILE_THERE && is.mode == owner->mode &&
	    is.uid == owner->uid && is.gid == owner->gid))
		return NULL;
	s = add(p, PLAN_DIR, what);
	s->path = xstrdup(path);
	s->existed = found == FILE_THERE;
	s->owner_before = is;
	s->owner = *owner;
	return s;
}

static void
copy_argv(struct words *w, const char *const *argv)
{
	words_clear(w);
	while (*argv != NULL)
		words_add(w, *argv++);
}

struct plan_step *
plan_run(struct plan *p, const char *const *argv, const char *what)
{
	struct plan_step *s = add(p, PLAN_RUN, what);

	copy_argv(&s->argv, argv);
	return s;
}

void
plan_undo(struct plan_step *s, const char *const *argv)
{
	copy_argv(&s->undo, argv);
}

void
plan_guard(struct plan_step *s, const char *const *argv)
{
	copy_argv(&s->guard, argv);
}

struct plan_step *
plan_call(struct plan *p, int (*call)(void *, char **), void *arg, const char *what)
{
	struct plan_step *s = add(p, PLAN_CALL, what);

	s->call = call;
	s->arg = arg;
	return s;
}

bool
plan_makes(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->step[i].path != NULL && strcmp(p->step[i].path, path) == 0)
			return true;
	return false;
}

static void
step_clear(struct plan_step *s)
{
	free(s->what);
	free(s->path);
	free(s->made_of);
	buf_free(&s->before);
	buf_free(&s->after);
	words_clear(&s->argv);
	words_clear(&s->undo);
	words_clear(&s->guard);
}

void
plan_drop(struct plan *p)
{
	step_clear(&p->step[--p->n]);
}

void
plan_clear(struct plan *p)
{
	while (p->n > 0)
		plan_drop(p);
	free(p->step);
	words_clear(&p->notes);
	words_clear(&p->problems);
	memset(p, 0, sizeof(*p));
}
