/*
 * wire.h -- the grammar of SMTP and LMTP lines (RFC 5321, 2033, 3030, 3461,
 * 1870, 6152, 6531; XFORWARD as Postfix documents it).
 *
 * Pure functions over bytes: no socket, no clock. Shared by the LMTP server,
 * the SMTP client and the milter's LMTP client.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_WIRE_H
#define HOLDFAST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/envelope.h"

#define WIRE_COMMAND_MAX	2048	/* octets of a command line, CRLF included */
#define WIRE_REPLY_LINE_MAX	2048	/* octets of a reply line accepted from a peer */
#define WIRE_REPLY_LINES_MAX	128	/* lines of one reply */

/* --- lines --------------------------------------------------------------- */
enum wire_line {
	WIRE_LINE,		/* a whole line, CRLF at its end */
	WIRE_MORE,		/* no CRLF yet */
	WIRE_TOO_LONG,		/* max octets without CRLF */
	WIRE_BARE_LF,		/* LF without CR: the peer must be cut off (smuggling) */
	WIRE_BARE_CR,		/* CR without LF */
	WIRE_NUL		/* a NUL in a command */
};
/* On WIRE_LINE *linelen excludes CRLF and *used includes it. Linear: *scanned
 * carries what was looked at already (0 at first, and set to 0 with each WIRE_LINE). */
enum wire_line wire_line(const char *data, size_t len, size_t max, size_t *scanned,
	    size_t *linelen, size_t *used);

/* --- commands ------------------------------------------------------------ */
enum wire_verb {
	VERB_LHLO, VERB_HELO, VERB_EHLO, VERB_MAIL, VERB_RCPT, VERB_DATA, VERB_BDAT,
	VERB_RSET, VERB_NOOP, VERB_VRFY, VERB_EXPN, VERB_HELP, VERB_QUIT, VERB_STARTTLS,
	VERB_AUTH, VERB_XFORWARD, VERB_ETRN, VERB_ATRN, VERB_UNKNOWN
};
/* Splits "VERB arg": *arg lends the rest without leading blanks, trailing blanks cut. */
enum wire_verb wire_verb(const char *line, size_t len, const char **arg, size_t *arglen);
bool	wire_is_http(const char *line, size_t len);	/* a web client's request line */

/* What MAIL, RCPT and BDAT say. `code', `dsn' and `text' form the reply on refusal. */
struct wire_error {
	int		 code;		/* 501, 552, 553, 555, 504, 452 */
	const char	*dsn;		/* "5.1.7" */
	const char	*text;		/* static */
};
/* arg is what follows the verb ("FROM:<a@b> SIZE=10"). 0, or -1 with *err. Fills sender and parameters of env. */
int	wire_parse_mail(const char *arg, size_t len, uint64_t size_limit,
	    struct envelope *env, struct wire_error *err);
/* Appends one recipient to env. */
int	wire_parse_rcpt(const char *arg, size_t len, struct envelope *env, struct wire_error *err);
int	wire_parse_bdat(const char *arg, size_t len, uint64_t *size, bool *last,
	    struct wire_error *err);
/* Merges the attributes into *client; [UNAVAILABLE] clears one. */
int	wire_parse_xforward(const char *arg, size_t len, struct client_info *client,
	    struct wire_error *err);

/* "MAIL FROM:<…> …" as far as the peer's extensions (WIRE_EXT_*) allow; no CRLF. */
#define WIRE_EXT_PIPELINING	0x0001u
#define WIRE_EXT_CHUNKING	0x0002u
#define WIRE_EXT_8BITMIME	0x0004u
#define WIRE_EXT_SMTPUTF8	0x0008u
#define WIRE_EXT_SIZE		0x0010u
#define WIRE_EXT_DSN		0x0020u
#define WIRE_EXT_ENHANCED	0x0040u
#define WIRE_EXT_STARTTLS	0x0080u
#define WIRE_EXT_XFORWARD	0x0100u
#define WIRE_EXT_XCLIENT	0x0200u
#define WIRE_EXT_XHOLDFAST	0x0400u	/* ours: MAIL … XTRACE= XSPF= XQUARANTINE= (see envelope.h) */
#define WIRE_EXT_BINARYMIME	0x0800u
void	wire_format_mail(struct buf *, const struct envelope *, unsigned ext, uint64_t size);
void	wire_format_rcpt(struct buf *, const struct rcpt *, unsigned ext);
/*
 * Who the client was, in the attributes that the peer's EHLO line names. XFORWARD takes as many lines as
 * it needs, each with its CRLF; XCLIENT resets the peer's session and is one line (a HELO that finds
 * no room is left out: the EHLO after it says the same).
 */
#define WIRE_CLIENT_NAME	0x01u
#define WIRE_CLIENT_ADDR	0x02u
#define WIRE_CLIENT_PORT	0x04u
#define WIRE_CLIENT_PROTO	0x08u
#define WIRE_CLIENT_HELO	0x10u
#define WIRE_CLIENT_IDENT	0x20u
#define WIRE_CLIENT_SOURCE	0x40u
#define WIRE_CLIENT_ALL		0x7fu
unsigned wire_client_attributes(const char *line);	/* "XFORWARD NAME ADDR …" -> WIRE_CLIENT_* */
void	wire_format_xforward(struct buf *, const struct client_info *, unsigned attributes);
void	wire_format_xclient(struct buf *, const struct client_info *, unsigned attributes);
/* One line of an EHLO/LHLO reply -> the WIRE_EXT_ bit, 0 if unknown; SIZE's value in *size. */
unsigned wire_extension(const char *line, uint64_t *size);

/* --- xtext (RFC 3461 4) and XFORWARD's variant of it --------------------- */
int	wire_xtext_decode(const char *, size_t, struct buf *);	/* -1 if malformed */
void	wire_xtext_encode(struct buf *, const char *);

/* --- replies ------------------------------------------------------------- */
struct wire_reply {
	int		code;		/* 0 until a whole reply is read */
	int		pending;	/* the code of its lines so far */
	char		dsn[12];	/* "4.2.2" or "" */
	struct buf	text;		/* the lines' text without code and dsn, joined by '\n' */
	unsigned	lines;
};
enum wire_reply_result { WIRE_REPLY_DONE, WIRE_REPLY_MORE, WIRE_REPLY_BAD };
void	wire_reply_reset(struct wire_reply *);
void	wire_reply_free(struct wire_reply *);
/* Feeds one line (without CRLF) to a zeroed or reset reply; the line after a whole reply starts
 * the next. BAD: not a reply, codes mixed, outside 200..599, too many lines. */
enum wire_reply_result wire_reply_line(struct wire_reply *, const char *line, size_t len,
	    const char **why);

/* --- message data -------------------------------------------------------- */
/*
 * DATA in: removes dot-stuffing and finds CRLF.CRLF; strict (bare CR, bare LF
 * are errors that end the session). Feed any pieces. Output is appended.
 */
struct wire_undot {
	int	state;
};
enum wire_undot_result { UNDOT_MORE, UNDOT_END, UNDOT_BARE_LF, UNDOT_BARE_CR };
void	wire_undot_init(struct wire_undot *);
enum wire_undot_result wire_undot(struct wire_undot *, const char *in, size_t len,
	    size_t *used, struct buf *out);
/* DATA out: dot-stuffs; wire_dot_end() appends what closes the data. The stored bytes are CRLF text. */
struct wire_dot {
	int	state;
};
void	wire_dot_init(struct wire_dot *);
void	wire_dot(struct wire_dot *, const char *in, size_t len, struct buf *out);
void	wire_dot_end(struct wire_dot *, struct buf *out);

#endif
