/*
 * rules_route.c -- routes as rules.db writes them, and the text that names a
 * destination.
 *
 * Pure functions of text. Two domains share a destination, and so its health
 * and its connections, when all that makes their routes is the same; the text
 * therefore names everything that can tell two routes apart, but leaves out
 * what is as usual and what their TLS level does not look at.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_route.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/rules_text.h"

#define SMTP_PORT	25
#define HOSTS_MAX	64
#define PIN_DIGITS	64	/* SHA-256 in hex */

static const char blanks[] = " \t";

void
rules_route_init(struct rules_route *r)
{
	memset(r, 0, sizeof(*r));
	r->mx = xstrdup("");
	r->mx_port = SMTP_PORT;
	r->tls = TLS_MAY;
	r->tls_name = xstrdup("");
	r->tls_ca = xstrdup("");
	r->tls_pin = xstrdup("");
	r->source4 = xstrdup("");
	r->source6 = xstrdup("");
	r->client = CLIENT_XFORWARD;
}

void
rules_route_clear(struct rules_route *r)
{
	endpoint_list_clear(&r->primary);
	free(r->preference);
	free(r->mx);
	free(r->tls_name);
	free(r->tls_ca);
	free(r->tls_pin);
	free(r->source4);
	free(r->source6);
	memset(r, 0, sizeof(*r));
}

/* --- primaries ----------------------------------------------------------- */

static int
by_host(const void *a, const void *b)
{
	const struct endpoint *x = a, *y = b;
	int cmp = strcasecmp(x->host, y->host);

	return cmp != 0 ? cmp : (int)x->port - (int)y->port;
}

/* These would read as something else when they stand alone. */
static bool
is_keyword(const char *host)
{
	return strcasecmp(host, "mx") == 0 || strcasecmp(host, "turn") == 0;
}

/* Hosts of one preference; takes the list's entries. */
static int
add_group(struct rules_route *r, struct endpoint_list *l, unsigned preference, const char **why)
{
	size_t n = r->primary.n;

	if (n + l->n > HOSTS_MAX) {
		*why = "more than 64 hosts";
		return -1;
	}
	for (size_t i = 0; i < l->n; i++)
		if (is_keyword(l->v[i].host)) {
			*why = "`mx' and `turn' stand alone; a host of that name is written in full";
			return -1;
		}
	qsort(l->v, l->n, sizeof(*l->v), by_host);
	r->primary.v = xrealloc(r->primary.v, n + l->n, sizeof(*r->primary.v));
	r->preference = xrealloc(r->preference, n + l->n, sizeof(*r->preference));
	memcpy(r->primary.v + n, l->v, l->n * sizeof(*l->v));
	for (size_t i = n; i < n + l->n; i++)
		r->preference[i] = preference;
	r->primary.n += l->n;
	free(l->v);
	memset(l, 0, sizeof(*l));
	return 0;
}

/* "a+b" */
static int
parse_group(const char *s, size_t len, unsigned preference, struct rules_route *r,
    const char **why)
{
	struct endpoint_list l;
	char *text = xstrndup(s, len);
	int rc;

	for (char *p = text; (p = strchr(p, '+')) != NULL; )
		*p = ',';
	rc = endpoint_list_parse_hostport(text, SMTP_PORT, &l, why);
	free(text);
	if (rc == -1)
		return -1;
	if (l.n == 0) {
		*why = "an empty entry between commas";
		return -1;
	}
	rc = add_group(r, &l, preference, why);
	endpoint_list_clear(&l);
	return rc;
}

static int
parse_hosts(const char *s, struct rules_route *r, const char **why)
{
	r->kind = ROUTE_HOSTS;
	for (unsigned preference = 0;; preference++) {
		size_t len = strcspn(s, ",");

		if (parse_group(s, len, preference, r, why) == -1)
			return -1;
		if (s[len] == '\0')
			return 0;
		s += len + 1;
	}
}

/* "mx", "mx:2525", "mx:NAME", "mx:NAME:2525"; no domain is a number (RFC 3696 2). */
static int
parse_mx(const char *s, struct rules_route *r, const char **why)
{
	unsigned char any[sizeof(struct in6_addr)];
	struct endpoint e;
	bool own;

	r->kind = ROUTE_MX;
	if (s[2] == '\0')
		return 0;
	own = s[3 + strspn(s + 3, "0123456789")] == '\0';
	if (endpoint_parse_hostport(own ? s : s + 3, SMTP_PORT, &e, why) == -1)
		return -1;
	if (!own && (strchr(e.host, ':') != NULL || inet_pton(AF_INET, e.host, any) == 1)) {
		endpoint_clear(&e);
		*why = "an address has no MX; leave out `mx:'";
		return -1;
	}
	r->mx_port = e.port;
	if (!own) {
		free(r->mx);
		r->mx = xstrdup(e.host);
		addr_lower(r->mx);
	}
	endpoint_clear(&e);
	return 0;
}

