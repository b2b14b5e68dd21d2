/*
 * store_job.c -- the end of a job that the store lent out.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>

#include "queued/store.h"

void
job_free(struct job **jp)
{
	struct job *job = *jp;

	if (job == NULL)
		return;
	for (size_t i = 0; i < job->nrcpt; i++)
		rcpt_clear(&job->rcpt[i].rcpt);
	envelope_clear(&job->env);
	free(job->rcpt);
	free(job->domain);
	free(job->body);
	free(job);
	*jp = NULL;
}
