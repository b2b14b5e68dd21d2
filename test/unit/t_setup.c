/*
 * t_setup.c -- the texts that setup writes, plans carried out and taken back, files
 * that are never written through a link, programs that are run.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cli/file.h"
#include "common/cli/plan.h"
#include "common/cli/proc.h"
#include "common/cli/record.h"
#include "common/cli/setup_holdfast.h"
#include "common/cli/setup_sendmail.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- holdfast.conf ------------------------------------------------------- */

static void
test_conf_set(void **state)
{
	static const struct {
		const char	*before, *after;
	} row[] = {
		{ "", "key = new\n" },
		{ "a = 1", "a = 1\nkey = new\n" },
		{ "a = 1\nkey = old\nb = 2\n", "a = 1\nkey = new\nb = 2\n" },
		{ "#key = old\nkeys = 3\n", "key = new\nkeys = 3\n" },
		{ "#key = preset\n\nkey = old # why\n", "#key = preset\n\nkey = new\n" },
		{ "  key=old\n", "key = new\n" },
		{ "# key is a key\n#other key = 1\n", "# key is a key\n#other key = 1\nkey = new\n" },
		{ "key = old", "key = new" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct buf b = BUF_INIT;

		buf_puts(&b, row[i].before);
		setup_conf_set(&b, "key", "new");
		assert_string_equal(buf_str(&b), row[i].after);
		buf_free(&b);
	}
}

/* --- sendmail ------------------------------------------------------------ */

#define BLOCK	"dnl holdfast: begin (`holdfast setup' writes this block anew)\n" \
    "define(`HOLDFAST_MILTER', `unix:/m')dnl\ndefine(`HOLDFAST_QUEUED', `/q')dnl\n" \
    "define(`HOLDFAST_DOMAINS', `/etc/mail/holdfast-domains')dnl\n" \
    "include(`/etc/mail/holdfast.m4')dnl\ndnl holdfast: end\n"
#define LIMITED	"dnl holdfast: begin (`holdfast setup' writes this block anew)\n" \
    "define(`confMAX_MESSAGE_SIZE', `99')dnl\n" \
    "define(`HOLDFAST_MILTER', `unix:/m')dnl\ndefine(`HOLDFAST_QUEUED', `/q')dnl\n" \
    "define(`HOLDFAST_DOMAINS', `/etc/mail/holdfast-domains')dnl\n" \
    "include(`/etc/mail/holdfast.m4')dnl\ndnl holdfast: end\n"

static const struct sendmail_wish wish = { .dir = "/etc/mail", .milter = "unix:/m", .lmtp = "/q" };

static void
test_mc(void **state)
{
	static const struct {
		const char	*mc, *want;
		uint64_t	 limit;
	} row[] = {
		{ "OSTYPE(`x')dnl\nMAILER(`smtp')dnl\n", "OSTYPE(`x')dnl\nMAILER(`smtp')dnl\n" BLOCK, 0 },
		{ "MAILER_DEFINITIONS\nMAILER(local)\n MAILER(smtp)\nLOCAL_RULESETS\nX\n",
		  "MAILER_DEFINITIONS\nMAILER(local)\n MAILER(smtp)\n" BLOCK "LOCAL_RULESETS\nX\n", 0 },
		{ "MAILER(smtp)\n" BLOCK "LOCAL_CONFIG\n", "MAILER(smtp)\n" BLOCK "LOCAL_CONFIG\n", 0 },
		{ "MAILER(smtp)\n", "MAILER(smtp)\n" LIMITED, 99 },
		{ "MAILER(smtp)\n" LIMITED, "MAILER(smtp)\n" LIMITED, 0 },	/* it stays */
		{ BLOCK "MAILER(smtp)\n", "MAILER(smtp)\n" BLOCK, 0 },
		{ "dnl MAILER(smtp)\n", NULL, 0 },
		{ "", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		struct buf b = BUF_INIT;
		const char *why = NULL;
		bool ok = sendmail_mc_text(row[i].mc, &wish, row[i].limit, &b, &why);

		assert_int_equal(ok, row[i].want != NULL);
		if (ok)
			assert_string_equal(buf_str(&b), row[i].want);
		else
			assert_non_null(why);
		buf_free(&b);
	}
}

static void
test_cf(void **state)
{
#define X	"Xholdfast, S=unix:/m, F=T, T=C:30s\n"
#define O	"O InputMailFilters=a, holdfast\n"
#define M	"Mholdfast,\tP=[IPC]\n"
	static const struct {
		const char	*cf, *lacks;
	} row[] = {
		{ X O M, NULL },
		{ "", "does not ask" },
		{ "#" X O M, "does not ask" },
		{ "Xholdfast, S=unix:/other, F=T\n" O M, "does not ask" },
		{ "Xholdfast, S=unix:/m\n" O M, "F=T" },
		{ X "O InputMailFilters=holdfast, b\n" M, "last" },
		{ X M, "last" },
		{ X O, "mailer" },
	};
	struct words names = { NULL, 0 }, files = { NULL, 0 };
	char *value;

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		const char *lacks = sendmail_lacks(row[i].cf, &wish);

		assert_int_equal(lacks == NULL, row[i].lacks == NULL);
		if (lacks != NULL)
			assert_non_null(strstr(lacks, row[i].lacks));
	}
	value = sendmail_option("#O MaxMessageSize=1\nO MaxMessageSize=25\n", "MaxMessageSize");
	assert_string_equal(value, "25");
	free(value);
	assert_null(sendmail_option("O MaxMessageSizes=1\n", "MaxMessageSize"));
	sendmail_own_names("Cwlocalhost a.test\nFw-o /etc/mail/names %[^\\#]\nCx nope\n", &names, &files);
	assert_true(words_have(&names, "A.test") && names.n == 2);
	assert_true(words_have(&files, "/etc/mail/names") && files.n == 1);
	words_clear(&names);
	words_clear(&files);
	assert_true(sendmail_names_have("# x\n a.test \nb.test\n", "A.TEST"));
	assert_false(sendmail_names_have("aa.test\n#a.test\n", "a.test"));
}

/* --- programs ------------------------------------------------------------ */

static void
test_proc(void **state)
{
	const char *cat[] = { "cat", NULL }, *fail[] = { "sh", "-c", "echo no >&2; exit 3", NULL };
	const char *none[] = { "no-such-program", NULL }, *slow[] = { "sleep", "60", NULL };
	const char *env[] = { "env", NULL };
	struct proc p = { .argv = cat, .input = "hello", .input_len = 5 };

	(void)state;
	assert_true(proc_run(&p));
	assert_string_equal(buf_str(&p.out), "hello");
	proc_clear(&p);
	p = (struct proc){ .argv = fail };
	assert_false(proc_run(&p));
	assert_int_equal(p.status, 3);
	assert_non_null(strstr(p.why, "exit status 3: no"));
	proc_clear(&p);
	p = (struct proc){ .argv = none };
	assert_false(proc_run(&p));
	assert_non_null(strstr(p.why, "no such program"));
	proc_clear(&p);
	p = (struct proc){ .argv = slow, .seconds = 1 };
	assert_false(proc_run(&p));
	assert_non_null(strstr(p.why, "killed"));
	proc_clear(&p);
	/* Nothing of our environment gets in. */
	assert_int_equal(setenv("MAIL_CONFIG", "/elsewhere", 1), 0);
	p = (struct proc){ .argv = env };
	assert_true(proc_run(&p));
	assert_null(strstr(buf_str(&p.out), "MAIL_CONFIG"));
	assert_non_null(strstr(buf_str(&p.out), "PATH=/usr/sbin:"));
	proc_clear(&p);
}

/* --- files and plans ------------------------------------------------------ */

struct place {
	char	*dir;
};

static int
make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	char *why = NULL;

	p->dir = file_temporary(&why);
	assert_non_null(p->dir);
	*state = p;
	return 0;
}

