/*
 * wire_command.c -- verbs, and BDAT's argument.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/wire.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

enum wire_verb
wire_verb(const char *line, size_t len, const char **arg, size_t *arglen)
{
	static const struct {
		const char	*name;
		enum wire_verb	 verb;
	} table[] = {
		{ "MAIL", VERB_MAIL }, { "RCPT", VERB_RCPT }, { "DATA", VERB_DATA },
		{ "BDAT", VERB_BDAT }, { "RSET", VERB_RSET }, { "NOOP", VERB_NOOP },
		{ "QUIT", VERB_QUIT }, { "LHLO", VERB_LHLO }, { "HELO", VERB_HELO },
		{ "EHLO", VERB_EHLO }, { "VRFY", VERB_VRFY }, { "EXPN", VERB_EXPN },
		{ "HELP", VERB_HELP }, { "AUTH", VERB_AUTH }, { "STARTTLS", VERB_STARTTLS },
		{ "XFORWARD", VERB_XFORWARD }, { "ETRN", VERB_ETRN }, { "ATRN", VERB_ATRN },
	};
	size_t verblen = 0, i;

	while (verblen < len && !is_blank(line[verblen]))
		verblen++;
	for (i = verblen; i < len && is_blank(line[i]);)
		i++;
	while (len > i && is_blank(line[len - 1]))
		len--;
	*arg = line + i;
	*arglen = len - i;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].name) == verblen && strncasecmp(line, table[i].name, verblen) == 0)
			return table[i].verb;
	return VERB_UNKNOWN;
}

bool
wire_is_http(const char *line, size_t len)
{
	static const char *const method[] = {
		"GET ", "POST ", "HEAD ", "PUT ", "OPTIONS ", "CONNECT ", "DELETE ", "TRACE ",
		"PATCH ", "PRI * HTTP",
	};

	for (size_t i = 0; i < sizeof(method) / sizeof(method[0]); i++)
		if (len >= strlen(method[i]) && strncasecmp(line, method[i], strlen(method[i])) == 0)
			return true;
	return false;
}

/* RFC 3030 2: "BDAT size [LAST]". */
int
wire_parse_bdat(const char *arg, size_t len, uint64_t *size, bool *last, struct wire_error *err)
{
	size_t i = 0, digits;
	uint64_t v = 0;

	*err = (struct wire_error){ 501, "5.5.4", "Syntax: BDAT size [LAST]" };
	for (; i < len && isdigit((unsigned char)arg[i]); i++) {
		if (i == 19)
			return -1;	/* would not fit into 64 bits for sure */
		v = v * 10 + (uint64_t)(arg[i] - '0');
	}
	digits = i;
	while (i < len && is_blank(arg[i]))
		i++;
	if (digits == 0 || (i < len && (i == digits || len - i != 4 ||
					   strncasecmp(arg + i, "LAST", 4) != 0)))
		return -1;
	*size = v;
	*last = i < len;
	return 0;
}
