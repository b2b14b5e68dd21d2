/*
 * holdfast/check.h -- what a check is: one struct, seen by the milter alone.
 *
 * A check looks at a transaction and gives a verdict. It never talks to the
 * MTA, never logs, and keeps nothing of what it was lent.
 *
 *	static int
 *	at_rcpt(const struct check_view *v, struct verdict *out)
 *	{
 *		if (strcmp(v->helo, "friend") == 0)
 *			check_reject(out, 554, "5.7.1", "Access denied", "helo");
 *		return 0;
 *	}
 *	const struct check holdfast_check = {
 *		.abi = HOLDFAST_CHECK_ABI, .name = "friend",
 *		.cost = COST_MEMORY, .on_fault = VERDICT_PASS, .at_rcpt = at_rcpt,
 *	};
 *
 * Outside of Holdfast's source this header is all that is needed. Compile to a shared object that
 * exports holdfast_check, and put it into the directory that `checks_dir' in holdfast.conf names:
 *
 *	cc $(pkg-config --cflags holdfast) -fPIC -shared -o friend.so friend.c
 *
 * It is tried in a process of its own first: what crashes or hangs while it is loaded is left
 * out. Once loaded it is a part of the milter: a hook that crashes takes the milter with it.
 *
 * Threading: hooks run on the milter's threads, several at once, and the hooks of one session may
 * run on different threads (never two at a time): a check that has state of its own must lock it
 * and must not use thread-local storage. A hook at RCPT must answer well within 10 seconds
 * (Sendmail's default timeout): nobody can interrupt it, and the client waits. One that takes
 * longer than 5 seconds is logged. A hook must not fork, must not change what the whole process
 * shares (user, working directory, signals, umask, locale), and leaves standard input, output and
 * error alone.
 *
 * Memory between the hooks of one session: view->conn and view->txn point to a
 * pointer each that is the check's own, NULL at first. What hangs there is given to
 * end_txn() when the message is over and to end_conn() when the connection is.
 *
 * Ownership: everything reached through a check_view is lent for the call. The
 * verdict is the caller's; the strings in it are arrays, so nothing is freed.
 *
 * Stability: members are only ever appended to check_view; its size says how many the running
 * milter fills. Every other change of a struct or of what a member means raises HOLDFAST_CHECK_ABI,
 * and a check that was built for another number is refused: compile it again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CHECK_H
#define HOLDFAST_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOLDFAST_CHECK_ABI	1u

#define CHECK_DSN_SIZE		12	/* "5.7.1" and its NUL */
#define CHECK_TEXT_SIZE		640	/* of a reply, without code and enhanced code */
#define CHECK_REASON_SIZE	128	/* a few words, for the log */
#define CHECK_RULE_SIZE		128	/* which rule of the check it was, for the log and the counters */

/* Checks run cheapest first; what is refused early costs no DNS. */
enum check_cost {
	COST_MEMORY,		/* looks at what it is given */
	COST_DB,		/* local storage */
	COST_DNS,
	COST_NETWORK		/* asks another server */
};

/* In order of severity: of two verdicts the later one of this list wins. */
enum verdict_action {
	VERDICT_PASS,
	VERDICT_GREYLIST,	/* at RCPT: who comes for the first time is put off, whatever his score */
	VERDICT_TAG,		/* at the end: accepted, and marked as spam */
	VERDICT_QUARANTINE,	/* at the end: accepted, and kept apart for the operator */
	VERDICT_DEFER,		/* 4xx: the client comes back */
	VERDICT_REJECT		/* 5xx */
};

struct verdict {
	enum verdict_action action;
	int	code;			/* 4xx for DEFER, 5xx for REJECT; unused for others */
	int	score;			/* hundredths of a point, added up; may be negative */
	char	dsn[CHECK_DSN_SIZE];	/* RFC 3463, same class as the code */
	char	text[CHECK_TEXT_SIZE];	/* printable, one line, no code; a '%' is just itself */
	char	reason[CHECK_REASON_SIZE];	/* for the log: "unknown recipient" */
	const char *check;		/* set by the engine: whose verdict it is */
	char	rule[CHECK_RULE_SIZE];	/* "dnsbl zen.example"; "" the check has no rules */
	bool	final;			/* no other check is asked, even if this is only a deferral */
};

