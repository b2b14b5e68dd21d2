/*
 * rules_text.c -- the words of rules.db, and the form in which it keeps local
 * parts.
 *
 * RFC 5321 4.1.2: "bob"@ and bob@ are the same mailbox, so local parts are
 * compared and kept unquoted. 2.4: case may matter to the primary; it does to
 * us only where the domain says so.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_text.h"

#include <string.h>

#include "common/addr.h"
#include "common/rules_read.h"

static const char *const tls_names[] = {
	[TLS_OFF] = "off", [TLS_MAY] = "may", [TLS_VERIFY] = "verify", [TLS_PINNED] = "pinned",
	[TLS_DANE] = "dane",
};
static const char *const recipients_names[] = {
	[RECIPIENTS_LIST] = "list", [RECIPIENTS_VERIFY] = "verify", [RECIPIENTS_ANY] = "any",
};

static int
word(const char *const *names, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], s) == 0)
			return (int)i;
	return -1;
}

const char *
rules_tls_name(enum rules_tls tls)
{
	return tls_names[tls];
}

int
rules_tls_parse(const char *s, enum rules_tls *out)
{
	int i = word(tls_names, sizeof(tls_names) / sizeof(tls_names[0]), s);

	if (i == -1)
		return -1;
	*out = (enum rules_tls)i;
	return 0;
}

const char *
rules_recipients_name(enum rules_recipients r)
{
	return recipients_names[r];
}

int
rules_recipients_parse(const char *s, enum rules_recipients *out)
{
	int i = word(recipients_names, sizeof(recipients_names) / sizeof(recipients_names[0]), s);

	if (i == -1)
		return -1;
	*out = (enum rules_recipients)i;
	return 0;
}

bool
rules_local_valid(const char *local, size_t len, const char **why)
{
	if (len == 0) {
		*why = "empty";
		return false;
	}
	if (len > ADDR_LOCAL_MAX) {
		*why = "longer than 64 bytes";
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)local[i];

		if (c < 0x20 || c == 0x7f) {
			*why = "has a control character";
			return false;
		}
		if (c == '@') {
			*why = "has an @; write only what stands before it";
			return false;
		}
	}
	return true;
}

int
rules_local_canonical(const char *local, size_t len, bool exact, char *out, const char **why)
{
	size_t n = 0;

	if (len >= 2 && local[0] == '"' && local[len - 1] == '"') {
		for (size_t i = 1; i < len - 1; i++) {
			if (local[i] == '\\' && i + 1 < len - 1)
				i++;
			if (n < ADDR_LOCAL_MAX)
				out[n] = local[i];
			n++;
		}
	} else {
		n = len;
		memcpy(out, local, n < ADDR_LOCAL_MAX ? n : ADDR_LOCAL_MAX);
	}
	if (n > ADDR_LOCAL_MAX) {
		*why = "longer than 64 bytes";
		return -1;
	}
	out[n] = '\0';
	if (!rules_local_valid(out, n, why))
		return -1;
	if (!exact)
		addr_lower(out);
	return 0;
}
