/*
 * dns_lab.h -- a check lab with a service, and a name server by a table.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_DNS_LAB_H
#define HOLDFAST_TEST_DNS_LAB_H

#include "test/unit/check_lab.h"
#include "test/unit/dns_server.h"

struct dns_lab {
	struct check_lab	*lab;
	struct dns_server	*server;
	struct service		*service;
};

struct dns_lab *dns_lab_new(const char *sql, const struct dns_server_row *, size_t n);
void	dns_lab_free(struct dns_lab **, const struct check *);
/* A client has connected. */
void	dns_lab_connect(struct dns_lab *, const struct check *);

#endif
