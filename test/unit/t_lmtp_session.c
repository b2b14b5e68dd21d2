/*
 * t_lmtp_session.c -- dialogues with the LMTP server's state machine.
 *
 * Each row is played whole, byte by byte, in random pieces and with a store
 * that wants pauses; the answers and what is stored must not depend on it.
 * In an expected answer a `*' stands for the rest of the line.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/wire.h"
#include "test/unit/lmtp_dialogue.h"

#define GREETING "220 " DIALOGUE_HOST " LMTP Holdfast\r\n"
#define LHLO	"LHLO c.example\r\n"
#define LHLO_OUT "250-" DIALOGUE_HOST "\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n" \
	"250-SMTPUTF8\r\n250-SIZE 100000\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n" \
	"250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n250 XHOLDFAST\r\n"
#define MAIL	"MAIL FROM:<a@b> XTRACE=t1\r\n"
#define MAIL_OUT "250 2.1.0 Sender OK\r\n"
#define RCPT	"RCPT TO:<c@d>\r\n"
#define RCPT_OUT "250 2.1.5 Recipient OK\r\n"
#define DATA	"DATA\r\n"
#define DATA_OUT "354 End data with <CR><LF>.<CR><LF>\r\n"
#define QUEUED	"250 2.0.0 Ok: queued as QID\r\n"
#define ENV1	"from=<a@b> to=<c@d> n=1 trace=t1\n"
#define QUIT	"QUIT\r\n"
#define BYE	"221 2.0.0 Bye\r\n"

/* A session that is ready, one that has a recipient, one inside the data: what went before. */
#define READY		LHLO
#define READY_OUT	LHLO_OUT
#define GIVEN		LHLO MAIL RCPT
#define GIVEN_OUT	LHLO_OUT MAIL_OUT RCPT_OUT
#define OPEN		GIVEN DATA
#define OPEN_OUT	GIVEN_OUT DATA_OUT

#define BYTES(s)	(s), sizeof(s) - 1

struct row {
	const char	*name;
	const char	*in;
	size_t		 inlen;
	const char	*out;		/* after the greeting */
	const char	*stored;	/* NULL: nothing may be */
	size_t		 storedlen;
	const char	*envelopes;
	enum lmtp_wants	 wants;
};

/* --- comparing ----------------------------------------------------------- */

/* Line by line; a star in the expectation ends the comparison of its line. */
static bool
matches(const char *got, const char *expected)
{
	size_t n, m;

	while (*expected != '\0') {
		n = strcspn(expected, "*\n");
		if (strncmp(got, expected, n) != 0)
			return false;
		m = expected[n] == '*' ? strcspn(got, "\n") : n;
		n += strcspn(expected + n, "\n");
		if (got[m] != expected[n])
			return false;
		if (got[m] == '\0')
			return true;
		got += m + 1;
		expected += n + 1;
	}
	return *got == '\0';
}

static void
check(const struct row *r, struct dialogue *d, const char *how)
{
	const char *out = buf_str(&d->out);

	if (strncmp(out, GREETING, strlen(GREETING)) != 0 ||
	    !matches(out + strlen(GREETING), r->out))
		fail_msg("%s (%s): got:\n%s\nexpected:\n%s", r->name, how, out, r->out);
	if (d->wants != r->wants)
		fail_msg("%s (%s): wants %d", r->name, how, (int)d->wants);
	if (r->stored == NULL && d->committed != 0)
		fail_msg("%s (%s): a message was stored", r->name, how);
	if (r->stored != NULL && (d->stored.len != r->storedlen ||
	    memcmp(buf_str(&d->stored), r->stored, r->storedlen) != 0))
		fail_msg("%s (%s): stored:\n%s", r->name, how, buf_str(&d->stored));
	if (r->envelopes != NULL && strcmp(buf_str(&d->envelopes), r->envelopes) != 0)
		fail_msg("%s (%s): envelopes:\n%s", r->name, how, buf_str(&d->envelopes));
	if (d->begun != d->committed + d->aborted)
		fail_msg("%s (%s): %u begun, %u committed, %u aborted", r->name, how, d->begun,
		    d->committed, d->aborted);
}

static void
play(const struct row *r, unsigned step, unsigned seed, unsigned pause_every, const char *how)
{
	struct dialogue d;

	memset(&d, 0, sizeof(d));
	d.pause_every = pause_every;
	dialogue_play(&d, r->in, r->inlen, step, seed);
	check(r, &d, how);
	dialogue_clear(&d);
}

static void
play_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		play(&rows[i], 0, 0, 0, "whole");
		play(&rows[i], 1, 0, 0, "byte by byte");
		play(&rows[i], 1, 0, 1, "byte by byte, store pauses");
		for (unsigned seed = 1; seed <= 10; seed++)
			play(&rows[i], 4u << seed % 5, seed, seed % 3, "random cuts");
	}
}

#define PLAY(rows) play_rows((rows), sizeof(rows) / sizeof((rows)[0]))

/* --- what works ---------------------------------------------------------- */

