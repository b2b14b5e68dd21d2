/*
 * doctor.c -- holdfast doctor: is all well, and if not, which command mends it?
 *
 * Each check of doctor_table.c runs in a child process, some at a time, and writes its
 * verdicts as JSON lines to a pipe. What has not ended when DOCTOR_SECONDS are over is killed
 * and told as such: the whole never takes longer, whatever is dead. What is asked once begins
 * first, then what asks nobody (DOCTOR_EACH_DOMAIN), then every check of the first domain, of the
 * second, and so on: with more domains than the time allows each check has looked at the same
 * ones, and says how many it left out. Verdicts are shown in the table's order.
 *
 * Exit status: 0 all is well; 75 there are warnings, no failures; 69 something failed; 78 the
 * configuration or rules cannot be read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/doctor.h"

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
#define LATE		"not ended in time: something that it asks does not answer"

static const char *const status_names[] = { [DOCTOR_OK] = "ok", [DOCTOR_SKIP] = "skip",
	[DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail" };

/* --- in the child -------------------------------------------------------- */

static void
say(struct doctor *d, const char *check, enum doctor_status status, const char *fix,
    const char *fmt, va_list ap)
{
	struct buf text = BUF_INIT;
	json_t *o;
	char *line;
	size_t len;

	buf_vprintf(&text, fmt, ap);
	o = json_pack("{s:s,s:s,s:s,s:s,s:s}", "check", check, "domain",
	    d->name != NULL ? out_safe(d->name) : "", "status", status_names[status],
	    "text", out_safe(buf_str(&text)), "fix", fix != NULL ? out_safe(fix) : "");
	line = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	buf_free(&text);
	if (line == NULL)
		return;
	len = strlen(line);
	line[len] = '\n';	/* in place of the NUL */
	(void)!write(d->out, line, len + 1);
	free(line);
}

void
doctor_say(struct doctor *d, enum doctor_status status, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(d, d->check->name, status, fix, fmt, ap);
	va_end(ap);
}

void
doctor_say_as(struct doctor *d, const char *check, enum doctor_status status, const char *fix,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(d, check, status, fix, fmt, ap);
	va_end(ap);
}

char *
doctor_dns_fix(const struct doctor *d)
{
	return xasprintf("cat /etc/resolv.conf; grep -e resolver -e dnssec_anchor %s  (a resolver that "
			 "answers must be named there)",
	    d->conf_path);
}

struct dns *
doctor_dns(struct doctor *d)
{
	char *why = NULL, *fix;

	if (d->dns == NULL && (d->dns = dns_new(d->conf->resolver, access(d->conf->dnssec_anchor,
	    R_OK) == 0 ? d->conf->dnssec_anchor : "", &why)) == NULL) {
		fix = doctor_dns_fix(d);
		doctor_say(d, DOCTOR_FAIL, fix, "no DNS: %s", why);
		free(fix);
	}
	free(why);
	return d->dns;
}

char *
doctor_folder(const char *file)
{
	const char *slash = strrchr(file, '/');

	if (slash == NULL)
		return xstrdup(".");
	return xstrndup(file, slash == file ? 1 : (size_t)(slash - file));
}

int64_t
doctor_soon(const struct doctor *d)
{
	int64_t end = clock_mono_ms() + DOCTOR_WAIT_MS;

	return end < d->deadline ? end : d->deadline;
}

/* --- jobs ---------------------------------------------------------------- */

struct job {
	const struct doctor_check *check;
	const struct rules_domain *domain;	/* NULL: of the whole */
	const char	*name;			/* its name, or that of an alias of it */
	size_t		 rank;			/* in which round it begins */
	bool		 begun;
	pid_t		 pid;			/* 0: not started, or ended */
	int		 fd;			/* its verdicts; -1 */
	struct buf	 said;
	char		*trouble;		/* why it could not say all; NULL: it did */
};

struct jobs {
	struct job	*v;
	size_t		 n;
};

static void
add_job(struct jobs *j, const struct doctor_check *check, const struct rules_domain *domain,
    const char *name, size_t rank)
{
	j->v = xrealloc(j->v, j->n + 1, sizeof(*j->v));
	j->v[j->n++] = (struct job){ .check = check, .domain = domain, .name = name,
		.rank = rank, .fd = -1, .said = BUF_INIT };
}

/* The first domain of its destination speaks for it. */
static bool
is_first_of_destination(const struct ruleset *set, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(ruleset_domain_at(set, k)->destination,
		    ruleset_domain_at(set, i)->destination) == 0)
			return false;
	return true;
}

/* only: one domain or alias; of an alias its domain's list and primary are looked at. */
static void
add_each(struct jobs *j, const struct doctor *d, const struct doctor_check *check, const char *only)
{
	bool aliases = check->each == DOCTOR_EACH_NAME;
	const struct rules_domain *asked = only != NULL ? ruleset_domain(d->rules, only) : NULL;
	const char *name;
	size_t n = 0;

	for (size_t i = 0; (name = doctor_name(d, i)) != NULL; i++) {
		const struct rules_domain *domain = ruleset_domain(d->rules, name);

		if (domain == NULL || (!aliases && i >= ruleset_ndomains(d->rules)))
			continue;
		if (only != NULL)
			if (aliases ? strcasecmp(name, only) != 0 : domain != asked)
				continue;
		if (only == NULL && check->each == DOCTOR_EACH_PRIMARY &&
		    !is_first_of_destination(d->rules, i))
			continue;
		n++;
		add_job(j, check, domain, name, check->each == DOCTOR_EACH_DOMAIN ? 1 : n);
	}
}

