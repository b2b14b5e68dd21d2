/*
 * t_plugin.c -- checks from outside: which files are taken, which are refused and why, where the
 * checks stand.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/core.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <stdbool.h>
#include <string.h>

#include "common/clock.h"
#include "milter/checks.h"
#include "milter/plugin.h"
#include "test/unit/capture.h"
#include "test/unit/plugin_lab.h"

#define PATIENCE	20000	/* ms: a machine under load is no hang */

static char dir[256];

/* A directory of this test's own. */
static void
new_dir(void **state, const char *name)
{
	(void)snprintf(dir, sizeof(dir), "%s/%s", (const char *)*state, name);
	assert_int_equal(mkdir(dir, 0755), 0);
}

static void
put(const char *name, const void *data, size_t len, mode_t mode)
{
	plugin_lab_put(dir, name, data, len, mode);
}

static void
copy_as(const char *kind, const char *name, mode_t mode)
{
	plugin_lab_copy(kind, dir, name, mode);
}

static struct plugin_set *
load(int64_t patience, char **log)
{
	struct capture c;
	struct plugin_set *p;

	capture_begin(&c);
	p = plugin_set_load(dir, patience);
	*log = capture_end(&c);
	return p;
}

static void
assert_has(const char *log, const char *file, const char *text)
{
	char want[512];

	(void)snprintf(want, sizeof(want), "%s/%s: %s", dir, file, text);
	if (strstr(log, want) == NULL)
		fail_msg("not said: %s", want);
}

/* --- files that are not fit ------------------------------------------------------------ */

static void
refusals(void **state)
{
	static const struct {
		const char	*kind, *reason;
	} rows[] = {
		{ "ABI", "built for ABI 7, this milter has 1" },
		{ "SYMBOL", "has no symbol holdfast_check" },
		{ "CRASH", "it dies of signal 11 (Segmentation fault) when it is loaded" },
		{ "EXIT", "it ends the process that loads it (exit status 0)" },
		{ "UNLOAD", "it dies of signal 11 (Segmentation fault) when it is unloaded" },
		{ "MISSING", "undefined symbol: not_there_anywhere" },
		{ "NONAME", "it has no name" },
		{ "WILDNAME", "it dies of signal 11 (Segmentation fault) when it is loaded" },
		{ "BADNAME", "its name is not 1 to 32 of a-z 0-9 _ -" },
		{ "LONGNAME", "its name is not 1 to 32 of a-z 0-9 _ -" },
		{ "TAKENNAME", "its name collides with Holdfast's own \"spf\"" },
		{ "WORD", "its name collides with Holdfast's own \"threshold\"" },
		{ "COST", "its cost is none of enum check_cost" },
		{ "FAULT", "on_fault is neither VERDICT_PASS nor VERDICT_DEFER" },
		{ "HOOKLESS", "it has neither at_rcpt nor at_eom" },
		{ "WILDHOOK", "a hook points to where no code is" },
		{ "RUBBISH", "it dies of signal 11 (Segmentation fault) when it is loaded" },
	};
	char name[64], want[256], *log;
	struct plugin_set *p;
	size_t n;

	new_dir(state, "refusals");
	for (size_t i = 0; i < COUNT(rows); i++) {
		(void)snprintf(name, sizeof(name), "%s.so", rows[i].kind);
		copy_as(rows[i].kind, name, 0644);
	}
	/* One that is good, in the midst of them: it is in use all the same. */
	copy_as("GOOD", "M.so", 0644);
	p = load(PATIENCE, &log);
	for (size_t i = 0; i < COUNT(rows); i++) {
		(void)snprintf(name, sizeof(name), "%s.so", rows[i].kind);
		(void)snprintf(want, sizeof(want), "this check is left out: %s\n", rows[i].reason);
		assert_has(log, name, want);
	}
	assert_has(log, "M.so", "check good is in use (cost network)\n");
	assert_string_equal(plugin_set_checks(p, &n)[0]->name, "good");
	assert_int_equal(n, 1);
	free(log);
	plugin_set_free(&p);
}

