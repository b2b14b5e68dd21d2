/*
 * doctor_jobs.c -- the checks as child processes.
 *
 * What is asked once begins first, then what asks nobody (DOCTOR_EACH_DOMAIN), then every check of
 * the first domain, of the second, and so on: with more domains than the time allows each
 * check has looked at the same ones. What has not ended when the time is over is killed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/doctor_jobs.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/rules.h"

#define AT_ONCE		12	/* checks */

static void
add_job(struct jobs *j, const struct doctor_check *check, const struct rules_domain *domain,
    const char *name, size_t rank)
{
	j->v = xrealloc(j->v, j->n + 1, sizeof(*j->v));
	j->v[j->n++] = (struct job){ .check = check, .domain = domain, .name = name,
		.rank = rank, .fd = -1, .said = BUF_INIT };
}

void
doctor_jobs_add(struct jobs *j, const struct doctor_check *check)
{
	add_job(j, check, NULL, NULL, 0);
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
void
doctor_jobs_add_each(struct jobs *j, const struct doctor *d, const struct doctor_check *check, const char *only)
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

/* --- one ------------------------------------------------------------------ */

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
		job->trouble = xstrdup(DOCTOR_LATE);
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

/* --- all ------------------------------------------------------------------ */

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
void
doctor_jobs_run(struct doctor *d, struct jobs *j)
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

void
doctor_jobs_clear(struct jobs *j)
{
	for (size_t i = 0; i < j->n; i++) {
		buf_free(&j->v[i].said);
		free(j->v[i].trouble);
	}
	free(j->v);
	*j = (struct jobs){ NULL, 0 };
}
