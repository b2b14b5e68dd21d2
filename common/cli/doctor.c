/*
 * doctor.c -- holdfast doctor: is all well, and if not, which command mends it?
 *
 * Each check of doctor_table.c runs in a child process (doctor_jobs.c) and writes its verdicts as JSON
 * lines to a pipe (doctor_say.c). What has not ended when DOCTOR_SECONDS are over is told as such: the
 * whole never takes longer, whatever is dead. Here they are shown, in the table's order, and counted.
 *
 * Exit status: 0 all is well; 75 there are warnings, no failures; 69 something failed; 78 the
 * configuration or rules cannot be read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/doctor_jobs.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/cli/cli.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/cli/proc.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/dns.h"
#include "common/rules.h"

#define AT_ONCE		12	/* checks */

/* --- telling ------------------------------------------------------------- */

struct report {
	const struct cli *cli;
	bool		 quiet;
	const struct words *only;	/* names of checks; empty: all */
	unsigned	 n[4];		/* by status */
};

static enum doctor_status
status_of(const json_t *o)
{
	const char *s = out_str(o, "status");
	enum doctor_status i = DOCTOR_OK;

	while (i < DOCTOR_FAIL && strcmp(doctor_status_name(i), s) != 0)
		i++;
	return i;
}

static void
print_verdict(struct report *r, const json_t *o)
{
	static const enum out_color color[] = { [DOCTOR_OK] = OUT_GOOD, [DOCTOR_SKIP] = OUT_DIM,
		[DOCTOR_WARN] = OUT_WARN, [DOCTOR_FAIL] = OUT_BAD };
	enum doctor_status status = status_of(o);
	const char *domain = out_str(o, "domain"), *fix = out_str(o, "fix");

	if (r->only->n > 0 && !words_have(r->only, out_str(o, "check")))
		return;
	r->n[status]++;
	if (r->quiet && (status == DOCTOR_OK || status == DOCTOR_SKIP))
		return;
	if (r->cli->json) {
		out_json_lent(o);
		return;
	}
	(void)printf("%s%-4s%s  %-14s %s%s%s\n", out_on(r->cli, color[status]),
	    doctor_status_name(status), out_off(r->cli), out_str(o, "check"), domain,
	    domain[0] != '\0' ? ": " : "", out_str(o, "text"));
	if (fix[0] != '\0')
		(void)printf("      %-14s -> %s\n", "", fix);
}

/* The name of a check that speaks for others, too: the first that somebody wants to hear of. */
static const char *
wanted_name(const struct report *r, const struct doctor_check *check)
{
	const struct doctor_check *k = check;

	if (r->only->n == 0)
		return check->name;
	do
		if (words_have(r->only, k->name))
			return k->name;
	while ((++k)->name != NULL && k->run == NULL);
	return check->name;
}

/* What no check could say itself. */
static void
print_own(struct report *r, const struct doctor_check *check, const char *domain,
    enum doctor_status status, const char *text, const char *fix)
{
	json_t *o = doctor_verdict(wanted_name(r, check), domain, status, text, fix);

	print_verdict(r, o);
	json_decref(o);
}

static void
print_job(struct report *r, const struct job *job)
{
	const char *p = buf_str(&job->said), *why;
	char *fix;
	json_t *o;

	while (*p != '\0') {
		size_t len = strcspn(p, "\n");

		if ((o = json_loadb(p, len, 0, NULL)) != NULL)
			print_verdict(r, o);
		json_decref(o);
		p += len + (p[len] == '\n');
	}
	if (job->trouble != NULL)
		why = job->trouble;
	else if (!job->begun && job->check->each == DOCTOR_ONCE)
		why = DOCTOR_LATE;
	else
		return;
	fix = xasprintf("holdfast doctor %s%s%s  (again, with all the time for itself)",
	    wanted_name(r, job->check), job->name != NULL ? " --domain " : "",
	    job->name != NULL ? job->name : "");
	print_own(r, job->check, job->name, DOCTOR_FAIL, why, fix);
	free(fix);
}

/* Of one check: n domains or primaries had to be left out. */
static void
print_left_out(struct report *r, const struct doctor_check *check, size_t n, size_t all)
{
	char *text = xasprintf("%zu of %zu %s were not looked at: %d seconds are not enough for all",
	    n, all, check->each == DOCTOR_EACH_PRIMARY ? "primaries" : "domains", DOCTOR_SECONDS);
	char *fix = xasprintf("holdfast doctor %s --domain NAME, for each that matters",
	    wanted_name(r, check));

	print_own(r, check, NULL, DOCTOR_WARN, text, fix);
	free(text);
	free(fix);
}

static void
print_jobs(struct report *r, const struct jobs *j)
{
	for (size_t i = 0; i < j->n;) {
		const struct doctor_check *check = j->v[i].check;
		size_t all = 0, left_out = 0;

		for (; i < j->n && j->v[i].check == check; i++, all++) {
			print_job(r, &j->v[i]);
			left_out += !j->v[i].begun;
		}
		if (left_out > 0 && check->each != DOCTOR_ONCE)
			print_left_out(r, check, left_out, all);
	}
}

