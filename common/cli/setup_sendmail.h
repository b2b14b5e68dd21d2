/*
 * setup_sendmail.h -- what must change in a Sendmail for Holdfast to work beside it.
 *
 * The texts are pure functions of what is there; m4 then makes sendmail.cf of them in a
 * private folder, and what came out is looked at before anything is changed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_SETUP_SENDMAIL_H
#define HOLDFAST_CLI_SETUP_SENDMAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/cli/words.h"

struct plan;

struct sendmail_wish {
	const char	*dir;		/* of sendmail.mc */
	struct words	 domains;	/* all that Holdfast will serve */
	const char *milter; /* "unix:/run/holdfast-mta/milter.sock", or "inet:PORT@HOST" */
	const char	*lmtp;		/* path of queued's socket */
	uint64_t	 size;		/* largest message */
};

/* --- sendmail_text.c: pure ------------------------------------------------ */
/*
 * sendmail.mc with our lines behind its last MAILER(); those that are there are replaced. limit: of
 * messages, 0: leave it as it is. false: *why (static).
 */
bool sendmail_mc_text(const char *mc, const struct sendmail_wish *, uint64_t limit, struct buf *out,
    const char **why);
/* The domains, one a line. */
void	 sendmail_domains_text(const struct words *domains, struct buf *out);
/* From sendmail.cf: the value of "O Name=", NULL if it is not set; the caller frees. */
char	*sendmail_option(const char *cf, const char *name);
/* The file or value of the lines that fill class w, our own names ("Fw/etc/mail/local-host-names").
 */
void	 sendmail_own_names(const char *cf, struct words *names, struct words *files);
/* Does it ask our milter, last and with F=T, and has it our mailer? NULL, or what is missing
 * (static). */
const char *sendmail_lacks(const char *cf, const struct sendmail_wish *);
/* A file of names, one a line, `#' comments: is the name there? */
bool	 sendmail_names_have(const char *text, const char *name);
extern const char sendmail_m4[];	/* packaging/sendmail/holdfast.m4 */

/* --- setup_sendmail.c ----------------------------------------------------- */
void	 setup_sendmail_plan(const struct sendmail_wish *, bool reload, struct plan *);
/* The pid file that a sendmail.cf names; the caller frees. */
char	*setup_sendmail_pid_file(const char *cf);

#endif
