/*
 * control_request.h -- one command on the control socket, as its handler sees it.
 *
 * A handler answers with any number of lines and data blocks and ends with
 * exactly one request_done() or request_fail(). Between, it may wait for the
 * store with the request as the callback's argument: when the peer goes away,
 * the server makes the store forget that argument.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CONTROL_REQUEST_H
#define HOLDFAST_CONTROL_REQUEST_H

#include <jansson.h>
#include <stddef.h>

#include "queued/control_server.h"
#include "queued/store.h"

struct control_conn;

struct request {
	struct control_conn		*conn;
	const struct control_view	*view;
	json_t				*args;		/* the request object */
	const char			*who;		/* "uid 0 pid 123", for ledger and log */
	/* for handlers that work in steps */
	struct store_filter		 filter;	/* strings lent from args, but domain */
	char				*domain;	/* lower case */
	enum store_change		 change;
	int64_t				 after;		/* last message id seen */
	unsigned			 seq;		/* next piece of a body */
	char				**domains;	/* touched by a change */
	size_t				 ndomains;
	json_t				*line;		/* an answer in the making */
	void				(*resume)(struct request *);
};

typedef void control_handler(struct request *);

/* A string from a peer as JSON: what is not UTF-8 text is escaped, as in the log. NULL is "". */
json_t	*request_text(const char *);
void	request_line(struct request *, json_t *);	/* takes the reference */
void	request_data(struct request *, const char *, size_t);
void	request_done(struct request *, json_t *extra);	/* takes it; may be NULL */
void	request_fail(struct request *, int exitcode, const char *, ...)
	    __attribute__((format(printf, 3, 4)));
/* A store result that is not STORE_OK, in words. */
void	request_store_fault(struct request *, enum store_result, const char *why);
/* Calls fn when the peer has read most of what was written; at once if little waits. */
void	request_when_writable(struct request *, void (*fn)(struct request *));
/* Reads id, domain, sender, recipient, state from args into filter. -1: answered with a failure already. */
int	request_filter(struct request *);

control_handler control_queue_count, control_queue_list, control_queue_show, control_queue_cat;
control_handler control_queue_hold, control_queue_release, control_queue_retry,
    control_queue_delete;
control_handler control_primary_list, control_primary_history, control_primary_release;
control_handler control_flush, control_status;
control_handler control_drill_begin, control_drill_show, control_drill_end, control_ledger_show;

#endif
