/*
 * smtp_xclient.c -- whom the connection speaks for (Postfix's XCLIENT_README).
 *
 *	XCLIENT NAME=… ADDR=… -> 220, as if that client had connected
 *	EHLO, by the client's name -> the extensions, anew
 *
 * The peer then judges the client: its address lists, limits, SPF. A refusal of either step
 * concerns the message, not the destination; the connection is of no more use then.
 *
 * The EHLO bears the client's own name, since a server keeps the last one that it was told. XCLIENT is
 * not repeated while the client stays the same. A message of which no client is known goes as ours,
 * or as unknown's over a connection that spoke for somebody already.
 *
 * Postfix asks the *new* client for the right to XCLIENT, and so takes one a connection unless
 * smtpd_authorized_xclient_hosts names everybody: smtp_client_suits() tells the holder.
 *
 * Without an offer of XCLIENT, or when the command itself is refused, XFORWARD does what it can.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "queued/smtp_machine.h"

#define HELO_MAX	255	/* octets of a name in EHLO */

static bool
is_known(const struct client_info *client)
{
	return client->addr != NULL || client->name != NULL || client->helo != NULL;
}

/* What is no single printable word would not be one argument of EHLO. */
static void
put_hello(struct buf *out, const char *helo, const char *hostname)
{
	size_t n = helo != NULL ? strlen(helo) : 0;

	buf_puts(out, "EHLO ");
	if (n == 0 || n > HELO_MAX)
		buf_puts(out, hostname);
	else
		for (; *helo != '\0'; helo++)
			buf_putc(out, *helo > ' ' && *helo < 0x7f ? *helo : '?');
	buf_puts(out, "\r\n");
}

/* The two commands that introduce the job's client; nothing if the peer may take us for it. */
static void
format(const struct smtp_client *c, const struct job *job, struct buf *out)
{
	const struct client_info *client = &job->env.client;

	if (c->client != CLIENT_XCLIENT || c->no_xclient != NULL)
		return;
	if (!is_known(client) && c->speaks_for.len == 0)
		return;
	wire_format_xclient(out, client, c->xclient_attr);
	put_hello(out, client->helo, c->hostname);
}

/* Compared by what the EHLO before the first XCLIENT offered: see smtp_on_xehlo(). */
static bool
is_introduced(const struct smtp_client *c, const struct buf *text)
{
	return text->len == c->speaks_for.len &&
	    (text->len == 0 || memcmp(text->data, c->speaks_for.data, text->len) == 0);
}

bool
smtp_client_suits(const struct smtp_client *c, const struct job *job)
{
	struct buf text = BUF_INIT;
	bool suits;

	if (c->speaks_for.len == 0 || (c->ext & WIRE_EXT_XCLIENT))
		return true;
	format(c, job, &text);
	suits = is_introduced(c, &text);
	buf_free(&text);
	return suits;
}

const char *
smtp_client_no_xclient(const struct smtp_client *c)
{
	return c->no_xclient;
}

bool
smtp_introduce(struct smtp_client *c)
{
	const char *text, *end;

	/* A client without its address is none. */
	if (c->client == CLIENT_XCLIENT && c->no_xclient == NULL &&
	    !(c->xclient_attr & WIRE_CLIENT_ADDR))
		c->no_xclient = xstrdup("the server does not offer XCLIENT with ADDR");
	buf_clear(&c->introduced);
	format(c, c->job, &c->introduced);
	if (is_introduced(c, &c->introduced))
		return false;
	assert(c->speaks_for.len == 0 || (c->ext & WIRE_EXT_XCLIENT));
	text = buf_str(&c->introduced);
	end = strstr(text, "\r\n");
	buf_put(c->out, text, (size_t)(end + 2 - text));
	return true;
}

/*
 * Is it the command that the server dislikes, and not the client? Postfix: 501 for an attribute, 550 5.7.0
 * for us; a client is refused with 554, 450 or 421 as in a greeting. When in doubt it is the command:
 * MAIL will tell.
 */
static bool
command_refused(const struct wire_reply *r)
{
	return (r->code >= 500 && r->code <= 504) || r->code == 550;
}

/*
 * This connection cannot become the next client's; a new one will tell why, or can. The peer may have
 * had enough messages over this one.
 */
static enum smtp_state
stuck(struct smtp_client *c, const struct wire_reply *r)
{
	char *why = xasprintf("said %d to another client over the same connection", r->code);

	smtp_verdict_set(&c->end, SMTP_EV_LOST, SMTP_READY, 0, "", why);
	smtp_settle_rest(c, SMTP_EV_LOST, SMTP_READY, 0, "", why);
	free(why);
	return SMTP_CLOSED;
}

enum smtp_state
smtp_on_xclient(struct smtp_client *c, const struct wire_reply *r)
{
	const char *hello;

	if (r->code == 220) {
		hello = strstr(buf_str(&c->introduced), "\r\n") + 2;
		buf_puts(c->out, hello);
		return SMTP_XEHLO;
	}
	if (r->code / 100 == 2 || r->code / 100 == 3)
		return smtp_broken(c, "unexpected reply to XCLIENT", r);
	if (c->speaks_for.len > 0 && (r->code == 421 || command_refused(r)))
		return stuck(c, r);
	if (!command_refused(r))
		return smtp_fail_reply(c, r);
	c->no_xclient = xasprintf("the server refused XCLIENT: %d %s%s%s", r->code, r->dsn,
	    r->dsn[0] != '\0' ? " " : "", buf_str(&r->text));
	return smtp_envelope(c);
}

/*
 * The offer of attributes stays that of the first EHLO: a client's text must not change with what
 * the server lists for it. Whether XCLIENT can be said again is in the new one.
 */
enum smtp_state
smtp_on_xehlo(struct smtp_client *c, const struct wire_reply *r)
{
	unsigned attr = c->xclient_attr;
	struct buf swap;

	if (r->code != 250) {
		if (r->code / 100 == 2 || r->code / 100 == 3)
			return smtp_broken(c, "unexpected reply to EHLO", r);
		if (c->speaks_for.len > 0 && r->code == 421)
			return stuck(c, r);
		return smtp_fail_reply(c, r);
	}
	smtp_read_extensions(c, r);
	c->xclient_attr = attr;
	swap = c->speaks_for;
	c->speaks_for = c->introduced;
	c->introduced = swap;
	return smtp_envelope(c);
}
