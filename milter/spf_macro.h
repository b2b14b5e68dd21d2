/*
 * spf_macro.h -- the macros of SPF records (RFC 7208 7), pure.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SPF_MACRO_H
#define HOLDFAST_SPF_MACRO_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

#define SPF_NAME_MAX	253		/* octets of a domain name as text (RFC 7208 7.3) */
#define SPF_DIGITS_MAX	3		/* of a transformer; names have no more than 127 labels */
#define SPF_EXPANDED_MAX (64u * 1024)	/* of one macro-string, before it is cut */

/* What macros stand for; all strings, none NULL. */
struct spf_macro_env {
	const char	*local;		/* of the sender: "postmaster" if it has none */
	const char	*sender_domain;
	const char	*domain;	/* whose record it is */
	const char	*helo;
	const char	*client;	/* labels of the address: "192.0.2.1", "2.0.0.1.0.d.b.8. …" */
	bool		 ipv6;
	const char	*client_name;	/* %{p}: "unknown" if it has none that leads back to it */
};

/*
 * Where macro-string s[0..len) stands: SPF_MACRO_EXP allows the letters c, r and t, which only
 * explanations and unknown modifiers may have.
 */
#define SPF_MACRO_EXP	0x1u

bool	spf_macro_valid(const char *s, size_t len, unsigned flags);
/* A valid one ends in a macro-expand: then a domain-spec needs no top label (7.1). */
bool	spf_macro_ends_in_expand(const char *s, size_t len);
bool	spf_macro_uses(const char *s, size_t len, char letter);	/* lower case */
/* Appends what it stands for. -1: malformed, or longer than SPF_EXPANDED_MAX. */
int	spf_macro_expand(struct buf *, const char *s, size_t len, const struct spf_macro_env *);
/* No dot at the end, and labels on the left are left out until it is not too long. */
void	spf_macro_cut(struct buf *name);

#endif
