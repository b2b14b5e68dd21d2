/*
 * store.h -- the queue on disk, behind an interface that hides the engine.
 *
 * One thread owns the database. Calls made on the loop's thread put a request
 * into its inbox and return; the answer comes back as a callback on the
 * loop's thread. Everything that waits in the inbox is written in ONE
 * transaction (group commit), and no callback runs before its COMMIT is on
 * disk.
 *
 * Invariants (asserts and tests cite them)
 *  S1  STORE_OK for an intake means that the whole message is durable (P1).
 *  S2  A message's rows go only in the transaction that writes the custody
 *      ledger row of its last recipient (P2).
 *  S3  A transaction that failed changed nothing. After a failed fsync the
 *      file handle is never used again: close, reopen, rewrite (P7).
 *  S4  A recipient is leased to at most one job at a time. Leases live in
 *      memory: after a restart there are none.
 *  S5  Memory does not grow with the number of messages held.
 *
 * Recipient states: see enum rcpt_state. A message is never without a
 * recipient row; when the last one is final, S2 removes it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STORE_H
#define HOLDFAST_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/envelope.h"

struct event_base;
struct conf;
struct store;

#define STORE_CHUNK	(256u * 1024)	/* bytes of a body row */
#define STORE_PREFETCH	(64u * 1024)	/* a job carries the whole body up to this size */
#define QUEUE_ID_SIZE	16		/* a queue id as text, NUL included */

enum store_result {
	STORE_OK,
	STORE_FULL,		/* no room: 452 4.3.1 */
	STORE_FAULT,		/* I/O or engine: 451 4.3.0; *why says more */
	STORE_NOT_FOUND
};

enum rcpt_state {
	RCPT_QUEUED = 0,	/* waits for its next attempt */
	RCPT_HELD = 1,		/* by an operator: no attempts */
	RCPT_QUARANTINED = 2	/* the primary said 5xx, or lifetime is over: kept until
				 * released or deleted */
};

/*
 * To be called after the last fork. Opens or creates the database, checks it
 * (application id, version, integrity of what a start needs, one instance), migrates,
 * starts the thread. NULL: *why names the path and the reason, nothing was changed. What is
 * needed of conf is copied.
 */
struct store	*store_open(const struct conf *, struct event_base *, char **why);
/* Finishes what was submitted, runs its callbacks, stops the thread, closes. */
void		 store_close(struct store **);

/* --- intake -------------------------------------------------------------- */
/*
 * A message on its way in. Up to STORE_CHUNK bytes wait in memory; more goes to
 * disk in chunk rows that no message row points to (removed at abort and at
 * the next start).
 */
struct store_intake;
typedef void store_intake_cb(void *arg, enum store_result, const char *queue_id, const char *why);

struct store_intake *store_intake_begin(struct store *);
/* The queue id the message will have, e.g. for its Received line. Lends. */
const char *store_intake_queue_id(const struct store_intake *);
/* Copies. False: enough is in flight; pause reading until resume(arg) is called. */
bool	store_intake_write(struct store_intake *, const void *, size_t,
	    void (*resume)(void *), void *arg);
/*
 * Ends it (the pointer is dead after the call). env's strings are copied; each
 * recipient's domain (lower-cased) is taken from its address. The callback
 * may be suppressed by store_forget(arg) when the session is gone.
 */
void	store_intake_commit(struct store_intake **, const struct envelope *,
	    store_intake_cb *, void *arg);
void	store_intake_abort(struct store_intake **);
/* No callback with this arg will run any more (its work is still done). */
void	store_forget(struct store *, void *arg);
/*
 * Is there room for so much more, the reserve left alone? Cheap (an answer of the file system is
 * good for a second). False: say 452 at MAIL. An intake that finds none says STORE_FULL.
 */
bool	store_has_room(struct store *, uint64_t bytes);