static int
conclude(const struct report *r)
{
	if (!r->cli->json && !r->quiet)
		(void)printf("\n%u ok, %u skipped, %u to look at, %u failed\n", r->n[DOCTOR_OK],
		    r->n[DOCTOR_SKIP], r->n[DOCTOR_WARN], r->n[DOCTOR_FAIL]);
	if (r->n[DOCTOR_FAIL] > 0)
		return EX_UNAVAILABLE;
	return r->n[DOCTOR_WARN] > 0 ? EX_TEMPFAIL : EX_OK;
}

static int
no_facts(struct report *r, const char *why, const char *fix)
{
	json_t *o = doctor_verdict("config", NULL, DOCTOR_FAIL, why, fix);

	r->only = &(const struct words){ NULL, 0 };
	print_verdict(r, o);
	json_decref(o);
	return EX_CONFIG;
}

/* --- the command --------------------------------------------------------- */

static const struct doctor_check *
find_check(const char *name)
{
	for (const struct doctor_check *k = doctor_checks; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

static void
list_checks(const struct cli *c)
{
	for (const struct doctor_check *k = doctor_checks; k->name != NULL; k++)
		if (c->json)
			out_json(json_pack("{s:s,s:s}", "check", k->name, "what", k->what));
		else
			(void)printf("%-14s  %s\n", k->name, k->what);
}

/* Does somebody want to hear of it, or of one that it speaks for? */
static bool
is_wanted(const struct doctor_check *k, const struct words *only)
{
	if (k->run == NULL)
		return false;
	if (only->n == 0 || words_have(only, k->name))
		return true;
	while ((++k)->name != NULL && k->run == NULL)
		if (words_have(only, k->name))
			return true;
	return false;
}

static bool
is_served(const struct doctor *d, const char *domain)
{
	const char *name;

	for (size_t i = 0; (name = doctor_name(d, i)) != NULL; i++)
		if (strcasecmp(name, domain) == 0)
			return true;
	return false;
}

static int
examine(struct cli *c, const struct words *only, const char *domain)
{
	struct doctor d = { .conf_path = c->conf_path, .out = -1 };
	struct report r = { .cli = c, .quiet = cli_option(c, "quiet") != NULL, .only = only };
	struct jobs jobs = { NULL, 0 };
	char *why = NULL, *fix = NULL;
	int status;

	d.deadline = clock_mono_ms() + DOCTOR_SECONDS * 1000;
	if (!doctor_facts(&d, cli_option(c, "mta"), cli_option(c, "mta-config"), &why, &fix))
		status = no_facts(&r, why, fix);
	else if (domain != NULL && !is_served(&d, domain)) {
		status = cli_fail(EX_DATAERR, "--domain: `%s' is neither a domain of ours nor an alias; "
		    "holdfast domain list names them", domain);
	} else {
		for (const struct doctor_check *k = doctor_checks; k->name != NULL; k++) {
			if (!is_wanted(k, only))
				continue;
			if (k->each == DOCTOR_ONCE)
				doctor_jobs_add(&jobs, k);
			else
				doctor_jobs_add_each(&jobs, &d, k, domain);
		}
		doctor_jobs_run(&d, &jobs);
		print_jobs(&r, &jobs);
		status = conclude(&r);
	}
	doctor_jobs_clear(&jobs);
	doctor_facts_free(&d);
	free(why);
	free(fix);
	return status;
}

static int
doctor(struct cli *c)
{
	const char *mta = cli_option(c, "mta");
	struct words only = { NULL, 0 };
	int status = EX_OK;

	if (cli_option(c, "list") != NULL) {
		list_checks(c);
		return EX_OK;
	}
	if (mta != NULL && strcmp(mta, "postfix") != 0 && strcmp(mta, "sendmail") != 0 &&
	    strcmp(mta, "none") != 0)
		return cli_usage(c, "--mta: `%s' is not postfix, sendmail or none", mta);
	for (int i = 0; i < c->argc && status == EX_OK; i++) {
		if (find_check(c->argv[i]) == NULL)
			status = cli_usage(
			    c, "there is no check `%s'; doctor --list names them", c->argv[i]);
		words_add(&only, c->argv[i]);
	}
	if (status == EX_OK)
		status = examine(c, &only, cli_option(c, "domain"));
	words_clear(&only);
	return status;
}

static const struct cli_option options[] = {
	{ "domain", "NAME", "only this domain and its primary" },
	{ "quiet", NULL, "only what is not well; nothing if all is" },
	{ "list", NULL, "list the checks" },
	{ "mta", "postfix|sendmail|none", "which MTA (default: the one that is here)" },
	{ "mta-config", "DIR", "where its configuration is (/etc/postfix, /etc/mail)" },
	{ NULL, NULL, NULL }
};

const struct command command_doctor = {
	.name = "doctor", .args = "[CHECK …]",
	.help = "Examine the whole set-up; each failure comes with what mends it.",
	.examples = "holdfast doctor\n"
		    "holdfast doctor --quiet || mail -s 'backup MX' postmaster </dev/null\n"
		    "holdfast doctor mx primary --domain example.test\n"
		    "holdfast doctor --json | jq -r 'select(.status == \"fail\").fix'",
	.min_args = 0, .max_args = -1, .options = options, .run = doctor,
};
