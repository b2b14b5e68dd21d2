/*
 * plan.h -- what `holdfast setup' is going to change: files, folders, commands.
 *
 * A plan is made whole before anything is done: each step knows what is there
 * now and what should be. What is there already makes no step, so a plan
 * without steps means that there is nothing to do. plan_apply.c carries it out,
 * plan_show.c shows it, record.c remembers it for --undo.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_PLAN_H
#define HOLDFAST_CLI_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/cli/file.h"
#include "common/cli/words.h"

struct cli;
struct record;

enum plan_kind {
	PLAN_FILE,	/* a file gets new contents */
	PLAN_DIR,	/* a folder is made, or gets another owner or mode */
	PLAN_RUN,	/* another program is run; another one takes that back */
	PLAN_CALL	/* a function of ours is called; --undo does not take it back */
};

struct plan_step {
	enum plan_kind	 kind;
	char		*what;		/* one line for people: what for */
	/* files and folders */
	char		*path;
	bool		 existed;
	char *made_of; /* NULL, or the file of the plan that a program made it of: told in a
			* line, not shown, and taken back with that file */
	struct buf	 before, after;	/* of files */
	struct file_owner owner_before, owner;
	/* programs; any may be empty: nothing is run then. guard: whether undo makes sense, by its
	 * exit status.
	 * "@stop SOCKET", "@wait SOCKET", "@hangup PIDFILE": ours, see setup_daemons.h. */
	struct words	 argv, undo, guard;
	/* functions: 0, or -1 with *why; undo_call (may be NULL) only when a later step fails */
	int		 (*call)(void *, char **why);
	void		 (*undo_call)(void *);
	void		*arg;
	bool		 done;
};

struct plan {
	struct plan_step *step;
	size_t		 n;
	struct words	 notes;		/* to be told: what setup found and leaves alone */
	struct words	 problems;	/* why it cannot be done */
};

/* --- making one ---------------------------------------------------------- */
/*
 * What is there now is read here; what cannot be read is a problem of the plan. NULL: no step. The
 * owner is for a new file; one that is there keeps its own. The step is lent until the next one is
 * added.
 */
struct plan_step *plan_file(struct plan *, const char *path, const char *text, size_t,
	    const struct file_owner *, const char *what);
struct plan_step *plan_dir(struct plan *, const char *path, const struct file_owner *,
	    const char *what);
struct plan_step *plan_run(struct plan *, const char *const *argv, const char *what);
struct plan_step *plan_call(struct plan *, int (*)(void *, char **), void *, const char *what);
void	plan_undo(struct plan_step *, const char *const *argv);
void	plan_guard(struct plan_step *, const char *const *argv);
void	plan_drop(struct plan *);	/* the last step */
void	plan_note(struct plan *, const char *, ...) __attribute__((format(printf, 2, 3)));
void	plan_problem(struct plan *, const char *, ...) __attribute__((format(printf, 2, 3)));
bool	plan_makes(const struct plan *, const char *path);	/* or changes: a file or folder */
void	plan_clear(struct plan *);

/* --- plan_show.c --------------------------------------------------------- */
/* Every step, files as unified diffs; JSON lines with --json. */
void	plan_show(const struct cli *, const struct plan *);
/* The difference of two texts, as diff -u has it. Caller frees. */
char	*plan_diff(const char *path, const struct buf *before, const struct buf *after);

/* --- plan_apply.c -------------------------------------------------------- */
/*
 * Carries it out, step by step. At the first failure what was done is taken back; -1 and *why
 * then, which also says what could not be.
 */
int	plan_apply(struct plan *, struct record *, char **why);
/*
 * Takes back what was done, last step first. A file that was changed since is left alone, with what
 * was made of it. What was not or could not be taken back is told in words, what was done in `did'
 * (may be NULL).
 */
void	plan_take_back(struct plan *, struct words *left, struct words *did);

#endif