/* --- delivery ------------------------------------------------------------ */
struct job_rcpt {
	int64_t		 id;
	struct rcpt	 rcpt;
	unsigned	 attempts;	/* before this one */
	bool		 refused;	/* the last of them ended with a 5xx that was not believed yet */
	bool		 unsure;	/* an attempt may have delivered it already */
	bool		 warned;	/* its sender was told of the delay */
};

/* One message for one domain: the recipients that are due. */
struct job {
	int64_t		 message_id;
	char		 queue_id[QUEUE_ID_SIZE];
	int64_t		 arrival;	/* wall seconds */
	uint64_t	 size;		/* bytes of the body as stored */
	struct envelope	 env;		/* rcpt/nrcpt unused here */
	char		*domain;
	struct job_rcpt	*rcpt;
	size_t		 nrcpt;
	char		*body;		/* all of it when size <= STORE_PREFETCH, else NULL */
	struct job	*next;		/* for the holder's lists */
};

/*
 * jobs: a list linked by next, oldest first, now the callee's. next_due: wall seconds of the
 * earliest attempt after these, 0 if nothing waits. STORE_FAULT while outcomes cannot be
 * recorded: start no deliveries, ask again later.
 */
typedef void store_lease_cb(void *arg, enum store_result, struct job *jobs, size_t njobs,
	    int64_t next_due);
/* Up to max messages with recipients in domain whose next attempt is <= now (wall seconds). */
void	store_lease(struct store *, const char *domain, int64_t now, size_t max,
	    store_lease_cb *, void *arg);
/*
 * Up to max messages that arrived at `before' (wall seconds) or earlier and have queued
 * recipients in domain, due or not, with those recipients; unwarned: only such recipients as have not been
 * `warned'. next_due is here the arrival of the oldest such message that stays behind, 0 if none
 * does. Leases like store_lease().
 */
void	store_lease_aged(struct store *, const char *domain, int64_t before, bool unwarned,
	    size_t max, store_lease_cb *, void *arg);

/* A piece of a body: seq 0, 1, …; `last' with the final one. data is lent during the call. */
typedef void store_body_cb(void *arg, enum store_result, const char *data, size_t len, bool last);
void	store_body(struct store *, int64_t message_id, unsigned seq, store_body_cb *, void *arg);

enum settle_what {
	SETTLE_DELIVERED,	/* 250 after the final dot */
	SETTLE_DEFER,		/* back to RCPT_QUEUED with next_attempt; counts as an attempt */
	SETTLE_UNTRIED,		/* lease ends, nothing changes (destination was down) */
	SETTLE_QUARANTINE,
	SETTLE_HOLD,
	SETTLE_BOUNCED,		/* the sender was told and has the DSN or it is durable: gone, ledger `bounced' */
	SETTLE_EXPIRED,		/* disposed of by a rule: gone, ledger `expired' */
	SETTLE_WARNED		/* as UNTRIED, and `warned' is set */
};
struct settle {
	enum settle_what what;
	int64_t		 next_attempt;	/* wall seconds, for SETTLE_DEFER */
	int		 code;		/* reply code, 0 if there was none */
	char		 dsn[12];
	const char	*reply;		/* text; copied */
	const char	*relay;		/* "host[addr]:port"; copied */
	bool		 uncounted;	/* DEFER: not an attempt of this message */
	bool		 refused;	/* DEFER: sets job_rcpt.refused; else it is cleared */
	bool		 unsure;	/* DEFER: sets job_rcpt.unsure (never cleared but by RELEASE) */
};
typedef void store_done_cb(void *arg, enum store_result, const char *why);
/*
 * Ends the job's lease; v has one entry for each of job->rcpt. The job becomes the store's
 * at once. When the disk is full or sick the store keeps it and tries again; the callback
 * comes when it is durable (cb may be NULL).
 */
void	store_settle(struct store *, struct job **, const struct settle *v, store_done_cb *,
	    void *arg);
