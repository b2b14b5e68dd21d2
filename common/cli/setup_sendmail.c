/*
 * setup_sendmail.c -- the steps by which a Sendmail gets to ask Holdfast.
 *
 * The new sendmail.cf is made by m4 in a private folder from the new texts, and
 * must have in it what we came for; if not, nothing is changed. It is made anew only when
 * the texts change or it lacks something: m4 writes the date into it, so a
 * second run would always find it different.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/setup_sendmail.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/file.h"
#include "common/cli/plan.h"
#include "common/cli/proc.h"
#include "common/cli/setup_daemons.h"

static const struct file_owner readable = { 0644, 0, 0 };

/* The file of the folder; false: it is a problem of the plan, or just not there. */
static bool
read_in(const struct sendmail_wish *w, const char *name, struct buf *b, struct plan *plan)
{
	char *path = xasprintf("%s/%s", w->dir, name), *why = NULL;
	enum file_found found = file_read(path, b, NULL, &why);

	if (found == FILE_BAD)
		plan_problem(plan, "%s", why);
	free(why);
	free(path);
	return found == FILE_THERE;
}

/* --- sendmail.cf --------------------------------------------------------- */

static void
replace_all(struct buf *text, const char *what, const char *with)
{
	struct buf b = BUF_INIT;
	const char *p = buf_str(text), *at;

	while ((at = strstr(p, what)) != NULL) {
		buf_put(&b, p, (size_t)(at - p));
		buf_puts(&b, with);
		p = at + strlen(what);
	}
	buf_puts(&b, p);
	buf_free(text);
	*text = b;
}

/* What m4 makes of sendmail.mc, where our .m4 is not in its place yet. */
static bool
make_cf(const struct sendmail_wish *w, const struct buf *mc, struct buf *cf, char **why)
{
	const struct file_owner own = { 0600, geteuid(), getegid() };
	char *folder = file_temporary(why), *there, *here, *mc_path;
	struct buf text = BUF_INIT;
	bool ok = false;

	if (folder == NULL)
		return false;
	there = xasprintf("include(`%s/holdfast.m4')", w->dir);
	here = xasprintf("include(`%s/holdfast.m4')", folder);
	buf_put(&text, mc->data, mc->len);
	replace_all(&text, there, here);
	free(there);
	free(here);
	here = xasprintf("%s/holdfast.m4", folder);
	mc_path = xasprintf("%s/sendmail.mc", folder);
	if (file_write(here, sendmail_m4, strlen(sendmail_m4), &own, why) == 0 &&
	    file_write(mc_path, text.data, text.len, &own, why) == 0) {
		const char *argv[] = { "m4", "-I", w->dir, mc_path, NULL };
		struct proc p = { .argv = argv };

		ok = proc_run(&p);
		if (ok)
			*cf = p.out;
		else
			*why = xstrdup(p.why);
		if (ok)
			p.out = (struct buf)BUF_INIT;
		proc_clear(&p);
	}
	free(here);
	free(mc_path);
	buf_free(&text);
	file_remove_temporary(&folder);
	return ok;
}

static void
plan_cf(const struct sendmail_wish *w, const struct buf *mc, struct plan *plan)
{
	char *path = xasprintf("%s/sendmail.cf", w->dir), *why = NULL;
	const char *lacks;
	struct plan_step *s;
	struct buf cf = BUF_INIT;

	if (!make_cf(w, mc, &cf, &why))
		plan_problem(plan, "%s/sendmail.mc: %s", w->dir, why);
	else if ((lacks = sendmail_lacks(buf_str(&cf), w)) != NULL)
		plan_problem(plan,
		    "the sendmail.cf that m4 makes of %s/sendmail.mc is not good: %s", w->dir,
		    lacks);
	else if ((s = plan_file(plan, path, cf.data, cf.len, &readable,
	    "Sendmail's configuration, made by m4")) != NULL)
		s->made_of = xasprintf("%s/sendmail.mc", w->dir);
	buf_free(&cf);
	free(why);
	free(path);
}

/* --- conflicts and oddities ----------------------------------------------- */

static void
check_own(const struct sendmail_wish *w, const char *cf, struct plan *plan)
{
	struct words names = { NULL, 0 }, files = { NULL, 0 };

	sendmail_own_names(cf, &names, &files);
	for (size_t i = 0; i < w->domains.n; i++) {
		const char *domain = w->domains.v[i];

		if (words_have(&names, domain))
			plan_problem(plan,
			    "%s is one of this host's own names in sendmail.cf (class w): its "
			    "mail would be delivered here and never reach the primary",
			    domain);
		for (size_t k = 0; k < files.n; k++) {
			struct buf text = BUF_INIT;
			char *why = NULL;

			if (files.v[k][0] == '/' &&
			    file_read(files.v[k], &text, NULL, &why) == FILE_THERE &&
			    sendmail_names_have(buf_str(&text), domain))
				plan_problem(plan,
				    "%s is in %s: its mail would be delivered here and never "
				    "reach the primary; take it out first",
				    domain, files.v[k]);
			buf_free(&text);
			free(why);
		}
	}
	words_clear(&names);
	words_clear(&files);
}

