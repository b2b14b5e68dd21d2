/*
 * wire_params.c -- the arguments of MAIL and RCPT.
 *
 * Each parameter is one row of a table: its name and the function that reads
 * its value. A command is taken whole or not at all: on a refusal the envelope is
 * as it was.
 *
 * Values that are only passed on (ENVID, ORCPT) are kept as given, but decoded
 * once to see that no control character hides in them: they end up in headers
 * of delivery reports.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/utf8.h"
#include "common/wire.h"

#define ENVID_MAX	100	/* octets, RFC 3461 4.4 */
#define ORCPT_MAX	500	/* octets, RFC 3461 4.2 */
#define TRACE_MAX	64
#define QUARANTINE_MAX	400	/* of a reason, encoded */
#define SIZE_DIGITS_MAX	19	/* more do not fit into 64 bits for sure */

struct value {
	const char	*s;
	size_t		 len;
	bool		 given;	/* there was a `=' */
};

/* What is being filled: MAIL's are rows for `env', RCPT's for `rcpt'. */
struct target {
	struct envelope	*env;
	struct rcpt	*rcpt;
	uint64_t	 size_limit;
};

struct param {
	const char	*name;
	int		(*read)(struct target *, const struct value *, struct wire_error *);
};

static int
refuse(struct wire_error *err, int code, const char *dsn, const char *text)
{
	*err = (struct wire_error){ code, dsn, text };
	return -1;
}

static int
bad_value(struct wire_error *err, const char *text)
{
	return refuse(err, 501, "5.5.4", text);
}

static bool
equals(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* Well-formed xtext that hides no control character. */
static bool
is_clean_xtext(const char *s, size_t len)
{
	struct buf plain = BUF_INIT;
	bool clean = wire_xtext_decode(s, len, &plain) == 0;
	size_t i;

	for (i = 0; clean && i < plain.len; i++)
		clean = (unsigned char)plain.data[i] >= 0x20 && plain.data[i] != 0x7f;
	buf_free(&plain);
	return clean;
}

/* --- MAIL -------------------------------------------------------------------- */

static int
read_size(struct target *t, const struct value *v, struct wire_error *err)
{
	uint64_t size = 0;
	size_t i;

	if (v->len == 0 || v->len > SIZE_DIGITS_MAX)
		return bad_value(err, "Bad SIZE value");
	for (i = 0; i < v->len; i++) {
		if (!isdigit((unsigned char)v->s[i]))
			return bad_value(err, "Bad SIZE value");
		size = size * 10 + (uint64_t)(v->s[i] - '0');
	}
	if (t->size_limit != 0 && size > t->size_limit)
		return refuse(err, 552, "5.3.4", "Message size exceeds fixed limit");
	t->env->size = size;
	return 0;
}

/* BINARYMIME (RFC 3030 3) is not announced: such data could not be handed on by DATA. */
static int
read_body(struct target *t, const struct value *v, struct wire_error *err)
{
	if (equals(v->s, v->len, "7BIT"))
		t->env->body = BODY_7BIT;
	else if (equals(v->s, v->len, "8BITMIME"))
		t->env->body = BODY_8BITMIME;
	else
		return bad_value(err, "BODY must be 7BIT or 8BITMIME");
	return 0;
}

static int
read_smtputf8(struct target *t, const struct value *v, struct wire_error *err)
{
	if (v->given)
		return bad_value(err, "SMTPUTF8 takes no value");
	t->env->smtputf8 = true;
	return 0;
}

static int
read_ret(struct target *t, const struct value *v, struct wire_error *err)
{
	if (equals(v->s, v->len, "FULL"))
		t->env->ret = RET_FULL;
	else if (equals(v->s, v->len, "HDRS"))
		t->env->ret = RET_HDRS;
	else
		return bad_value(err, "RET must be FULL or HDRS");
	return 0;
}

static int
read_envid(struct target *t, const struct value *v, struct wire_error *err)
{
	if (v->len == 0 || v->len > ENVID_MAX || !is_clean_xtext(v->s, v->len))
		return bad_value(err, "Bad ENVID value");
	t->env->envid = xstrndup(v->s, v->len);
	return 0;
}

/* RFC 4954 5. Nothing here acts on it: the client that vouches for it is not authenticated. */
static int
read_auth(struct target *t, const struct value *v, struct wire_error *err)
{
	(void)t;
	if (v->len == 0 || !is_clean_xtext(v->s, v->len))
		return bad_value(err, "Bad AUTH value");
	return 0;
}

/* Text without control bytes, as xtext (RFC 3461 4). */
static int
read_text(const struct value *v, size_t max, char **out, struct wire_error *err, const char *bad)
{
	struct buf plain = BUF_INIT;

	if (v->len == 0 || v->len > max || !is_clean_xtext(v->s, v->len))
		return bad_value(err, bad);
	(void)wire_xtext_decode(v->s, v->len, &plain);
	*out = buf_take(&plain);
	return 0;
}

static int
read_trace(struct target *t, const struct value *v, struct wire_error *err)
{
	return read_text(v, TRACE_MAX, &t->env->trace, err, "Bad XTRACE value");
}

static int
read_quarantine(struct target *t, const struct value *v, struct wire_error *err)
{
	t->env->start = START_QUARANTINED;
	return read_text(v, QUARANTINE_MAX, &t->env->start_reason, err, "Bad XQUARANTINE value");
}

/* RFC 7208 2.6. Bounces hang on it (P5): a word that is none of these is a fault, not "no". */
static int
read_spf(struct target *t, const struct value *v, struct wire_error *err)
{
	static const char *const results[] = {
		"none", "neutral", "pass", "fail", "softfail", "temperror", "permerror",
	};

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (!equals(v->s, v->len, results[i]))
			continue;
		t->env->spf = xstrdup(results[i]);
		return 0;
	}
	return bad_value(err, "Bad XSPF value");
}

