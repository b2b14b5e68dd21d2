/*
 * setup_holdfast.c -- Holdfast's own part of a setup: holdfast.conf, folders, units.
 *
 * The sockets. Postfix's daemons drop all groups but postfix's own and may be chrooted in
 * the queue directory: so the folder lies there and belongs to that group, and our daemons get that
 * group, by a drop-in of their units, or without systemd by /etc/group. Sendmail
 * connects as root and wants folders that only their owner may write: one for each daemon, and
 * the milter gets into queued's, to hand mail over.
 *
 * Users are made by packages (sysusers), never here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/setup_holdfast.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cli/conf_text.h"
#include "common/cli/plan.h"
#include "common/cli/setup_daemons.h"
#include "common/conf.h"

static const struct file_owner readable = { 0644, 0, 0 };

/* --- holdfast.conf ------------------------------------------------------- */

/* The line at p sets the key, or is it commented out. */
static bool
line_is(const char *p, const char *key, bool commented)
{
	size_t len = strlen(key);

	if (commented && *p++ != '#')
		return false;
	if (!commented)
		p += strspn(p, " \t");
	if (strncmp(p, key, len) != 0)
		return false;
	p += len;
	p += strspn(p, " \t");
	return *p == '=';
}

static const char *
find_line(const char *text, const char *key, bool commented)
{
	for (const char *p = text; *p != '\0';) {
		if (line_is(p, key, commented))
			return p;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return NULL;
}

void
setup_conf_set(struct buf *text, const char *key, const char *value)
{
	const char *all = buf_str(text), *at = find_line(all, key, false);
	struct buf b = BUF_INIT;

	if (at == NULL)
		at = find_line(all, key, true);
	if (at == NULL) {
		if (text->len > 0 && text->data[text->len - 1] != '\n')
			buf_putc(text, '\n');
		buf_printf(text, "%s = %s\n", key, value);
		return;
	}
	buf_put(&b, all, (size_t)(at - all));
	buf_printf(&b, "%s = %s", key, value);
	buf_puts(&b, at + strcspn(at, "\n"));
	buf_free(text);
	*text = b;
}

/* Checks the text as the daemons will. NULL: *why. */
static struct conf *
load_text(const struct buf *text, char **why)
{
	char *folder = file_temporary(why), *path;
	const struct file_owner own = { 0600, geteuid(), getegid() };
	struct conf *conf = NULL;

	if (folder == NULL)
		return NULL;
	path = xasprintf("%s/holdfast.conf", folder);
	if (file_write(path, text->data, text->len, &own, why) == 0)
		conf = conf_load(path, why);
	free(path);
	file_remove_temporary(&folder);
	return conf;
}

/* Can the MTA reach it there? */
static bool
is_reachable(const struct endpoint *e, const char *dir)
{
	size_t len = strlen(dir);

	return e->path == NULL || (strncmp(e->path, dir, len) == 0 && e->path[len] == '/');
}

static void
set_sockets(const struct holdfast_wish *w, const struct conf *now, struct buf *text)
{
	char *value;

	if (w->socket_dir == NULL)
		return;
	if (!is_reachable(&now->milter_listen, w->socket_dir)) {
		value =
		    xasprintf("unix:%s/%smilter.sock", w->socket_dir, w->postfix ? "" : "milter/");
		setup_conf_set(text, "milter_listen", value);
		free(value);
	}
	if (!is_reachable(&now->lmtp_listen.v[0], w->socket_dir)) {
		value =
		    xasprintf("unix:%s/%squeued.sock", w->socket_dir, w->postfix ? "" : "queued/");
		setup_conf_set(text, "lmtp_listen", value);
		free(value);
	}
}

/* --- folders ------------------------------------------------------------- */

/* The folder of a file. Caller frees. */
static char *
folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	return xstrndup(file, slash == file ? 1 : (size_t)(slash - file));
}

