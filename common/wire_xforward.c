/*
 * wire_xforward.c -- XFORWARD and XCLIENT, Postfix's ways to say who the client was.
 *
 *	XFORWARD NAME=spike.example ADDR=192.0.2.1 PORT=4711 PROTO=ESMTP …
 *
 * XFORWARD is for the peer's log, XCLIENT makes the peer take us for the client.
 *
 * Values are xtext; [UNAVAILABLE] and [TEMPUNAVAIL] clear an attribute. A command
 * is taken whole or not at all. A control character in a value is an error;
 * bytes that are not UTF-8 (any client may write them into its HELO) become
 * `?', since refusing them would throw the other attributes away as well.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/utf8.h"
#include "common/wire.h"

#define VALUE_MAX	255	/* octets of a decoded value */
#define LINE_MAX_OUT	512	/* octets of a command that we write, CRLF included */
#define XTEXT_MAX_OUT	255	/* octets of an encoded value that we write; Postfix refuses more */
#define UNAVAILABLE	"[UNAVAILABLE]"

static bool	valid_text(const char *);
static bool	valid_addr(const char *);
static bool	valid_port(const char *);
static bool	valid_source(const char *);

static const struct attribute {
	const char	*name;
	size_t		 offset;
	unsigned	 bit;
	bool		(*valid)(const char *);
	bool		 always;	/* written as [UNAVAILABLE] when it is not known */
} attributes[] = {
	{ "NAME", offsetof(struct client_info, name), WIRE_CLIENT_NAME, valid_text, true },
	{ "ADDR", offsetof(struct client_info, addr), WIRE_CLIENT_ADDR, valid_addr, true },
	{ "PORT", offsetof(struct client_info, port), WIRE_CLIENT_PORT, valid_port, false },
	{ "PROTO", offsetof(struct client_info, proto), WIRE_CLIENT_PROTO, valid_text, true },
	{ "HELO", offsetof(struct client_info, helo), WIRE_CLIENT_HELO, valid_text, true },
	{ "IDENT", offsetof(struct client_info, ident), WIRE_CLIENT_IDENT, valid_text, false },
	{ "SOURCE", offsetof(struct client_info, source), WIRE_CLIENT_SOURCE, valid_source, false },
};
#define NATTRIBUTES	(sizeof(attributes) / sizeof(attributes[0]))

static char **
member(struct client_info *c, const struct attribute *a)
{
	return (char **)(void *)((char *)c + a->offset);
}

static bool
valid_text(const char *s)
{
	(void)s;
	return true;
}

static bool
valid_addr(const char *s)
{
	unsigned char a[sizeof(struct in6_addr)];

	if (strncasecmp(s, "IPv6:", 5) == 0)
		return inet_pton(AF_INET6, s + 5, a) == 1;
	return inet_pton(AF_INET, s, a) == 1;
}

static bool
valid_port(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n >= 1 && n <= 5 && s[n] == '\0';
}

static bool
valid_source(const char *s)
{
	return strcasecmp(s, "LOCAL") == 0 || strcasecmp(s, "REMOTE") == 0;
}

static const struct attribute *
find_attribute(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < NATTRIBUTES; i++)
		if (strlen(attributes[i].name) == len && strncasecmp(attributes[i].name, name, len) == 0)
			return &attributes[i];
	return NULL;
}

/* False if a control character is in it; what is not UTF-8 becomes `?'. */
static bool
clean(struct buf *b)
{
	size_t i, n;

	for (i = 0; i < b->len; i += n) {
		n = utf8_char(b->data + i, b->len - i);
		if (n == 0) {
			b->data[i] = '?';
			n = 1;
		} else if (n == 1 && ((unsigned char)b->data[i] < 0x20 || b->data[i] == 0x7f)) {
			return false;
		}
	}
	return true;
}

static int
read_attribute(const char *s, size_t len, struct client_info *c, const char **why)
{
	const char *eq = memchr(s, '=', len);
	const struct attribute *a;
	struct buf value = BUF_INIT;
	char **where;
	int rc = -1;

	*why = "Syntax: XFORWARD attribute=value ...";
	if (eq == NULL || eq + 1 == s + len)
		return -1;
	*why = "Bad XFORWARD attribute name";
	if ((a = find_attribute(s, (size_t)(eq - s))) == NULL)
		return -1;
	*why = "Bad XFORWARD attribute value";
	if (wire_xtext_decode(eq + 1, (size_t)(s + len - eq - 1), &value) == -1 || !clean(&value) ||
	    value.len > VALUE_MAX)
		goto out;
	where = member(c, a);
	if (strcasecmp(buf_str(&value), UNAVAILABLE) == 0 ||
	    strcasecmp(buf_str(&value), "[TEMPUNAVAIL]") == 0) {
		free(*where);
		*where = NULL;
		rc = 0;
	} else if (a->valid(buf_str(&value))) {
		free(*where);
		*where = buf_take(&value);
		rc = 0;
	}
out:
	buf_free(&value);
	return rc;
}