static const struct param mail_params[] = {
	{ "SIZE", read_size },
	{ "BODY", read_body },
	{ "SMTPUTF8", read_smtputf8 },
	{ "RET", read_ret },
	{ "ENVID", read_envid },
	{ "AUTH", read_auth },
	{ "XTRACE", read_trace },
	{ "XSPF", read_spf },
	{ "XQUARANTINE", read_quarantine },
	{ NULL, NULL },
};

/* --- RCPT -------------------------------------------------------------------- */

static unsigned
notify_bit(const char *s, size_t len)
{
	if (equals(s, len, "NEVER"))
		return NOTIFY_NEVER;
	if (equals(s, len, "SUCCESS"))
		return NOTIFY_SUCCESS;
	if (equals(s, len, "FAILURE"))
		return NOTIFY_FAILURE;
	if (equals(s, len, "DELAY"))
		return NOTIFY_DELAY;
	return 0;
}

static int
read_notify(struct target *t, const struct value *v, struct wire_error *err)
{
	const char *s = v->s, *end = v->s + v->len, *comma;
	unsigned notify = 0, bit;

	for (;; s = comma + 1) {
		comma = s < end ? memchr(s, ',', (size_t)(end - s)) : NULL;
		bit = notify_bit(s, (size_t)((comma != NULL ? comma : end) - s));
		if (bit == 0 || (notify & bit) != 0)
			return bad_value(err, "Bad NOTIFY value");
		notify |= bit;
		if (comma == NULL)
			break;
	}
	if ((notify & NOTIFY_NEVER) != 0 && notify != NOTIFY_NEVER)
		return bad_value(err, "NOTIFY=NEVER stands alone");
	t->rcpt->notify = notify;
	return 0;
}

/* "TYPE;xtext"; with SMTPUTF8 also "utf-8;" and plain UTF-8 (RFC 6533 3). */
static bool
is_orcpt(const char *s, size_t len, bool utf8)
{
	const char *semi = memchr(s, ';', len), *p;
	struct buf ascii = BUF_INIT;
	bool good;

	if (semi == NULL || semi == s || semi + 1 == s + len)
		return false;
	for (p = s; p < semi; p++)
		if (!isalnum((unsigned char)*p) && *p != '-')
			return false;
	if (!utf8)
		return is_clean_xtext(semi + 1, (size_t)(s + len - semi - 1));
	for (p = semi + 1; p < s + len; p++)
		if ((unsigned char)*p < 0x80)
			buf_putc(&ascii, *p);
	good = is_clean_xtext(buf_str(&ascii), ascii.len);
	buf_free(&ascii);
	return good;
}

static int
read_orcpt(struct target *t, const struct value *v, struct wire_error *err)
{
	if (v->len == 0 || v->len > ORCPT_MAX || !is_orcpt(v->s, v->len, t->env->smtputf8))
		return bad_value(err, "Bad ORCPT value");
	t->rcpt->orcpt = xstrndup(v->s, v->len);
	return 0;
}

static const struct param rcpt_params[] = {
	{ "NOTIFY", read_notify },
	{ "ORCPT", read_orcpt },
	{ NULL, NULL },
};

/* --- the argument as a whole -------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One "NAME[=VALUE]". `seen' has a bit for each row that was used. */
static int
read_param(const struct param *table, struct target *t, const char *s, size_t len, unsigned *seen,
    struct wire_error *err)
{
	const char *eq = memchr(s, '=', len);
	size_t namelen = eq != NULL ? (size_t)(eq - s) : len;
	struct value v = { "", 0, eq != NULL };
	unsigned i;

