/*
 * dns.h -- DNS look-ups, validated by DNSSEC if wanted, by libunbound.
 *
 * One context for a program. dns_resolve() blocks and may be called from any
 * thread; dns_start() answers on the loop of dns_attach(). `secure' is this
 * library's own verdict, never a server's AD bit (RFC 4035 4.9.3). Answers are remembered for their time to live.
 * A look-up ends within DNS_TIMEOUT, whatever the name servers do.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DNS_H
#define HOLDFAST_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_TIMEOUT	5000	/* ms of one look-up */
#define DNS_RR_MAX	128	/* records of one answer; what is beyond is left out */
#define DNS_ANCHOR_SYSTEM "/usr/share/dns/root.key"	/* may be missing: then there is no anchor */

struct dns;
struct dns_query;
struct event_base;

enum dns_type {		/* RFC 1035 3.2.2, RFC 3596, RFC 6698 */
	DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_TLSA = 52
};

enum dns_status {
	DNS_OK,			/* n > 0 */
	DNS_NODATA,		/* the name is there, no such record */
	DNS_NXDOMAIN,
	DNS_FAILED,		/* time-out, SERVFAIL, a loop: try again (451 4.4.3) */
	DNS_BOGUS		/* DNSSEC says that the answer is forged or broken: as FAILED, never to be used */
};

struct dns_rr {
	const uint8_t	*data;	/* RDATA, uncompressed */
	size_t		 len;
};
struct dns_answer {
	enum dns_status	 status;
	bool		 secure;	/* validated (also for NODATA and NXDOMAIN) */
	unsigned	 ttl;
	char		*canonical;	/* the name after CNAMEs, no dot at the end; NULL: as asked */
	char		*why;		/* in words when status is not OK: "no such name", … */
	struct dns_rr	*rr;
	size_t		 n;
};

/*
 * server: numeric "HOST[:PORT]", "" for resolv.conf's. anchor: file with trust anchors, "" none: nothing is
 * secure then, and nothing bogus. NULL and *why (malloc'd) on a bad file or no memory. Call after fork().
 */
struct dns	*dns_new(const char *server, const char *anchor, char **why);
/* … for many questions at once that may all remain without an answer: each is given up after 3 s. */
struct dns	*dns_new_for_lists(const char *server, char **why);
/*
 * No call-back comes any more. No thread may be in dns_resolve() or dns_finish(), and what was begun
 * by dns_begin() must be finished or dropped.
 */
void		 dns_free(struct dns **);

/* Not on the loop's own thread once dns_attach() was called: the loop brings the answers. */
void		 dns_resolve(struct dns *, const char *name, enum dns_type, struct dns_answer *);
/* … within ms milliseconds. */
void		 dns_resolve_within(struct dns *, const char *name, enum dns_type, int64_t ms,
		    struct dns_answer *);
void		 dns_answer_clear(struct dns_answer *);

/*
 * Ask now, wait later: many questions at once, by one thread. The answer may lie ready for any
 * time. dns_begin() does not wait; dns_finish() waits at most ms milliseconds (0: takes what is there
 * already, within 10 ms) and says whether *answer is filled; *query is NULL then, else it can be
 * finished again. One thread at a time for a query; never dns_cancel().
 */
struct dns_query *dns_begin(struct dns *, const char *name, enum dns_type);
bool		 dns_finish(struct dns_query **, int64_t ms, struct dns_answer *answer);
void		 dns_drop(struct dns_query **);		/* the answer is not wanted any more */

void		 dns_attach(struct dns *, struct event_base *);	/* once, before dns_start() */
typedef void	 dns_cb(void *arg, const struct dns_answer *);	/* lent during the call */
/* Calls back once, never before it returns. *query is NULL by then. */
void		 dns_start(struct dns *, const char *name, enum dns_type, dns_cb *, void *arg,
		    struct dns_query **query);
void		 dns_cancel(struct dns_query **);	/* no call-back any more */

/* --- reading RDATA -------------------------------------------------------- */
#define DNS_NAME_MAX	256	/* a name as text, NUL included */

/*
 * A domain name of uncompressed wire form at data[at]; lower-cased, no dot at the end ("" is the root).
 * The octets that it takes, or -1: malformed, or with octets that no host name has.
 */
int	dns_name(const struct dns_rr *, size_t at, char [DNS_NAME_MAX]);
int	dns_mx(const struct dns_rr *, unsigned *preference, char host[DNS_NAME_MAX]);	/* 0 or -1 */

#endif