static const struct row good[] = {
	{ "greeting alone", BYTES(""), "", NULL, 0, NULL, LMTP_WANTS_COMMAND },
	{ "one message", BYTES(OPEN "S: x\r\n\r\nhi\r\n.\r\n" QUIT), OPEN_OUT QUEUED BYE,
	    BYTES("S: x\r\n\r\nhi\r\n"), ENV1, LMTP_WANTS_CLOSE },
	{ "one reply a recipient",
	    BYTES(GIVEN "RCPT TO:<e@f>\r\nRCPT TO:<c@d>\r\n" DATA "x\r\n.\r\n"),
	    GIVEN_OUT RCPT_OUT RCPT_OUT DATA_OUT QUEUED QUEUED QUEUED, BYTES("x\r\n"),
	    "from=<a@b> to=<c@d> to=<e@f> to=<c@d> n=3 trace=t1\n", LMTP_WANTS_COMMAND },
	{ "two messages, pipelined over the end of the data",
	    BYTES(OPEN "1\r\n.\r\n" MAIL RCPT DATA "2\r\n.\r\n" QUIT),
	    OPEN_OUT QUEUED MAIL_OUT RCPT_OUT DATA_OUT QUEUED BYE, BYTES("1\r\n2\r\n"), ENV1 ENV1,
	    LMTP_WANTS_CLOSE },
	{ "dots", BYTES(OPEN "..\r\n...\r\n..a\r\n.\r\n"), OPEN_OUT QUEUED,
	    BYTES(".\r\n..\r\n.a\r\n"), ENV1, LMTP_WANTS_COMMAND },
	{ "nothing between DATA and the dot", BYTES(OPEN ".\r\n"), OPEN_OUT QUEUED, BYTES(""), ENV1,
	    LMTP_WANTS_COMMAND },
	{ "BDAT", BYTES(GIVEN "BDAT 6\r\nS: x\r\nBDAT 4 LAST\r\n\r\nhi"),
	    GIVEN_OUT "250 2.0.0 Chunk OK\r\n" QUEUED, BYTES("S: x\r\n\r\nhi"), ENV1,
	    LMTP_WANTS_COMMAND },
	{ "BDAT 0 LAST", BYTES(GIVEN "BDAT 3\r\na\r\nBDAT 0 LAST\r\n" QUIT),
	    GIVEN_OUT "250 2.0.0 Chunk OK\r\n" QUEUED BYE, BYTES("a\r\n"), ENV1, LMTP_WANTS_CLOSE },
	{ "BDAT 0 and BDAT 0 LAST alone", BYTES(GIVEN "BDAT 0\r\nBDAT 0 LAST\r\n"),
	    GIVEN_OUT "250 2.0.0 Chunk OK\r\n" QUEUED, BYTES(""), ENV1, LMTP_WANTS_COMMAND },
	{ "BDAT LAST answers each recipient",
	    BYTES(GIVEN "RCPT TO:<e@f>\r\nBDAT 1\r\nxBDAT 1 LAST\r\ny"),
	    GIVEN_OUT RCPT_OUT "250 2.0.0 Chunk OK\r\n" QUEUED QUEUED, BYTES("xy"),
	    "from=<a@b> to=<c@d> to=<e@f> n=2 trace=t1\n", LMTP_WANTS_COMMAND },
	{ "small commands, also before LHLO",
	    BYTES("NOOP\r\nnoop x\r\nRSET\r\nHELP\r\nVRFY <a@b>\r\n" QUIT),
	    "250 2.0.0 OK\r\n250 2.0.0 OK\r\n250 2.0.0 Reset\r\n214 2.0.0 *\r\n252 2.0.0 *\r\n" BYE,
	    NULL, 0, NULL, LMTP_WANTS_CLOSE },
	{ "VRFY", BYTES(READY "VRFY a@b\r\nVRFY <postmaster>\r\nVRFY <\xc3\xa4@b> SMTPUTF8\r\n"),
	    READY_OUT "252 2.0.0 *\r\n252 2.0.0 *\r\n252 2.0.0 *\r\n", NULL, 0, NULL,
	    LMTP_WANTS_COMMAND },
	{ "RSET forgets the transaction", BYTES(GIVEN "RSET\r\nDATA\r\n" MAIL RCPT "RSET\r\n" RCPT),
	    GIVEN_OUT "250 2.0.0 Reset\r\n503 5.5.1 Need MAIL first\r\n" MAIL_OUT RCPT_OUT
	    "250 2.0.0 Reset\r\n503 5.5.1 Need MAIL first\r\n",
	    NULL, 0, NULL, LMTP_WANTS_COMMAND },
	{ "RSET between chunks", BYTES(GIVEN "BDAT 1\r\nxRSET\r\n" MAIL RCPT "BDAT 1 LAST\r\ny"),
	    GIVEN_OUT "250 2.0.0 Chunk OK\r\n250 2.0.0 Reset\r\n" MAIL_OUT RCPT_OUT QUEUED,
	    BYTES("y"), ENV1, LMTP_WANTS_COMMAND },
	{ "LHLO again resets (RFC 5321 4.1.4)", BYTES(GIVEN LHLO DATA),
	    GIVEN_OUT LHLO_OUT "503 5.5.1 Need MAIL first\r\n", NULL, 0, NULL, LMTP_WANTS_COMMAND },
	{ "nothing is read after QUIT", BYTES(READY QUIT MAIL), READY_OUT BYE, NULL, 0, NULL,
	    LMTP_WANTS_CLOSE },
	{ "the end of input inside the data", BYTES(OPEN "half\r\n"), OPEN_OUT, NULL, 0, NULL,
	    LMTP_WANTS_DATA },
	{ "the end of input inside a chunk", BYTES(GIVEN "BDAT 9 LAST\r\nhalf"), GIVEN_OUT, NULL, 0,
	    NULL, LMTP_WANTS_DATA },
	{ "the end of input inside CRLF.CRLF", BYTES(OPEN "x\r\n.\r"), OPEN_OUT, NULL, 0, NULL,
	    LMTP_WANTS_DATA },
};

static void
test_good(void **state)
{
	(void)state;
	PLAY(good);
}

/* --- accepted as data, byte-identical ------------------------------------ */

#define ACCEPTED_FROM(sender) \
	BYTES(LHLO "MAIL FROM:<" sender "> XTRACE=t1\r\n" RCPT DATA "x\r\n.\r\n"), OPEN_OUT QUEUED, \
	BYTES("x\r\n"), "from=<" sender "> to=<c@d> n=1 trace=t1\n", LMTP_WANTS_COMMAND
#define ACCEPTED_DATA(text) \
	BYTES(OPEN text "\r\n.\r\n"), OPEN_OUT QUEUED, BYTES(text "\r\n"), ENV1, LMTP_WANTS_COMMAND

