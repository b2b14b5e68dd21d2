/*
 * turn_sasl.h -- the server's side of CRAM-MD5 (RFC 2195) and SCRAM-SHA-256
 * (RFC 5802, 7677), without I/O. Decoded messages go in and come out; base64
 * is the caller's (turn_base64 helps).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TURN_SASL_H
#define HOLDFAST_TURN_SASL_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "queued/turn_users.h"

#define TURN_SCRAM_ITERATIONS	4096	/* RFC 7677 4: at least so many */
#define TURN_SALT_SIZE		16
#define TURN_NONCE_SIZE		33	/* 32 hex digits and NUL */

enum turn_mechanism { MECH_CRAM_MD5, MECH_SCRAM_SHA_256, MECH_UNKNOWN };
enum turn_mechanism turn_mechanism(const char *name, size_t len);
const char	*turn_mechanism_name(enum turn_mechanism);

enum turn_sasl_result {
	SASL_CHALLENGE,		/* send what was appended, wait for the answer */
	SASL_OK,		/* the client is turn_sasl_user() */
	SASL_FAILED,		/* turn_sasl_why() is for the log alone */
	SASL_MALFORMED		/* the same; the client does not speak the mechanism */
};

/* What a test knows beforehand; in life random. */
struct turn_sasl_seed {
	char	nonce[TURN_NONCE_SIZE];
	uint8_t	salt_key[32];		/* the process's: each user's salt comes from it */
	const uint8_t *salt;		/* or this one, TURN_SALT_SIZE octets */
};

struct turn_sasl;
struct turn_sasl *turn_sasl_new(enum turn_mechanism, const char *hostname,
		    const struct turn_users *, const struct turn_sasl_seed *);
void		 turn_sasl_free(struct turn_sasl **);
/*
 * The client's next message. msg NULL: it sent none with AUTH, so the first challenge is wanted.
 */
enum turn_sasl_result turn_sasl_input(struct turn_sasl *, const char *msg, size_t len,
		    struct buf *challenge);
const struct turn_user *turn_sasl_user(const struct turn_sasl *);
const char	*turn_sasl_claimed(const struct turn_sasl *);	/* who it said it was, "" not yet */
const char	*turn_sasl_why(const struct turn_sasl *);

/* --- base64 (RFC 4648 4, padding needed, nothing else allowed) ------------ */
void	turn_base64_encode(struct buf *, const void *, size_t);	/* appends */
int	turn_base64_decode(struct buf *, const char *, size_t);	/* appends; -1 malformed */

#endif