/* A header of the message. name as it came; value unfolded, without the blank behind the colon. */
struct check_header {
	const char	*name, *value;
};

/* The content of a message, at_eom. */
struct check_message {
	const struct check_header *headers;	/* the first of them, in order */
	size_t		 nheaders;
	uint64_t	 bytes;			/* of the message: headers and body, CRLF */
	/* Reads at an offset, like pread(2); NULL unless the check said that it wants the body. */
	ssize_t		(*read)(const struct check_message *, void *, size_t, uint64_t offset);
};

struct check_host;			/* what checks inside Holdfast may use; opaque here */

/* A transaction as far as it is known. Strings are never NULL ("" is unknown) unless said so. */
struct check_view {
	size_t		 size;		/* sizeof(struct check_view) of the running milter */
	const char	*trace;		/* id of this transaction in log and replies */
	const char	*client_addr;	/* "192.0.2.1", "2001:db8::1", "" for local submission */
	const char	*client_name;	/* verified name, "" if there is none */
	const char	*helo;
	const char	*auth;		/* authenticated user */
	const char	*sender;	/* without brackets; "" is the null sender */
	const char	*rcpt;		/* at_rcpt: this recipient, without brackets; else NULL */
	const char	*const *rcpts;	/* recipients of ours accepted so far */
	size_t		 nrcpts;
	uint64_t	 declared_size;	/* bytes, SIZE= of MAIL; 0 if not given */
	uint64_t	 bytes;		/* of the message, seen so far (headers and body, CRLF) */
	uint64_t	 size_limit;	/* bytes: this recipient's limit; at_eom the smallest; 0 none */
	int		 score;		/* hundredths: what the checks before this one found */
	bool		 greylist;	/* one of them asks for the greylist */
	bool		 dry;		/* only asked what would be: keep no state of it */
	void		**conn, **txn;	/* this check's own memory, see above */
	const struct check_message *message;	/* at_eom; else NULL */
	const struct check_host *host;	/* for checks inside Holdfast; else NULL */
	bool		 smtputf8;	/* declared at MAIL: addresses may be UTF-8 (RFC 6531) */
};

/*
 * Fills *out, which comes as VERDICT_PASS with everything zero. Returns 0, or -1
 * when the check could not do its work: its on_fault decides then.
 */
typedef int check_hook(const struct check_view *, struct verdict *out);

struct check {
	unsigned	 abi;		/* HOLDFAST_CHECK_ABI */
	const char	*name;		/* 1 to 32 of a-z 0-9 _ -, of its own: appears in log lines */
	enum check_cost	 cost;
	/* PASS or DEFER; never REJECT: our own faults do not bounce anyone's mail (P3). */
	enum verdict_action on_fault;
	check_hook	*at_rcpt;	/* once for each recipient of ours; NULL: not interested */
	check_hook	*at_eom;	/* once, when the whole message has passed */
	/* A client has connected: for what takes time. Only client_addr and client_name are known. */
	void		(*at_connect)(const struct check_view *);
	void		(*end_txn)(void *);	/* frees what hung at view->txn */
	void		(*end_conn)(void *);
	bool		 wants_body;	/* at_eom reads the message */
};

/* What a shared object exports: its one check. */
#ifdef __GNUC__
__attribute__((visibility("default")))
#endif
extern const struct check holdfast_check;

static inline void
check_verdict(struct verdict *v, enum verdict_action action, int code, const char *dsn,
    const char *text, const char *reason)
{
	v->action = action;
	v->code = code;
	(void)snprintf(v->dsn, sizeof(v->dsn), "%s", dsn);
	(void)snprintf(v->text, sizeof(v->text), "%s", text);
	(void)snprintf(v->reason, sizeof(v->reason), "%s", reason);
}

static inline void
check_reject(struct verdict *v, int code, const char *dsn, const char *text, const char *reason)
{
	check_verdict(v, VERDICT_REJECT, code, dsn, text, reason);
}

static inline void
check_defer(struct verdict *v, int code, const char *dsn, const char *text, const char *reason)
{
	check_verdict(v, VERDICT_DEFER, code, dsn, text, reason);
}

/* Points alone; hundredths. */
static inline void
check_score(struct verdict *v, int score, const char *reason)
{
	v->score = score;
	(void)snprintf(v->reason, sizeof(v->reason), "%s", reason);
}

#ifdef __cplusplus
}
#endif

#endif
