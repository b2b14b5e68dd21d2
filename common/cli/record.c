/*
 * record.c -- what setups have done, on disk.
 *
 * The folder lies where the daemons' users may write (sticky): one that is
 * not root's own is never used. All in it is 0600 under 0700, since
 * configurations may hold secrets. A manifest that was being written when the machine died
 * is the old or the new one, by rename.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include "common/cli/record.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/plan.h"

struct record {
	char	*folder;
	char	*mta, *time;
	bool	 copied;	/* the files' bytes are there */
};

static const char *const kinds[] = {
	[PLAN_FILE] = "file", [PLAN_DIR] = "dir", [PLAN_RUN] = "run", [PLAN_CALL] = "call",
};

/* --- writing ------------------------------------------------------------- */

static const struct file_owner *
private_owner(mode_t mode)
{
	static struct file_owner o;

	o = (struct file_owner){ mode, geteuid(), getegid() };
	return &o;
}

static int
write_private(const struct record *r, const char *name, const void *data, size_t len, char **why)
{
	char *path = xasprintf("%s/%s", r->folder, name);
	int rc = file_write(path, data, len, private_owner(0600), why);

	free(path);
	return rc;
}

static int
check_all(const char *all, char **why)
{
	struct file_owner is;
	enum file_found found = file_find_dir(all, &is, why);

	if (found == FILE_BAD)
		return -1;
	if (found == FILE_NONE)
		return file_make_dir(all, private_owner(0700), why);
	if (is.uid == geteuid() && (is.mode & 022) == 0)
		return 0;
	*why =
	    xasprintf("%s belongs to somebody else, or others may write there: move it away", all);
	return -1;
}

static struct record *
record_of(char *folder)
{
	struct record *r = xcalloc(1, sizeof(*r));

	r->folder = folder;
	r->mta = xstrdup("");
	return r;
}

