/*
 * wire_format.c -- MAIL and RCPT as a peer with these extensions takes them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/wire.h"

static void
put_body(struct buf *out, enum body_type body, unsigned ext)
{
	switch (body) {
	case BODY_UNSPECIFIED:
		break;
	case BODY_7BIT:
		buf_puts(out, " BODY=7BIT");
		break;
	case BODY_8BITMIME:
		buf_puts(out, " BODY=8BITMIME");
		break;
	case BODY_BINARYMIME:
		buf_puts(out, (ext & WIRE_EXT_BINARYMIME) != 0 ? " BODY=BINARYMIME" : " BODY=8BITMIME");
		break;
	}
}

void
wire_format_mail(struct buf *out, const struct envelope *env, unsigned ext, uint64_t size)
{
	buf_printf(out, "MAIL FROM:<%s>", env->sender != NULL ? env->sender : "");
	if ((ext & WIRE_EXT_SIZE) != 0 && size > 0)
		buf_printf(out, " SIZE=%ju", (uintmax_t)size);
	if ((ext & WIRE_EXT_8BITMIME) != 0)
		put_body(out, env->body, ext);
	if ((ext & WIRE_EXT_SMTPUTF8) != 0 && env->smtputf8)
		buf_puts(out, " SMTPUTF8");
	if ((ext & WIRE_EXT_DSN) != 0 && env->ret != RET_UNSPECIFIED)
		buf_puts(out, env->ret == RET_FULL ? " RET=FULL" : " RET=HDRS");
	if ((ext & WIRE_EXT_DSN) != 0 && env->envid != NULL)
		buf_printf(out, " ENVID=%s", env->envid);
	if ((ext & WIRE_EXT_XHOLDFAST) != 0 && env->trace != NULL) {
		buf_puts(out, " XTRACE=");
		wire_xtext_encode(out, env->trace);
	}
	if ((ext & WIRE_EXT_XHOLDFAST) != 0 && env->spf != NULL)
		buf_printf(out, " XSPF=%s", env->spf);
	if ((ext & WIRE_EXT_XHOLDFAST) != 0 && env->start == START_QUARANTINED) {
		buf_puts(out, " XQUARANTINE=");
		wire_xtext_encode(out, env->start_reason != NULL && env->start_reason[0] != '\0' ?
		    env->start_reason : "-");
	}
}

void
wire_format_rcpt(struct buf *out, const struct rcpt *rcpt, unsigned ext)
{
	static const struct {
		unsigned	 bit;
		const char	*name;
	} table[] = {
		{ NOTIFY_NEVER, "NEVER" },
		{ NOTIFY_SUCCESS, "SUCCESS" },
		{ NOTIFY_FAILURE, "FAILURE" },
		{ NOTIFY_DELAY, "DELAY" },
	};
	const char *separator = " NOTIFY=";
	size_t i;

	buf_printf(out, "RCPT TO:<%s>", rcpt->address);
	if ((ext & WIRE_EXT_DSN) == 0)
		return;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if ((rcpt->notify & table[i].bit) == 0)
			continue;
		buf_puts(out, separator);
		buf_puts(out, table[i].name);
		separator = ",";
	}
	if (rcpt->orcpt != NULL)
		buf_printf(out, " ORCPT=%s", rcpt->orcpt);
}
