/*
 * authres.c -- Authentication-Results: headers (RFC 8601).
 *
 * Recognizing a forged one is the delicate half: what a reader behind us might take for our name
 * must not get through. So comments, folds and quotes (RFC 5322 3.2) are read as such, in
 * whatever place they are allowed, case does not matter, and neither does a dot at the end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/authres.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* At '(': behind its end, or the string's. Comments nest. */
static const char *
skip_comment(const char *p)
{
	unsigned depth = 0;

	for (; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && --depth == 0)
			return p + 1;
	}
	return p;
}

static const char *
skip_blank(const char *p)
{
	for (;;) {
		if (is_space(*p))
			p++;
		else if (*p == '(')
			p = skip_comment(p);
		else
			return p;
	}
}

/* At '"': what is inside goes to out. */
static void
read_quoted(const char *p, struct buf *out)
{
	for (p++; *p != '\0' && *p != '"'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (*p != '\r' && *p != '\n')
			buf_putc(out, *p);
	}
}

bool
authres_claims(const char *value, const char *name)
{
	const char *p = skip_blank(value);
	struct buf id = BUF_INIT;
	bool same;

	if (*p == '"')
		read_quoted(p, &id);
	else
		buf_put(&id, p, strcspn(p, " \t\r\n();"));
	while (id.len > 0 && (id.data[id.len - 1] == '.' || is_space(id.data[id.len - 1])))
		id.data[--id.len] = '\0';
	p = buf_str(&id);
	while (is_space(*p))
		p++;
	same = strcasecmp(p, name) == 0;
	buf_free(&id);
	return same;
}

/* --- ours ------------------------------------------------------------------------ */

void
authres_begin(struct buf *out, const char *name)
{
	buf_puts(out, name);
}

/* RFC 5321 4.1.2: Dot-string. */
static bool
is_dot_string(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] <= 0x20 || s[i] > 0x7e || strchr("()<>@,;:\\\"[]", s[i]) != NULL)
			return false;
	return len > 0;
}

static bool
is_domain_name(const char *s)
{
	for (size_t i = 0; s[i] != '\0'; i++)
		if (!isalnum((unsigned char)s[i]) && strchr("-._", s[i]) == NULL)
			return false;
	return s[0] != '\0';
}

/* 2.2: [ [ local-part ] "@" ] domain-name */
void
authres_spf(struct buf *out, enum spf_result result, const char *property, const char *address)
{
	size_t local = addr_local_len(address);
	bool mailbox = address[local] == '@';
	const char *domain = mailbox ? address + local + 1 : address;

	buf_printf(out, ";\r\n\tspf=%s", spf_result_name(result));
	if (!is_domain_name(domain))
		return;
	buf_printf(out, " smtp.%s=", property);
	if (mailbox && is_dot_string(address, local))
		buf_put(out, address, local);
	buf_printf(out, "%s%s", mailbox ? "@" : "", domain);
}