/* One of root's, where there is none. */
static void
plan_folder(struct plan *plan, const char *file, const char *what)
{
	const struct file_owner folder = { 0755, 0, 0 };
	char *dir = folder_of(file);

	if (access(dir, F_OK) == -1 && !plan_makes(plan, dir))
		(void)plan_dir(plan, dir, &folder, what);
	free(dir);
}

struct conf *
setup_conf_plan(const struct holdfast_wish *w, struct conf **old, struct plan *plan)
{
	struct buf text = BUF_INIT;
	struct conf *now, *conf = NULL;
	char *why = NULL;
	enum file_found found = file_read(w->conf_path, &text, NULL, &why);

	*old = NULL;
	if (found == FILE_NONE) {
		cli_conf_text(&text);
		setup_conf_set(&text, "hostname", w->hostname);
	}
	now = found == FILE_BAD ? NULL : found == FILE_THERE ? conf_load(w->conf_path, &why)
							     : load_text(&text, &why);
	if (now != NULL) {
		set_sockets(w, now, &text);
		conf = load_text(&text, &why);
	}
	if (conf != NULL)
		plan_folder(plan, w->conf_path, "Holdfast's configuration");
	if (conf != NULL)
		(void)plan_file(plan, w->conf_path, text.data, text.len, &readable,
		    "Holdfast's configuration");
	else
		plan_problem(plan, "%s", why);
	if (found == FILE_THERE)
		*old = now;
	else
		conf_free(&now);
	free(why);
	buf_free(&text);
	return conf;
}


struct who {
	uid_t	queue, milter;
	gid_t	queue_group, milter_group;
};

static bool
find_user(const char *name, uid_t *uid, gid_t *gid, struct plan *plan)
{
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL) {
		plan_problem(plan,
		    "there is no user %s: useradd --system --user-group --home-dir / "
		    "--shell /usr/sbin/nologin %s",
		    name, name);
		return false;
	}
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return true;
}

/* One that a package or an administrator made stays as it is. */
static void
plan_missing(const char *file, mode_t mode, uid_t uid, gid_t gid, const char *what,
    struct plan *plan)
{
	char *dir = folder_of(file);
	const struct file_owner owner = { mode, uid, gid };

	if (access(dir, F_OK) == -1 && !plan_makes(plan, dir))
		(void)plan_dir(plan, dir, &owner, what);
	free(dir);
}

static void
plan_sockets(const struct holdfast_wish *w, const struct who *who, struct plan *plan)
{
	static const char what[] = "the MTA finds Holdfast's sockets there";
	const struct file_owner postfix = { 02770, who->queue, w->mta_gid };
	const struct file_owner top = { 0755, 0, 0 };
	const struct file_owner queued = { 0750, who->queue, who->milter_group };
	const struct file_owner milter = { 0750, who->milter, who->milter_group };
	char *queued_dir = xasprintf("%s/queued", w->socket_dir);
	char *milter_dir = xasprintf("%s/milter", w->socket_dir);

	(void)plan_dir(plan, w->socket_dir, w->postfix ? &postfix : &top, what);
	if (!w->postfix) {
		(void)plan_dir(plan, queued_dir, &queued, what);
		(void)plan_dir(plan, milter_dir, &milter, what);
	}
	free(queued_dir);
	free(milter_dir);
}

/* --- systemd ------------------------------------------------------------- */

static bool
any_there(const char *const *path)
{
	for (; *path != NULL; path++)
		if (access(*path, F_OK) == 0)
			return true;
	return false;
}

static void
plan_text(struct plan *plan, const char *path, const struct buf *b, const char *what)
{
	plan_folder(plan, path, what);
	(void)plan_file(plan, path, b->data, b->len, &readable, what);
}