struct record *
record_new(const char *all, const char *mta, char **why)
{
	struct record *r;
	time_t now = time(NULL);
	char stamp[40];
	struct tm tm;
	char *folder = NULL;

	if (check_all(all, why) == -1)
		return NULL;
	(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H-%M-%SZ", gmtime_r(&now, &tm));
	for (int i = 0; i < 100; i++) {
		folder = i == 0 ? xasprintf("%s/%s", all, stamp)
				: xasprintf("%s/%s-%02d", all, stamp, i);
		if (mkdir(folder, 0700) == 0)
			break;
		*why = xasprintf("%s: %s", folder, strerror(errno));
		free(folder);
		folder = NULL;
		if (errno != EEXIST)
			return NULL;
		free(*why);
		*why = NULL;
	}
	if (folder == NULL) {
		*why = xasprintf("%s: too many setups in this second", all);
		return NULL;
	}
	r = record_of(folder);
	free(r->mta);
	r->mta = xstrdup(mta);
	r->time = xstrdup(stamp);
	return r;
}

static json_t *
words_json(const struct words *w)
{
	json_t *a = json_array();

	for (size_t i = 0; i < w->n; i++)
		json_array_append_new(a, json_string(w->v[i]));
	return a;
}

static json_t *
owner_json(const struct file_owner *o)
{
	return json_pack("{s:i,s:I,s:I}", "mode", (int)o->mode, "uid", (json_int_t)o->uid, "gid",
	    (json_int_t)o->gid);
}

static json_t *
step_json(const struct plan_step *s)
{
	json_t *o = json_pack("{s:s,s:s,s:b,s:b,s:o,s:o,s:o,s:o,s:o}", "kind", kinds[s->kind],
	    "what", s->what, "done", s->done, "existed", s->existed, "argv", words_json(&s->argv),
	    "undo", words_json(&s->undo), "guard", words_json(&s->guard), "owner_before",
	    owner_json(&s->owner_before), "owner", owner_json(&s->owner));

	if (s->path != NULL)
		json_object_set_new(o, "path", json_string(s->path));
	if (s->made_of != NULL)
		json_object_set_new(o, "made_of", json_string(s->made_of));
	return o;
}

/* Both versions of each file, once. */
static int
copy_files(struct record *r, const struct plan *p, char **why)
{
	for (size_t i = 0; i < p->n && !r->copied; i++) {
		const struct plan_step *s = &p->step[i];
		char *before, *after;
		int rc;

		if (s->kind != PLAN_FILE)
			continue;
		before = xasprintf("%zu.before", i);
		after = xasprintf("%zu.after", i);
		rc = (s->existed &&
			 write_private(r, before, s->before.data, s->before.len, why) == -1) ||
			     write_private(r, after, s->after.data, s->after.len, why) == -1
			 ? -1
			 : 0;
		free(before);
		free(after);
		if (rc == -1)
			return -1;
	}
	r->copied = true;
	return 0;
}

int
record_save(struct record *r, const struct plan *p, const char *state, char **why)
{
	json_t *steps = json_array(), *o;
	char *text;
	int rc;

	for (size_t i = 0; i < p->n; i++)
		json_array_append_new(steps, step_json(&p->step[i]));
	o = json_pack("{s:i,s:s,s:s,s:s,s:s,s:o}", "version", 1, "state", state, "time", r->time,
	    "program", "holdfast " PACKAGE_VERSION, "mta", r->mta, "steps",
	    steps);
	text = json_dumps(o, JSON_INDENT(1));
	json_decref(o);
	if (text == NULL) {
		*why = xstrdup("a name or path is not UTF-8");
		return -1;
	}
	rc = copy_files(r, p, why) == 0 ? write_private(r, "manifest.json", text, strlen(text), why)
					: -1;
	free(text);
	return rc;
}

/* --- reading ------------------------------------------------------------- */

static void
read_words(const json_t *a, struct words *w)
{
	for (size_t i = 0; i < json_array_size(a); i++) {
		const char *s = json_string_value(json_array_get(a, i));

		if (s != NULL)
			words_add(w, s);
	}
}

static void
read_owner(const json_t *o, struct file_owner *out)
{
	out->mode = (mode_t)json_integer_value(json_object_get(o, "mode"));
	out->uid = (uid_t)json_integer_value(json_object_get(o, "uid"));
	out->gid = (gid_t)json_integer_value(json_object_get(o, "gid"));
}

static int
read_copy(const struct record *r, size_t i, const char *which, struct buf *b, char **why)
{
	char *path = xasprintf("%s/%zu.%s", r->folder, i, which);
	enum file_found found = file_read(path, b, NULL, why);

	if (found == FILE_NONE)
		*why = xasprintf("%s is missing", path);
	free(path);
	return found == FILE_THERE ? 0 : -1;
}

static char *
dup_member(const json_t *o, const char *key)
{
	return xstrdup(json_string_value(json_object_get(o, key)));
}

static int
read_step(const struct record *r, const json_t *o, size_t i, struct plan_step *s, char **why)
{
	const char *kind = json_string_value(json_object_get(o, "kind"));
	size_t k = 0;

	while (k < 4 && (kind == NULL || strcmp(kinds[k], kind) != 0))
		k++;
	s->path = dup_member(o, "path");
	if (k == 4 || (k <= PLAN_DIR && s->path == NULL)) {
		*why = xasprintf("%s/manifest.json: step %zu is damaged", r->folder, i);
		return -1;
	}
	s->kind = (enum plan_kind)k;
	s->what = dup_member(o, "what");
	s->made_of = dup_member(o, "made_of");
	s->done = json_is_true(json_object_get(o, "done"));
	s->existed = json_is_true(json_object_get(o, "existed"));
	read_words(json_object_get(o, "argv"), &s->argv);
	read_words(json_object_get(o, "undo"), &s->undo);
	read_words(json_object_get(o, "guard"), &s->guard);
	read_owner(json_object_get(o, "owner_before"), &s->owner_before);
	read_owner(json_object_get(o, "owner"), &s->owner);
	if (s->kind != PLAN_FILE)
		return 0;
	if (s->existed && read_copy(r, i, "before", &s->before, why) == -1)
		return -1;
	return read_copy(r, i, "after", &s->after, why);
}

static int
read_plan(struct record *r, const json_t *o, struct plan *p, char **why)
{
	const json_t *steps = json_object_get(o, "steps");

	free(r->mta);
	r->mta = dup_member(o, "mta");
	r->time = dup_member(o, "time");
	r->copied = true;
	p->n = json_array_size(steps);
	p->step = xcalloc(p->n + 1, sizeof(*p->step));
	for (size_t i = 0; i < p->n; i++)
		if (read_step(r, json_array_get(steps, i), i, &p->step[i], why) == -1)
			return -1;
	if (r->mta == NULL || r->time == NULL) {
		*why = xasprintf("%s/manifest.json is damaged", r->folder);
		return -1;
	}
	return 0;
}

/* The manifest of one folder; NULL: there is none that can be read. */
static json_t *
manifest(const char *folder)
{
	char *path = xasprintf("%s/manifest.json", folder), *why = NULL;
	struct buf b = BUF_INIT;
	json_t *o = NULL;

	if (file_read(path, &b, NULL, &why) == FILE_THERE)
		o = json_loadb(buf_str(&b), b.len, 0, NULL);
	buf_free(&b);
	free(why);
	free(path);
	return o;
}

static bool
is_in_force(const json_t *o)
{
	const char *state = json_string_value(json_object_get(o, "state"));

	return state != NULL && (strcmp(state, "done") == 0 || strcmp(state, "applying") == 0);
}

/* The newest folder whose setup is in force; the caller's. Names sort by time. */
static char *
newest(const char *all, json_t **o)
{
	struct dirent **v = NULL;
	int n = scandir(all, &v, NULL, alphasort);
	char *found = NULL;

	*o = NULL;
	for (int i = n - 1; i >= 0; i--) {
		if (found == NULL && v[i]->d_name[0] != '.') {
			char *folder = xasprintf("%s/%s", all, v[i]->d_name);

			*o = manifest(folder);
			if (*o != NULL && is_in_force(*o))
				found = folder;
			else {
				json_decref(*o);
				*o = NULL;
				free(folder);
			}
		}
		free(v[i]);
	}
	free(v);
	return found;
}

struct record *
record_last(const char *all, struct plan *p, bool *none, char **why)
{
	struct record *r;
	json_t *o = NULL;
	char *folder;

	*none = false;
	if (access(all, F_OK) == 0 && check_all(all, why) == -1)
		return NULL;
	if ((folder = newest(all, &o)) == NULL) {
		*none = true;
		*why = xasprintf("there is no setup to take back in %s", all);
		return NULL;
	}
	r = record_of(folder);
	if (read_plan(r, o, p, why) == -1)
		record_free(&r);
	json_decref(o);
	return r;
}

const char *
record_mta(const struct record *r)
{
	return r->mta;
}

const char *
record_folder(const struct record *r)
{
	return r->folder;
}

const char *
record_time(const struct record *r)
{
	return r->time;
}

void
record_free(struct record **rp)
{
	struct record *r = *rp;

	if (r == NULL)
		return;
	free(r->folder);
	free(r->mta);
	free(r->time);
	free(r);
	*rp = NULL;
}
