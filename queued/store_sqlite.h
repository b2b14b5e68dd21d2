/*
 * store_sqlite.h -- what the files of the SQLite engine share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STORE_SQLITE_H
#define HOLDFAST_STORE_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "queued/store_engine.h"
#include "queued/store_sql.h"

#define SQLITE_APP_ID	0x48464451	/* "HFDQ" */
#define PAGE_SIZE	8192		/* best of 4 to 32 KiB at 10 KB messages, in and out */
#define CACHE_KIB	8192
#define WAL_PAGES	4096		/* a checkpoint when the log has this many: 32 MiB */

/* A message's ranges of ids (schema.sql). */
#define RCPT_BITS	10
#define CHUNK_BITS	12
#define RCPT_FIRST(id)	((int64_t)(id) << RCPT_BITS)
#define RCPT_LAST(id)	(RCPT_FIRST(id) | ((1 << RCPT_BITS) - 1))
#define CHUNK_FIRST(id)	((int64_t)(id) << CHUNK_BITS)
#define CHUNK_LAST(id)	(CHUNK_FIRST(id) | ((1 << CHUNK_BITS) - 1))

struct store_engine {
	char		*path;
	int		 fd;		/* holds the instance's lock; not SQLite's */
	sqlite3		*db;		/* NULL between a failed recovery and the next */
	bool		 sound;		/* nothing happened that puts db in doubt */
	int64_t		 page_size;
	sqlite3_stmt	*stmt[SQL_COUNT];
	unsigned	 retention;	/* of the ledger, seconds */
	int64_t		 reserve;	/* bytes of the file system that intake must leave */

	/* changes of totals in the open transaction */
	int64_t		 messages, bytes, recipients, held, quarantined;

	int64_t		 shift;		/* wall seconds = the queue's time + shift (schema_2.sql) */
	int64_t		 shift_before;	/* the open transaction */

	int64_t		 wal_good;	/* bytes of the log up to the last good commit */
	bool		 wal_spent;	/* all of it is in the database file, durably */
	int		 wal_pages;
	int		 wal_retry;	/* no room for a checkpoint: not before it has so many; 0 */

	int64_t		 last_id;	/* at open: what is older and not whole is an orphan */
	bool		 orphans;	/* there may be some */
	int64_t		 outages_at;	/* wall seconds: looked for old outages; 0 never */
	uint64_t	 free_bytes;
	char		 error[320];
};

/* --- store_sqlite.c ------------------------------------------------------ */
/* Turns a result of SQLite into ours and keeps the words for it. */
enum engine_result sq_result(struct store_engine *, int rc, const char *what);
/* The statement, reset and with nothing bound. */
sqlite3_stmt	*sq_stmt(struct store_engine *, enum store_sql);
void		 sq_int(sqlite3_stmt *, int n, int64_t);
void		 sq_text(sqlite3_stmt *, int n, const char *);	/* or NULL; lent until the step */
/* Runs a statement without rows. */
enum engine_result sq_run(struct store_engine *, sqlite3_stmt *);
/* The next row: true while there is one; *result says how it ended. Resets it then. */
bool		 sq_row(struct store_engine *, sqlite3_stmt *, enum engine_result *result);
char		*sq_column_dup(sqlite3_stmt *, int column);	/* NULL stays NULL */
/* The first column of the only row. */
enum engine_result sq_number(struct store_engine *, sqlite3_stmt *, int64_t *);
void		 sq_finalize(struct store_engine *);
enum engine_result sq_checkpoint(struct store_engine *, int mode);

/* --- store_sqlite_file.c ------------------------------------------------- */
enum sq_file { SQ_FILE_BAD, SQ_FILE_NEW, SQ_FILE_OURS };
/*
 * Looks at the files before SQLite does, creates an empty one if there is none, takes the
 * instance's lock. On SQ_FILE_BAD *why says why; nothing was changed.
 */
enum sq_file	 sq_file_check(const char *path, int64_t known_version, int *fd, char **why);
/* After a refusal: SQLite may have left an empty log where there was none. */
void		 sq_file_drop_empty_wal(const char *path);
/* Cuts the write-ahead log to its first `good' bytes, durably. 0, or -1 with errno. */
int		 sq_file_cut_wal(const char *path, int64_t good);

/* --- store_sqlite_open.c ------------------------------------------------- */
struct store_engine *sq_open(const struct conf *, char **why);
void		 sq_close(struct store_engine **);
enum engine_result sq_recover(struct store_engine *);

/* --- store_sqlite_copy.c ------------------------------------------------- */
/* Keeps the database of this version as PATH.vN, if there is room; tells the log either way. */
void		 sq_copy_aside(struct store_engine *, int64_t version);
#define SQ_BUSY_MS	5000
struct sq_busy {
	int64_t	told;		/* monotonic ms; 0 never */
};
/* A start that takes long: tells the service manager now and then. percent -1: not known. */
void		 sq_busy(struct sq_busy *, const char *what, int percent);

