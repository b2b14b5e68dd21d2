/*
 * out.h -- what the command prints: tables for people, JSON lines for programs.
 *
 * Nothing that came from a message reaches the terminal but through
 * out_safe() or a table cell, which escape control bytes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_OUT_H
#define HOLDFAST_CLI_OUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;

void	 out_json(json_t *);			/* one line; the reference is stolen */
void	 out_json_lent(const json_t *);
/* A text as it is; if it is not UTF-8, as a row written by hand may be, escaped like out_safe(). */
json_t	*out_string(const char *);

/* Lend one of a few static buffers each; good for one printf. */
const char *out_safe(const char *);		/* control bytes escaped; cut when very long */
const char *out_size(uint64_t);			/* "817 B", "10.2 KB" */
const char *out_count(uint64_t, const char *one, const char *many);	/* "1 message" */
const char *out_when(int64_t t, int64_t now);	/* "in 42 s", "3 m ago", "now"; "-" for 0 */
const char *out_interval(unsigned seconds);	/* "90s", "5m", "28d", as in rules.db */
const char *out_date(int64_t t);		/* "2026-11-22 08:50:11", local time */

size_t	 out_columns(const char *);		/* how wide it is on a terminal */

enum out_color { OUT_PLAIN, OUT_GOOD, OUT_BAD, OUT_WARN, OUT_DIM };
const char *out_on(const struct cli *, enum out_color);	/* escape sequence or "" */
const char *out_off(const struct cli *);

/* A table: headings, then cells from left to right; printed when it is ended. */
struct out_table;
struct out_table *out_table_new(const char *const *headings, size_t n, const char *align);
void	 out_cell(struct out_table *, const char *);
void	 out_table_print(struct out_table **, const struct cli *);	/* and frees */

/* Members of a JSON object as C values; "" and 0 when they are not there. */
const char *out_str(const json_t *, const char *key);
int64_t	 out_int(const json_t *, const char *key);

#endif
