/*
 * deliver_world.h -- what delivery needs around it, in one process: the
 * delivery half of store.h in memory, a primary on a loopback port that
 * answers as told, and rules in a file. All on the test's event loop.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_DELIVER_WORLD_H
#define HOLDFAST_TEST_DELIVER_WORLD_H

#include <event2/event.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/rules.h"
#include "queued/deliver.h"
#include "queued/store.h"
#include "test/unit/rulesdb.h"

/* --- the store ----------------------------------------------------------- */
struct held {			/* one message with one or more recipients of one domain */
	int64_t		 id;
	char		*domain;
	char		*rcpt[4];
	size_t		 nrcpt;
	char		*body;
	size_t		 size;
	int64_t		 arrival, due;
	unsigned	 attempts;
	bool		 leased, gone;
	enum settle_what last[4];	/* what the last settle said */
	char		*reply[4];
	int64_t		 next[4];
	unsigned	 settles;	/* but UNTRIED */
	unsigned	 untried;
	const char	*spf, *route, *trace;	/* of the envelope */
	unsigned	 notify;
	bool		 refused, warned;
};
struct answer;
struct store {
	struct event_base	*base;
	struct event		*tick;
	struct answer		*first, **tail;
	struct held		*held;
	size_t			 nheld;
	bool			 hold_settles;	/* no settle call-backs while set */
	bool			 hold_leases;	/* nor answers to leases */
	bool			 hold_counts;	/* nor to what waits */
	bool			 fail_lease, fail_body;
	unsigned		 leases, settles, changes, waiting;
	int64_t			 lag, shifted;
	struct store_destination dest[8];	/* remembered */
	size_t			 ndest;
	struct store_outage	 outage[8];	/* in the order they began */
	size_t			 noutage;
	unsigned		 puts;		/* of destinations */
	struct store_quarantine	 quarantine[2];
	size_t			 nquarantine;
	char			 note[16];	/* the one that there is; "" none */
	int64_t			 expired[2];	/* store_expire(): the times, in turn */
	unsigned		 expires, summaries;
};

/* --- the primary --------------------------------------------------------- */
enum stage { ON_BANNER, ON_EHLO, ON_MAIL, ON_RCPT, ON_DATA, ON_DOT, NSTAGES };
struct primary {
	struct world	*w;
	struct event	*listener;
	int		 fd;
	uint16_t	 port;
	const char	*say[NSTAGES];	/* NULL: the usual; "CLOSE"; "HANG"; else sent as it is */
	const char	*(*hook)(struct primary *, enum stage, const char *line);	/* before say */
	bool		 chunking;
	struct bufferevent *newest;
	unsigned	 connections, open, most;
	struct buf	 order;		/* "rcpt " of each delivered message, in order */
	struct buf	 last;		/* the last body as it came, dots included */
	unsigned	 delivered;
};

struct world {
	struct event_base *base;
	struct conf	 conf;
	struct rulesdb	*db;
	struct rules	*rules;
	struct store	 store;
	struct primary	 primary, second;
	struct deliver	*d;
	bool		 drained;
};

int	world_setup(void **state);
int	world_teardown(void **state);
void	world_rule(struct world *, const char *domain, const struct primary *);	/* added or changed */
void	world_no_rule(struct world *, const char *domain);
void	world_start(struct world *);		/* deliver_new() */
/* Of the present rules, to be changed before world_start() (or followed by world_again()); new rules have
 * them as in the file. */
struct rules_settings *world_settings(struct world *);
void	world_again(struct world *);		/* deliver_rules() with them */
struct held *world_mail(struct world *, const char *domain, const char *rcpt, const char *body);
void	primary_up(struct primary *);
void	primary_drip(struct primary *, const char *);	/* to the newest connection, if it lives */
void	primary_down(struct primary *);		/* stops listening; connections stay */
/* Runs the loop until the condition holds; the test fails after 10 s. */
void	world_run(struct world *, bool (*until)(struct world *));
void	world_run_ms(struct world *, int ms);
bool	world_empty(struct world *);		/* the store has nothing left */

#endif
