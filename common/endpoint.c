/*
 * endpoint.c -- the two notations for where to listen or connect.
 *
 *	unix:PATH  inet:PORT@HOST		holdfast.conf, as Sendmail and Postfix write it
 *	HOST  HOST:PORT  [IPV6]  [IPV6]:PORT	routes
 *
 * Parsing looks nothing up. A result is whole or cleared: on failure nothing
 * is left for the caller to free. Opening sockets is endpoint_listen.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/endpoint.h"

#include <arpa/inet.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"

#define HOST_MAX	255
#define LABEL_MAX	63
#define LIST_MAX	64	/* entries of one list */

static int
refuse(const char **why, const char *reason)
{
	*why = reason;
	return -1;
}

/* Decimal 0..65535, digits only. */
static int
parse_port(const char *s, size_t len, uint16_t *port)
{
	unsigned v = 0;
	size_t i;

	if (len == 0 || len > 5)
		return -1;
	for (i = 0; i < len; i++) {
		if (!isdigit((unsigned char)s[i]))
			return -1;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	if (v > UINT16_MAX)
		return -1;
	*port = (uint16_t)v;
	return 0;
}

static bool
is_address(int family, const char *host)
{
	unsigned char a[sizeof(struct in6_addr)];

	return inet_pton(family, host, a) == 1;
}

/* Letters, digits, hyphens, underscores in labels of at most 63 octets. */
static bool
is_name(const char *host)
{
	size_t label = 0;
	const char *p;

	for (p = host; *p != '\0'; p++) {
		if (*p == '.') {
			if (label == 0 || p[1] == '\0')
				return false;
			label = 0;
		} else if (isalnum((unsigned char)*p) || *p == '-' || *p == '_') {
			if (++label > LABEL_MAX)
				return false;
		} else {
			return false;
		}
	}
	return label > 0 && p - host <= HOST_MAX;
}

/* No top-level domain is all digits, so "10.0.0.300" is a mistyped address. */
static bool
looks_numeric(const char *host)
{
	const char *dot = strrchr(host, '.');
	const char *last = dot != NULL ? dot + 1 : host;

	return last[strspn(last, "0123456789")] == '\0';
}

/* Takes `host'. */
static int
set_inet(struct endpoint *e, char *host, uint16_t port, bool bracketed, const char **why)
{
	const char *bad = NULL;

	if (host[0] == '\0')
		bad = "the host is missing";
	else if (bracketed ? !is_address(AF_INET6, host) : strchr(host, ':') != NULL)
		bad = bracketed ? "not an IPv6 address between [brackets]"
				: "an IPv6 address needs [brackets]";
	else if (!bracketed && looks_numeric(host) && !is_address(AF_INET, host))
		bad = "not an IPv4 address";
	else if (!bracketed && !is_name(host))
		bad = "not a host name or address";
	if (bad != NULL) {
		free(host);
		return refuse(why, bad);
	}
	e->host = host;
	e->port = port;
	return 0;
}

static int
set_unix(struct endpoint *e, const char *path, const char **why)
{
	if (path[0] != '/')
		return refuse(why, "the socket's path must start with \"/\"");
	e->path = xstrdup(path);
	return 0;
}

int
endpoint_parse_milter(const char *s, struct endpoint *e, const char **why)
{
	const char *at, *host;
	size_t hostlen;
	uint16_t port;
	bool bracketed;

	memset(e, 0, sizeof(*e));
	if (strncmp(s, "unix:", 5) == 0 || strncmp(s, "local:", 6) == 0)
		return set_unix(e, strchr(s, ':') + 1, why);
	if (strncmp(s, "inet:", 5) != 0 && strncmp(s, "inet6:", 6) != 0)
		return refuse(why, "must be unix:PATH or inet:PORT@HOST");
	s = strchr(s, ':') + 1;
	if ((at = strchr(s, '@')) == NULL)
		return refuse(why, "must be inet:PORT@HOST");
	if (parse_port(s, (size_t)(at - s), &port) == -1)
		return refuse(why, "the port must be a number from 0 to 65535");
	host = at + 1;
	hostlen = strlen(host);
	bracketed = is_address(AF_INET6, host);
	if (!bracketed && hostlen > 2 && host[0] == '[' && host[hostlen - 1] == ']') {
		bracketed = true;
		host++;
		hostlen -= 2;
	}
	return set_inet(e, xstrndup(host, hostlen), port, bracketed, why);
}

int
endpoint_parse_hostport(const char *s, uint16_t default_port, struct endpoint *e, const char **why)
{
	bool bracketed = s[0] == '[';
	const char *host = s + bracketed, *end;
	uint16_t port = default_port;

	memset(e, 0, sizeof(*e));
	if (bracketed) {
		if ((end = strchr(host, ']')) == NULL || (end[1] != '\0' && end[1] != ':'))
			return refuse(why, "must be [IPV6] or [IPV6]:PORT");
		s = end + 1;
	} else {
		if (is_address(AF_INET6, s))
			return refuse(why, "an IPv6 address needs [brackets]");
		s = end = host + strcspn(host, ":");
	}
	if (*s == ':' && (parse_port(s + 1, strlen(s + 1), &port) == -1 || port == 0))
		return refuse(why, "the port must be a number from 1 to 65535");
	if (port == 0)
		return refuse(why, "the port is missing");
	return set_inet(e, xstrndup(host, (size_t)(end - host)), port, bracketed, why);
}

static int
parse_milter_item(const char *s, uint16_t unused, struct endpoint *e, const char **why)
{
	(void)unused;
	return endpoint_parse_milter(s, e, why);
}

static int
parse_list(const char *s, uint16_t default_port, struct endpoint_list *list, const char **why,
    int (*parse)(const char *, uint16_t, struct endpoint *, const char **))
{
	struct endpoint e;
	const char *end, *next;
	char *item;
	int rc;

	memset(list, 0, sizeof(*list));
	if (s[strspn(s, " \t")] == '\0')
		return 0;
	for (; s != NULL; s = next) {
		s += strspn(s, " \t");
		end = s + strcspn(s, ",");
		next = *end == ',' ? end + 1 : NULL;
		while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		item = xstrndup(s, (size_t)(end - s));
		if (end == s)
			rc = refuse(why, "an empty entry between commas");
		else if (list->n == LIST_MAX)
			rc = refuse(why, "more than 64 entries");
		else
			rc = parse(item, default_port, &e, why);
		free(item);
		if (rc == -1) {
			endpoint_list_clear(list);
			return -1;
		}
		list->v = xrealloc(list->v, list->n + 1, sizeof(*list->v));
		list->v[list->n++] = e;
	}
	return 0;
}

int
endpoint_list_parse_milter(const char *s, struct endpoint_list *list, const char **why)
{
	return parse_list(s, 0, list, why, parse_milter_item);
}

int
endpoint_list_parse_hostport(const char *s, uint16_t default_port, struct endpoint_list *list,
    const char **why)
{
	return parse_list(s, default_port, list, why, endpoint_parse_hostport);
}

void
endpoint_clear(struct endpoint *e)
{
	free(e->path);
	free(e->host);
	memset(e, 0, sizeof(*e));
}

void
endpoint_list_clear(struct endpoint_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		endpoint_clear(&list->v[i]);
	free(list->v);
	memset(list, 0, sizeof(*list));
}

char *
endpoint_format(const struct endpoint *e)
{
	if (e->path != NULL)
		return xstrdup(e->path);
	if (strchr(e->host, ':') != NULL)
		return xasprintf("[%s]:%u", e->host, e->port);
	return xasprintf("%s:%u", e->host, e->port);
}