int
rules_route_parse(const char *text, struct rules_route *r, const char **why)
{
	size_t len;
	char *s;
	int rc = 0;

	text += strspn(text, blanks);
	len = strlen(text);
	while (len > 0 && strchr(blanks, text[len - 1]) != NULL)
		len--;
	s = xstrndup(text, len);
	if (len == 0) {
		*why = "no host is given";
		rc = -1;
	} else if (strcasecmp(s, "turn") == 0)
		r->kind = ROUTE_TURN;
	else if (strpbrk(s, ",+") == NULL && strncasecmp(s, "mx", 2) == 0 &&
	    (s[2] == '\0' || s[2] == ':'))
		rc = parse_mx(s, r, why);
	else
		rc = parse_hosts(s, r, why);
	free(s);
	return rc;
}

/* --- source, pins -------------------------------------------------------- */

/* One address, which takes the place of its family. */
static int
set_source(const char *s, struct rules_route *r, const char **why)
{
	unsigned char addr[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	int family = strchr(s, ':') != NULL ? AF_INET6 : AF_INET;
	char **slot = family == AF_INET ? &r->source4 : &r->source6;

	if (inet_pton(family, s, addr) != 1) {
		*why = "not an IPv4 or IPv6 address";
		return -1;
	}
	if ((*slot)[0] != '\0') {
		*why = "two addresses of one family";
		return -1;
	}
	free(*slot);
	*slot = xstrdup(inet_ntop(family, addr, text, sizeof(text)));
	return 0;
}

int
rules_route_source(const char *text, struct rules_route *r, const char **why)
{
	int rc = 0;

	if (text[strspn(text, blanks)] == '\0')
		return 0;
	for (;;) {
		size_t len;
		char *s;

		text += strspn(text, blanks);
		len = strcspn(text, ", \t");
		s = xstrndup(text, len);
		rc = set_source(s, r, why);
		free(s);
		text += len + strspn(text + len, blanks);
		if (rc == -1 || *text == '\0')
			return rc;
		if (*text++ != ',') {
			*why = "two addresses need a comma between them";
			return -1;
		}
	}
}

/* The digits of one pin, in lower case, without colons. */
static int
one_pin(const char *s, size_t len, struct buf *out)
{
	static const char prefix[] = "sha256:";
	size_t digits = 0;

	if (len >= sizeof(prefix) - 1 && strncasecmp(s, prefix, sizeof(prefix) - 1) == 0) {
		s += sizeof(prefix) - 1;
		len -= sizeof(prefix) - 1;
	}
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == ':' && digits > 0 && digits % 2 == 0 && s[i - 1] != ':' && i + 1 < len)
			continue;
		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return -1;
		buf_putc(out, c);
		digits++;
	}
	return digits == PIN_DIGITS ? 0 : -1;
}

char *
rules_pin_canonical(const char *s, const char **why)
{
	static const char apart[] = " \t,";
	struct buf b = BUF_INIT;

	for (s += strspn(s, apart); *s != '\0'; s += strspn(s, apart)) {
		size_t len = strcspn(s, apart);

		if (b.len > 0)
			buf_putc(&b, ' ');
		if (one_pin(s, len, &b) == -1) {
			*why = "a pin is the SHA-256 of the public key: 64 hexadecimal digits";
			buf_free(&b);
			return NULL;
		}
		s += len;
	}
	return buf_take(&b);
}

/* --- the text ------------------------------------------------------------ */

static void
put_hosts(struct buf *b, const struct rules_route *r)
{
	for (size_t i = 0; i < r->primary.n; i++) {
		char *s = endpoint_format(&r->primary.v[i]);

		addr_lower(s);
		if (i > 0)
			buf_putc(b, r->preference[i] == r->preference[i - 1] ? '+' : ',');
		buf_printf(b, "%s", s);
		free(s);
	}
}

/* What the level looks at, and no more. */
static void
put_tls(struct buf *b, const struct rules_route *r)
{
	if (r->tls != TLS_MAY)
		buf_printf(b, ";tls=%s", rules_tls_name(r->tls));
	if (r->tls != TLS_OFF && r->tls_name[0] != '\0')
		buf_printf(b, ";tls_name=%s", r->tls_name);
	if (r->tls == TLS_VERIFY && r->tls_ca[0] != '\0')
		buf_printf(b, ";tls_ca=%s", r->tls_ca);
	if (r->tls == TLS_PINNED) {
		buf_printf(b, ";tls_pin=");
		for (const char *p = r->tls_pin; *p != '\0'; p++)
			buf_putc(b, *p == ' ' ? ',' : *p);
	}
}

char *
rules_destination(const struct rules_route *r, const char *domain)
{
	struct buf b = BUF_INIT;

	switch (r->kind) {
	case ROUTE_HOSTS:
		put_hosts(&b, r);
		break;
	case ROUTE_MX:
		buf_printf(&b, "mx:%s:%u", r->mx[0] != '\0' ? r->mx : domain, r->mx_port);
		break;
	case ROUTE_TURN:
		buf_printf(&b, "turn:%s", domain);	/* each fetches its own */
		break;
	}
	put_tls(&b, r);
	if (r->source4[0] != '\0' || r->source6[0] != '\0')
		buf_printf(&b, ";source=%s%s%s", r->source4,
		    r->source4[0] != '\0' && r->source6[0] != '\0' ? "," : "", r->source6);
	if (r->client != CLIENT_XFORWARD)
		buf_printf(&b, ";client=%s", rules_client_name(r->client));
	return buf_take(&b);
}
