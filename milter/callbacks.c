/*
 * callbacks.c -- libmilter's side of the milter: thin adapters to session.c.
 *
 * What is said to the MTA and when
 *  - CONTINUE until the end: ACCEPT or DISCARD at MAIL or RCPT would end the
 *    callbacks for the whole message. ACCEPT at DATA is how mail that does not
 *    concern us gets past us without its content.
 *  - No reply is sent at connect, HELO, MAIL, headers and body: a round trip saved for
 *    each. These callbacks must return NOREPLY always; for an MTA that expects
 *    an answer nevertheless libmilter makes one up.
 *  - smfi_setreply() refuses or drops what it does not like, and an MTA fed a bare
 *    REJECT says something of its own: so its result is checked, every % is doubled, and
 *    code and action agree (the engine's verdicts are valid by construction).
 *
 * State hangs on smfi_setpriv(): libmilter's pool moves a session between threads.
 * close may be the first callback of all, and abort does not come after
 * a verdict of ours, so every end goes through session_reset().
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/callbacks.h"

#include <libmilter/mfapi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"
#include "milter/pool.h"
#include "milter/session.h"

/* Of the MTA's abilities those that we want if it has them, and those that we can't do without. */
#define WANT_ACTIONS	(SMFIF_DELRCPT | SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE | \
			 SMFIF_SETSYMLIST)
#define NEED_ACTIONS	SMFIF_DELRCPT
#define NO_REPLIES	(SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_HDR | \
			 SMFIP_NR_EOH | SMFIP_NR_BODY)
/*
 * Not SMFIP_NOEOH, though the body would tell as well where the headers end: libmilter then
 * ignores all of a message that has no header, and the MTA waits for an answer in vain.
 */
#define NO_STEPS	SMFIP_NOUNKNOWN

/* What libmilter gives no argument for. Set before it runs, read-only after. */
static struct service *the_service;
static struct pool *the_pool;

/*
 * By stage, what is told of the client and the message beyond the arguments. A stage with a value to
 * tell costs a packet, which libmilter reads with four system calls; a list cannot be empty, so the
 * stages that need nothing ask for what only an authenticated client has. The MTA's queue id is
 * there from DATA on, and kept to the end.
 */
static const struct {
	int		 stage;
	const char	*macros;
} wanted[] = {
	{ SMFIM_CONNECT, "j _ {client_name}" },
	{ SMFIM_HELO, "{tls_version} {cipher}" },
	{ SMFIM_ENVFROM, "{auth_authen}" },
	{ SMFIM_ENVRCPT, "{rcpt_mailer} {rcpt_host}" },
	{ SMFIM_DATA, "i" },
	{ SMFIM_EOM, "{auth_authen}" },
};

static const char *
macro(SMFICTX *ctx, const char *name)
{
	char copy[32];		/* libmilter's parameter is not const */

	(void)snprintf(copy, sizeof(copy), "%s", name);
	return smfi_getsymval(ctx, copy);
}

/* The session of this connection; made when first needed. */
static struct session *
session_of(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);

	if (s == NULL) {
		s = session_new(the_service);
		if (smfi_setpriv(ctx, s) != MI_SUCCESS)
			session_free(&s);
	}
	return s;
}

/* --- answers ------------------------------------------------------------- */

static void
set_reply(SMFICTX *ctx, const struct session_answer *a)
{
	struct buf text = BUF_INIT;
	char code[8], dsn[sizeof(a->dsn)];
	const char *p;

	(void)snprintf(code, sizeof(code), "%d", a->code);
	(void)snprintf(dsn, sizeof(dsn), "%s", a->dsn);
	for (p = a->text; *p != '\0'; p++) {
		if (*p == '%')
			buf_putc(&text, '%');
		buf_putc(&text, *p);
	}
	buf_putc(&text, '\0');
	if (smfi_setreply(ctx, code, dsn, text.data) != MI_SUCCESS &&
	    smfi_setreply(ctx, code, dsn, NULL) != MI_SUCCESS)
		log_warn("the MTA library refused the reply %s %s: the client sees the MTA's own words",
		    code, dsn);
	buf_free(&text);
}