/* --- store_sqlite_write.c ------------------------------------------------ */
enum engine_result sq_put_chunk(struct store_engine *, int64_t, unsigned, const char *, size_t);
enum engine_result sq_put_message(struct store_engine *, const struct store_record *,
	    const char *);
enum engine_result sq_drop_chunks(struct store_engine *, int64_t, bool *);
enum engine_result sq_settle(struct store_engine *, const struct job *, const struct settle *,
	    int64_t now, bool *removed);
/* How a recipient left: the ledger's row. */
struct sq_leave {
	int64_t		 message_id, arrival, now;
	const char	*disposition, *sender, *recipient, *relay, *reply, *who;
	bool		 duplicate;	/* an attempt before may have delivered it too */
};
/* The ledger row, then the recipient's; one that is in this state no more is left alone. */
enum engine_result sq_leave(struct store_engine *, int64_t rcpt_id, enum rcpt_state,
	    const struct sq_leave *);
/* S2: after its last recipient a message goes. */
enum engine_result sq_message_end(struct store_engine *, int64_t id, uint64_t size,
	    bool *removed);

/* --- store_sqlite_change.c ----------------------------------------------- */
enum engine_result sq_change(struct store_engine *, const struct leases *, struct engine_change *);

/* --- store_sqlite_clock.c ------------------------------------------------ */
int64_t		 sq_to_wall(const struct store_engine *, int64_t queue_time);
int64_t		 sq_from_wall(const struct store_engine *, int64_t wall);
/* Binds the first and the last arrival that a filter lets through. */
void		 sq_arrival(const struct store_engine *, sqlite3_stmt *, int n,
	    const struct store_filter *);
enum engine_result sq_shift_clock(struct store_engine *, int64_t);
enum engine_result sq_clock_start(struct store_engine *);	/* learns the queue's time */
/* Due further ahead than any schedule goes: it was written by a clock gone wrong. */
bool		 sq_is_far(const struct store_engine *, int64_t queue_time, int64_t now);
int64_t		 sq_far(const struct store_engine *, int64_t now);	/* the last time that is not */
/* Makes that due now in some domains after one; *last (malloc'd) is the last of them, NULL at the end. */
enum engine_result sq_clamp(struct store_engine *, int64_t now, const char *after, char **last);

/* --- store_sqlite_read.c ------------------------------------------------- */
/* Fills a zeroed envelope from a row of SQL_MESSAGE_GET. */
void		 sq_envelope(sqlite3_stmt *, struct envelope *);
enum engine_result sq_body(struct store_engine *, int64_t, unsigned, char **, size_t *, bool *);
/* Are the chunks that a job needs all there? Takes the body along when it is small. */
enum engine_result sq_job_body(struct store_engine *, struct job *, bool *whole);

/* --- store_sqlite_lease.c ------------------------------------------------ */
enum engine_result sq_lease(struct store_engine *, struct leases *, struct engine_lease *);

/* --- store_sqlite_list.c ------------------------------------------------- */
/* The next domain in the queue, NULL after the last; frees this one. */
enum engine_result sq_next_domain(struct store_engine *, char **domain);
enum engine_result sq_domains(struct store_engine *, struct store_domain **, size_t *);
enum engine_result sq_totals(struct store_engine *, struct store_totals *);
enum engine_result sq_list(struct store_engine *, const struct leases *, struct engine_list *);

/* "host[192.0.2.1]:25 said: 450 4.2.0 text", or the text alone when no reply was the reason. From four
 * columns: code, dsn, reply, relay. */
char		*sq_reply_text(sqlite3_stmt *, int column);

/* --- store_sqlite_quarantine.c ------------------------------------------- */
enum engine_result sq_quarantine(struct store_engine *, struct store_quarantine **, size_t *);

/* --- store_sqlite_note.c ------------------------------------------------- */
enum engine_result sq_put_destination(struct store_engine *, const struct store_destination *);
enum engine_result sq_put_outage(struct store_engine *, const struct store_outage *);
enum engine_result sq_put_note(struct store_engine *, const char *, const char *);
enum engine_result sq_destinations(struct store_engine *, struct store_destination **, size_t *);
enum engine_result sq_outages(struct store_engine *, const char *, size_t, struct store_outage **,
	    size_t *);
enum engine_result sq_note(struct store_engine *, const char *, char **);
enum engine_result sq_ledger(struct store_engine *, int64_t, struct store_ledger **, size_t *);

/* --- store_sqlite_room.c ------------------------------------------------- */
bool		 sq_room(struct store_engine *, uint64_t bytes);
/* How many bytes are missing for a copy of so many, twice that left for other work; <= 0: none. */
int64_t		 sq_room_beside(const struct store_engine *, int64_t bytes);
int64_t		 sq_file_size(const struct store_engine *);
/* Pages that the log may have now. */
int		 sq_log_limit(const struct store_engine *);

/* --- store_sqlite_idle.c ------------------------------------------------- */
enum engine_result sq_tidy(struct store_engine *);
enum engine_result sq_idle(struct store_engine *, int64_t, int *);

#endif
