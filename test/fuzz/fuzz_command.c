/*
 * fuzz_command.c -- a session's commands: lines, verbs, MAIL, RCPT, BDAT, XFORWARD.
 *
 * What was accepted is written out again; that must be one line, be accepted
 * again, and come out the same.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "common/wire.h"

#define ALL	0xffffu

static void
check_line(const struct buf *b)
{
	size_t i;

	for (i = 0; i < b->len; i++)
		CHECK((unsigned char)b->data[i] >= 0x20 && b->data[i] != 0x7f);
}

static void
on_mail(const char *arg, size_t len, struct envelope *env)
{
	struct envelope again = { .sender = NULL };
	struct buf one = BUF_INIT, two = BUF_INIT;
	struct wire_error err = { 0, NULL, NULL };

	if (wire_parse_mail(arg, len, 1000000, env, &err) == -1) {
		CHECK(err.code >= 452 && err.dsn != NULL && err.text != NULL);
		return;
	}
	wire_format_mail(&one, env, ALL, env->size);
	check_line(&one);
	CHECK(wire_parse_mail(one.data + 5, one.len - 5, 1000000, &again, &err) == 0);
	wire_format_mail(&two, &again, ALL, again.size);
	CHECK(strcmp(one.data, two.data) == 0);
	buf_free(&one);
	buf_free(&two);
	envelope_clear(&again);
}

static void
on_rcpt(const char *arg, size_t len, struct envelope *env)
{
	struct envelope again = { .smtputf8 = env->smtputf8 };
	struct buf one = BUF_INIT, two = BUF_INIT;
	struct wire_error err = { 0, NULL, NULL };
	size_t before = env->nrcpt;

	if (wire_parse_rcpt(arg, len, env, &err) == -1) {
		CHECK(env->nrcpt == before && err.code >= 452 && err.dsn != NULL && err.text != NULL);
		return;
	}
	CHECK(env->nrcpt == before + 1);
	wire_format_rcpt(&one, &env->rcpt[before], ALL);
	check_line(&one);
	CHECK(wire_parse_rcpt(one.data + 5, one.len - 5, &again, &err) == 0);
	wire_format_rcpt(&two, &again.rcpt[0], ALL);
	CHECK(strcmp(one.data, two.data) == 0);
	buf_free(&one);
	buf_free(&two);
	envelope_clear(&again);
}

static void
on_xforward(const char *arg, size_t len, struct envelope *env)
{
	struct client_info again = { .name = NULL };
	struct buf out = BUF_INIT, received = BUF_INIT;
	struct wire_error err = { 0, NULL, NULL };
	const char *p, *end;

	if (wire_parse_xforward(arg, len, &env->client, &err) == -1) {
		CHECK(err.code == 501);
		return;
	}
	wire_format_xforward(&out, &env->client, WIRE_CLIENT_ALL);
	for (p = out.data; *p != '\0'; p = end + 2) {
		end = strstr(p, "\r\n");
		CHECK(end != NULL && end + 2 - p <= 512);
		CHECK(wire_parse_xforward(p + 9, (size_t)(end - p) - 9, &again, &err) == 0);
	}
	/* XCLIENT: one line, whatever the values */
	buf_clear(&out);
	wire_format_xclient(&out, &env->client, WIRE_CLIENT_ALL);
	CHECK(out.len <= 512 && strstr(out.data, "\r\n") == out.data + out.len - 2);
	/* in the Received: line only its own line ends, each before a tab but the last */
	received_format(&received, &env->client, "h", "ESMTP", env->client.ident, "id", NULL, 0);
	for (p = received.data; (p = strpbrk(p, "\r\n")) != NULL; p += 2)
		CHECK(p[0] == '\r' && p[1] == '\n' && (p[2] == '\t' || p[2] == '\0'));
	buf_free(&out);
	buf_free(&received);
	client_info_clear(&again);
}

static void
on_line(const char *line, size_t len, struct envelope *env)
{
	struct wire_error err;
	const char *arg;
	uint64_t size;
	size_t arglen;
	bool last;

	switch ((int)wire_verb(line, len, &arg, &arglen)) {
	case VERB_MAIL:
		on_mail(arg, arglen, env);
		break;
	case VERB_RCPT:
		on_rcpt(arg, arglen, env);
		break;
	case VERB_XFORWARD:
		on_xforward(arg, arglen, env);
		break;
	case VERB_BDAT:
		if (wire_parse_bdat(arg, arglen, &size, &last, &err) == 0)
			CHECK(size <= UINT64_C(9999999999999999999));
		break;
	case VERB_RSET:
		envelope_clear(env);
		break;
	}
	CHECK(arg >= line && arg + arglen <= line + len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct envelope env = { .sender = NULL };
	const char *p = (const char *)data;
	size_t scanned = 0, linelen, used;

	while (wire_line(p, size, WIRE_COMMAND_MAX, &scanned, &linelen, &used) == WIRE_LINE) {
		CHECK(used == linelen + 2 && used <= size && scanned == 0);
		CHECK(memchr(p, '\n', linelen) == NULL && memchr(p, '\r', linelen) == NULL);
		on_line(p, linelen, &env);
		p += used;
		size -= used;
	}
	envelope_clear(&env);
	return 0;
}