/* Does it run? A zombie does not. */
static bool
runs(int pid)
{
	char path[64], state = 'Z';
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if ((f = fopen(path, "r")) == NULL)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'Z';
	(void)fclose(f);
	return state != 'Z';
}

/* Neither the child nor what it has started is there afterwards, and the start goes on soon. */
static void
hang(void **state)
{
	int64_t begun = clock_mono_ms();
	char path[300], *log;
	struct plugin_set *p;
	int pid = 0;
	size_t n;
	FILE *f;

	new_dir(state, "hang");
	(void)snprintf(path, sizeof(path), "%s/pid", dir);
	(void)setenv("HF_TEST_PID", path, 1);
	copy_as("HANG", "a.so", 0644);
	copy_as("GOOD", "b.so", 0644);
	p = load(1500, &log);
	assert_has(log, "a.so", "this check is left out: it is not loaded after 1.5 s\n");
	assert_true(clock_mono_ms() - begun >= 1500);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_non_null(f = fopen(path, "r"));
	assert_int_equal(fscanf(f, "%d", &pid), 1);
	(void)fclose(f);
	for (int i = 0; i < 500 && runs(pid); i++)
		(void)usleep(10000);
	assert_false(runs(pid));
	(void)plugin_set_checks(p, &n);
	assert_int_equal(n, 1);
	free(log);
	plugin_set_free(&p);
}

static void
files(void **state)
{
	static const char text[] = "#!/bin/sh\n# This is no object, and long enough to be seen to be none.\n";
	char from[512], to[512], *log;
	struct plugin_set *p;
	size_t n;

	new_dir(state, "files");
	put("text.so", text, sizeof(text) - 1, 0644);
	put("empty.so", "", 0, 0644);
	put("cut.so", "\177ELF\2\1\1", 7, 0644);
	copy_as("GOOD", "group.so", 0664);
	copy_as("GOOD", "others.so", 0646);
	copy_as("GOOD", "ignored", 0644);
	copy_as("GOOD", ".hidden.so", 0644);
	copy_as("GOOD", "ignored.so.1", 0644);
	(void)snprintf(from, sizeof(from), "%s/ignored", dir);
	(void)snprintf(to, sizeof(to), "%s/link.so", dir);
	assert_int_equal(symlink(from, to), 0);
	(void)snprintf(to, sizeof(to), "%s/dir.so", dir);
	assert_int_equal(mkdir(to, 0755), 0);
	(void)snprintf(to, sizeof(to), "%s/fifo.so", dir);
	assert_int_equal(mkfifo(to, 0644), 0);
	copy_as("GOOD", "secret.so", 0000);
	if (geteuid() == 0) {		/* root reads all, but takes not from everybody */
		(void)snprintf(to, sizeof(to), "%s/secret.so", dir);
		assert_int_equal(chown(to, 12345, 12345), 0);
	}
	p = load(PATIENCE, &log);
	assert_has(log, "text.so", "this check is left out: invalid ELF header\n");
	assert_has(log, "empty.so", "this check is left out: file too short\n");
	assert_has(log, "cut.so", "this check is left out: file too short\n");
	assert_has(log, "group.so", "this check is left out: others than its owner may write it\n");
	assert_has(log, "others.so", "this check is left out: others than its owner may write it\n");
	assert_has(log, "link.so", "this check is left out: it is not a regular file\n");
	assert_has(log, "dir.so", "this check is left out: it is not a regular file\n");
	assert_has(log, "fifo.so", "this check is left out: it is not a regular file\n");
	assert_has(log, "secret.so", geteuid() == 0 ?
	    "this check is left out: it belongs neither to root nor to the user of the milter\n" :
	    "this check is left out: cannot open shared object file: Permission denied\n");
	assert_null(strstr(log, "ignored"));
	assert_null(strstr(log, "hidden"));
	(void)plugin_set_checks(p, &n);
	assert_int_equal(n, 0);
	free(log);
	plugin_set_free(&p);
}

