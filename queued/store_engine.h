/*
 * store_engine.h -- what store.c asks of a database engine.
 *
 * All functions run on the store's thread; open and close too, before it
 * starts and after it ended. Those under "writes" come between begin and
 * commit; after anything but ENGINE_OK or ENGINE_NOT_FOUND the caller rolls back. No
 * engine knows of requests, callbacks or the loop.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STORE_ENGINE_H
#define HOLDFAST_STORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queued/store.h"

struct leases;
struct store_engine;		/* each engine has its own */

enum engine_result {
	ENGINE_OK,
	ENGINE_NOT_FOUND,
	ENGINE_REJECT,		/* this request cannot be done, now or later; others can */
	ENGINE_FULL,		/* no room */
	ENGINE_SICK		/* I/O or structure: after the rollback only recover() may follow */
};

/* A whole message as an intake leaves it. One allocation; the strings point into it. */
struct store_record_rcpt {
	const char	*address;
	const char	*domain;	/* lower case */
	const char	*orcpt;
	unsigned	 notify;
};
struct store_record {
	int64_t		 id;
	int64_t		 arrival;
	uint64_t	 size;
	bool		 chunked;	/* the body is in chunk rows already */
	const char	*sender, *envid, *trace, *spf, *route;
	enum rcpt_state	 state;		/* of its recipients from the start ... */
	const char	*reason;	/* ... and why, if not queued */
	enum body_type	 body;
	enum dsn_ret	 ret;
	bool		 smtputf8;
	const char	*client_name, *client_addr, *client_port, *client_proto, *client_helo,
			*client_ident, *client_source;
	size_t		 nrcpt;
	struct store_record_rcpt rcpt[];
};

/* What to lease, and what was found. */
struct engine_lease {
	const char	*domain;
	int64_t		 now;		/* due by then; aged: arrived by then */
	bool		 aged;		/* store_lease_aged() */
	bool		 unwarned;
	size_t		 max;
	/* out */
	struct job	*jobs;		/* oldest first */
	size_t		 njobs;
	int64_t		 next_due;
	struct job	*broken;	/* their bodies are not whole: to be settled, never delivered */
};

/* An operator's change on its way through the queue: one step of it is done at a time. */
struct engine_change {
	enum store_change what;
	struct store_filter filter;
	const char	*who;
	int64_t		 now;
	int64_t		 cursor, last_rcpt;	/* the engine's, and so is this: */
	unsigned	 states;	/* to be gone through, one bit each */
	bool		 started;		/* the engine's; false at first */
	bool		 done;		/* nothing left after this step */
	uint64_t	 changed;	/* in this step */
};

/* A page of messages in the making: a step looks at some of the queue. */
struct engine_list {
	struct store_filter filter;
	int64_t		 after;		/* the last id looked at */
	size_t		 max;
	struct store_message *v;	/* NULL at first, then room for max */
	size_t		 n;
	bool		 done;		/* the page is full or nothing is left */
};

struct engine_ops {
	const char	*name;
	struct store_engine *(*open)(const struct conf *, char **why);
	void	(*close)(struct store_engine **);
	/* After ENGINE_SICK: gives up all handles, opens anew, makes durable what was committed. */
	enum engine_result (*recover)(struct store_engine *);

	enum engine_result (*begin)(struct store_engine *);
	enum engine_result (*commit)(struct store_engine *);
	void	(*rollback)(struct store_engine *);
	/* May intake take this many bytes more? If not, error() says why. */
	bool	(*room)(struct store_engine *, uint64_t bytes);

	/* writes */
	enum engine_result (*put_chunk)(struct store_engine *, int64_t id, unsigned seq,
		    const char *data, size_t len);
	enum engine_result (*put_message)(struct store_engine *, const struct store_record *,
		    const char *body);
	/* Removes some chunks of a message that will not be; *done when none are left. */
	enum engine_result (*drop_chunks)(struct store_engine *, int64_t id, bool *done);
	/* *removed: that was the message's last recipient. */
	enum engine_result (*settle)(struct store_engine *, const struct job *,
		    const struct settle *, int64_t now, bool *removed);
	enum engine_result (*change)(struct store_engine *, const struct leases *,
		    struct engine_change *);
	enum engine_result (*shift_clock)(struct store_engine *, int64_t delta);
	/*
	 * Makes due now what is due further ahead than any schedule goes, in some domains after
	 * that one ("" at first). *last (malloc'd) is the last of them, NULL at the end.
	 */
	enum engine_result (*clamp)(struct store_engine *, int64_t now, const char *after,
		    char **last);
	enum engine_result (*put_destination)(struct store_engine *,
		    const struct store_destination *);
	enum engine_result (*put_outage)(struct store_engine *, const struct store_outage *);
	enum engine_result (*put_note)(struct store_engine *, const char *name, const char *value);

	/* Reads. What lease finds, the broken ones too, is in `leases' when it returns. */
	enum engine_result (*lease)(struct store_engine *, struct leases *, struct engine_lease *);
	enum engine_result (*body)(struct store_engine *, int64_t id, unsigned seq, char **data,
		    size_t *len, bool *last);
	enum engine_result (*domains)(struct store_engine *, struct store_domain **, size_t *n);
	enum engine_result (*totals)(struct store_engine *, struct store_totals *);
	enum engine_result (*list)(struct store_engine *, const struct leases *,
		    struct engine_list *);
	enum engine_result (*quarantine)(struct store_engine *, struct store_quarantine **,
		    size_t *n);
	enum engine_result (*destinations)(struct store_engine *, struct store_destination **,
		    size_t *n);
	/* destination NULL: of all. */
	enum engine_result (*outages)(struct store_engine *, const char *destination, size_t max,
		    struct store_outage **, size_t *n);
	enum engine_result (*note)(struct store_engine *, const char *name, char **value);
	enum engine_result (*ledger)(struct store_engine *, int64_t id, struct store_ledger **,
		    size_t *n);

	/* Between batches, after the answers went out: what keeps commits cheap (a checkpoint). */
	enum engine_result (*tidy)(struct store_engine *);
	/*
	 * When nothing waits: one small step of housekeeping. *again is in how many seconds
	 * to call again: 0 at once, -1 when there was new work.
	 */
	enum engine_result (*idle)(struct store_engine *, int64_t now, int *again);

	int64_t	(*last_id)(const struct store_engine *);	/* highest id ever given, at open */
	uint64_t (*free_bytes)(const struct store_engine *);	/* room inside of the files */
	const char *(*error)(const struct store_engine *);	/* the last failure in words */
};

extern const struct engine_ops store_sqlite;

void	store_message_clear(struct store_message *);
void	store_quarantine_clear(struct store_quarantine *);
void	store_ledger_clear(struct store_ledger *);

#endif
