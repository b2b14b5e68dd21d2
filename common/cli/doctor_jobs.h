/*
 * doctor_jobs.h -- the checks as child processes: which, some at a time, what they said.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_DOCTOR_JOBS_H
#define HOLDFAST_CLI_DOCTOR_JOBS_H

#include <sys/types.h>

#include <jansson.h>

#include "common/cli/doctor.h"

#define DOCTOR_LATE	"not ended in time: something that it asks does not answer"

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

/* A check that is due once; … for each name, domain or primary, of them only one if that is given. */
void	doctor_jobs_add(struct jobs *, const struct doctor_check *);
void	doctor_jobs_add_each(struct jobs *, const struct doctor *, const struct doctor_check *, const char *only);
/* Returns when all have ended, or d->deadline has passed: then they are killed. */
void	doctor_jobs_run(struct doctor *d, struct jobs *);
void	doctor_jobs_clear(struct jobs *);

/* doctor_say.c: a verdict as an object. name: of the domain, NULL none. */
json_t	*doctor_verdict(const char *check, const char *name, enum doctor_status, const char *text, const char *fix);
const char *doctor_status_name(enum doctor_status);

#endif
