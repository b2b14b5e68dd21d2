/*
 * spf_eval.h -- one question about SPF, answered here and now by libspf2.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SPF_EVAL_H
#define HOLDFAST_SPF_EVAL_H

#include "milter/spf_dns.h"
#include "milter/spf_proto.h"

struct spf_eval;

/* For one thread. */
struct spf_eval	*spf_eval_new(spf_resolve *, void *arg);
void		 spf_eval_free(struct spf_eval **);
/* A QUERY. */
void		 spf_eval_run(struct spf_eval *, const struct spf_message *, struct spf_answer *);

#endif