static const struct row as_data[] = {
	{ "SQL in a local part", ACCEPTED_FROM("\"'); DROP TABLE q;--\"@d") },
	{ "printf's", ACCEPTED_FROM("%s%n@d") },
	{ "a path", ACCEPTED_FROM("../../etc/passwd@d") },
	{ "an option", ACCEPTED_FROM("-oQ/tmp@d") },
	{ "the null sender", ACCEPTED_FROM("") },
	{ "ESC in a header", ACCEPTED_DATA("S: \x1b[2J\r\n\r\nx") },
	{ "8 bits", ACCEPTED_DATA("S: x\r\n\r\n\x80\xff\xc3\xa4") },
	{ "NUL by DATA", ACCEPTED_DATA("S: x\r\n\r\na\0b") },
	{ "a line that is a dot", BYTES(OPEN "a\r\n..\r\nb\r\n.\r\n"), OPEN_OUT QUEUED,
	    BYTES("a\r\n.\r\nb\r\n"), ENV1, LMTP_WANTS_COMMAND },
	{ "NUL, bare LF and bare CR by BDAT", BYTES(GIVEN "BDAT 7 LAST\r\n\0a\nb\rc\n"),
	    GIVEN_OUT QUEUED, BYTES("\0a\nb\rc\n"), ENV1, LMTP_WANTS_COMMAND },
	{ "CRLF.CRLF by BDAT", BYTES(GIVEN "BDAT 9 LAST\r\na\r\n.\r\nb\r\n"), GIVEN_OUT QUEUED,
	    BYTES("a\r\n.\r\nb\r\n"), ENV1, LMTP_WANTS_COMMAND },
	{ "commands in the data", ACCEPTED_DATA("QUIT\r\nMAIL FROM:<x@y>\r\nRSET") },
};

static void
test_as_data(void **state)
{
	(void)state;
	PLAY(as_data);
}

/* --- 5xx and close ------------------------------------------------------- */

#define SMUGGLED	"MAIL FROM:<evil@x>\r\nRCPT TO:<c@d>\r\nDATA\r\nz\r\n.\r\n"
#define CUT_LF		"554 5.6.0 Bare LF in message data; closing\r\n"
#define CUT_CR		"554 5.6.0 Bare CR in message data; closing\r\n"
#define CUT(text, why)	BYTES(OPEN text SMUGGLED), OPEN_OUT why, NULL, 0, NULL, LMTP_WANTS_CUT
#define CUT_COMMAND(text, why) \
	BYTES(READY text SMUGGLED), READY_OUT why, NULL, 0, NULL, LMTP_WANTS_CUT

