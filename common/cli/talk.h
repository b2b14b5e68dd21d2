/*
 * talk.h -- a plain SMTP or LMTP client that waits: for looking at servers
 * (doctor) and for one test message (drill). Every wait ends at the deadline.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_TALK_H
#define HOLDFAST_CLI_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/hosts.h"
#include "common/wire.h"

struct talk;
struct dns;
struct x509_st;
struct ssl_st;

/* deadline: clock_mono_ms(). NULL and *why, in words; errno is kept (ECONNREFUSED, ETIMEDOUT, …).
 */
struct talk *talk_connect(const struct hosts_addr *, uint16_t port, int64_t deadline, char **why);
struct talk	*talk_connect_unix(const char *path, int64_t deadline, char **why);
void		 talk_deadline(struct talk *, int64_t);
void		 talk_free(struct talk **);

/* The next reply; its code, -1 and *why when the connection or the reply is no good. */
int		 talk_reply(struct talk *, struct wire_reply *, char **why);
/* Sends a line and reads its reply. */
int		 talk_command(struct talk *, struct wire_reply *, char **why, const char *, ...)
		    __attribute__((format(printf, 4, 5)));
/* A message's bytes (CRLF text) and its end; then the reply. */
int		 talk_data(struct talk *, const char *, size_t, struct wire_reply *, char **why);

struct talk_offers {
	unsigned	 ext;		/* WIRE_EXT_* */
	uint64_t	 size;		/* 0: not said, or no limit */
	bool		 has_size;
	unsigned	 xclient;	/* WIRE_CLIENT_* */
};
/* EHLO or LHLO; -1 and *why unless it answers 250. */
int		 talk_hello(struct talk *, const char *verb, const char *name, struct talk_offers *,
		    char **why);
void		 talk_quit(struct talk **);	/* says QUIT, does not wait for the answer, frees */
int		 talk_send(struct talk *, const void *, size_t, char **why);
/* That many bytes, raw (for other protocols). */
int		 talk_read(struct talk *, void *, size_t, char **why);
int		 talk_fd(const struct talk *);

/* --- talk_tls.c ---------------------------------------------------------- */
/* STARTTLS and the handshake, whatever the certificate is. -1: *why. */
int		 talk_starttls(struct talk *, const char *server_name, char **why);
struct x509_st	*talk_certificate(const struct talk *);	/* lends; NULL without TLS */
struct ssl_st	*talk_ssl(const struct talk *);

/* --- talk_names.c -------------------------------------------------------- */
#define TALK_ADDRESSES_MAX	16
/* Addresses of a name, or of an address as text: /etc/hosts, then the DNS (dns may be NULL). */
size_t		 talk_addresses(struct dns *, const char *name, int64_t deadline,
		    struct hosts_addr [TALK_ADDRESSES_MAX]);
/* "192.0.2.1", "2001:db8::1". Lends one of a few static buffers. */
const char	*talk_address_text(const struct hosts_addr *);

#endif