static void
remove_all(const char *dir)
{
	const char *argv[] = { "rm", "-rf", dir, NULL };
	struct proc p = { .argv = argv };

	(void)proc_run(&p);
	proc_clear(&p);
}

static int
remove_place(void **state)
{
	struct place *p = *state;

	remove_all(p->dir);
	free(p->dir);
	free(p);
	return 0;
}

static const struct file_owner *
own(mode_t mode)
{
	static struct file_owner o;

	o = (struct file_owner){ mode, geteuid(), getegid() };
	return &o;
}

static void
put(const char *path, const char *text)
{
	char *why = NULL;

	if (file_write(path, text, strlen(text), own(0644), &why) == -1)
		fail_msg("%s", why);
}

static void
holds(const char *path, const char *text)
{
	struct buf b = BUF_INIT;
	char *why = NULL;
	enum file_found found = file_read(path, &b, NULL, &why);

	assert_int_equal(found, text == NULL ? FILE_NONE : FILE_THERE);
	if (text != NULL)
		assert_string_equal(buf_str(&b), text);
	buf_free(&b);
}

static void
test_links(void **state)
{
	const struct place *p = *state;
	char *target = xasprintf("%s/target", p->dir), *link = xasprintf("%s/link", p->dir), *why = NULL;
	struct buf b = BUF_INIT;

	put(target, "as it was");
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(file_write(link, "x", 1, own(0644), &why), -1);
	assert_non_null(strstr(why, "symbolic link"));
	free(why);
	why = NULL;
	assert_int_equal(file_read(link, &b, NULL, &why), FILE_BAD);
	free(why);
	why = NULL;
	assert_int_equal(file_make_dir(link, own(0755), &why), -1);
	free(why);
	holds(target, "as it was");
	free(target);
	free(link);
}

