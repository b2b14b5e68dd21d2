/*
 * argv.c -- what the MTA hands a milter at MAIL and RCPT, as an envelope.
 *
 * The one parser of ESMTP parameters (wire.h) reads the whole command again. It is strict
 * and stops at the first parameter that it does not like; then each one is tried by itself
 * and what fails (AUTH=, an MTA's own extensions) is left out.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/argv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/wire.h"

typedef int parse_fn(const char *arg, size_t len, struct envelope *, bool utf8);

static int
parse_mail(const char *arg, size_t len, struct envelope *e, bool utf8)
{
	struct wire_error error;

	(void)utf8;
	/* Sizes are the size check's to judge. */
	return wire_parse_mail(arg, len, UINT64_MAX, e, &error);
}

static int
parse_rcpt(const char *arg, size_t len, struct envelope *e, bool utf8)
{
	struct wire_error error;

	e->smtputf8 = utf8;
	return wire_parse_rcpt(arg, len, e, &error);
}

/* Parses into a clean envelope. */
static int
try(parse_fn *parse, const struct buf *arg, struct envelope *e, bool utf8)
{
	memset(e, 0, sizeof(*e));
	if (parse(buf_str(arg), arg->len, e, utf8) == 0)
		return 0;
	envelope_clear(e);
	return -1;
}

static void
put_param(struct buf *arg, const char *param)
{
	buf_putc(arg, ' ');
	buf_puts(arg, param);
}

static void
cut(struct buf *arg, size_t len)
{
	arg->len = len;
	arg->data[len] = '\0';
}

/* Parses `verb' argv[0] and as many of the parameters as are understood. */
static int
parse(parse_fn *fn, const char *verb, char *const *argv, struct envelope *e, bool utf8)
{
	struct buf arg = BUF_INIT;
	size_t base, len, i;
	int rc;

	buf_puts(&arg, verb);
	buf_puts(&arg, argv[0]);
	base = arg.len;
	for (i = 1; argv[i] != NULL; i++)
		put_param(&arg, argv[i]);
	if (try(fn, &arg, e, utf8) == 0) {
		buf_free(&arg);
		return 0;
	}
	cut(&arg, base);
	for (i = 1; argv[i] != NULL; i++)	/* without it an UTF-8 address is an error */
		if (strcasecmp(argv[i], "SMTPUTF8") == 0)
			put_param(&arg, argv[i]);
	for (i = 1; argv[i] != NULL; i++) {
		len = arg.len;
		put_param(&arg, argv[i]);
		if (try(fn, &arg, e, utf8) == 0)
			envelope_clear(e);
		else
			cut(&arg, len);
	}
	rc = try(fn, &arg, e, utf8);
	buf_free(&arg);
	return rc;
}

int
argv_mail(char *const *argv, struct envelope *env)
{
	struct envelope e;

	if (parse(parse_mail, "FROM:", argv, &e, false) == -1)
		return -1;
	*env = e;
	return 0;
}

int
argv_rcpt(char *const *argv, struct envelope *env)
{
	struct envelope e;

	if (parse(parse_rcpt, "TO:", argv, &e, env->smtputf8) == -1)
		return -1;
	*envelope_add_rcpt(env) = e.rcpt[0];
	memset(&e.rcpt[0], 0, sizeof(e.rcpt[0]));
	envelope_clear(&e);
	return 0;
}

char *
argv_address(const char *arg)
{
	size_t len = strlen(arg);

	if (len >= 2 && arg[0] == '<' && arg[len - 1] == '>')
		return xstrndup(arg + 1, len - 2);
	return xstrdup(arg);
}
