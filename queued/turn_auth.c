/*
 * turn_auth.c -- AUTH (RFC 4954) of a turn session.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "queued/turn_state.h"

bool
turn_auth_offered(const struct turn_session *s)
{
	return s->encrypted && s->users != NULL;
}

static enum turn_state
denied(struct turn_session *s, const char *why)
{
	s->ops->denied(s->arg, turn_mechanism_name(s->mechanism), turn_sasl_claimed(s->sasl), why);
	s->ops->guessed(s->arg);
	s->denials++;
	return turn_later(s, xstrdup("535 5.7.8 Authentication credentials invalid"), TURN_READY);
}

static enum turn_state
challenge(struct turn_session *s, const struct buf *text)
{
	buf_puts(&s->out, "334 ");
	if (text->len > 0)
		turn_base64_encode(&s->out, text->data, text->len);
	return turn_say(s, "", TURN_AUTH);
}

/* One message of the exchange; msg NULL: none came. */
static enum turn_state
step(struct turn_session *s, const char *msg, size_t len)
{
	struct buf text = BUF_INIT;
	enum turn_state next = TURN_READY;

	switch (turn_sasl_input(s->sasl, msg, len, &text)) {
	case SASL_CHALLENGE:
		next = challenge(s, &text);
		break;
	case SASL_OK:
		s->user = turn_sasl_user(s->sasl);
		s->ops->decided(s->arg, turn_mechanism_name(s->mechanism), "235");
		next = turn_say(s, "235 2.7.0 Authentication successful", TURN_READY);
		break;
	case SASL_FAILED:
	case SASL_MALFORMED:
		next = denied(s, turn_sasl_why(s->sasl));
		break;
	}
	buf_free(&text);
	if (next != TURN_AUTH)
		turn_sasl_free(&s->sasl);
	return next;
}

static enum turn_state
step_base64(struct turn_session *s, const char *text, size_t len)
{
	struct buf msg = BUF_INIT;
	enum turn_state next;

	if (turn_base64_decode(&msg, text, len) == -1) {
		turn_sasl_free(&s->sasl);
		s->state = TURN_READY;
		next = turn_mistake(s, "501 5.5.2 Not base64");
	} else {
		next = step(s, buf_str(&msg), msg.len);
	}
	buf_free(&msg);
	return next;
}

static struct turn_sasl *
begin(struct turn_session *s)
{
	struct turn_sasl_seed seed = { .salt = NULL };
	uint8_t noise[(TURN_NONCE_SIZE - 1) / 2];

	if (RAND_bytes(noise, sizeof(noise)) != 1)
		log_fatal("OpenSSL has no random numbers");
	for (size_t i = 0; i < sizeof(noise); i++)
		(void)snprintf(seed.nonce + 2 * i, 3, "%02x", noise[i]);
	memcpy(seed.salt_key, s->conf->salt_key, sizeof(seed.salt_key));
	return turn_sasl_new(s->mechanism, s->conf->hostname, s->users, &seed);
}

/* arg: "MECHANISM [initial-response]" */
enum turn_state
turn_auth(struct turn_session *s, const char *arg, size_t len)
{
	const char *blank = memchr(arg, ' ', len);
	size_t name = blank != NULL ? (size_t)(blank - arg) : len;

	if (s->users == NULL)
		return turn_mistake(s, "502 5.5.1 AUTH is not set up here");
	if (!s->encrypted)
		return turn_mistake(s, s->conf->tls ? "530 5.7.0 Must issue a STARTTLS command first" :
		    "538 5.7.11 AUTH needs TLS, which is not set up here");
	if (s->user != NULL)
		return turn_mistake(s, "503 5.5.1 Already authenticated");
	if (name == 0)
		return turn_mistake(s, "501 5.5.4 Syntax: AUTH mechanism [initial-response]");
	s->mechanism = turn_mechanism(arg, name);
	if (s->mechanism == MECH_UNKNOWN)
		return turn_mistake(s, "504 5.5.4 Unknown mechanism; there are SCRAM-SHA-256 and CRAM-MD5");
	if (!s->ops->may_guess(s->arg)) {
		static const char busy[] = "454 4.7.0 Too many failures from your address; try again later";

		s->ops->decided(s->arg, "auth", busy);
		return turn_later(s, xstrdup(busy), TURN_READY);
	}
	s->sasl = begin(s);
	if (blank == NULL)
		return step(s, NULL, 0);
	for (; name < len && arg[name] == ' '; name++)
		;
	if (len - name == 1 && arg[name] == '=')
		return step(s, "", 0);		/* RFC 4954 4: an empty one */
	return step_base64(s, arg + name, len - name);
}

enum turn_state
turn_auth_answer(struct turn_session *s, const char *line, size_t len)
{
	if (len == 1 && line[0] == '*') {
		turn_sasl_free(&s->sasl);
		return turn_say(s, "501 5.7.0 Authentication cancelled", TURN_READY);
	}
	return step_base64(s, line, len);
}