int
wire_parse_xforward(const char *arg, size_t len, struct client_info *client, struct wire_error *err)
{
	const char *s = arg, *end = arg + len, *word, *why = "Syntax: XFORWARD attribute=value ...";
	struct client_info new = { .name = NULL };
	bool any = false;

	client_info_copy(&new, client);
	while (s < end) {
		while (s < end && isblank((unsigned char)*s))
			s++;
		for (word = s; s < end && !isblank((unsigned char)*s);)
			s++;
		if (s == word)
			break;
		if (read_attribute(word, (size_t)(s - word), &new, &why) == -1)
			goto fail;
		any = true;
	}
	if (!any)
		goto fail;
	client_info_clear(client);
	*client = new;
	return 0;
fail:
	client_info_clear(&new);
	*err = (struct wire_error){ 501, "5.5.4", why };
	return -1;
}

/* --- writing ------------------------------------------------------------- */

unsigned
wire_client_attributes(const char *line)
{
	const struct attribute *a;
	unsigned mask = 0;
	size_t len;

	for (line += strcspn(line, " \t"); *line != '\0'; line += len) {
		line += strspn(line, " \t");
		len = strcspn(line, " \t");
		if ((a = find_attribute(line, len)) != NULL)
			mask |= a->bit;
	}
	return mask;
}

/*
 * Postfix refuses a whole command for a NAME that it thinks no host has (any hyphen at the edge of a
 * label, digits only); NULL says that there is none.
 */
static const char *
usable_name(const char *name)
{
	size_t n = name != NULL ? strlen(name) : 0;

	if (n == 0 || name[0] == '[' || name[0] == '-' || name[n - 1] == '-' ||
	    strstr(name, ".-") != NULL || strstr(name, "-.") != NULL ||
	    strspn(name, "0123456789.") == n || strcasecmp(name, "unknown") == 0 ||
	    !addr_domain_valid(name, false))
		return NULL;
	return name;
}

/* " NAME=value", shortened by whole encoded octets to what peers take. */
static void
put_attribute(struct buf *out, const struct attribute *a, const char *value)
{
	const size_t max = strlen(a->name) + 2 + XTEXT_MAX_OUT;
	char *text = xstrndup(value != NULL ? value : UNAVAILABLE, VALUE_MAX);

	for (;;) {
		buf_clear(out);
		buf_printf(out, " %s=", a->name);
		wire_xtext_encode(out, text);
		if (out->len <= max)
			break;
		text[strlen(text) - (out->len - max + 2) / 3] = '\0';
	}
	free(text);
}

void
wire_format_xforward(struct buf *out, const struct client_info *client, unsigned offered)
{
	struct client_info copy = *client;	/* borrowed members */
	struct buf word = BUF_INIT;
	size_t line = 0, i;

	if (usable_name(copy.name) == NULL)
		copy.name = NULL;
	for (i = 0; i < NATTRIBUTES; i++) {
		const char *value = *member(&copy, &attributes[i]);

		if (value != NULL && value[0] == '\0')
			value = NULL;
		if (!(offered & attributes[i].bit) || (value == NULL && !attributes[i].always))
			continue;
		put_attribute(&word, &attributes[i], value);
		if (line > 0 && line + word.len + 2 > LINE_MAX_OUT) {
			buf_puts(out, "\r\n");
			line = 0;
		}
		if (line == 0) {
			buf_puts(out, "XFORWARD");
			line = 8;
		}
		buf_put(out, word.data, word.len);
		line += word.len;
	}
	if (line > 0)
		buf_puts(out, "\r\n");
	buf_free(&word);
}

/* XCLIENT knows these two (XCLIENT_README of Postfix). NULL: not known, and better left out. */
static const char *
xclient_proto(const char *proto)
{
	if (proto == NULL)
		return NULL;
	if (strncasecmp(proto, "ESMTP", 5) == 0 || strncasecmp(proto, "UTF8SMTP", 8) == 0)
		return "ESMTP";
	return strcasecmp(proto, "SMTP") == 0 ? "SMTP" : NULL;
}

/*
 * One that is not known is said to be so: what the last message's client had must not stay. Only
 * PROTO has no word for it; the EHLO that follows settles that one.
 */
void
wire_format_xclient(struct buf *out, const struct client_info *client, unsigned offered)
{
	const struct {
		unsigned	 bit;
		const char	*name, *value;
	} said[] = {
		{ WIRE_CLIENT_NAME, "NAME", usable_name(client->name) },
		{ WIRE_CLIENT_ADDR, "ADDR", client->addr },
		{ WIRE_CLIENT_PORT, "PORT", client->port },
		{ WIRE_CLIENT_PROTO, "PROTO", xclient_proto(client->proto) },
		{ WIRE_CLIENT_HELO, "HELO", client->helo },
	};
	struct buf word = BUF_INIT;
	size_t start = out->len, i;

	buf_puts(out, "XCLIENT");
	for (i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		const char *value = said[i].value;

		if (!(offered & said[i].bit) || (value == NULL && said[i].bit == WIRE_CLIENT_PROTO))
			continue;
		buf_clear(&word);
		buf_printf(&word, " %s=", said[i].name);
		wire_xtext_encode(&word, value != NULL && *value != '\0' ? value : UNAVAILABLE);
		if (word.len <= strlen(said[i].name) + 2 + XTEXT_MAX_OUT &&
		    out->len - start + word.len + 2 <= LINE_MAX_OUT)
			buf_put(out, word.data, word.len);
	}
	buf_puts(out, "\r\n");
	buf_free(&word);
}