void	job_free(struct job **);

/* What waits, by domain (sorted by name, bytewise): at start, and for listings. For mail with
 * an envelope.route that is the domain. */
struct store_domain {
	char		*domain;
	uint64_t	 queued, held, quarantined;	/* recipients */
	uint64_t	 messages;	/* distinct messages with a queued recipient */
	int64_t		 next_due;	/* earliest next_attempt of a queued one; 0 none */
	int64_t		 oldest;	/* arrival of the oldest queued one */
};
typedef void store_domains_cb(void *arg, enum store_result, const struct store_domain *, size_t n);
void	store_domains(struct store *, store_domains_cb *, void *arg);

/*
 * The wall clock jumped by delta seconds: every next_attempt and arrival moves with it, so that
 * nothing waits a year or expires early. What is asked for after this call sees it; what came before it
 * but after the jump (as clock_jump() has it) is stored and answered as if this had been said in time.
 */
void	store_shift_clock(struct store *, int64_t delta);
/*
 * Seconds that the wall clock was set by and store_shift_clock() has not been told of yet: what is
 * stored meanwhile will move by as much, so it is that much less. Nearly always 0; one figure for one jump.
 */
int64_t	store_lag(struct store *);

/* A few words to remember beside mail, e.g. the day of the last digest. value NULL: forget them. Copied;
 * written in the next batch. The callback gets NULL when there are none. */
typedef void store_note_cb(void *arg, enum store_result, const char *value);
void	store_put_note(struct store *, const char *name, const char *value);
void	store_note(struct store *, const char *name, store_note_cb *, void *arg);

/* --- destinations -------------------------------------------------------- */
/* What survives a restart of a destination that is not simply up. */
struct store_destination {
	char		*destination;
	bool		 held;		/* else down */
	int64_t		 since;		/* wall seconds */
	char		*reason;
};
/* One outage of one destination; (destination, from) is its key. Wall seconds; 0: not yet. */
struct store_outage {
	char		*destination;
	char		*reason;	/* that began it */
	int64_t		 from, until;	/* until: the primary answered again */
	uint64_t	 messages;	/* held at `until' */
	int64_t		 first_delivery;
	int64_t		 drained;	/* all of it delivered */
	uint64_t	 delivered;	/* messages from `until' to `drained' */
	bool		 held;		/* it came back half (DEST_HELD) on the way */
};
/* Copied; written in the next batch, lost only with it. destination: reason NULL removes the row. */
void	store_put_destination(struct store *, const struct store_destination *);
void	store_put_outage(struct store *, const struct store_outage *);
typedef void store_destinations_cb(void *arg, enum store_result, const struct store_destination *, size_t n);
void	store_destinations(struct store *, store_destinations_cb *, void *arg);	/* all rows, at start */
/* Newest first, of one destination or (NULL) all; lent during the call. */
typedef void store_outages_cb(void *arg, enum store_result, const struct store_outage *, size_t n);
void	store_outages(struct store *, const char *destination, size_t max, store_outages_cb *,
	    void *arg);

/* --- the operator -------------------------------------------------------- */
struct store_rcpt {
	char		*address;
	enum rcpt_state	 state;
	unsigned	 attempts;
	int64_t		 next_attempt;
	int64_t		 last_attempt;	/* 0 never */
	int		 code;		/* of the last reply */
	char		*reply;		/* "host said: 450 4.2.0 …"; "" if none */
	bool		 active;	/* leased right now */
	bool		 unsure;	/* may have been delivered (P4) */
};
struct store_message {
	int64_t		 message_id;
	char		 queue_id[QUEUE_ID_SIZE];
	int64_t		 arrival;
	uint64_t	 size;
	struct envelope	 env;
	struct store_rcpt *rcpt;
	size_t		 nrcpt;
};
struct store_filter {		/* all given members must match; zeroed = everything */
	const char	*queue_id;
	const char	*domain;	/* lower case; also narrows the recipients */
	const char	*sender;
	const char	*recipient;	/* address, compared without regard to case; also narrows them */
	int64_t		 older;		/* arrived before this; wall seconds, 0 any */
	int64_t		 newer;		/* arrived then or later; 0 any */
	int		 state;		/* enum rcpt_state, or -1 for any */
};
struct store_totals {
	uint64_t	messages, recipients, bytes;
	uint64_t	held, quarantined;	/* recipients */
};
typedef void store_totals_cb(void *arg, enum store_result, const struct store_totals *);
void	store_totals(struct store *, store_totals_cb *, void *arg);

