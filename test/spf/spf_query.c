/*
 * spf_query.c -- asks the SPF process, for the scenarios: `spf_query HOST:PORT' of a DNS server.
 *
 * Each line of its input is a question, "client TAB helo TAB sender" ("-" instead of a sender: HELO is what
 * is asked about); each line of its output the answer, "result TAB domain TAB terms TAB queries TAB why". The
 * questions go through everything that the milter's go through.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/log.h"
#include "milter/spf.h"

/* The field at *p, which ends there; *p moves on. */
static char *
field(char **p)
{
	char *begin = *p, *end = begin + strcspn(begin, "\t\n");

	*p = *end == '\0' ? end : end + 1;
	*end = '\0';
	return begin;
}

int
main(int argc, char **argv)
{
	char *line = NULL, *p, *why = NULL;
	struct spf_answer a;
	struct spf_query q;
	struct spf *spf;
	size_t size = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: spf_query HOST:PORT\n");
		return EX_USAGE;
	}
	log_open("spf_query", LOG_TO_STDERR);
	if ((spf = spf_start(argv[1], true, &why)) == NULL || spf_listen(spf) == -1) {
		fprintf(stderr, "%s\n", why != NULL ? why : "no thread");
		return EX_OSERR;
	}
	while (getline(&line, &size, stdin) != -1) {
		p = line;
		q.client = field(&p);
		q.helo = field(&p);
		q.sender = field(&p);
		if (strcmp(q.sender, "-") == 0)
			q.sender = NULL;
		spf_check(spf, &q, 1, SPF_TIMEOUT, &a);
		printf("%s\t%s\t%u\t%u\t%s\n", spf_result_name(a.result), a.domain, a.terms, a.queries, a.why);
		fflush(stdout);
	}
	free(line);
	spf_free(&spf);
	return EX_OK;
}