	if (eq != NULL)
		v = (struct value){ eq + 1, len - namelen - 1, true };
	for (i = 0; table[i].name != NULL && !equals(s, namelen, table[i].name);)
		i++;
	if (table[i].name == NULL)
		return refuse(err, 555, "5.5.4", "Unsupported parameter");
	if ((*seen & 1u << i) != 0)
		return bad_value(err, "A parameter is given twice");
	*seen |= 1u << i;
	/* RFC 5321 4.1.2 esmtp-value, RFC 6531 3.3 */
	if (!utf8_valid(s, len))
		return bad_value(err, "A parameter is not valid UTF-8");
	return table[i].read(t, &v, err);
}

static int
read_params(const struct param *table, struct target *t, const char *s, const char *end,
    struct wire_error *err)
{
	const char *word;
	unsigned seen = 0;

	while (s < end) {
		while (s < end && is_blank(*s))
			s++;
		for (word = s; s < end && !is_blank(*s);)
			s++;
		if (s > word && read_param(table, t, word, (size_t)(s - word), &seen, err) == -1)
			return -1;
	}
	return 0;
}

/*
 * Reads "WORD:<address>" and moves *arg behind it; *address is malloc'd. UTF-8 passes here: whether
 * it may is known after the parameters.
 */
static int
read_address(const char **arg, const char *end, const char *word, unsigned flags, const char *dsn,
    char **address, struct wire_error *err)
{
	size_t wordlen = strlen(word), len, used;
	const char *p = *arg, *text, *why;

	if ((size_t)(end - p) < wordlen || strncasecmp(p, word, wordlen) != 0)
		return refuse(err, 501, "5.5.4",
		    word[0] == 'F' ? "Syntax: MAIL FROM:<address>" : "Syntax: RCPT TO:<address>");
	for (p += wordlen; p < end && is_blank(*p);)
		p++;
	if (addr_parse_path(p, (size_t)(end - p), flags | ADDR_UTF8, &text, &len, &used, &why) !=
	    ADDR_OK)
		return refuse(err, 501, dsn, why);
	if (p + used < end && !is_blank(p[used]))
		return refuse(err, 501, dsn, "text behind the closing bracket");
	*address = xstrndup(text, len);
	*arg = p + used;
	return 0;
}

static void
move_mail(struct envelope *env, struct envelope *from)
{
	free(env->sender);
	free(env->envid);
	free(env->trace);
	free(env->spf);
	free(env->start_reason);
	env->sender = from->sender;
	env->envid = from->envid;
	env->trace = from->trace;
	env->spf = from->spf;
	env->start = from->start;
	env->start_reason = from->start_reason;
	env->body = from->body;
	env->ret = from->ret;
	env->smtputf8 = from->smtputf8;
	env->size = from->size;
}

int
wire_parse_mail(const char *arg, size_t len, uint64_t size_limit, struct envelope *env,
    struct wire_error *err)
{
	const char *end = arg + len;
	struct envelope new = { .sender = NULL };
	struct target t = { &new, NULL, size_limit };

	if (read_address(&arg, end, "FROM:", ADDR_NULL, "5.1.7", &new.sender, err) == -1 ||
	    read_params(mail_params, &t, arg, end, err) == -1)
		goto fail;
	if (!new.smtputf8 && !utf8_is_ascii(new.sender)) {
		(void)refuse(err, 553, "5.6.7", "a non-ASCII address needs SMTPUTF8");
		goto fail;
	}
	move_mail(env, &new);
	return 0;
fail:
	envelope_clear(&new);
	return -1;
}

int
wire_parse_rcpt(const char *arg, size_t len, struct envelope *env, struct wire_error *err)
{
	const char *end = arg + len;
	struct rcpt new = { .address = NULL };
	struct target t = { env, &new, 0 };

	if (read_address(&arg, end, "TO:", ADDR_POSTMASTER, "5.1.3", &new.address, err) == -1 ||
	    read_params(rcpt_params, &t, arg, end, err) == -1)
		goto fail;
	if (!env->smtputf8 && !utf8_is_ascii(new.address)) {
		(void)refuse(err, 553, "5.6.7", "a non-ASCII address needs SMTPUTF8");
		goto fail;
	}
	if (env->nrcpt >= ENVELOPE_RCPT_MAX) {
		(void)refuse(err, 452, "4.5.3", "Too many recipients");
		goto fail;
	}
	*envelope_add_rcpt(env) = new;
	return 0;
fail:
	rcpt_clear(&new);
	return -1;
}
