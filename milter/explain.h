/*
 * explain.h -- what would the milter do with this message, and why?
 *
 * A session of the milter is played through by hand, with the rules and the DNS as they are now.
 * Nothing changes by it: no counter, no greylist, no hand-over, no mail. The milter need not run.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_EXPLAIN_H
#define HOLDFAST_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/dns.h"
#include "common/rules_policy.h"
#include "milter/check_spf.h"
#include "milter/session.h"

struct conf;
struct dns;
struct plugin_set;
struct rules;
struct ruleset;
struct service;
struct spf;

#define EXPLAIN_HEADERS_MAX	(1024u * 1024)	/* bytes of all headers of a message */
#define EXPLAIN_PTR_MAX		8		/* names of an address that are tried */

struct explain_question {
	const char	*client;	/* numeric address */
	const char	*name;		/* of the client, verified; "" it has none; NULL: as the DNS says */
	const char	*helo;		/* "" none was sent */
	const char	*sender;	/* with or without brackets */
	const char	*recipient;
	FILE		*message;	/* line ends LF or CRLF; NULL: the content is not asked about */
};

enum explain_state {
	EXPLAIN_ASKED,		/* a check; mode and verdict are there */
	EXPLAIN_OFF,		/* a check that its mode leaves out */
	EXPLAIN_EXEMPT,		/* a check that an exception leaves out */
	EXPLAIN_RULE,		/* a rule in shadow mode, of the check before it */
	EXPLAIN_THRESHOLD	/* the points together */
};
struct explain_row {
	enum explain_state	 state;
	enum check_stage	 stage;
	const char		*check;		/* "spf"; of a rule the verdict's rule says more */
	const struct check	*of;		/* NULL: a rule, the thresholds */
	enum rules_mode		 mode;
	bool			 late;		/* in a real session it is not asked: it is decided before */
	struct verdict		 verdict;
	int64_t			 us;
	char			 exception[CHECK_RULE_SIZE];
	const struct spf_facts	*spf;		/* of the SPF check; NULL: it did not ask */
};

enum explain_end {
	EXPLAIN_NOT_OURS,	/* not screened at all */
	EXPLAIN_ACCEPTED,
	EXPLAIN_PUT_OFF,
	EXPLAIN_REFUSED
};

struct explain {
	/* who it is */
	char			 name[DNS_NAME_MAX];	/* "" none */
	char			 name_how[DNS_NAME_MAX + 64];	/* where it is from, or why there is none */
	/* by which rules */
	struct ruleset		*rules;			/* what is lent below is lent by it */
	const char		*domain;		/* "" not ours, or not to be found out */
	const char		*scope;			/* of the policy; "" everybody's */
	unsigned		 class;
	const struct rules_policy *policy;
	/* what was found */
	struct explain_row	*row;			/* explain must not be moved: one may point to `spf' */
	size_t			 nrows;
	struct spf_facts	 spf;
	/* what comes of it */
	enum explain_end	 end;
	int			 code;			/* 250 for what is accepted */
	char			 dsn[CHECK_DSN_SIZE];
	char			 text[SESSION_TEXT_MAX + 1];	/* as the client reads it */
	enum check_stage	 stage;			/* which decided */
	char			 by[CHECK_RULE_SIZE];	/* the check; "" none */
	char			 reason[CHECK_REASON_SIZE];
	int			 score;			/* hundredths */
	enum verdict_action	 fate;			/* of an accepted message: PASS, TAG, QUARANTINE */
	struct verdict		 would;			/* if all that is in shadow mode were enforced */
	bool			 content;		/* the message was looked at, too */
	/* for explain.c */
	struct service		*service;
	struct verdict		 out;			/* merged so far */
	size_t			 next;			/* first of the table's checks without a row at this stage */
	struct explain_row	*pending;		/* rules whose check's row is still to come */
	size_t			 npending;
	uint32_t		 skip;
	char			 exception[RULES_NCHECKS][CHECK_RULE_SIZE];
};

/*
 * What sessions share, for one that is not real: no socket, nothing that is written. conf and
 * plugins become its own; the SPF process, which listens, is lent, and without it SPF is a
 * temperror. NULL and *why (malloc'd).
 */
struct service	*explain_service(struct conf *, struct rules *, struct plugin_set *, struct spf *,
		    char **why);
/* 0, or -1 and *why (malloc'd): the question makes no sense. explain_clear() in any case. */
int		 explain_run(struct service *, const struct explain_question *, struct explain *,
		    char **why);
void		 explain_clear(struct explain *);

/* --- explain_client.c ---------------------------------------------------------------- */

/* "192.0.2.1", "2001:db8::1"; -1: neither. IPv4 in IPv6's clothes is IPv4. */
int	explain_address(const char *text, struct sockaddr_storage *);
/*
 * The name that an MTA would find: one whose address leads back. name is "" and how says why
 * if there is none.
 */
void	explain_client_name(struct dns *, const struct sockaddr_storage *, char name[DNS_NAME_MAX],
	    char *how, size_t size);

/* --- explain_message.c --------------------------------------------------------------- */

/* Shows the session a message from DATA on, all but its end. 0, or -1 and *why (malloc'd). */
int	explain_message(struct session *, FILE *, char **why);

#endif
