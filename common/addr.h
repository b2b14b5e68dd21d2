/*
 * addr.h -- RFC 5321 paths and mailboxes.
 *
 * addr_parse_path() reads `<local@domain>' at the start of a command's
 * argument. The address is kept exactly as written (without the brackets): P9
 * and the recipient's own server decide what it means. Not accepted: source
 * routes, missing brackets, empty local part or domain, over-long parts
 * (RFC 5321 4.5.3.1: local part 64, domain 255, label 63 octets), bytes >=
 * 0x80 without ADDR_UTF8, and with it anything that is not valid UTF-8.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_ADDR_H
#define HOLDFAST_ADDR_H

#include <stdbool.h>
#include <stddef.h>

#define ADDR_LOCAL_MAX	64
#define ADDR_DOMAIN_MAX	255
#define ADDR_LABEL_MAX	63
#define ADDR_PATH_MAX	(1 + ADDR_LOCAL_MAX + 1 + ADDR_DOMAIN_MAX + 1)

#define ADDR_NULL	0x01	/* `<>' is allowed (MAIL) */
#define ADDR_POSTMASTER	0x02	/* `<postmaster>' is allowed (RCPT) */
#define ADDR_UTF8	0x04	/* SMTPUTF8 was given (RFC 6531) */

enum addr_result {
	ADDR_OK,
	ADDR_BAD,		/* syntax: 501 5.1.3 (RCPT) or 5.1.7 (MAIL) */
	ADDR_NEEDS_UTF8		/* 553 5.6.7 */
};

/*
 * Parses s[0..len). On ADDR_OK *used is the number of bytes read, brackets
 * included, and address[0..*addrlen) lies inside s. On failure *why lends a
 * short static reason.
 */
enum addr_result addr_parse_path(const char *s, size_t len, unsigned flags,
	    const char **address, size_t *addrlen, size_t *used, const char **why);

/* The same grammar for a bare mailbox (no brackets), the whole string. */
enum addr_result addr_parse_mailbox(const char *s, unsigned flags, const char **why);

/* Lends the part after the last unquoted `@' of a parsed address; "" if there is none. */
const char	*addr_domain(const char *address);
size_t		 addr_local_len(const char *address);	/* bytes before that `@' */

/* Lower-case ASCII in place / copy with the domain alone lowered (caller frees). */
void	 addr_lower(char *);
char	*addr_lower_domain_dup(const char *address);

bool	 addr_domain_valid(const char *domain, bool utf8);	/* or an address literal */
bool	 addr_domain_equal(const char *, const char *);		/* ASCII case-insensitive */

#endif
