/*
 * session.h -- one connection of the MTA, and the mail transaction in it.
 *
 * The milter's work without libmilter: callbacks.c feeds it what the MTA tells
 * and carries back its answers, tests feed it by hand.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SESSION_H
#define HOLDFAST_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "milter/engine.h"

#define SESSION_TEXT_MAX	800	/* of a reply: libmilter takes 980 bytes with every % doubled */

struct rules_domain;
struct service;
struct session;
struct spf_facts;

enum session_what {
	SESSION_CONTINUE,
	SESSION_ACCEPT,		/* the MTA keeps the message; no more callbacks for it */
	SESSION_DISCARD,	/* taken over: durable in queued (P1) */
	SESSION_TEMPFAIL,	/* with code, dsn, text */
	SESSION_REJECT
};

struct session_answer {
	enum session_what what;
	int	 code;
	char	 dsn[12];
	char	 text[SESSION_TEXT_MAX + 1];
};

struct session	*session_new(struct service *);
void		 session_free(struct session **);

/* --- for those who only ask what would be (explain.c) ---------------------------- */

/* What a check, a rule in shadow mode or the thresholds found. */
struct session_finding {
	enum check_stage	 stage;
	const struct check	*check;	/* NULL: the thresholds, or a rule in shadow mode */
	enum rules_mode		 mode;
	const struct verdict	*verdict;
	int64_t			 us;
	uint32_t		 skip;	/* what exceptions leave out from here on */
	const struct spf_facts	*spf;	/* of the SPF check: what was said; NULL: it did not ask. Lent */
};
struct session_watch {
	void	(*whose)(void *arg, const struct rules_domain *);	/* of the recipient; NULL: not ours */
	void	(*found)(void *arg, const struct session_finding *);	/* in the order of the checks */
	void	(*exempt)(void *arg, const char *rule, uint32_t skip);	/* an exception leaves these out */
	/* All of a stage: what holds, and what would if all that is in shadow mode were enforced. */
	void	(*decided)(void *arg, enum check_stage, const struct verdict *, const struct verdict *would);
	void	(*refused)(void *arg, enum check_stage, const struct verdict *);	/* and why */
	void	*arg;
};
/*
 * From now on all checks are asked, even those that cannot change anything any more, and of a
 * refused recipient's message as well; nothing is counted, remembered, logged or handed over.
 * Before session_connect(); lent.
 */
void	session_watch(struct session *, const struct session_watch *);

/* --- the MTA's side ------------------------------------------------------------------ */

/* hostname: verified name or NULL; sa: NULL or AF_UNIX for local submission. */
void	session_connect(struct session *, const char *hostname, const struct sockaddr *sa);
/* A new HELO replaces the former one. tls, cipher: NULL without TLS. */
void	session_helo(struct session *, const char *helo, const char *tls, const char *cipher);
/* Does the MTA leave the blanks after a header's colon in its value? (SMFIP_HDR_LEADSPC) */
void	session_leading_space(struct session *, bool);
bool	session_has_leading_space(const struct session *);	/* … and then it wants one in ours, too */

/* argv as the MTA gave it: address in brackets, then ESMTP parameters, then NULL. auth may be NULL. */
void	session_mail(struct session *, char *const *argv, const char *auth);
void	session_rcpt(struct session *, char *const *argv, struct session_answer *);
/* The MTA, or a milter before us, has refused this recipient for good: told only to count it. */
void	session_rcpt_refused(struct session *, char *const *argv);
/* The MTA's queue id, as soon and as often as it is known; NULL is ignored. */
void	session_mta_id(struct session *, const char *id);
/* ACCEPT when nothing in the message is ours. */
void	session_data(struct session *, struct session_answer *);
void	session_header(struct session *, const char *name, const char *value);
void	session_end_of_headers(struct session *);	/* need not be called: the body says it, too */
void	session_body(struct session *, const void *, size_t);
void	session_end(struct session *, struct session_answer *);
/*
 * After an ACCEPT from session_end: the recipients that the MTA must forget since
 * queued has them, exactly as it gave them. i from 0; NULL after the last.
 */
const char *session_forget(const struct session *, size_t i);
void	session_forget_failed(const struct session *, size_t i);	/* it would not: log it */
/* … and what the MTA must do to the message that it keeps. Headers to be put on top, the i-th; NULL: no more. */
const char *session_added(const struct session *, size_t i, const char **value);
/* The how manyth Authentication-Results: header (from 1) must go, the last first; 0: no more. */
unsigned session_forged(const struct session *, size_t i);
/* Why it must be put on hold; NULL: it need not. */
const char *session_quarantine(const struct session *);
/* The transaction is over, or never was. */
void	session_reset(struct session *);

#endif
