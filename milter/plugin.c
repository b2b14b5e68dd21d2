/*
 * plugin.c -- checks from outside: the *.so files of checks_dir.
 *
 * They are loaded once, at the start, in the order of their names. A file that is not fit is left
 * out and named in the log with the reason, and the milter starts without it: one bad file must
 * not stop the mail. Each runs its code with our rights, so nobody else may be able to write it:
 * the directory and the files belong to root or to us, and are writable for their owner alone.
 *
 * Nothing is ever unloaded: a session may be in a hook, and code may have started what needs it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/plugin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/rules_policy.h"
#include "milter/engine.h"

struct plugin_set {
	const struct check	*check[PLUGIN_MAX];	/* by cost */
	char			*file[PLUGIN_MAX];	/* entry i: whose check i is */
	size_t			 n;
};

/* --- may it be loaded? ----------------------------------------------------------- */

/* NULL, or why strangers may change it. */
static const char *
distrust(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "it belongs neither to root nor to the user of the milter";
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return "others than its owner may write it";
	return NULL;
}

static const char *
distrust_file(int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return strerror(errno);
	return S_ISREG(st.st_mode) ? distrust(&st) : "it is not a regular file";
}

/* Names that log lines and rules use for something else. */
static bool
is_ours(const char *name)
{
	static const char *const other[] = { "threshold", "class", "mx", "rule" };
	enum rules_check id;

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		if (strcmp(name, other[i]) == 0)
			return true;
	return rules_check_parse(name, &id) == 0;
}

static int
collides(const struct plugin_set *p, const char *name, char why[PLUGIN_WHY])
{
	if (is_ours(name)) {
		(void)snprintf(why, PLUGIN_WHY, "its name collides with Holdfast's own \"%s\"", name);
		return -1;
	}
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->check[i]->name, name) == 0) {
			(void)snprintf(why, PLUGIN_WHY, "its name \"%s\" collides with that of %s",
			    name, p->file[i]);
			return -1;
		}
	return 0;
}

/* --- loading ----------------------------------------------------------------------- */

/* Behind all that cost as much or less. */
static void
insert(struct plugin_set *p, const char *file, const struct check *c)
{
	size_t i = p->n++;

	for (; i > 0 && p->check[i - 1]->cost > c->cost; i--) {
		p->check[i] = p->check[i - 1];
		p->file[i] = p->file[i - 1];
	}
	p->check[i] = c;
	p->file[i] = xstrdup(file);
}

static void
load_one(struct plugin_set *p, int dirfd, const char *dir, const char *file, int64_t patience)
{
	char *path = xasprintf("%s/%s", dir, file), name[PLUGIN_NAME_MAX + 1], why[PLUGIN_WHY];
	const char *reason = distrust_file(dirfd, file);
	const struct check *c = NULL;

	if (reason == NULL && p->n == PLUGIN_MAX)
		reason = "there are too many";
	/*
	 * By its name as well before it is loaded for good: what it exports may not always be
	 * the same.
	 */
	if (reason == NULL && (plugin_try(path, patience, name, why) == -1 ||
	    collides(p, name, why) == -1 || (c = plugin_open(path, why)) == NULL ||
	    collides(p, c->name, why) == -1))
		reason = why;
	if (reason != NULL)
		log_error("%s: this check is left out: %s", path, reason);
	else {
		insert(p, file, c);
		log_info("%s: check %s is in use (cost %s)", path, c->name, engine_cost_name(c->cost));
	}
	free(path);
}

/* --- the directory ------------------------------------------------------------------- */

static int
is_object(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 3 && strcmp(e->d_name + len - 3, ".so") == 0;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);	/* the same in every locale */
}

/* An open directory that is safe to load from; -1 and the reason. */
static int
open_dir(const char *dir, const char **reason)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		*reason = strerror(errno);
	else
		*reason = distrust(&st);
	if (*reason != NULL && fd != -1) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

struct plugin_set *
plugin_set_load(const char *dir, int64_t patience)
{
	struct plugin_set *p = xcalloc(1, sizeof(*p));
	struct dirent **entry = NULL;
	const char *reason = NULL;
	int fd, n;

	if (dir[0] == '\0')
		return p;
	if ((fd = open_dir(dir, &reason)) == -1 || (n = scandir(dir, &entry, is_object, by_name)) == -1) {
		log_error("checks_dir %s: no check is loaded from it: %s", dir,
		    reason != NULL ? reason : strerror(errno));
		n = 0;
	}
	for (int i = 0; i < n; i++) {
		load_one(p, fd, dir, entry[i]->d_name, patience);
		free(entry[i]);
	}
	free(entry);
	if (fd != -1)
		(void)close(fd);
	return p;
}

void
plugin_set_free(struct plugin_set **pp)
{
	struct plugin_set *p = *pp;

	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++)
		free(p->file[i]);
	free(p);
	*pp = NULL;
}

const struct check *const *
plugin_set_checks(const struct plugin_set *p, size_t *n)
{
	*n = p->n;
	return p->check;
}

/* --- the table ------------------------------------------------------------------------- */

/* Does it run after those from outside? */
static bool
is_late(const struct check *c)
{
	enum rules_check id;

	return rules_check_parse(c->name, &id) == 0 && id > CHECK_PLUGIN;
}

const struct check **
plugin_table(const struct check *const *ours, size_t nours, const struct check *const *theirs,
    size_t ntheirs, size_t *n)
{
	const struct check **all = xcalloc(nours + ntheirs, sizeof(*all));
	size_t early = 0;

	while (early < nours && !is_late(ours[early]))
		early++;
	*n = nours + ntheirs;
	for (size_t i = 0; i < *n; i++)
		if (i < early)
			all[i] = ours[i];
		else
			all[i] = i - early < ntheirs ? theirs[i - early] : ours[i - ntheirs];
	return all;
}
