/*
 * schedule.c -- holdfast schedule: when mail is tried again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/schedule.h"

#include "common/buf.h"
#include "common/cli/out.h"
#include "common/schedule.h"

char *
schedule_text(const struct schedule *s)
{
	struct buf b = BUF_INIT;

	for (unsigned i = 0; i < s->nsteps; i++)
		buf_printf(&b, "%s%s", i > 0 ? " " : "", out_interval(s->step[i]));
	buf_putc(&b, '*');
	return buf_take(&b);
}
