/*
 * dns_private.h -- what the dns*.c files share; nobody else includes it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DNS_PRIVATE_H
#define HOLDFAST_DNS_PRIVATE_H

#include <sys/queue.h>

#include <pthread.h>

#include "common/dns.h"

struct dns_cache;
struct event;
struct ub_ctx;
struct ub_result;

/*
 * libunbound cannot take a question back, so a query lives until its answer is
 * there, or until dns_free(); `wanted' says whether anybody still waits. All members
 * are under dns->lock but for the loop's own.
 */
struct dns_query {
	struct dns		*dns;
	TAILQ_ENTRY(dns_query)	 link;
	enum dns_type		 type;
	bool			 wanted;
	bool			 answered;
	struct dns_answer	 answer;
	void			(*finish)(struct dns_query *);	/* the loop's; NULL: a thread's */
	pthread_cond_t		*waiter;	/* of the thread that waits for it now; NULL: none */

	dns_cb			*cb;		/* dns_loop.c */
	void			*arg;
	struct dns_query       **handle;
	struct event		*timer;
};

/* A thread that waits while another one reads the pipe. */
struct dns_waiter {
	pthread_cond_t		 ready;
	TAILQ_ENTRY(dns_waiter)	 link;
};

struct dns {
	struct ub_ctx		*ctx;
	pthread_mutex_t		 lock;
	struct dns_cache	*cache;
	TAILQ_HEAD(, dns_waiter) waiters;	/* one of them leads when nobody does */
	bool			 led;		/* a thread (the loop's for good) reads the pipe */
	TAILQ_HEAD(, dns_query)	 queries;
	struct event		*readable;	/* dns_loop.c */
	struct event_base	*base;
	void			(*detach)(struct dns *);
};

/* Asks. True: the answer is there at once, since it was at hand, or FAILED, since asking is not possible. */
bool	dns_ask(struct dns_query *, const char *name);
struct dns_query *dns_query_new(struct dns *, enum dns_type);
/* Frees it, or leaves that to the answer that is still to come. */
void	dns_query_leave(struct dns_query *);
void	dns_process(struct dns *);	/* takes the answers that are there; without the lock */
void	dns_fail(struct dns_answer *, const char *why);

/* dns_rdata.c: what libunbound says, in our words; copies. */
void	dns_answer_set(struct dns_answer *, enum dns_type, const struct ub_result *);
void	dns_answer_copy(struct dns_answer *, const struct dns_answer *);

/* dns_cache.c: under the lock; now: mono ms */
#define DNS_CACHE_MAX		2048	/* answers */
#define DNS_CACHE_OCTETS	2048	/* of RDATA in one; larger ones are left out */
#define DNS_CACHE_TTL		60	/* s at most; libunbound keeps them for longer */
struct dns_cache *dns_cache_new(void);
void	dns_cache_free(struct dns_cache **);
bool	dns_cache_get(struct dns_cache *, const char *name, enum dns_type, int64_t now, struct dns_answer *);
/* Copies it, if it may be kept. */
void	dns_cache_put(struct dns_cache *, const char *name, enum dns_type, int64_t now,
	    const struct dns_answer *);

#endif
