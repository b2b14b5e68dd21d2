/*
 * memory.h -- what is remembered of strangers: a bounded table of small records, the oldest of which
 * go first, and which of them have changed since somebody wrote them down.
 *
 * A record is found by the text that it is about, but keeps only the text's hash, so that it has the
 * same size whatever a client invents. The text itself is passed on once, for the file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_MEMORY_H
#define HOLDFAST_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMORY_KEY_SIZE	16
#define MEMORY_NUMBERS	3
#define MEMORY_TEXTS_MAX 20000u	/* texts that wait to be written; records beyond it have none */

struct memory;

struct memory_key {
	uint8_t	b[MEMORY_KEY_SIZE];
};

struct memory_record {
	struct memory_key key;
	int64_t	until;			/* wall us: from then on it is as if it had never been */
	int64_t	n[MEMORY_NUMBERS];	/* what they mean is its owner's business */
	char	*text;			/* of a new one, until it was taken; else NULL */
};

struct memory	*memory_new(void);
void		 memory_free(struct memory **);

/* The text's hash; takes no lock. */
void	memory_key(const char *text, struct memory_key *);

/* Records are lent while the lock is held. */
void	memory_lock(struct memory *);
void	memory_unlock(struct memory *);
/* NULL: there is none, or it is over. */
struct memory_record *memory_find(struct memory *, const struct memory_key *, int64_t now);
/* The same; makes one with all numbers 0 if there is none. At most max records remain. */
struct memory_record *memory_make(struct memory *, const struct memory_key *, const char *text, size_t max,
	    int64_t now);
/* It has changed, and is the youngest now. */
void	memory_changed(struct memory *, struct memory_record *);

/* For the file; these take the lock themselves. */
size_t	memory_count(struct memory *);
size_t	memory_bound(struct memory *);		/* the last max; 0: none was ever given */
/* Copies of at most max that have changed since they were taken; their texts are the caller's. */
size_t	memory_take(struct memory *, struct memory_record *, size_t max);
void	memory_all_changed(struct memory *);	/* the file is a new one */
/* From the file: the oldest first, before anything else happens. */
void	memory_load(struct memory *, const struct memory_record *);

#endif
