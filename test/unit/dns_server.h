/*
 * dns_server.h -- a name server of few words on a thread, for the tests of what asks one.
 *
 * The first label of the name says what it answers: "mute" nothing, "fail" SERVFAIL, "nx" NXDOMAIN,
 * "none" no record, "cname" a CNAME to "one" of the same zone, all else two records of the type.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_DNS_SERVER_H
#define HOLDFAST_TEST_DNS_SERVER_H

struct dns_server;

struct dns_server *dns_server_start(void);
const char	*dns_server_address(const struct dns_server *);	/* "127.0.0.1:PORT" */
void		 dns_server_stop(struct dns_server **);

#endif
