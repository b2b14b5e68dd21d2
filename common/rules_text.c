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

static const char *const client_names[] = {
	[CLIENT_NONE] = "none", [CLIENT_XFORWARD] = "xforward", [CLIENT_XCLIENT] = "xclient",
};
static const char *const bounce_names[] = {
	[BOUNCE_NEVER] = "never", [BOUNCE_SPF_PASS] = "spf-pass",
};
static const char *const end_names[] = {
	[SCHEDULE_QUARANTINE] = "quarantine", [SCHEDULE_BOUNCE] = "bounce",
	[SCHEDULE_HOLD] = "hold",
};
static const char *const derived_names[] = {
	[DERIVED_ALWAYS] = "always", [DERIVED_NEVER] = "never",
};

static int
word(const char *const *names, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (names[i] != NULL && strcmp(names[i], s) == 0)
			return (int)i;
	return -1;
}

/* The two functions of one enum. */
#define WORDS(what, type)								\
const char *										\
rules_##what##_name(type value)								\
{											\
	return what##_names[value];							\
}											\
											\
int											\
rules_##what##_parse(const char *s, type *out)						\
{											\
	int i = word(what##_names, sizeof(what##_names) / sizeof(what##_names[0]), s);	\
											\
	if (i == -1)									\
		return -1;								\
	*out = (type)i;									\
	return 0;									\
}

WORDS(tls, enum rules_tls)
WORDS(recipients, enum rules_recipients)
WORDS(client, enum rules_client)
WORDS(bounce, enum rules_bounce)
WORDS(end, enum schedule_end)
WORDS(derived, enum rules_derived)

int
rules_name_check(const char *name, const char **why)
{
	if (!addr_domain_valid(name, true)) {
		*why = "not a domain name";
		return -1;
	}
	for (const char *p = name; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z') {
			*why = "not in lower case";
			return -1;
		}
	return 0;
}

/* A dot-atom (RFC 5321 4.1.2) of printable bytes needs no quotes. */
static bool
needs_quotes(const char *local)
{
	static const char special[] = " \"(),:;<>@[\\]";
	size_t len = strlen(local);

	if (len == 0 || local[0] == '.' || local[len - 1] == '.' || strstr(local, "..") != NULL)
		return true;
	for (const unsigned char *p = (const unsigned char *)local; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f || strchr(special, *p) != NULL)
			return true;
	return false;
}

/* "b\ob"@example.test is bob@example.test. */
static void
unquote(char *address)
{
	char local[RULES_KEY_SIZE];
	size_t len = addr_local_len(address), n = 0;

	if (len < 2 || len >= sizeof(local) || address[len - 1] != '"')
		return;
	for (size_t i = 1; i < len - 1; i++) {
		if (address[i] == '\\' && i + 1 < len - 1)
			i++;
		local[n++] = address[i];
	}
	local[n] = '\0';
	if (needs_quotes(local)) {		/* with no more escapes than it had */
		char *out = address + 1;

		for (size_t i = 0; i < n; i++) {
			if (local[i] == '"' || local[i] == '\\')
				*out++ = '\\';
			*out++ = local[i];
		}
		memmove(out, address + len - 1, strlen(address + len - 1) + 1);
	} else {
		memcpy(address, local, n);
		memmove(address + n, address + len, strlen(address + len) + 1);
	}
}

void
rules_key_lower(char *key)
{
	size_t len;

	addr_lower(key);
	if (key[0] == '"')
		unquote(key);
	len = strlen(key);
	if (len > 1 && key[len - 1] == '.' && strchr(key, '@') == NULL)
		key[len - 1] = '\0';
}

bool
rules_key(const char *text, char key[RULES_KEY_SIZE])
{
	size_t len = strnlen(text, RULES_KEY_SIZE);

	if (len == RULES_KEY_SIZE) {
		key[0] = '\0';
		return false;
	}
	memcpy(key, text, len + 1);
	rules_key_lower(key);
	return true;
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
