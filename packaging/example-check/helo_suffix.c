/*
 * helo_suffix.c -- a check for Holdfast: who says HELO with one of these endings is refused.
 *
 * The endings stand in a file, one a line: ".dynamic.example" fits "pc1.dynamic.example", and
 * "#" begins a comment. The file is /etc/holdfast/helo_suffix, or what HELO_SUFFIX_FILE in the
 * milter's environment names. It is read once, so a change needs a restart.
 *
 * What to learn from it
 *  - A check is one struct with the name holdfast_check, at the end of this file. All else is static.
 *  - A hook fills in a verdict and returns 0. It comes as VERDICT_PASS, so a check with nothing to
 *    say returns at once. Whether a verdict is enforced, or only logged as what would have been, is up to
 *    the rules: `holdfast rule set plugin.mode shadow' is how to try a new check on real mail.
 *  - If a hook cannot do its work it returns -1, and on_fault says what that means: PASS, go
 *    on without it, or DEFER, the client shall come again. It is never a refusal.
 *  - Hooks run on many threads at once. Here the list is read under pthread_once(), and nobody
 *    writes it later, so no lock is needed.
 *
 * This file compiles as C99 and as C++20.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _XOPEN_SOURCE
#define _XOPEN_SOURCE 700	/* POSIX: strcasecmp() */
#endif

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <holdfast/check.h>

#define SUFFIX_FILE	"/etc/holdfast/helo_suffix"
#define SUFFIX_SIZE	256	/* of one, NUL included: a name in the DNS is not longer */
#define SUFFIX_MAX	1000

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char suffix[SUFFIX_MAX][SUFFIX_SIZE];
static size_t nsuffixes;
static bool is_read;

static void
read_suffixes(void)
{
	const char *path = getenv("HELO_SUFFIX_FILE");
	char line[SUFFIX_SIZE];
	FILE *f = fopen(path != NULL ? path : SUFFIX_FILE, "re");

	if (f == NULL)
		return;
	while (nsuffixes < SUFFIX_MAX && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "# \t\r\n")] = '\0';
		if (line[0] != '\0')
			memcpy(suffix[nsuffixes++], line, sizeof(line));
	}
	is_read = ferror(f) == 0;
	(void)fclose(f);
}

/* Names have no case. */
static bool
ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n >= e && strcasecmp(name + n - e, end) == 0;
}

static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	(void)pthread_once(&once, read_suffixes);
	if (!is_read)
		return -1;
	for (size_t i = 0; i < nsuffixes; i++) {
		if (!ends_in(v->helo, suffix[i]))
			continue;
		/* The text is for the client, the reason for our log, the rule for log and counters. */
		check_reject(out, 554, "5.7.1", "Helo command rejected: Access denied", "unwanted ending");
		(void)snprintf(out->rule, sizeof(out->rule), "helo_suffix %.100s", suffix[i]);
		return 0;
	}
	return 0;
}

/* Members in the order of the header, as C++ wants them; those that are missing are NULL. */
const struct check holdfast_check = {
	.abi = HOLDFAST_CHECK_ABI,
	.name = "helo_suffix",
	.cost = COST_MEMORY,
	.on_fault = VERDICT_PASS,
	.at_rcpt = at_rcpt,
};
