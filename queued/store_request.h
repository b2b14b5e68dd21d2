/*
 * store_request.h -- what travels between the loop's thread and the store's.
 *
 * A request is made on the loop's thread, belongs to the store's thread from
 * submit until it is posted back, and is finished on the loop's thread. The
 * members marked "loop" are never touched by the store's thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STORE_REQUEST_H
#define HOLDFAST_STORE_REQUEST_H

#include <sys/queue.h>

#include <stdbool.h>

#include "queued/store.h"
#include "queued/store_engine.h"

enum request_kind {
	/* writes that can be refused */
	REQ_CHUNK,
	REQ_MESSAGE,
	REQ_CHANGE,
	/* writes that are kept until they succeed */
	REQ_DROP,
	REQ_SETTLE,
	REQ_SHIFT,
	REQ_CLAMP,
	REQ_PUT_DESTINATION,
	REQ_PUT_OUTAGE,
	REQ_PUT_NOTE,
	/* reads */
	REQ_LEASE,
	REQ_BODY,
	REQ_DOMAINS,
	REQ_TOTALS,
	REQ_LIST,
	REQ_QUARANTINE,
	REQ_DESTINATIONS,
	REQ_OUTAGES,
	REQ_NOTE,
	REQ_LEDGER
};

struct request {
	enum request_kind	 kind;
	STAILQ_ENTRY(request)	 next;		/* in the list that it waits in */
	TAILQ_ENTRY(request)	 pending;	/* loop: not finished yet */
	bool			 internal;	/* made by the store's thread, and freed there */
	void			*arg;		/* loop */
	bool			 forgotten;	/* loop: no callback */
	bool			 answered;	/* the result is known before: no work */
	enum store_result	 result;
	char			*why;
	union {
		struct {
			struct store_intake	*intake;	/* loop; NULL once aborted */
			int64_t			 id;
			unsigned		 seq;
			char			*data;
			size_t			 len;
		} chunk;
		struct {
			struct store_record	*record;
			char			*body;		/* NULL when it is in chunks */
			store_intake_cb		*cb;
		} message;
		struct {
			int64_t			 id;
			bool			 done;
		} drop;
		struct {
			struct engine_change	 c, before;	/* strings are ours */
			uint64_t		 changed;
			store_change_cb		*cb;
		} change;
		struct {
			struct job		*job;
			struct settle		*v;		/* strings are ours */
			store_done_cb		*cb;
			bool			 removed;	/* it was the message's last */
		} settle;
		struct {
			int64_t			 delta;
		} shift;
		struct {
			char			*after;		/* the last domain that is done */
			char			*last;		/* of this step; NULL: it was the last one */
		} clamp;
		struct store_destination	 put_destination;	/* strings are ours, as below */
		struct store_outage		 put_outage;
		struct {
			char			*name;
			char			*value;		/* put: NULL none; read: the answer */
			store_note_cb		*cb;		/* read */
		} note;
		struct {
			struct engine_lease	 l;		/* the domain is ours */
			int64_t			 lag;		/* store_lag() when it was asked for */
			store_lease_cb		*cb;
		} lease;
		struct {
			int64_t			 id;
			unsigned		 seq;
			char			*data;
			size_t			 len;
			bool			 last;
			store_body_cb		*cb;
		} body;
		struct {
			struct store_domain	*v;
			size_t			 n;
			int64_t			 lag;		/* as of a lease */
			store_domains_cb	*cb;
		} domains;
		struct {
			struct store_totals	 t;
			store_totals_cb		*cb;
		} totals;
		struct {
			struct engine_list	 l;		/* the filter's strings are ours */
			store_list_cb		*cb;
		} list;
		struct {
			struct store_quarantine	*v;
			size_t			 n;
			store_quarantine_cb	*cb;
		} quarantine;
		struct {
			struct store_destination *v;
			size_t			 n;
			store_destinations_cb	*cb;
		} destinations;
		struct {
			char			*destination;	/* NULL: of all */
			size_t			 max;
			struct store_outage	*v;
			size_t			 n;
			store_outages_cb	*cb;
		} outages;
		struct {
			int64_t			 id;
			struct store_ledger	*v;
			size_t			 n;
			store_ledger_cb		*cb;
		} ledger;
	} u;
};
STAILQ_HEAD(request_list, request);
TAILQ_HEAD(request_pending, request);

struct request	*request_new(enum request_kind, void *arg);
/* Runs the callback unless forgotten (loop's thread). */
void		 request_finish(struct store *, struct request *);
void		 request_free(struct request **);
/* A settle that says the same of all recipients of a job; takes the job. */
struct request	*request_settle_all(struct job **, enum settle_what, const char *reply);

#endif