static const struct row cut[] = {
	{ "bare LF in a command",
	    CUT_COMMAND("NOOP\n", "554 5.5.2 Bare LF in command; closing\r\n") },
	{ "bare LF behind a good command",
	    CUT_COMMAND("NOOP\r\nRSET\n", "250 2.0.0 OK\r\n554 5.5.2 Bare LF in command; closing\r\n") },
	{ "bare CR in a command",
	    CUT_COMMAND("NO\rOP\r\n", "554 5.5.2 Bare CR in command; closing\r\n") },
	{ "CR CR LF", CUT_COMMAND("NOOP\r\r\n", "554 5.5.2 Bare CR in command; closing\r\n") },
	{ "NUL in a command", CUT_COMMAND("NO\0OP\r\n", "554 5.5.2 NUL in command; closing\r\n") },
	{ "NUL behind a verb",
	    CUT_COMMAND("MAIL FROM:<a@b>\0\r\n", "554 5.5.2 NUL in command; closing\r\n") },
	{ "HTTP GET", BYTES("GET / HTTP/1.1\r\nHost: x\r\n\r\n" SMUGGLED),
	    "554 5.5.1 This is LMTP, not HTTP; closing\r\n", NULL, 0, NULL, LMTP_WANTS_CUT },
	{ "HTTP POST with a message in it",
	    BYTES("POST /x HTTP/1.1\r\nContent-Length: 99\r\n\r\n" LHLO SMUGGLED),
	    "554 5.5.1 This is LMTP, not HTTP; closing\r\n", NULL, 0, NULL, LMTP_WANTS_CUT },
	{ "HTTP/2's preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	    "554 5.5.1 This is LMTP, not HTTP; closing\r\n", NULL, 0, NULL, LMTP_WANTS_CUT },
	{ "a TLS hello", BYTES("\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03zz\r\n"),
	    "554 5.5.2 NUL in command; closing\r\n", NULL, 0, NULL, LMTP_WANTS_CUT },
	{ "LF.LF", CUT("x\n.\n", CUT_LF) },
	{ "LF.CRLF", CUT("x\n.\r\n", CUT_LF) },
	{ "CRLF.LF", CUT("x\r\n.\n", CUT_LF) },
	{ "CR.CR", CUT("x\r.\r", CUT_CR) },
	{ "CR.CRLF", CUT("x\r.\r\n", CUT_CR) },
	{ "CRLF.CR", CUT("x\r\n.\rMAIL", CUT_CR) },
	{ "CRLF.CR CRLF", CUT("x\r\n.\r\r\n", CUT_CR) },
	{ "CR LF CR . CR LF", CUT("x\r\n\r.\r\n", CUT_CR) },
	{ "LF LF", CUT("x\n\n", CUT_LF) },
	{ "dot LF at once", CUT(".\n", CUT_LF) },
	{ "NUL between dot and CRLF is no end", BYTES(OPEN "x\r\n.\0\r\n"), OPEN_OUT, NULL, 0, NULL,
	    LMTP_WANTS_DATA },
	{ "each recipient hears it",
	    BYTES(GIVEN "RCPT TO:<e@f>\r\n" DATA "x\n.\n" SMUGGLED),
	    GIVEN_OUT RCPT_OUT DATA_OUT CUT_LF CUT_LF, NULL, 0, NULL, LMTP_WANTS_CUT },
};

static void
test_cut(void **state)
{
	(void)state;
	PLAY(cut);
}

/* --- 500, 501, 503, 555 -------------------------------------------------- */

#define REFUSED(text, why) \
	BYTES(READY text "NOOP\r\n"), READY_OUT why "250 2.0.0 OK\r\n", NULL, 0, NULL, \
	LMTP_WANTS_COMMAND
#define REFUSED_RCPT(text, why) \
	BYTES(LHLO MAIL text RCPT), LHLO_OUT MAIL_OUT why RCPT_OUT, NULL, 0, NULL, LMTP_WANTS_COMMAND
#define XOP	"NOOP xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"	/* 64 octets */

static const struct row syntax[] = {
	{ "unknown verb", REFUSED("FOO\r\n", "500 5.5.2 Command not recognized\r\n") },
	{ "an empty line", REFUSED("\r\n", "500 5.5.2 Command not recognized\r\n") },
	{ "a verb's beginning", REFUSED("MAI FROM:<a@b>\r\n", "500 5.5.2 *\r\n") },
	{ "8 bits for a verb", REFUSED("\xff\xfe\r\n", "500 5.5.2 *\r\n") },
	{ "EXPN", REFUSED("EXPN list\r\n", "502 5.5.1 Command not implemented\r\n") },
	{ "STARTTLS", REFUSED("STARTTLS\r\n", "502 5.5.1 Command not implemented\r\n") },
	{ "AUTH", REFUSED("AUTH PLAIN xx\r\n", "502 5.5.1 Command not implemented\r\n") },
	{ "HELO", BYTES("HELO c.example\r\n"), "500 5.5.1 This is LMTP; use LHLO\r\n", NULL, 0, NULL,
	    LMTP_WANTS_COMMAND },
	{ "EHLO", BYTES("EHLO c.example\r\n"), "500 5.5.1 This is LMTP; use LHLO\r\n", NULL, 0, NULL,
	    LMTP_WANTS_COMMAND },
	{ "LHLO without a name", REFUSED("LHLO\r\n", "501 5.5.4 LHLO needs a host name\r\n") },
	{ "DATA with an argument", BYTES(GIVEN "DATA x\r\n"),
	    GIVEN_OUT "501 5.5.4 No argument allowed\r\n", NULL, 0, NULL, LMTP_WANTS_COMMAND },
	{ "RSET with an argument", REFUSED("RSET x\r\n", "501 5.5.4 No argument allowed\r\n") },
	{ "QUIT with an argument", REFUSED("QUIT x\r\n", "501 5.5.4 No argument allowed\r\n") },
	{ "everything before LHLO", BYTES(MAIL RCPT DATA "BDAT 1 LAST\r\nxXFORWARD NAME=x\r\n"),
	    "503 5.5.1 Send LHLO first\r\n503 5.5.1 Send LHLO first\r\n503 5.5.1 Send LHLO first\r\n"
	    "503 5.5.1 Send LHLO first\r\n503 5.5.1 Send LHLO first\r\n", NULL, 0, NULL,
	    LMTP_WANTS_COMMAND },
	{ "RCPT before MAIL", REFUSED(RCPT, "503 5.5.1 Need MAIL first\r\n") },
	{ "DATA before MAIL", REFUSED(DATA, "503 5.5.1 Need MAIL first\r\n") },
	{ "DATA before RCPT", REFUSED_RCPT(DATA, "503 5.5.1 No valid recipients\r\n") },
	{ "DATA when no recipient was good", BYTES(LHLO MAIL "RCPT TO:<a@>\r\n" DATA),
	    LHLO_OUT MAIL_OUT "501 5.1.3 *\r\n503 5.5.1 No valid recipients\r\n", NULL, 0, NULL,
	    LMTP_WANTS_COMMAND },
	{ "nested MAIL", BYTES(LHLO MAIL MAIL RCPT MAIL DATA "x\r\n.\r\n"),
	    LHLO_OUT MAIL_OUT "503 5.5.1 Nested MAIL command\r\n" RCPT_OUT
	    "503 5.5.1 Nested MAIL command\r\n" DATA_OUT QUEUED, BYTES("x\r\n"), ENV1,
	    LMTP_WANTS_COMMAND },
	{ "XFORWARD in a transaction", REFUSED_RCPT("XFORWARD NAME=x\r\n",
	    "503 5.5.1 Mail transaction in progress\r\n") },
	{ "XFORWARD's unknown attribute", REFUSED("XFORWARD FOO=x\r\n", "501 5.5.4 *\r\n") },
	{ "XFORWARD without any", REFUSED("XFORWARD\r\n", "501 5.5.4 *\r\n") },
	{ "SIZE=-1", REFUSED("MAIL FROM:<a@b> SIZE=-1\r\n", "501 5.5.4 *\r\n") },
	{ "SIZE of 20 digits", REFUSED("MAIL FROM:<a@b> SIZE=99999999999999999999\r\n",
	    "501 5.5.4 *\r\n") },
	{ "SIZE twice", REFUSED("MAIL FROM:<a@b> SIZE=1 SIZE=1\r\n", "501 5.5.4 *\r\n") },
	{ "unknown parameter of MAIL", REFUSED("MAIL FROM:<a@b> FOO=1\r\n", "555 5.5.4 *\r\n") },
	{ "unknown parameter of RCPT", REFUSED_RCPT("RCPT TO:<c@d> FOO\r\n", "555 5.5.4 *\r\n") },
	{ "ORCPT with a line feed",
	    REFUSED_RCPT("RCPT TO:<c@d> ORCPT=rfc822;a+0A@b\r\n", "501 5.5.4 *\r\n") },
	{ "AUTH= with a line feed", REFUSED("MAIL FROM:<a@b> AUTH=a+0D+0Ab\r\n", "501 5.5.4 *\r\n") },
	{ "malformed xtext", REFUSED("MAIL FROM:<a@b> ENVID=a+4\r\n", "501 5.5.4 *\r\n") },
	{ "BDAT without a size", BYTES(GIVEN "BDAT\r\nBDAT x\r\nBDAT -1\r\nBDAT 1 FIRST\r\n"),
	    GIVEN_OUT "501 5.5.4 *\r\n501 5.5.4 *\r\n501 5.5.4 *\r\n501 5.5.4 *\r\n", NULL, 0, NULL,
	    LMTP_WANTS_COMMAND },
	{ "BDAT says less than comes", BYTES(GIVEN "BDAT 1 LAST\r\nxyz\r\nNOOP\r\n"),
	    GIVEN_OUT QUEUED "500 5.5.2 *\r\n250 2.0.0 OK\r\n", BYTES("x"), ENV1,
	    LMTP_WANTS_COMMAND },
	{ "BDAT says more than comes", BYTES(GIVEN "BDAT 20 LAST\r\nx\r\n" QUIT), GIVEN_OUT, NULL, 0,
	    NULL, LMTP_WANTS_DATA },
	{ "BDAT without MAIL", REFUSED("BDAT 6 LAST\r\nQUIT\r\n", "503 5.5.1 Need MAIL first\r\n") },
	{ "BDAT without RCPT",
	    REFUSED_RCPT("BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n",
	    "503 5.5.1 No valid recipients\r\n503 5.5.1 No valid recipients\r\n") },
	{ "DATA after BDAT", BYTES(GIVEN "BDAT 1\r\nx" DATA "BDAT 1 LAST\r\ny"),
	    GIVEN_OUT "250 2.0.0 Chunk OK\r\n503 5.5.1 BDAT under way; *\r\n" QUEUED, BYTES("xy"),
	    ENV1, LMTP_WANTS_COMMAND },
	{ "MAIL and RCPT after BDAT", BYTES(GIVEN "BDAT 1\r\nx" MAIL RCPT),
	    GIVEN_OUT "250 2.0.0 Chunk OK\r\n503 5.5.1 *\r\n503 5.5.1 *\r\n", NULL, 0, NULL,
	    LMTP_WANTS_COMMAND },
	{ "BDAT after DATA", BYTES(OPEN "x\r\n.\r\nBDAT 6 LAST\r\nQUIT\r\n"),
	    OPEN_OUT QUEUED "503 5.5.1 Need MAIL first\r\n", BYTES("x\r\n"), ENV1,
	    LMTP_WANTS_COMMAND },
	{ "VRFY of nothing", REFUSED("VRFY\r\n", "501 5.1.3 Bad address syntax\r\n") },
	{ "VRFY of no address", REFUSED("VRFY <a@>\r\n", "501 5.1.3 Bad address syntax\r\n") },
	{ "VRFY with a tail", REFUSED("VRFY <a@b> x\r\n", "501 5.1.3 Bad address syntax\r\n") },
	{ "VRFY of UTF-8 without SMTPUTF8",
	    REFUSED("VRFY <\xc3\xa4@b>\r\n", "501 5.1.3 Bad address syntax\r\n") },
};

static void
test_syntax(void **state)
{
	(void)state;
	PLAY(syntax);
}

/* --- 501 5.1.3 and 5.1.7 ------------------------------------------------- */

#define X10	"xxxxxxxxxx"
#define X60	X10 X10 X10 X10 X10 X10
#define BAD(path) \
	{ "MAIL " path, REFUSED("MAIL FROM:" path "\r\n", "501 5.1.7 *\r\n") }, \
	{ "RCPT " path, REFUSED_RCPT("RCPT TO:" path "\r\n", "501 5.1.3 *\r\n") }

static const struct row addresses[] = {
	BAD("a@b"),
	BAD("<@>"),
	BAD("<a@>"),
	BAD("<@b>"),
	BAD("<;id;@>"),
	BAD("<" X60 "xxxxx@d>"),
	BAD("<a@" X60 "xxxx.d>"),
	BAD("<a@" X60 "." X60 "." X60 "." X60 "." X10 "xx>"),
	BAD("<\"a@b>"),
	BAD("<\"a\\>"),
	BAD("<a@b@c>"),
	BAD("<a@[IPv6:zz]>"),
	BAD("<a\xc0\xaf@b>"),
	BAD("<@r.example:a@b>"),
	BAD("<@r.example,@s.example:a@b>"),
	BAD("<a@b"),
	BAD("<a b@c>"),
	BAD("<a@b>x"),
	{ "no sender", REFUSED("MAIL FROM:\r\n", "501 5.*\r\n") },
	{ "no recipient", REFUSED_RCPT("RCPT TO:<>\r\n", "501 5.1.3 *\r\n") },
	{ "UTF-8 sender without SMTPUTF8",
	    REFUSED("MAIL FROM:<\xc3\xa4@b>\r\n", "553 5.6.7 *\r\n") },
	{ "UTF-8 recipient without SMTPUTF8",
	    REFUSED_RCPT("RCPT TO:<\xc3\xa4@b>\r\n", "553 5.6.7 *\r\n") },
	{ "a good address behind a bad one", BYTES(LHLO "MAIL FROM:<a@>\r\n" MAIL "RCPT TO:<@>\r\n"
	    RCPT DATA "x\r\n.\r\n"),
	    LHLO_OUT "501 5.1.7 *\r\n" MAIL_OUT "501 5.1.3 *\r\n" RCPT_OUT DATA_OUT QUEUED,
	    BYTES("x\r\n"), ENV1, LMTP_WANTS_COMMAND },
};

static void
test_addresses(void **state)
{
	(void)state;
	PLAY(addresses);
}

/* --- dialogues too long for a literal ------------------------------------ */

struct script {
	struct buf	in, out, stored;
	uint64_t	size_limit;
};

static void
say(struct script *s, const char *in, const char *out)
{
	buf_puts(&s->in, in);
	buf_puts(&s->out, out);
}

static void
say_times(struct script *s, size_t n, const char *in)
{
	while (n-- > 0)
		buf_puts(&s->in, in);
}

static void
run(struct script *s, const char *name, bool stored, enum lmtp_wants wants)
{
	struct row r = { name, s->in.data, s->in.len, buf_str(&s->out), NULL, 0, NULL, wants };
	struct dialogue d;
	unsigned step;

	if (stored) {
		r.stored = buf_str(&s->stored);
		r.storedlen = s->stored.len;
	}
	for (step = 0; step <= 40000; step = step == 0 ? 1 : step * 200) {
		memset(&d, 0, sizeof(d));
		d.size_limit = s->size_limit;
		dialogue_play(&d, r.in, r.inlen, step, 7);
		check(&r, &d, step == 0 ? "whole" : step == 1 ? "byte by byte" : "random cuts");
		dialogue_clear(&d);
	}
	buf_free(&s->in);
	buf_free(&s->out);
	buf_free(&s->stored);
	s->size_limit = 0;
}

static void
test_line_length(void **state)
{
	struct script s = { .in = BUF_INIT };
	size_t n;

	(void)state;
	for (n = WIRE_COMMAND_MAX - 2; n <= WIRE_COMMAND_MAX + 3; n++) {
		buf_puts(&s.in, "NOOP ");
		say_times(&s, n - 7, "x");
		say(&s, "\r\nNOOP\r\n", n <= WIRE_COMMAND_MAX ? "250 2.0.0 OK\r\n" :
		    "500 5.5.2 Line too long\r\n");
		say(&s, "", "250 2.0.0 OK\r\n");
	}
	run(&s, "lines of 2046 to 2051 octets", false, LMTP_WANTS_COMMAND);

	say(&s, LHLO "MAIL FROM:<", LHLO_OUT);
	say_times(&s, 10000, ".");
	say(&s, "@d>\r\nNOOP\r\n", "500 5.5.2 Line too long\r\n250 2.0.0 OK\r\n");
	run(&s, "ten thousand dots", false, LMTP_WANTS_COMMAND);

	say(&s, LHLO "MAIL FROM:<", LHLO_OUT);
	say_times(&s, 1000, ".");
	say(&s, "@d>\r\nNOOP\r\n", "501 5.1.7 *\r\n250 2.0.0 OK\r\n");
	run(&s, "a thousand dots", false, LMTP_WANTS_COMMAND);

	say_times(&s, 5000, "y");
	say(&s, "\n" LHLO, "554 5.5.2 Bare LF in command; closing\r\n");
	run(&s, "bare LF in a line too long", false, LMTP_WANTS_CUT);
}

static void
test_recipients(void **state)
{
	struct script s = { .in = BUF_INIT };
	int i;

	(void)state;
	say(&s, LHLO MAIL, LHLO_OUT MAIL_OUT);
	for (i = 0; i < ENVELOPE_RCPT_MAX; i++) {
		buf_printf(&s.in, "RCPT TO:<u%d@d>\r\n", i);
		say(&s, "", RCPT_OUT);
	}
	say(&s, RCPT RCPT DATA "x\r\n.\r\n", "452 4.5.3 Too many recipients\r\n"
	    "452 4.5.3 Too many recipients\r\n" DATA_OUT);
	for (i = 0; i < ENVELOPE_RCPT_MAX; i++)
		say(&s, "", QUEUED);
	buf_puts(&s.stored, "x\r\n");
	run(&s, "recipient 1,001", true, LMTP_WANTS_COMMAND);
}

static void
test_errors(void **state)
{
	struct script s = { .in = BUF_INIT };
	int i;

	(void)state;
	for (i = 0; i < LMTP_ERRORS_MAX; i++)
		say(&s, "FOO\r\n", "500 5.5.2 Command not recognized\r\n");
	say(&s, "NOOP\r\n", "421 4.7.0 Too many errors\r\n");
	run(&s, "20 errors", false, LMTP_WANTS_CUT);

	say(&s, LHLO MAIL, LHLO_OUT MAIL_OUT);
	for (i = 0; i < 2 * LMTP_ERRORS_MAX; i++)
		say(&s, "RCPT TO:<@>\r\n", "501 5.1.3 *\r\n");
	say(&s, RCPT DATA "x\r\n.\r\n", RCPT_OUT DATA_OUT QUEUED);
	buf_puts(&s.stored, "x\r\n");
	run(&s, "40 bad recipients do not cost the good one", true, LMTP_WANTS_COMMAND);

	say(&s, LHLO MAIL, LHLO_OUT MAIL_OUT);
	for (i = 0; i < ENVELOPE_RCPT_MAX; i++)
		say(&s, "RCPT TO:<@>\r\n", "501 5.1.3 *\r\n");
	say(&s, RCPT, "421 4.7.0 Too many errors\r\n");
	run(&s, "1,000 bad recipients", false, LMTP_WANTS_CUT);

	say(&s, GIVEN "BDAT 1 LAST\r\nx", GIVEN_OUT QUEUED);
	for (i = 0; i < LMTP_ERRORS_MAX; i++)
		say(&s, "junk\r\n", "500 5.5.2 *\r\n");
	say(&s, MAIL, "421 4.7.0 Too many errors\r\n");
	buf_puts(&s.stored, "x");
	run(&s, "BDAT's length lies for long", true, LMTP_WANTS_CUT);
}

/* Octets in lines of 100. */
static void
say_octets(struct buf *out, size_t n)
{
	for (; n > 100; n -= 100)
		buf_printf(out, "%098d\r\n", 7);
	buf_printf(out, "%0*d\r\n", (int)n - 2, 7);
}

static void
test_size(void **state)
{
	struct script s = { .in = BUF_INIT };

	(void)state;
	say(&s, LHLO "MAIL FROM:<a@b> SIZE=100001\r\nMAIL FROM:<a@b> SIZE=100000\r\n",
	    LHLO_OUT "552 5.3.4 Message size exceeds fixed limit\r\n" MAIL_OUT);
	run(&s, "declared size", false, LMTP_WANTS_COMMAND);

	say(&s, OPEN, OPEN_OUT);
	say_octets(&s.stored, DIALOGUE_SIZE);
	buf_put(&s.in, s.stored.data, s.stored.len);
	say(&s, ".\r\n", QUEUED);
	run(&s, "the limit itself", true, LMTP_WANTS_COMMAND);

	say(&s, OPEN, OPEN_OUT);
	say_octets(&s.in, DIALOGUE_SIZE + 1);
	say(&s, ".\r\n" MAIL, "552 5.3.4 Message size exceeds fixed limit\r\n" MAIL_OUT);
	run(&s, "one octet more", false, LMTP_WANTS_COMMAND);

	say(&s, GIVEN "RCPT TO:<e@f>\r\n" DATA, GIVEN_OUT RCPT_OUT DATA_OUT);
	say_octets(&s.in, 3 * DIALOGUE_SIZE);
	say(&s, ".\r\n" MAIL, "552 5.3.4 Message size exceeds fixed limit\r\n"
	    "552 5.3.4 Message size exceeds fixed limit\r\n");
	run(&s, "no end", false, LMTP_WANTS_CUT);

	say(&s, GIVEN "BDAT 100000\r\n", GIVEN_OUT "250 2.0.0 Chunk OK\r\n");
	say_octets(&s.in, DIALOGUE_SIZE);
	say(&s, "BDAT 1\r\nxBDAT 1\r\nyBDAT 1 LAST\r\nz" MAIL,
	    "552 5.3.4 Message size exceeds fixed limit\r\n"
	    "552 5.3.4 Message size exceeds fixed limit\r\n"
	    "552 5.3.4 Message size exceeds fixed limit\r\n" MAIL_OUT);
	run(&s, "one octet more by BDAT", false, LMTP_WANTS_COMMAND);

	say(&s, GIVEN "BDAT 9223372036854775807\r\n", GIVEN_OUT);
	say_octets(&s.in, 3 * DIALOGUE_SIZE);
	say(&s, "", "552 5.3.4 Message size exceeds fixed limit\r\n");
	run(&s, "a chunk of 2^63", false, LMTP_WANTS_CUT);

	say(&s, LHLO "BDAT 9223372036854775807\r\nx",
	    LHLO_OUT "552 5.3.4 Message size exceeds fixed limit\r\n");
	run(&s, "an unwanted chunk of 2^63", false, LMTP_WANTS_CUT);
}

static void
test_header(void **state)
{
	struct script s = { .in = BUF_INIT };
	size_t i;

	(void)state;
	s.size_limit = 10000000;
	say(&s, "HELO\r\n" MAIL, "500 5.5.1 *\r\n503 5.5.1 *\r\n");
	run(&s, "(nothing)", false, LMTP_WANTS_COMMAND);

	s.size_limit = 10000000;
	say(&s, "LHLO x\r\n" MAIL RCPT DATA "S: ", "250-*\r\n250-*\r\n250-*\r\n250-*\r\n250-*\r\n"
	    "250-SIZE 10000000\r\n250-*\r\n250-*\r\n250-*\r\n250 *\r\n" MAIL_OUT RCPT_OUT DATA_OUT);
	say_times(&s, 1024 * 1024, "x");
	say(&s, "\r\n\r\nx\r\n.\r\nNOOP\r\n",
	    "552 5.3.4 Message header exceeds fixed limit\r\n250 2.0.0 OK\r\n");
	run(&s, "a header of 1 MB", false, LMTP_WANTS_COMMAND);

	s.size_limit = 10000000;
	say(&s, "LHLO x\r\n" MAIL RCPT DATA, "250-*\r\n250-*\r\n250-*\r\n250-*\r\n250-*\r\n"
	    "250-SIZE 10000000\r\n250-*\r\n250-*\r\n250-*\r\n250 *\r\n" MAIL_OUT RCPT_OUT DATA_OUT);
	say_times(&s, 500000, "A: b\r\n");
	say(&s, "\r\nx\r\n.\r\nNOOP\r\n",
	    "552 5.3.4 Message header exceeds fixed limit\r\n250 2.0.0 OK\r\n");
	run(&s, "500,000 headers", false, LMTP_WANTS_COMMAND);

	for (i = 50; i <= 51; i++) {
		say(&s, OPEN, OPEN_OUT);
		say_times(&s, i, "Received: by x\r\n");
		say(&s, "\r\nReceived: in the body\r\n.\r\n",
		    i == 50 ? QUEUED : "554 5.4.6 Too many hops\r\n");
		for (size_t j = 0; j < i; j++)
			buf_puts(&s.stored, "Received: by x\r\n");
		buf_puts(&s.stored, "\r\nReceived: in the body\r\n");
		run(&s, "hops", i == 50, LMTP_WANTS_COMMAND);
	}
}

/* Refused on its way, at once and not at the end: nothing more reaches the store. */
static void
test_refused_at_once(void **state)
{
	struct script s = { .in = BUF_INIT };
	struct dialogue d;

	(void)state;
	memset(&d, 0, sizeof(d));
	say(&s, OPEN, "");
	say_octets(&s.in, DIALOGUE_SIZE + 1);
	dialogue_play(&d, s.in.data, s.in.len, 1000, 1);
	assert_int_equal(d.wants, LMTP_WANTS_DATA);
	assert_int_equal(d.aborted, 1);
	dialogue_clear(&d);
	buf_free(&s.in);
}

/* --- the store's answers ------------------------------------------------- */

static void
test_verdicts(void **state)
{
	static const char in[] = GIVEN "RCPT TO:<e@f>\r\n" DATA "x\r\n.\r\n" MAIL;
	static const struct {
		enum lmtp_verdict	 verdict;
		const char		*line;
		unsigned		 accepted, refused;
	} rows[] = {
		{ LMTP_STORED, QUEUED, 2, 0 },
		{ LMTP_NO_ROOM, "452 4.3.1 Insufficient system storage\r\n", 0, 2 },
		{ LMTP_FAULT, "451 4.3.0 Local error in the queue; try again later\r\n", 0, 2 },
	};
	struct buf expected = BUF_INIT;
	struct dialogue d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&d, 0, sizeof(d));
		d.verdict = rows[i].verdict;
		dialogue_play(&d, in, strlen(in), 5, 3);
		buf_clear(&expected);
		buf_printf(&expected, GREETING GIVEN_OUT RCPT_OUT DATA_OUT "%s%s" MAIL_OUT,
		    rows[i].line, rows[i].line);
		assert_string_equal(buf_str(&d.out), buf_str(&expected));
		assert_int_equal(d.accepted, rows[i].accepted);
		assert_int_equal(d.refused, rows[i].refused);
		dialogue_clear(&d);
	}
	buf_free(&expected);
}