static void
directories(void **state)
{
	struct plugin_set *p;
	char *log;
	size_t n;

	(void)snprintf(dir, sizeof(dir), "%s", "");
	p = load(PATIENCE, &log);
	assert_string_equal(log, "");		/* none is no fault */
	free(log);
	plugin_set_free(&p);
	(void)snprintf(dir, sizeof(dir), "%s/nowhere", (const char *)*state);
	p = load(PATIENCE, &log);
	assert_non_null(strstr(log, "/nowhere: no check is loaded from it: No such file or directory\n"));
	free(log);
	plugin_set_free(&p);
	new_dir(state, "open");
	copy_as("GOOD", "good.so", 0644);
	assert_int_equal(chmod(dir, 0777), 0);
	p = load(PATIENCE, &log);
	assert_non_null(strstr(log, "/open: no check is loaded from it: others than its owner may write it\n"));
	(void)plugin_set_checks(p, &n);
	assert_int_equal(n, 0);
	free(log);
	plugin_set_free(&p);
	plugin_set_free(&p);
}

/* --- those that are ----------------------------------------------------------------------- */

static void
order(void **state)
{
	const struct check *const *c;
	struct plugin_set *p;
	char *log;
	size_t n;

	new_dir(state, "order");
	copy_as("GOOD", "10.so", 0644);
	copy_as("BODY", "20.so", 0644);
	copy_as("CHEAP", "30.so", 0644);
	copy_as("GOOD", "40.so", 0644);
	p = load(PATIENCE, &log);
	assert_has(log, "40.so", "this check is left out: its name \"good\" collides with that of 10.so\n");
	c = plugin_set_checks(p, &n);
	assert_int_equal(n, 3);
	assert_string_equal(c[0]->name, "cheap");	/* by cost, then by file */
	assert_string_equal(c[1]->name, "good");
	assert_string_equal(c[2]->name, "body");
	free(log);
	plugin_set_free(&p);
}

#define CHECK(n)	static const struct check the_##n = { .name = #n }
CHECK(lists);
CHECK(dnsbl);
CHECK(greylist);
CHECK(spam);
CHECK(one);
CHECK(two);

/* After all that costs DNS, before the greylist and what looks inside; with and without them. */
static void
table(void **state)
{
	static const struct {
		const struct check	*ours[4], *theirs[2], *all[6];
	} rows[] = {
		{ { &the_lists, &the_dnsbl, &the_greylist, &the_spam }, { &the_one, &the_two },
		    { &the_lists, &the_dnsbl, &the_one, &the_two, &the_greylist, &the_spam } },
		{ { &the_lists, &the_dnsbl }, { &the_one, &the_two },
		    { &the_lists, &the_dnsbl, &the_one, &the_two } },
		{ { &the_greylist, &the_spam }, { &the_one },
		    { &the_one, &the_greylist, &the_spam } },
		{ { &the_lists, &the_spam }, { NULL }, { &the_lists, &the_spam } },
		{ { NULL }, { &the_one }, { &the_one } },
		{ { NULL }, { NULL }, { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t nours = 0, ntheirs = 0, n;
		const struct check **all;

		while (nours < 4 && rows[i].ours[nours] != NULL)
			nours++;
		while (ntheirs < 2 && rows[i].theirs[ntheirs] != NULL)
			ntheirs++;
		all = plugin_table(rows[i].ours, nours, rows[i].theirs, ntheirs, &n);
		assert_int_equal(n, nours + ntheirs);
		for (size_t k = 0; k < n; k++)
			if (all[k] != rows[i].all[k])
				fail_msg("row %zu, place %zu: %s", i, k, all[k]->name);
		free(all);
	}
}

/* The names of all checks of the tree are taken, and each of them passes for fit. */
static void
own_checks(void **state)
{
	char why[PLUGIN_WHY];
	size_t n;
	const struct check *const *own = checks_table(&n);

	(void)state;
	for (size_t i = 0; i < n; i++)
		if (plugin_judge(own[i], why) == -1)
			fail_msg("%s: %s", own[i]->name, why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals),
		cmocka_unit_test(hang),
		cmocka_unit_test(files),
		cmocka_unit_test(directories),
		cmocka_unit_test(order),
		cmocka_unit_test(table),
		cmocka_unit_test(own_checks),
	};

	return cmocka_run_group_tests_name("plugin", tests, scratch_setup, scratch_teardown);
}
