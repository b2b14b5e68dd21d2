/*
 * plan_show.c -- shows a plan: each file as a unified diff, each command as it would
 * be typed.
 *
 * The difference is diff(1)'s; where that is not installed, all old lines and all new ones.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/cli.h"
#include "common/cli/out.h"
#include "common/cli/plan.h"
#include "common/cli/proc.h"

/* --- the difference ------------------------------------------------------ */

static void
mark_lines(struct buf *b, char mark, const struct buf *text)
{
	for (const char *p = buf_str(text); *p != '\0';) {
		size_t len = strcspn(p, "\n");

		buf_printf(b, "%c%.*s\n", mark, (int)len, p);
		p += len + (p[len] == '\n');
	}
}

static char *
whole_listing(const char *path, const struct buf *before, const struct buf *after)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "--- %s\n+++ %s\n", path, path);
	mark_lines(&b, '-', before);
	mark_lines(&b, '+', after);
	return buf_take(&b);
}

static char *
run_diff(const char *path, const char *folder, const struct buf *before, const struct buf *after)
{
	struct file_owner own = { 0600, geteuid(), getegid() };
	char *old = xasprintf("%s/old", folder), *new = xasprintf("%s/new", folder), *why = NULL;
	const char *argv[] = { "diff", "-u", "--label", path, "--label", path, old, new, NULL };
	struct proc p = { .argv = argv, .seconds = 10 };
	char *diff = NULL;

	if (file_write(old, before->data, before->len, &own, &why) == 0 &&
	    file_write(new, after->data, after->len, &own, &why) == 0) {
		(void)proc_run(&p);
		if (p.status == 0 || p.status == 1)	/* 1: they differ */
			diff = buf_take(&p.out);
		proc_clear(&p);
	}
	free(why);
	free(old);
	free(new);
	return diff;
}

char *
plan_diff(const char *path, const struct buf *before, const struct buf *after)
{
	char *why = NULL, *folder = file_temporary(&why), *diff = NULL;

	if (folder != NULL)
		diff = run_diff(path, folder, before, after);
	file_remove_temporary(&folder);
	free(why);
	return diff != NULL ? diff : whole_listing(path, before, after);
}

/* --- for people ---------------------------------------------------------- */

/* Tabs would be escaped, and are as far as they would have been. */
static char *
with_blanks(const char *s, size_t len)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < len; i++) {
		if (s[i] != '\t')
			buf_putc(&b, s[i]);
		else
			do
				buf_putc(&b, ' ');
			while ((b.len - 1) % 8 != 0);
	}
	return buf_take(&b);
}

static void
print_diff(const struct cli *c, const char *diff)
{
	for (const char *p = diff; *p != '\0';) {
		size_t len = strcspn(p, "\n");
		char *line = with_blanks(p, len);
		enum out_color color = p[0] == '+' ? OUT_GOOD : p[0] == '-' ? OUT_BAD :
		    p[0] == '@' ? OUT_DIM : OUT_PLAIN;

		(void)printf("  %s%s%s\n", out_on(c, color), out_safe(line), out_off(c));
		free(line);
		p += len + (p[len] == '\n');
	}
}

/* "holdfast:postfix 2770" */
static char *
owner_words(const struct file_owner *o)
{
	const struct passwd *pw = getpwuid(o->uid);
	const struct group *gr = getgrgid(o->gid);
	char *user = pw != NULL ? xstrdup(pw->pw_name) : xasprintf("%u", (unsigned)o->uid);
	char *group = gr != NULL ? xstrdup(gr->gr_name) : xasprintf("%u", (unsigned)o->gid);
	char *words = xasprintf("%s:%s %04o", user, group, (unsigned)o->mode);

	free(user);
	free(group);
	return words;
}

static void
print_step(const struct cli *c, const struct plan_step *s)
{
	char *text;

	switch (s->kind) {
	case PLAN_FILE:
		(void)printf("%s %s\n", s->existed ? "change" : "make  ", out_safe(s->path));
		if (s->made_of != NULL) {
			(void)printf("  made of %s\n", out_safe(s->made_of));
			return;
		}
		text = plan_diff(s->path, &s->before, &s->after);
		print_diff(c, text);
		break;
	case PLAN_DIR:
		text = owner_words(&s->owner);
		(void)printf(
		    "%s %s (%s)\n", s->existed ? "change" : "make  ", out_safe(s->path), text);
		break;
	case PLAN_RUN:
		if (s->argv.n == 0)
			return;
		if (s->argv.v[0][0] == '@') {
			(void)printf("do     %s\n", out_safe(s->what));
			return;
		}
		text = words_join(&s->argv, " ");
		(void)printf("run    %s\n", out_safe(text));
		break;
	case PLAN_CALL:
	default:
		(void)printf("do     %s\n", out_safe(s->what));
		return;
	}
	free(text);
}

/* --- for programs -------------------------------------------------------- */

static json_t *
json_text(const char *s)
{
	json_t *j = json_string(s);

	return j != NULL ? j : json_string(out_safe(s));	/* not UTF-8 */
}

static void
print_json(const struct plan_step *s)
{
	static const char *const kinds[] = { [PLAN_FILE] = "file", [PLAN_DIR] = "dir",
		[PLAN_RUN] = "run", [PLAN_CALL] = "do" };
	json_t *o;
	char *text;

	if (s->kind == PLAN_RUN && s->argv.n == 0)
		return;
	o = json_pack("{s:s,s:s}", "change", kinds[s->kind], "what", out_safe(s->what));
	if (s->path != NULL)
		json_object_set_new(o, "path", json_string(out_safe(s->path)));
	if (s->kind == PLAN_FILE || s->kind == PLAN_DIR)
		json_object_set_new(o, "new", json_boolean(!s->existed));
	if (s->kind == PLAN_FILE && s->made_of == NULL) {
		text = plan_diff(s->path, &s->before, &s->after);
		json_object_set_new(o, "diff", json_text(text));
		free(text);
	}
	if (s->kind == PLAN_RUN) {
		json_t *argv = json_array();

		for (size_t i = 0; i < s->argv.n; i++)
			json_array_append_new(argv, json_string(out_safe(s->argv.v[i])));
		json_object_set_new(o, "argv", argv);
	}
	out_json(o);
}

void
plan_show(const struct cli *c, const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (c->json)
			print_json(&p->step[i]);
		else
			print_step(c, &p->step[i]);
}