struct world {
	char		*old, *new, *sub, *made, *record;
	struct plan	 plan;
};

static void
make_world(struct world *w, const char *dir)
{
	const char *ok[] = { "true", NULL };

	memset(w, 0, sizeof(*w));
	w->old = xasprintf("%s/old", dir);
	w->new = xasprintf("%s/new", dir);
	w->sub = xasprintf("%s/sub", dir);
	w->made = xasprintf("%s/sub/made", dir);
	w->record = xasprintf("%s/record", dir);
	put(w->old, "one\ntwo\n");
	assert_non_null(plan_file(&w->plan, w->old, "one\n2\n", 6, own(0600), "change"));
	assert_non_null(plan_file(&w->plan, w->new, "new\n", 4, own(0640), "make"));
	assert_non_null(plan_dir(&w->plan, w->sub, own(0750), "folder"));
	assert_non_null(plan_file(&w->plan, w->made, "x\n", 2, own(0600), "inside"));
	w->plan.step[3].made_of = xstrdup(w->old);
	(void)plan_run(&w->plan, ok, "run");
	/* What is there already makes no step. */
	assert_null(plan_file(&w->plan, w->old, "one\ntwo\n", 8, own(0600), "the same"));
	assert_int_equal(w->plan.n, 5);
}

static void
end_world(struct world *w)
{
	plan_clear(&w->plan);
	free(w->old);
	free(w->new);
	free(w->sub);
	free(w->made);
	free(w->record);
}

static void
was_restored(const struct world *w)
{
	holds(w->old, "one\ntwo\n");
	holds(w->new, NULL);
	holds(w->made, NULL);
	assert_int_equal(access(w->sub, F_OK), -1);
}

static struct record *
apply(struct world *w)
{
	char *why = NULL;
	struct record *r = record_new(w->record, "none", &why);

	if (r == NULL || plan_apply(&w->plan, r, &why) == -1)
		fail_msg("%s", why);
	return r;
}