static sfsistat
reply(SMFICTX *ctx, const struct session_answer *a)
{
	switch (a->what) {
	case SESSION_CONTINUE:
		return SMFIS_CONTINUE;
	case SESSION_ACCEPT:
		return SMFIS_ACCEPT;
	case SESSION_DISCARD:
		return SMFIS_DISCARD;
	case SESSION_TEMPFAIL:
		set_reply(ctx, a);
		return SMFIS_TEMPFAIL;
	case SESSION_REJECT:
		set_reply(ctx, a);
		return SMFIS_REJECT;
	}
	return SMFIS_TEMPFAIL;
}

/* --- callbacks ----------------------------------------------------------- */

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long f2,
    unsigned long f3, unsigned long *use_actions, unsigned long *use_steps, unsigned long *use_f2,
    unsigned long *use_f3)
{
	struct session *s = session_of(ctx);
	char macros[128];
	size_t i;

	(void)f2;
	(void)f3;
	if ((actions & NEED_ACTIONS) != NEED_ACTIONS) {
		log_error("this MTA cannot remove recipients for a milter: it is too old for Holdfast");
		return SMFIS_REJECT;
	}
	if (s == NULL)
		return SMFIS_REJECT;
	*use_actions = actions & WANT_ACTIONS;
	*use_steps = steps & (NO_REPLIES | NO_STEPS | SMFIP_HDR_LEADSPC | SMFIP_RCPT_REJ);
	*use_f2 = 0;
	*use_f3 = 0;
	session_leading_space(s, (steps & SMFIP_HDR_LEADSPC) != 0);
	if ((actions & SMFIF_SETSYMLIST) == 0)
		return SMFIS_CONTINUE;
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		(void)snprintf(macros, sizeof(macros), "%s", wanted[i].macros);
		if (smfi_setsymlist(ctx, wanted[i].stage, macros) != MI_SUCCESS)
			log_warn("the MTA library refused the macro list \"%s\"", macros);
	}
	return SMFIS_CONTINUE;
}

static sfsistat
on_connect(SMFICTX *ctx, char *hostname, _SOCK_ADDR *sa)
{
	struct session *s = session_of(ctx);
	const char *name = macro(ctx, "{client_name}");

	if (s == NULL)
		return SMFIS_NOREPLY;
	if (name == NULL)
		name = hostname;
	/* "unknown" and "[192.0.2.1]" are the MTAs' ways of having no verified name. */
	if (name != NULL && (strcmp(name, "unknown") == 0 || name[0] == '['))
		name = NULL;
	session_connect(s, name, sa);
	return SMFIS_NOREPLY;
}

static sfsistat
on_helo(SMFICTX *ctx, char *helo)
{
	struct session *s = session_of(ctx);

	if (s != NULL)
		session_helo(s, helo, macro(ctx, "{tls_version}"), macro(ctx, "{cipher}"));
	return SMFIS_NOREPLY;
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	struct session *s = session_of(ctx);

	if (s != NULL) {
		session_mail(s, argv, macro(ctx, "{auth_authen}"));
		session_mta_id(s, macro(ctx, "i"));
	}
	return SMFIS_NOREPLY;
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	struct session *s = session_of(ctx);
	struct session_answer a;
	struct pool_stay stay;
	const char *mailer, *dsn;

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	/* SMFIP_RCPT_REJ: the MTA has refused it already, with the enhanced code in {rcpt_host}, and only tells. */
	if ((mailer = macro(ctx, "{rcpt_mailer}")) != NULL && strcmp(mailer, "error") == 0) {
		dsn = macro(ctx, "{rcpt_host}");
		if (dsn == NULL || dsn[0] != '4')
			session_rcpt_refused(s, argv);
		return SMFIS_CONTINUE;
	}
	pool_enter(the_pool, &stay);
	session_rcpt(s, argv, &a);
	pool_leave(the_pool, &stay);
	return reply(ctx, &a);
}

static sfsistat
on_data(SMFICTX *ctx)
{
	struct session *s = session_of(ctx);
	struct session_answer a;
	struct pool_stay stay;

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	session_mta_id(s, macro(ctx, "i"));
	pool_enter(the_pool, &stay);
	session_data(s, &a);
	pool_leave(the_pool, &stay);
	return reply(ctx, &a);
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *s = session_of(ctx);

	if (s != NULL)
		session_header(s, name, value);
	return SMFIS_NOREPLY;
}