static void
test_no_room(void **state)
{
	static const char in[] = LHLO MAIL RCPT;
	struct dialogue d;

	(void)state;
	memset(&d, 0, sizeof(d));
	d.full = true;
	dialogue_play(&d, in, strlen(in), 0, 0);
	assert_string_equal(buf_str(&d.out), GREETING LHLO_OUT
	    "452 4.3.1 Insufficient system storage\r\n503 5.5.1 Need MAIL first\r\n");
	assert_int_equal(d.refused, 1);
	dialogue_clear(&d);
}

/* --- who the client is --------------------------------------------------- */

static void
expect_stored(const char *in, const char *peer, const char *stored, const char *envelopes)
{
	struct dialogue d;

	memset(&d, 0, sizeof(d));
	d.peer = peer;
	dialogue_play(&d, in, strlen(in), 9, 2);
	assert_string_equal(buf_str(&d.stored), stored);
	assert_string_equal(buf_str(&d.envelopes), envelopes);
	dialogue_clear(&d);
}

#define PLAIN	"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\n"
#define FORWARD	"XFORWARD NAME=client.example ADDR=192.0.2.7 PROTO=ESMTP\r\n" \
	"XFORWARD HELO=helo.example IDENT=4XYZ\r\n"
#define TAIL	"by mx2.example.test (Holdfast) with "
#define FOR	" id QID\r\n\tfor <c@d>; Sun, 22 Nov 2026 08:33:01 +0000\r\n"

