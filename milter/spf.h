/*
 * spf.h -- may this client send for that domain (RFC 7208)? Asked of a process of its own.
 *
 * libspf2 reads what strangers put into the DNS, so it runs in a child process (spf_child.c):
 * what kills or hangs it costs the checks that run there a temperror, and a new one is there for
 * the next.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SPF_H
#define HOLDFAST_SPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPF_TIMEOUT	5000	/* ms that a check may take */
#define SPF_WHY_SIZE	96
#define SPF_DOMAIN_SIZE	256

struct spf;

enum spf_result {		/* RFC 7208 2.6 */
	SPF_NONE, SPF_NEUTRAL, SPF_PASS, SPF_FAIL, SPF_SOFTFAIL, SPF_TEMPERROR, SPF_PERMERROR
};
#define SPF_NRESULTS	7

struct spf_query {
	const char	*client;	/* "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1" */
	const char	*helo;		/* as the client gave it */
	const char	*sender;	/* NULL or "" (the null sender): HELO is asked about */
};

struct spf_answer {
	enum spf_result	 result;
	char		 domain[SPF_DOMAIN_SIZE];	/* whose policy it is, in A-labels; "" none */
	char		 why[SPF_WHY_SIZE];		/* of an error, in words; "" */
	unsigned	 terms;				/* that asked the DNS (RFC 7208 4.6.4) */
	unsigned	 queries;			/* that they and their parts needed */
};

/*
 * Starts the process: before the first thread, and before there is much in memory. resolver:
 * numeric "HOST[:PORT]", "" for resolv.conf's. keep_stderr: what its libraries complain about
 * goes where ours does. NULL and *why (malloc'd).
 */
struct spf	*spf_start(const char *resolver, bool keep_stderr, char **why);
/* Once threads may be started, and before the first check. 0 or -1. */
int		 spf_listen(struct spf *);
/* Ends the process, too. Nobody may be in spf_check(). */
void		 spf_free(struct spf **);
/* False: the process that starts the others is gone for good, every check is a temperror. */
bool		 spf_alive(struct spf *);

/* Answers n questions at the same time, within ms. Thread-safe. The result is always one of the seven. */
void		 spf_check(struct spf *, const struct spf_query *, size_t n, int64_t ms,
		    struct spf_answer *);

const char	*spf_result_name(enum spf_result);	/* "pass", … */

#endif
