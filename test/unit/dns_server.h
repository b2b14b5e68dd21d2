/*
 * dns_server.h -- a name server of few words on a thread, for the tests of what asks one.
 *
 * The first label of the name says what it answers: "mute" nothing, "fail" SERVFAIL, "nx" NXDOMAIN,
 * "none" no record, "late" says it after 200 ms, "cname" a CNAME to "one" of the same zone, all else two records of the type.
 * Or a table says it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_DNS_SERVER_H
#define HOLDFAST_TEST_DNS_SERVER_H

#include <stddef.h>

#include "common/dns.h"

struct dns_server;

enum dns_server_how { SERVE_DATA, SERVE_NODATA, SERVE_NXDOMAIN, SERVE_FAIL, SERVE_MUTE };
struct dns_server_row {
	const char	*name;		/* "*.zone.test": whatever is below it */
	enum dns_type	 type;		/* 0: whatever is asked for */
	enum dns_server_how how;
	const char	*rdata;		/* of SERVE_DATA, as on the wire */
	size_t		 len;
};
#define SERVE(name, type, rdata)	{ name, type, SERVE_DATA, rdata, sizeof(rdata) - 1 }

struct dns_server *dns_server_start(void);
const char	*dns_server_address(const struct dns_server *);	/* "127.0.0.1:PORT" */
/*
 * From now on these rows (lent) say what is answered, with a TTL of 0. The first row that
 * fits says how; of SERVE_DATA all rows that fit are sent. A name with rows of other types alone is NODATA (but
 * for a CNAME, which fits all types), a name without any NXDOMAIN. NULL: back to the words.
 */
void		 dns_server_table(struct dns_server *, const struct dns_server_row *, size_t n);
/* Questions so far for names that end so, of any type. */
unsigned	 dns_server_asked(struct dns_server *, const char *suffix);
void		 dns_server_stop(struct dns_server **);

#endif
