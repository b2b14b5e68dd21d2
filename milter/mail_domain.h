/*
 * mail_domain.h -- can mail be sent to a domain? (RFC 5321 5.1, RFC 7505)
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_MAIL_DOMAIN_H
#define HOLDFAST_MAIL_DOMAIN_H

#include <stddef.h>
#include <stdint.h>

#define MAIL_DOMAIN_WHY	96	/* octets of a reason, NUL included */

struct dns;

enum mail_domain {
	MAIL_DOMAIN_GOOD,	/* an MX host, or itself, has an address */
	MAIL_DOMAIN_MISSING,	/* neither MX nor address; or no MX host has one */
	MAIL_DOMAIN_NULL_MX,	/* it says that it takes no mail */
	MAIL_DOMAIN_UNKNOWN	/* the DNS did not say, in that time */
};

/* name as the DNS has it. Blocks at most ms milliseconds. why: in words, for the log. */
enum mail_domain mail_domain_ask(struct dns *, const char *name, int64_t ms, char why[MAIL_DOMAIN_WHY]);

#endif
