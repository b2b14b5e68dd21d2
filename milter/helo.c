/*
 * helo.c -- what a client says of itself in HELO.
 *
 * A little wider than RFC 5321: underscores, which many networks have in their hosts' names, and one dot at the
 * end. A bare address is no name: its last label would be a number, and no top-level domain is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/helo.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "common/idn.h"
#include "common/utf8.h"

#define LITERAL_MAX	(sizeof("IPv6:") + INET6_ADDRSTRLEN)

static bool
literal(const char *s, struct hosts_addr *a)
{
	size_t len = strlen(s);
	char text[LITERAL_MAX];

	if (len < 3 || s[len - 1] != ']' || len - 2 >= sizeof(text))
		return false;
	memcpy(text, s + 1, len - 2);
	text[len - 2] = '\0';
	if (strncasecmp(text, "IPv6:", 5) == 0) {
		a->family = AF_INET6;
		return inet_pton(AF_INET6, text + 5, a->addr) == 1;
	}
	a->family = AF_INET;
	return inet_pton(AF_INET, text, a->addr) == 1;
}

/* No hyphen at either end of a label, and the last one is no number. */
static bool
labels_are_good(const char *name)
{
	const char *label = name, *end;

	for (;; label = end + 1) {
		end = strchrnul(label, '.');
		if (*label == '-' || end[-1] == '-')
			return false;
		if (*end == '\0')
			return label + strspn(label, "0123456789") != end;
	}
}

void
helo_parse(const char *s, struct helo *h)
{
	memset(h, 0, sizeof(*h));
	if (*s == '\0') {
		h->kind = HELO_NONE;
	} else if (*s == '[') {
		h->kind = literal(s, &h->addr) ? HELO_LITERAL : HELO_BAD;
	} else if (utf8_is_ascii(s) && idn_to_dns(s, h->name) == 0 && labels_are_good(h->name)) {
		h->kind = HELO_NAME;
		h->fqdn = strchr(h->name, '.') != NULL;
	} else {
		h->kind = HELO_BAD;
	}
}