static void
check_listens(const char *cf, struct plan *plan)
{
	bool loopback = false, open = false;

	for (const char *p = cf; (p = strstr(p, "O DaemonPortOptions=")) != NULL; p++) {
		size_t len = strcspn(p, "\n");
		char *line = xstrndup(p, len);

		if (strstr(line, "ort=smtp") != NULL || strstr(line, "ort=25") != NULL ||
		    strstr(line, "ort=") == NULL) {
			bool local = strstr(line, "127.0.0.1") != NULL ||
				     strstr(line, "::1") != NULL ||
				     strstr(line, "localhost") != NULL;

			loopback = loopback || local;
			open = open || !local;
		}
		free(line);
	}
	if (loopback && !open)
		plan_note(plan,
		    "Sendmail listens on the loopback interface alone: no mail comes in from "
		    "outside. Take `Addr=127.0.0.1' out of DAEMON_OPTIONS in sendmail.mc");
}

/* What the limit must be raised to; 0: it is well as it is. */
static uint64_t
limit_wanted(const struct sendmail_wish *w, const char *cf)
{
	char *now = sendmail_option(cf, "MaxMessageSize");
	unsigned long long n = now != NULL ? strtoull(now, NULL, 10) : 0;

	free(now);
	return n != 0 && n < w->size ? w->size : 0;
}

/* --- reload -------------------------------------------------------------- */

char *
setup_sendmail_pid_file(const char *cf)
{
	char *path = sendmail_option(cf, "PidFile");

	if (path == NULL)
		return xstrdup("/var/run/sendmail.pid");
	return path;
}

/* How it is told to read its configuration again; false: it is not running. */
static bool
reload_words(const char *cf, struct words *argv)
{
	char *pid_file = setup_sendmail_pid_file(cf);
	bool running = setup_pid_of(pid_file) != 0;

	if (running && setup_has_systemd()) {
		words_add(argv, "systemctl");
		words_add(argv, "reload");
		words_add(argv, "sendmail.service");
	} else if (running) {
		words_add(argv, "@hangup");
		words_add(argv, pid_file);
	}
	free(pid_file);
	return running;
}

static struct plan_step *
plan_reload(struct plan *plan, const struct words *argv, bool undo)
{
	static const char what[] = "Sendmail reads its configuration again";
	const char *v[4] = { NULL }, *none[] = { NULL };
	struct plan_step *s;

	for (size_t i = 0; i < argv->n && i < 3; i++)
		v[i] = argv->v[i];
	s = plan_run(plan, undo ? none : v, what);
	if (undo)
		plan_undo(s, v);
	return s;
}

/* --- all of it ----------------------------------------------------------- */

static void
plan_texts(const struct sendmail_wish *w, const struct buf *mc, const char *mc_path,
    const char *m4_path, struct plan *plan)
{
	char *domains_path = xasprintf("%s/holdfast-domains", w->dir);
	struct buf domains = BUF_INIT;

	sendmail_domains_text(&w->domains, &domains);
	(void)plan_file(plan, m4_path, sendmail_m4, strlen(sendmail_m4), &readable,
	    "the filter and the mailer");
	(void)plan_file(plan, domains_path, domains.data, domains.len, &readable,
	    "the domains that Holdfast is backup MX for");
	(void)plan_file(plan, mc_path, mc->data, mc->len, &readable, "Sendmail asks Holdfast");
	buf_free(&domains);
	free(domains_path);
}

void
setup_sendmail_plan(const struct sendmail_wish *w, bool reload, struct plan *plan)
{
	struct buf old = BUF_INIT, mc = BUF_INIT, cf = BUF_INIT;
	struct words again = { NULL, 0 };
	const char *why = NULL;
	char *mc_path = xasprintf("%s/sendmail.mc", w->dir);
	char *m4_path = xasprintf("%s/holdfast.m4", w->dir);
	size_t before;
	bool running;

	if (!read_in(w, "sendmail.mc", &old, plan))
		plan_problem(plan, "%s/sendmail.mc cannot be read", w->dir);
	(void)read_in(w, "sendmail.cf", &cf, plan);
	check_own(w, buf_str(&cf), plan);
	check_listens(buf_str(&cf), plan);
	running = reload && reload_words(buf_str(&cf), &again);
	if (old.len > 0 &&
	    !sendmail_mc_text(buf_str(&old), w, limit_wanted(w, buf_str(&cf)), &mc, &why))
		plan_problem(plan, "%s/sendmail.mc: %s", w->dir, why);
	if (mc.len > 0) {
		/* First, so that it is taken back last. */
		if (running)
			(void)plan_reload(plan, &again, true);
		before = plan->n;
		plan_texts(w, &mc, mc_path, m4_path, plan);
		if (plan_makes(plan, mc_path) || plan_makes(plan, m4_path) ||
		    sendmail_lacks(buf_str(&cf), w) != NULL)
			plan_cf(w, &mc, plan);
		if (plan->n == before && running)
			plan_drop(plan);
		else if (running)
			(void)plan_reload(plan, &again, false);
		else if (plan->n > before && reload)
			plan_note(plan, "Sendmail is not running: start it when you like");
	}
	words_clear(&again);
	free(mc_path);
	free(m4_path);
	buf_free(&old);
	buf_free(&mc);
	buf_free(&cf);
}
