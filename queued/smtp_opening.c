/*
 * smtp_opening.c -- from the greeting to READY.
 *
 * EHLO, HELO for servers that know no better, STARTTLS as the route's level
 * asks, and EHLO again: what was announced in the clear counts no more (RFC
 * 3207 4.2). A level above `may' never goes on without TLS.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "common/rules_text.h"
#include "queued/smtp_machine.h"

enum smtp_state
smtp_say_hello(struct smtp_client *c, enum smtp_state s)
{
	buf_printf(c->out, "%s %s\r\n", smtp_state_name(s), c->hostname);
	return s;
}

enum smtp_state
smtp_on_greeting(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code != 220)
		return smtp_fail_reply(c, r);
	return smtp_say_hello(c, SMTP_EHLO);
}

void
smtp_read_extensions(struct smtp_client *c, const struct wire_reply *r)
{
	const char *line = buf_str(&r->text), *end;

	c->ext = c->xforward_attr = c->xclient_attr = 0;
	c->size_limit = 0;
	/* The first line is the peer's name. */
	for (line = strchr(line, '\n'); line != NULL; line = end) {
		char one[WIRE_REPLY_LINE_MAX + 1];
		unsigned bit;
		size_t len;

		line++;
		end = strchr(line, '\n');
		len = end != NULL ? (size_t)(end - line) : strlen(line);
		if (len >= sizeof(one))
			continue;
		memcpy(one, line, len);
		one[len] = '\0';
		bit = wire_extension(one, &c->size_limit);
		c->ext |= bit;
		if (bit == WIRE_EXT_XFORWARD)
			c->xforward_attr = wire_client_attributes(one);
		else if (bit == WIRE_EXT_XCLIENT)
			c->xclient_attr = wire_client_attributes(one);
	}
}

static enum smtp_state
tls_not_offered(struct smtp_client *c)
{
	char text[80];

	(void)snprintf(text, sizeof(text), "TLS is required (tls=%s), but it did not offer STARTTLS",
	    rules_tls_name(c->tls));
	return smtp_fail(c, SMTP_EV_TLS, 0, "4.7.4", text);
}

static enum smtp_state
hello_done(struct smtp_client *c)
{
	if (c->encrypted || c->tls == TLS_OFF)
		return SMTP_READY;
	if (c->ext & WIRE_EXT_STARTTLS) {
		smtp_put_line(c, "STARTTLS");
		return SMTP_STARTTLS;
	}
	if (c->tls == TLS_MAY)
		return SMTP_READY;
	return tls_not_offered(c);
}

enum smtp_state
smtp_on_ehlo(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code == 250) {
		smtp_read_extensions(c, r);
		return hello_done(c);
	}
	/* RFC 5321 3.2: a server that does not know EHLO may know HELO. */
	if (r->code >= 500 && !c->encrypted)
		return smtp_say_hello(c, SMTP_HELO);
	return smtp_fail_reply(c, r);
}

enum smtp_state
smtp_on_helo(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code != 250)
		return smtp_fail_reply(c, r);
	c->ext = c->xforward_attr = c->xclient_attr = 0;
	return hello_done(c);
}

enum smtp_state
smtp_on_starttls(struct smtp_client *c, const struct wire_reply *r)
{
	if (r->code == 220)
		return SMTP_TLS;
	if (r->code == 421 || c->tls != TLS_MAY)
		return smtp_fail_reply(c, r);
	return SMTP_READY;		/* opportunistic: go on as we are */
}