static void
plan_tmpfiles(const struct holdfast_wish *w, const struct conf *conf, struct plan *plan)
{
	static const char *const there[] = { "/usr/lib/tmpfiles.d", "/etc/tmpfiles.d", NULL };
	struct buf b = BUF_INIT;

	if (!any_there(there))
		return;
	buf_printf(&b, "# Written by `holdfast setup': the MTA finds Holdfast's sockets there.\n");
	if (w->postfix)
		buf_printf(&b, "d %s 2770 %s %s\n", w->socket_dir, conf->queue_user, w->mta_group);
	else
		buf_printf(&b,
		    "d %s 0755 root root\nd %s/queued 0750 %s %s\nd %s/milter 0750 %s %s\n",
		    w->socket_dir, w->socket_dir, conf->queue_user, conf->milter_user,
		    w->socket_dir, conf->milter_user, conf->milter_user);
	plan_text(
	    plan, "/etc/tmpfiles.d/holdfast-mta.conf", &b, "the folder is there after a boot");
	buf_free(&b);
}

/* Is it there, as a package installs it? A chroot has units, too, and will be booted one day. */
static bool
has_unit(const char *unit)
{
	static const char *const dirs[] = { "/etc/systemd/system", "/usr/lib/systemd/system",
		"/lib/systemd/system", "/usr/local/lib/systemd/system" };
	bool there = false;

	for (size_t i = 0; i < 4 && !there; i++) {
		char *path = xasprintf("%s/%s", dirs[i], unit);

		there = access(path, F_OK) == 0;
		free(path);
	}
	return there;
}

static void
plan_drop_in(const struct holdfast_wish *w, const char *unit, struct plan *plan)
{
	char *path = xasprintf("/etc/systemd/system/%s.d/mta.conf", unit);
	struct buf b = BUF_INIT;

	buf_printf(&b,
	    "# Written by `holdfast setup': the MTA finds the socket in %s.\n[Service]\n",
	    w->socket_dir);
	if (w->postfix)
		buf_printf(&b, "SupplementaryGroups=%s\n", w->mta_group);
	buf_printf(&b, "ReadWritePaths=%s\n", w->socket_dir);
	if (has_unit(unit))
		plan_text(plan, path, &b, "the daemon may make its socket there");
	else if (setup_has_systemd())
		plan_problem(plan,
		    "there is no unit %s: install Holdfast's package, or its units from "
		    "packaging/systemd",
		    unit);
	buf_free(&b);
	free(path);
}

/* Without systemd the group is in /etc/group or nowhere. */
static void
plan_group(const struct holdfast_wish *w, const char *user, struct plan *plan)
{
	const char *add[] = { "usermod", "-a", "-G", w->mta_group, user, NULL };
	const char *remove[] = { "gpasswd", "-d", user, w->mta_group, NULL };
	const struct group *gr = getgrgid(w->mta_gid);

	for (char **m = gr != NULL ? gr->gr_mem : NULL; m != NULL && *m != NULL; m++)
		if (strcmp(*m, user) == 0)
			return;
	plan_undo(plan_run(plan, add, "the daemon may make its socket there"), remove);
}

void
setup_places_plan(const struct holdfast_wish *w, const struct conf *conf, bool *changed,
    struct plan *plan)
{
	const char *reload[] = { "systemctl", "daemon-reload", NULL };
	size_t before;
	struct who who;

	*changed = false;
	if (!find_user(conf->queue_user, &who.queue, &who.queue_group, plan) ||
	    !find_user(conf->milter_user, &who.milter, &who.milter_group, plan))
		return;
	plan_missing(conf->rules_db, 0755, who.queue, who.queue_group, "rules and queue", plan);
	plan_missing(conf->queue_db, 0700, who.queue, who.queue_group, "the queue", plan);
	plan_missing(conf->state_db, 0700, who.milter, who.milter_group, "what the milter learns", plan);
	plan_missing(
	    conf->control_socket, 0755, who.queue, who.queue_group, "the operator's socket", plan);
	if (w->socket_dir == NULL)
		return;
	plan_sockets(w, &who, plan);
	plan_tmpfiles(w, conf, plan);
	before = plan->n;
	plan_drop_in(w, QUEUED_UNIT, plan);
	plan_drop_in(w, MILTER_UNIT, plan);
	if (plan->n > before && setup_has_systemd())
		(void)plan_run(plan, reload, "systemd reads its units again");
	if (w->postfix && !setup_has_systemd())
		plan_group(w, conf->milter_user, plan);
	*changed = plan->n > before;
}
