/*
 * dane.h -- which TLSA records speak for a host (RFC 7672 2.2). Pure.
 *
 *	DANE_ADDRESS -> [DANE_ALIAS] -> [DANE_TLSA_CANONICAL] -> DANE_TLSA_HOST
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DANE_H
#define HOLDFAST_DANE_H

struct dns_answer;

enum dane_step {		/* the question that an answer is to */
	DANE_ADDRESS,		/* the host's A records */
	DANE_ALIAS,		/* the host's CNAME */
	DANE_TLSA_CANONICAL,	/* the TLSA records of what its CNAMEs lead to */
	DANE_TLSA_HOST		/* … of the host itself */
};

enum dane_next {		/* what follows */
	DANE_ASK_ALIAS,
	DANE_ASK_CANONICAL,
	DANE_ASK_HOST,
	DANE_FOUND,		/* these records hold */
	DANE_NONE,		/* there are none, for sure: TLS is opportunistic */
	DANE_UNSIGNED,		/* … there cannot be any: the zone is not signed */
	DANE_UNUSABLE		/* nobody knows: the host must not be used */
};

enum dane_next dane_next(enum dane_step, const struct dns_answer *);

#endif