static sfsistat
on_end_of_headers(SMFICTX *ctx)
{
	struct session *s = session_of(ctx);

	if (s != NULL)
		session_end_of_headers(s);
	return SMFIS_NOREPLY;
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	struct session *s = session_of(ctx);

	if (s != NULL)
		session_body(s, data, len);
	return SMFIS_NOREPLY;
}

/* What is durable in queued must leave the MTA's envelope, or it comes twice. */
static void
forget_taken(SMFICTX *ctx, const struct session *s)
{
	const char *given;
	char *copy;
	size_t i;

	for (i = 0; (given = session_forget(s, i)) != NULL; i++) {
		copy = xstrdup(given);
		if (smfi_delrcpt(ctx, copy) != MI_SUCCESS)
			session_forget_failed(s, i);
		free(copy);
	}
}

/* The message stays with the MTA, so it is the MTA that changes it. */
static void
change_kept(SMFICTX *ctx, const struct session *s)
{
	static char results[] = "Authentication-Results";
	const char *name, *value, *why;
	struct buf line = BUF_INIT;
	bool good = true;
	unsigned which;

	for (size_t i = 0; (which = session_forged(s, i)) != 0; i++)
		good &= smfi_chgheader(ctx, results, (int)which, NULL) == MI_SUCCESS;
	for (size_t i = 0; (name = session_added(s, i, &value)) != NULL; i++) {
		char *copy = xstrdup(name);

		/* The MTA writes the line ends of folds itself. */
		buf_clear(&line);
		if (session_has_leading_space(s))
			buf_putc(&line, ' ');
		for (const char *p = value; *p != '\0'; p++)
			if (*p != '\r')
				buf_putc(&line, *p);
		buf_putc(&line, '\0');
		good &= smfi_insheader(ctx, 0, copy, line.data) == MI_SUCCESS;
		free(copy);
	}
	if ((why = session_quarantine(s)) != NULL) {
		char *copy = xstrdup(why);

		good &= smfi_quarantine(ctx, copy) == MI_SUCCESS;
		free(copy);
	}
	if (!good)
		log_warn("the MTA would not change a message that it keeps");
	buf_free(&line);
}

static sfsistat
on_end(SMFICTX *ctx)
{
	struct session *s = session_of(ctx);
	struct session_answer a;
	struct pool_stay stay;
	sfsistat status;

	if (s == NULL)
		return SMFIS_TEMPFAIL;
	session_mta_id(s, macro(ctx, "i"));
	pool_enter(the_pool, &stay);
	session_end(s, &a);
	pool_leave(the_pool, &stay);
	if (a.what == SESSION_ACCEPT) {
		forget_taken(ctx, s);
		change_kept(ctx, s);
	}
	status = reply(ctx, &a);
	session_reset(s);
	return status;
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);

	if (s != NULL)
		session_reset(s);
	return SMFIS_CONTINUE;
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);

	session_free(&s);
	(void)smfi_setpriv(ctx, NULL);
	return SMFIS_CONTINUE;
}

int
callbacks_register(void)
{
	static char name[] = "Holdfast";
	struct smfiDesc desc;

	memset(&desc, 0, sizeof(desc));
	desc.xxfi_name = name;
	desc.xxfi_version = SMFI_VERSION;
	desc.xxfi_flags = WANT_ACTIONS;
	desc.xxfi_negotiate = on_negotiate;
	desc.xxfi_connect = on_connect;
	desc.xxfi_helo = on_helo;
	desc.xxfi_envfrom = on_mail;
	desc.xxfi_envrcpt = on_rcpt;
	desc.xxfi_data = on_data;
	desc.xxfi_header = on_header;
	desc.xxfi_eoh = on_end_of_headers;
	desc.xxfi_body = on_body;
	desc.xxfi_eom = on_end;
	desc.xxfi_abort = on_abort;
	desc.xxfi_close = on_close;
	return smfi_register(desc) == MI_SUCCESS ? 0 : -1;
}

void
callbacks_serve(struct service *service, struct pool *pool)
{
	the_service = service;
	the_pool = pool;
}
