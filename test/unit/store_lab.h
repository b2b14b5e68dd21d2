/*
 * store_lab.h -- a store in a directory of its own, and its calls made to wait.
 *
 * Every waiting call runs the loop until its callback came, at most
 * LAB_PATIENCE seconds.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TEST_STORE_LAB_H
#define TEST_STORE_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/conf.h"
#include "queued/store.h"

#define LAB_PATIENCE	20

struct lab {
	char			*dir;
	struct conf		 conf;
	struct event_base	*base;
	struct store		*store;
};

/* cmocka's fixtures: a new directory with an open store; all of it removed. */
int	lab_setup(void **state);
int	lab_teardown(void **state);
void	lab_open(struct lab *);
void	lab_close(struct lab *);
void	lab_reopen(struct lab *);
/* Opening must fail: the reason (caller frees). */
char	*lab_refused(struct lab *);
char	*lab_path(const struct lab *, const char *suffix);	/* of the database and its log */
/* Runs plain SQL on the closed database; the first column of the first row, or 0. */
int64_t	lab_sql(const struct lab *, const char *sql);

/* Runs the loop until *done is not 0. */
void	lab_wait(struct lab *, const volatile int *done);
/* Runs the loop for what is ready, without waiting for more. */
void	lab_poll(struct lab *);

struct put {
	int		 done;
	enum store_result result;
	char		 queue_id[QUEUE_ID_SIZE];
};
store_intake_cb lab_on_put;	/* arg: a struct put */
/* An envelope from "sender@example.org" to a list with blanks between: "a@x b@y". */
void	lab_envelope(struct envelope *, const char *rcpts);
void	lab_submit(struct lab *, const char *rcpts, const void *body, size_t, struct put *);
enum store_result lab_put(struct lab *, const char *rcpts, const char *body, char *queue_id);

struct leased {
	int		 done;
	enum store_result result;
	struct job	*jobs;
	size_t		 n;
	int64_t		 next_due;
};
store_lease_cb lab_on_lease;	/* arg: a struct leased */
void	lab_lease(struct lab *, const char *domain, int64_t now, size_t max, struct leased *);
void	lab_free_jobs(struct lab *, struct leased *);	/* gives them back untried */
enum store_result lab_settle(struct lab *, struct job **, enum settle_what, int64_t next);
enum store_result lab_settle_as(struct lab *, struct job **, const struct settle *v);
struct store_totals lab_totals(struct lab *);
struct changed {
	int		 done;
	enum store_result result;
	uint64_t	 n;
};
store_change_cb lab_on_change;	/* arg: a struct changed */
enum store_result lab_change(struct lab *, enum store_change, const struct store_filter *,
	    uint64_t *n);
/* The whole of a body; NULL with *result. Caller frees. */
char	*lab_body(struct lab *, int64_t id, size_t *len, enum store_result *result);

#endif
