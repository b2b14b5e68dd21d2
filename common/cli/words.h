/*
 * words.h -- lists as MTAs write them: words apart by blanks and commas, groups
 * in braces kept whole. Pure.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_WORDS_H
#define HOLDFAST_CLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct words {
	char	**v;
	size_t	 n;
};

void	 words_split(struct words *, const char *text);	/* "a, b {c d}" -> a; b; {c d} */
void	 words_add(struct words *, const char *word);
void	 words_remove(struct words *, size_t i);
char	*words_join(const struct words *, const char *separator);	/* caller frees */
/* Case is ignored, as MTAs do. n: not there. */
size_t	 words_find(const struct words *, const char *word);
bool	 words_have(const struct words *, const char *word);
void	 words_clear(struct words *);

#endif