static void
start_job(struct doctor *d, struct job *job)
{
	int fd[2];

	job->begun = true;
	if (pipe2(fd, O_CLOEXEC) == -1) {
		job->trouble = xasprintf("could not be begun: %s", strerror(errno));
		return;
	}
	(void)fflush(stdout);
	(void)fflush(stderr);
	job->pid = fork();
	if (job->pid == 0) {
		(void)close(fd[0]);
		(void)setpgid(0, 0);
		(void)signal(SIGPIPE, SIG_IGN);
		d->check = job->check;
		d->domain = job->domain;
		d->name = job->name;
		d->out = fd[1];
		if (d->check->mta && d->mta == DOCTOR_NO_MTA)
			doctor_say(
			    d, DOCTOR_SKIP, NULL, "there is neither Postfix nor Sendmail here");
		else
			d->check->run(d);
		_exit(0);
	}
	if (job->pid == -1) {
		job->trouble = xasprintf("could not be begun: %s", strerror(errno));
		job->pid = 0;
		(void)close(fd[0]);
	} else
		job->fd = fd[0];
	(void)close(fd[1]);
}

static void
end_job(struct job *job, bool kill_it)
{
	int status = 0;

	if (kill_it) {
		(void)kill(-job->pid, SIGKILL);
		(void)kill(job->pid, SIGKILL);
	}
	(void)close(job->fd);
	job->fd = -1;
	while (waitpid(job->pid, &status, 0) == -1 && errno == EINTR)
		;
	if (kill_it)
		job->trouble = xstrdup(LATE);
	else if (WIFSIGNALED(status))
		job->trouble = xasprintf("ended before its time, by signal %d", WTERMSIG(status));
	job->pid = 0;
}

static void
read_job(struct job *job)
{
	char piece[8192];
	ssize_t n = read(job->fd, piece, sizeof(piece));

	if (n > 0)
		buf_put(&job->said, piece, (size_t)n);
	else if (n == 0 || errno != EINTR)
		end_job(job, false);
}

static int
by_rank(const void *a, const void *b)
{
	const struct job *x = *(const struct job *const *)a, *y = *(const struct job *const *)b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* In the order in which they begin. Caller frees. */
static struct job **
in_order(struct jobs *j)
{
	struct job **v = xcalloc(j->n + 1, sizeof(*v));

	for (size_t i = 0; i < j->n; i++)
		v[i] = &j->v[i];
	qsort(v, j->n, sizeof(*v), by_rank);
	return v;
}

/* Waits until one says something or has ended, or the time has. */
static void
wait_for(struct job *const running[AT_ONCE], size_t n, int64_t left)
{
	struct pollfd fd[AT_ONCE];

	for (size_t i = 0; i < n; i++)
		fd[i] = (struct pollfd){ running[i]->fd, POLLIN, 0 };
	if (poll(fd, n, (int)left) > 0)
		for (size_t i = 0; i < n; i++)
			if (fd[i].revents != 0)
				read_job(running[i]);
}

/* Up to AT_ONCE at a time until all have ended or the time has. */
static void
run_jobs(struct doctor *d, struct jobs *j)
{
	struct job **order = in_order(j), *running[AT_ONCE];
	size_t next = 0, n = 0, keep;
	int64_t left;

	while ((left = d->deadline - clock_mono_ms()) > 0) {
		while (next < j->n && n < AT_ONCE) {
			start_job(d, order[next]);
			if (order[next++]->pid != 0)
				running[n++] = order[next - 1];
		}
		if (n == 0)
			break;
		wait_for(running, n, left);
		keep = 0;
		for (size_t i = 0; i < n; i++)
			if (running[i]->pid != 0)
				running[keep++] = running[i];
		n = keep;
	}
	for (size_t i = 0; i < n; i++)
		end_job(running[i], true);
	free(order);
}

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
	size_t i = 0;

	while (i < 3 && strcmp(status_names[i], s) != 0)
		i++;
	return (enum doctor_status)i;
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
	    status_names[status], out_off(r->cli), out_str(o, "check"), domain,
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
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s}", "check", wanted_name(r, check), "domain",
	    domain != NULL ? out_safe(domain) : "", "status", status_names[status], "text",
	    text, "fix", fix);

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
		why = LATE;
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
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:s}", "check", "config", "domain", "", "status",
	    "fail", "text", out_safe(why), "fix", out_safe(fix));

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
	else {
		for (const struct doctor_check *k = doctor_checks; k->name != NULL; k++) {
			if (!is_wanted(k, only))
				continue;
			if (k->each == DOCTOR_ONCE)
				add_job(&jobs, k, NULL, NULL, 0);
			else
				add_each(&jobs, &d, k, domain);
		}
		run_jobs(&d, &jobs);
		print_jobs(&r, &jobs);
		status = conclude(&r);
	}
	for (size_t i = 0; i < jobs.n; i++) {
		buf_free(&jobs.v[i].said);
		free(jobs.v[i].trouble);
	}
	free(jobs.v);
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
