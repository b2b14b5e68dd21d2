/*
 * spf_zone.c -- a DNS in memory for the tests of SPF.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/spf_zone.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char	*name;
	enum dns_type	 type;
} types[] = {
	{ "A", DNS_A }, { "AAAA", DNS_AAAA }, { "MX", DNS_MX }, { "PTR", DNS_PTR }, { "TXT", DNS_TXT },
};

static const char *
type_name(enum dns_type type)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}

static void
put_name(struct buf *b, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");

		buf_putc(b, (char)n);
		buf_put(b, name, n);
		name += n + (name[n] == '.');
	}
	buf_putc(b, '\0');
}

static void
put_strings(struct buf *b, const char *text)
{
	size_t left = strlen(text), n;

	do {
		n = left > 255 ? 255 : left;
		buf_putc(b, (char)n);
		buf_put(b, text, n);
		text += n;
		left -= n;
	} while (left > 0);
}

static void
add(struct dns_answer *a, enum dns_type type, const char *value)
{
	struct buf b = BUF_INIT;
	uint8_t address[16];

	if (type == DNS_A || type == DNS_AAAA) {
		if (inet_pton(type == DNS_A ? AF_INET : AF_INET6, value, address) != 1)
			abort();
		buf_put(&b, address, type == DNS_A ? 4 : 16);
	} else if (type == DNS_MX) {
		buf_put(&b, "\0\012", 2);
		put_name(&b, strcmp(value, ".") == 0 ? "" : value);
	} else if (type == DNS_PTR) {
		put_name(&b, value);
	} else {
		put_strings(&b, value);
	}
	a->rr = xrealloc(a->rr, a->n + 1, sizeof(*a->rr));
	a->rr[a->n].len = b.len;
	a->rr[a->n++].data = (const uint8_t *)buf_take(&b);
}

void
spf_zone_resolve(void *arg, const char *name, enum dns_type type, int64_t ms, struct dns_answer *a)
{
	struct spf_zone *z = arg;
	size_t len = strlen(name), word;
	bool there = false;

	(void)ms;
	memset(a, 0, sizeof(*a));
	buf_printf(&z->asked, "%s/%s ", name, type_name(type));
	z->n++;
	for (const char *const *line = z->lines; *line != NULL; line++) {
		if (strncasecmp(*line, name, len) != 0 || (*line)[len] != ' ')
			continue;
		there = true;
		word = strcspn(*line + len + 1, " ");
		if (word != strlen(type_name(type)) || strncmp(*line + len + 1, type_name(type), word) != 0)
			continue;
		if (strcmp(*line + len + 1 + word, " TIMEOUT") == 0) {
			dns_answer_clear(a);
			a->status = DNS_FAILED;
			return;
		}
		add(a, type, *line + len + 1 + word + 1);
	}
	a->status = a->n > 0 ? DNS_OK : there ? DNS_NODATA : DNS_NXDOMAIN;
}
