/*
 * setup_postfix_plan.c -- the steps by which a Postfix gets what was decided.
 *
 * postconf(1) edits a copy of main.cf in a private folder, so that comments and order stay
 * and the difference that is shown is the one that is made.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cli/plan.h"
#include "common/cli/postfix.h"
#include "common/cli/proc.h"
#include "common/cli/setup_postfix.h"

static const struct file_owner readable = { 0644, 0, 0 };

/* --- tables -------------------------------------------------------------- */

static void
plan_table(struct plan *plan, const struct postfix *p, const struct postfix_wish *wish, bool sqlite,
    const char *name, const char *what, const char *query, const char *format)
{
	char *path = xasprintf("%s/holdfast-%s%s", p->dir, name, sqlite ? ".cf" : "");
	struct buf b = BUF_INIT;

	buf_printf(&b, "# Written by `holdfast setup': %s.\n", what);
	if (sqlite)
		buf_printf(&b, "dbpath = %s\nquery = %s\n", wish->rules_db, query);
	else {
		buf_printf(&b,
		    "# Postfix cannot read rules.db here: run `holdfast setup' again when a "
		    "domain is added.\n");
		for (size_t i = 0; i < wish->domains.n; i++) {
			const char *at = strchr(format, '@');

			buf_printf(&b, "%s%s %s\n", at != NULL ? "@" : "", wish->domains.v[i],
			    at != NULL ? at + 1 : format);
		}
	}
	(void)plan_file(plan, path, buf_str(&b), b.len, &readable, what);
	buf_free(&b);
	free(path);
}

static void
plan_tables(struct plan *plan, const struct postfix *p, const struct postfix_wish *wish,
    const struct postfix_decision *d)
{
	char *query;

	plan_table(plan, p, wish, d->sqlite, "domains",
	    "the domains that Holdfast is backup MX for",
	    "SELECT name FROM relay_domain WHERE name = '%s'", "OK");
	if (d->transport) {
		query = xasprintf("SELECT '%s' FROM relay_domain WHERE name = '%%s'", wish->lmtp);
		plan_table(plan, p, wish, d->sqlite, "transport",
		    "what Postfix queued itself is handed to Holdfast", query, wish->lmtp);
		free(query);
	}
	if (d->recipients)
		plan_table(plan, p, wish, d->sqlite, "recipients",
		    "Holdfast says which recipients there are, not Postfix",
		    "SELECT 'OK' FROM relay_domain WHERE name = '%d'", "@OK");
}

/* --- main.cf ------------------------------------------------------------- */

/* A copy of a file of the configuration in the folder; what is not there is not copied. */
static int
copy(const struct postfix *p, const char *folder, const char *name, struct buf *text, char **why)
{
	const struct file_owner own = { 0600, 0, 0 };
	char *from = xasprintf("%s/%s", p->dir, name), *to = xasprintf("%s/%s", folder, name);
	int rc = file_read(from, text, NULL, why) == FILE_THERE ? 0 : -1;
	struct file_owner mine = own;

	mine.uid = geteuid();
	mine.gid = getegid();
	if (rc == 0)
		rc = file_write(to, text->data, text->len, &mine, why);
	else if (*why == NULL)
		*why = xasprintf("%s is missing", from);
	free(from);
	free(to);
	return rc;
}

/* One by one: new lines come in the order of the set then. */
static int
edit(const char *folder, const struct words *set, struct buf *after, char **why)
{
	char *path = xasprintf("%s/main.cf", folder);
	int rc = 0;

	for (size_t i = 0; i < set->n && rc == 0; i++) {
		const char *argv[] = { "postconf", "-c", folder, "-e", set->v[i], NULL };
		struct proc run = { .argv = argv, .seconds = 20 };

		if (!proc_run(&run)) {
			*why = xstrdup(run.why);
			rc = -1;
		}
		proc_clear(&run);
	}
	if (rc == 0 && file_read(path, after, NULL, why) != FILE_THERE)
		rc = -1;
	free(path);
	return rc;
}

/* The text of main.cf with all that is to be set. */
static int
new_main(const struct postfix *p, const struct words *set, struct buf *after, char **why)
{
	char *folder = file_temporary(why);
	struct buf before = BUF_INIT, master = BUF_INIT;
	int rc = -1;

	if (folder == NULL)
		return -1;
	if (copy(p, folder, "main.cf", &before, why) == 0 &&
	    copy(p, folder, "master.cf", &master, why) == 0)
		rc = edit(folder, set, after, why);
	buf_free(&before);
	buf_free(&master);
	file_remove_temporary(&folder);
	return rc;
}

static void
plan_main(struct plan *plan, const struct postfix *p, const struct words *set)
{
	char *path = xasprintf("%s/main.cf", p->dir), *why = NULL;
	struct buf after = BUF_INIT;

	if (new_main(p, set, &after, &why) == 0)
		(void)plan_file(plan, path, after.data, after.len, &readable,
		    "Postfix asks Holdfast and relays for its domains");
	else
		plan_problem(plan, "%s", why);
	buf_free(&after);
	free(why);
	free(path);
}

/* --- all of it ----------------------------------------------------------- */

static bool
runs(const struct postfix *p)
{
	const char *argv[] = { "postfix", "-c", p->dir, "status", NULL };
	struct proc run = { .argv = argv, .seconds = 10 };
	bool ok = proc_run(&run);

	proc_clear(&run);
	return ok;
}

/* Comes first, so that it is taken back last: when all files are as they were. */
static void
marker(struct plan *plan, const struct postfix *p)
{
	const char *none[] = { NULL }, *again[] = { "postfix", "-c", p->dir, "reload", NULL };
	const char *status[] = { "postfix", "-c", p->dir, "status", NULL };
	struct plan_step *s = plan_run(plan, none, "Postfix reads its configuration again");

	plan_undo(s, again);
	plan_guard(s, status);
}

void
setup_postfix_plan(struct postfix *p, const struct postfix_wish *wish, bool reload,
    struct plan *plan)
{
	const char *check[] = { "postfix", "-c", p->dir, "check", NULL };
	const char *again[] = { "postfix", "-c", p->dir, "reload", NULL };
	struct postfix_decision d;
	size_t before;
	bool running = reload && runs(p);

	setup_postfix_decide(p, wish, postfix_lookup, p, &d, plan);
	if (reload)
		marker(plan, p);
	before = plan->n;
	plan_tables(plan, p, wish, &d);
	if (d.set.n > 0)
		plan_main(plan, p, &d.set);
	if (plan->n > before) {
		(void)plan_run(plan, check, "Postfix finds its configuration good");
		if (running)
			(void)plan_run(plan, again, "Postfix reads its configuration again");
		else if (reload)
			plan_note(plan, "Postfix is not running: start it when you like");
	} else if (reload)
		plan_drop(plan);
	words_clear(&d.set);
}