static void
test_received(void **state)
{
	(void)state;
	/* By XFORWARD; it lasts for one transaction, then the client is who we talk to. */
	expect_stored(LHLO FORWARD PLAIN PLAIN, NULL,
	    "Received: from helo.example (client.example [192.0.2.7])\r\n\t" TAIL "ESMTP" FOR "x\r\n"
	    "Received: from c.example (unknown)\r\n\t" TAIL "LMTP" FOR "x\r\n",
	    "from=<a@b> to=<c@d> n=1 name=client.example addr=192.0.2.7 helo=helo.example proto=ESMTP "
	    "ident=4XYZ\nfrom=<a@b> to=<c@d> n=1\n");
	/* RSET ends a transaction also when there is none (XFORWARD_README). */
	expect_stored(LHLO FORWARD "RSET\r\n" PLAIN, "192.0.2.99",
	    "Received: from c.example (unknown [192.0.2.99])\r\n\t" TAIL "LMTP" FOR "x\r\n",
	    "from=<a@b> to=<c@d> n=1\n");
	/* What is to be kept apart, and only that transaction. */
	expect_stored(LHLO "MAIL FROM:<a@b> XTRACE=t1 XQUARANTINE=virus+20x+2B\r\n" RCPT DATA "x\r\n.\r\n"
	    MAIL RCPT DATA "y\r\n.\r\n" "MAIL FROM:<a@b> XTRACE=t1 XQUARANTINE=z\r\nRSET\r\n"
	    MAIL RCPT DATA "z\r\n.\r\n", NULL, "x\r\ny\r\nz\r\n",
	    "from=<a@b> to=<c@d> n=1 trace=t1 quarantine=virus x+\n" ENV1 ENV1);
	/* A refused MAIL does not. */
	expect_stored(LHLO FORWARD "MAIL FROM:<@>\r\n" MAIL RCPT DATA "y\r\n.\r\n", NULL, "y\r\n",
	    "from=<a@b> to=<c@d> n=1 trace=t1 name=client.example addr=192.0.2.7 helo=helo.example "
	    "proto=ESMTP ident=4XYZ\n");
	/* Several recipients stay among themselves: no for clause. */
	expect_stored(LHLO "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nBDAT 1 LAST\r\nx",
	    NULL, "Received: from c.example (unknown)\r\n\t" TAIL
	    "LMTP id QID; Sun, 22 Nov 2026 08:33:01 +0000\r\nx",
	    "from=<a@b> to=<c@d> to=<e@f> n=2\n");
}

