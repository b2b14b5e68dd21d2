/*
 * store_lease.h -- which (message, domain) pairs are in somebody's hands (S4).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STORE_LEASE_H
#define HOLDFAST_STORE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leases;

struct leases	*leases_new(void);
void		 leases_free(struct leases **);
bool		 leases_has(const struct leases *, int64_t message_id, const char *domain);
void		 leases_add(struct leases *, int64_t message_id, const char *domain);
void		 leases_remove(struct leases *, int64_t message_id, const char *domain);
size_t		 leases_count(const struct leases *);

#endif