/* Carried out, remembered, read again by another run, taken back. */
static void
test_apply_undo(void **state)
{
	struct words left = { NULL, 0 }, did = { NULL, 0 };
	const struct place *p = *state;
	struct record *r;
	struct world w;
	struct stat st;
	struct plan again;
	char *why = NULL;
	bool none;

	make_world(&w, p->dir);
	r = apply(&w);
	record_free(&r);
	holds(w.old, "one\n2\n");
	holds(w.made, "x\n");
	assert_int_equal(stat(w.old, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);	/* its own mode stays */
	assert_int_equal(stat(w.new, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(stat(w.sub, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	assert_int_equal(stat(w.record, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);

	memset(&again, 0, sizeof(again));
	r = record_last(w.record, &again, &none, &why);
	assert_non_null(r);
	plan_take_back(&again, &left, &did);
	assert_int_equal(left.n, 0);
	assert_true(did.n >= 4);
	assert_int_equal(record_save(r, &again, "undone", &why), 0);
	record_free(&r);
	plan_clear(&again);
	was_restored(&w);

	assert_null(record_last(w.record, &again, &none, &why));	/* there is no other */
	assert_true(none);
	free(why);
	words_clear(&left);
	words_clear(&did);
	end_world(&w);
}

/* A file that was changed since stays, with what is made of it; the rest goes. */
static void
test_undo_changed(void **state)
{
	struct words left = { NULL, 0 };
	const struct place *p = *state;
	struct record *r;
	struct world w;
	char *all;

	make_world(&w, p->dir);
	r = apply(&w);
	put(w.old, "one\n2\nthree\n");
	plan_take_back(&w.plan, &left, NULL);
	all = words_join(&left, "\n");
	assert_non_null(strstr(all, "was changed since and is left alone"));
	assert_non_null(strstr(all, "remove   2"));
	assert_non_null(strstr(all, "put back two"));
	free(all);
	holds(w.old, "one\n2\nthree\n");
	holds(w.made, "x\n");
	holds(w.new, NULL);
	words_clear(&left);
	record_free(&r);
	end_world(&w);
}

/* The last step fails: all is as it was, and it is said. */
static void
test_rollback(void **state)
{
	const char *bad[] = { "false", NULL };
	const struct place *p = *state;
	struct record *r;
	struct plan again;
	struct world w;
	char *why = NULL;
	bool none;

	make_world(&w, p->dir);
	(void)plan_run(&w.plan, bad, "fails");
	r = record_new(w.record, "none", &why);
	assert_non_null(r);
	assert_int_equal(plan_apply(&w.plan, r, &why), -1);
	assert_non_null(strstr(why, "false"));
	assert_non_null(strstr(why, "taken back"));
	was_restored(&w);
	free(why);
	record_free(&r);
	memset(&again, 0, sizeof(again));
	assert_null(record_last(w.record, &again, &none, &why));	/* nothing to undo */
	assert_true(none);
	free(why);
	end_world(&w);
}

/* Somebody edits a file between the question and the answer. */
static void
test_changed_meanwhile(void **state)
{
	const struct place *p = *state;
	struct record *r;
	struct world w;
	char *why = NULL;

	make_world(&w, p->dir);
	put(w.old, "somebody else's\n");
	r = record_new(w.record, "none", &why);
	assert_int_equal(plan_apply(&w.plan, r, &why), -1);
	assert_non_null(strstr(why, "changed by somebody else"));
	holds(w.old, "somebody else's\n");
	holds(w.new, NULL);
	free(why);
	record_free(&r);
	end_world(&w);
}

/* A crash in the middle: what the record says was being done is taken back. */
static void
test_crashed(void **state)
{
	struct words left = { NULL, 0 };
	const struct place *p = *state;
	struct record *r;
	struct plan again;
	struct world w;
	char *why = NULL;
	bool none;

	make_world(&w, p->dir);
	r = record_new(w.record, "none", &why);
	w.plan.step[0].done = true;
	assert_int_equal(record_save(r, &w.plan, "applying", &why), 0);
	put(w.old, "one\n2\n");
	record_free(&r);
	memset(&again, 0, sizeof(again));
	r = record_last(w.record, &again, &none, &why);
	assert_non_null(r);
	plan_take_back(&again, &left, NULL);
	assert_int_equal(left.n, 0);
	holds(w.old, "one\ntwo\n");
	record_free(&r);
	plan_clear(&again);
	end_world(&w);
}

/* Others may write where it lies: nothing that they prepared is used. */
static void
test_record_folder(void **state)
{
	const struct place *p = *state;
	char *all = xasprintf("%s/all", p->dir), *why = NULL;

	assert_int_equal(mkdir(all, 0777), 0);
	assert_int_equal(chmod(all, 0777), 0);
	assert_null(record_new(all, "none", &why));
	assert_non_null(strstr(why, "others may write"));
	free(why);
	free(all);
}

static void
test_diff(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT;
	char *diff;

	(void)state;
	buf_puts(&a, "one\ntwo\n");
	buf_puts(&b, "one\n2\n");
	diff = plan_diff("/x", &a, &b);
	assert_non_null(strstr(diff, "--- /x\n+++ /x\n"));
	assert_non_null(strstr(diff, "\n-two\n+2\n"));
	free(diff);
	buf_free(&a);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conf_set), cmocka_unit_test(test_mc), cmocka_unit_test(test_cf),
		cmocka_unit_test(test_proc), cmocka_unit_test(test_diff),
		cmocka_unit_test_setup_teardown(test_links, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_apply_undo, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_undo_changed, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_rollback, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_changed_meanwhile, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_crashed, make_place, remove_place),
		cmocka_unit_test_setup_teardown(test_record_folder, make_place, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