/* --- bounds -------------------------------------------------------------- */

/* Who pipelines without reading does not make us hold a mountain of replies. */
static void
test_output_bound(void **state)
{
	struct script s = { .in = BUF_INIT };
	struct dialogue d;

	(void)state;
	memset(&d, 0, sizeof(d));
	say_times(&s, 20000, "LHLO a\r\n");
	dialogue_play(&d, s.in.data, s.in.len, 0, 0);
	assert_true(d.most <= LMTP_OUTPUT_MAX + 1024);
	assert_true(d.out.len > 20000 * 150);
	dialogue_clear(&d);
	buf_free(&s.in);
}

static void
end_by(void (*end)(struct lmtp_session *), const char *in, const char *last, enum lmtp_wants wants)
{
	static const struct lmtp_ops none;
	char host[] = DIALOGUE_HOST;
	struct lmtp_config conf = { .hostname = host, .size_limit = DIALOGUE_SIZE };
	struct lmtp_session *s = lmtp_session_new(&conf, &none, NULL, NULL);

	assert_int_equal(lmtp_session_input(s, in, strlen(in), DIALOGUE_NOW), strlen(in));
	buf_clear(lmtp_session_output(s));
	end(s);
	assert_string_equal(buf_str(lmtp_session_output(s)), last);
	assert_int_equal(lmtp_session_wants(s), wants);
	assert_int_equal(lmtp_session_input(s, LHLO, strlen(LHLO), DIALOGUE_NOW), 0);
	end(s);	/* says nothing twice */
	assert_string_equal(buf_str(lmtp_session_output(s)), last);
	lmtp_session_free(&s);
	assert_null(s);
	lmtp_session_free(&s);
}

static void
test_ends(void **state)
{
	(void)state;
	end_by(lmtp_session_timeout, LHLO, "421 4.4.2 Timeout exceeded\r\n", LMTP_WANTS_CLOSE);
	end_by(lmtp_session_timeout, LHLO "BDAT 5\r\nx", "421 4.4.2 Timeout exceeded\r\n",
	    LMTP_WANTS_CUT);
	end_by(lmtp_session_shutdown, LHLO, "421 4.3.2 Service shutting down\r\n", LMTP_WANTS_CLOSE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_as_data),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_line_length),
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_refused_at_once),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_received),
		cmocka_unit_test(test_output_bound),
		cmocka_unit_test(test_ends),
	};

	(void)setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