/* One page of at most max messages with id > after, oldest first; lent during the call. */
typedef void store_list_cb(void *arg, enum store_result, const struct store_message *, size_t n);
void	store_list(struct store *, const struct store_filter *, int64_t after, size_t max,
	    store_list_cb *, void *arg);

enum store_change { CHANGE_HOLD, CHANGE_RELEASE, CHANGE_RETRY, CHANGE_DELETE, CHANGE_EXPIRE };
/*
 * HOLD: queued -> held. RELEASE: held, quarantined -> queued, due now, and what is said of the
 * attempts before (refused, unsure) is forgotten. RETRY: queued -> due
 * now. DELETE: disposed of by a person (ledger row says who). EXPIRE: quarantined ones disposed of
 * by a rule. Leased recipients are skipped by
 * DELETE and HOLD; STORE_NOT_FOUND if queue_id is given and unknown. n is the number of
 * recipients changed. A change of many is done in steps, each durable by itself. cb may be NULL.
 */
typedef void store_change_cb(void *arg, enum store_result, uint64_t n, const char *why);
void	store_change(struct store *, enum store_change, const struct store_filter *,
	    const char *who, store_change_cb *, void *arg);

/* --- the quarantine ------------------------------------------------------ */
/* EXPIRE of what entered the quarantine before that time (wall seconds). domain: NULL any. */
void	store_expire(struct store *, const char *domain, int64_t before, const char *who,
	    store_change_cb *, void *arg);

struct store_quarantined {
	char		 queue_id[QUEUE_ID_SIZE];
	int64_t		 arrival;
	char		*sender, *recipient;
	char		*reply;		/* as in struct store_rcpt */
};
struct store_quarantine {
	char		*domain;
	uint64_t	 messages, recipients, bytes;
	int64_t		 oldest;	/* arrival */
	struct store_quarantined *newest;	/* at most QUARANTINE_NEWEST, newest first */
	size_t		 nnewest;
};
#define QUARANTINE_NEWEST	10
/* Of each domain that has any, sorted by name; lent during the call. */
typedef void store_quarantine_cb(void *arg, enum store_result, const struct store_quarantine *,
	    size_t n);
void	store_quarantine_summary(struct store *, store_quarantine_cb *, void *arg);

/* --- the custody ledger -------------------------------------------------- */
/* How a recipient left the queue. Wall seconds; who is NULL when it was the primary. */
struct store_ledger {
	char		 queue_id[QUEUE_ID_SIZE];
	int64_t		 ended;
	char		*disposition;	/* "delivered", "deleted", "bounced", "expired" */
	char		*sender, *recipient;
	char		*relay, *reply, *who;	/* or NULL */
};
/* A message's rows, oldest first; none when it never was or is forgotten. Lent during the call. */
typedef void store_ledger_cb(void *arg, enum store_result, const struct store_ledger *, size_t n);
void	store_ledger(struct store *, int64_t message_id, store_ledger_cb *, void *arg);

/* Queue ids: an id's text form and back (0 on a malformed one). */
void	queue_id_format(char [QUEUE_ID_SIZE], int64_t message_id);
int64_t	queue_id_parse(const char *);

/* "ok", or why the store refuses work at present. Lends; loop thread only. */
const char *store_state(const struct store *);

#endif
