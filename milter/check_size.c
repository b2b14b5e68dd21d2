/*
 * check_size.c -- is the message small enough for the recipient's domain?
 *
 * RFC 1870: the declared size is judged as soon as the limit is known, that is
 * at RCPT, where the client reads which recipient's limit it was. What was
 * really sent is judged at the end, against the smallest limit among the
 * recipients of ours, since the message then gets one answer for all.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/checks.h"

#include <inttypes.h>
#include <stdio.h>

static void
too_big(const struct check_view *v, struct verdict *out)
{
	char text[CHECK_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "Message size exceeds limit of %" PRIu64 " bytes",
	    v->size_limit);
	check_reject(out, 552, "5.3.4", text, "too big");
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	if (v->size_limit != 0 && v->declared_size > v->size_limit)
		too_big(v, out);
	return 0;
}

static int
at_eom(const struct check_view *v, struct verdict *out)
{
	if (v->size_limit != 0 && v->bytes > v->size_limit)
		too_big(v, out);
	return 0;
}

const struct check check_size = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "size",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_DEFER,
	.at_rcpt = at_rcpt,
	.at_eom = at_eom,
};
