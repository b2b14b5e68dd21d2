/*
 * turn_dialogue.c -- a client of a turn session, in memory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/turn_dialogue.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the world ----------------------------------------------------------- */

static bool
op_network(void *arg)
{
	return ((struct talk *)arg)->network;
}

static bool
op_may_ask(void *arg)
{
	struct talk *t = arg;

	return ++t->nasked <= t->asks || t->asks == 0;
}

static bool
op_may_guess(void *arg)
{
	struct talk *t = arg;

	return t->guesses == 0 || t->nguessed < t->guesses;
}

static void
op_guessed(void *arg)
{
	((struct talk *)arg)->nguessed++;
}

static enum turn_served
op_served(void *arg, const char *domain)
{
	(void)arg;
	if (strcmp(domain, "far.test") == 0)
		return SERVED_BY_TURN;
	return strcmp(domain, "a.test") == 0 || strcmp(domain, "b.test") == 0 ||
	    strcmp(domain, "sub.a.test") == 0 ? SERVED_BY_US : SERVED_NOT;
}

static void
op_below(void *arg, const char *domain, void (*each)(void *, const char *, enum turn_served),
    void *each_arg)
{
	(void)arg;
	if (strcmp(domain, "a.test") == 0)
		each(each_arg, "sub.a.test", SERVED_BY_US);
}

static bool
op_busy(void *arg, const char *const *domain, size_t n)
{
	(void)domain;
	(void)n;
	return ((struct talk *)arg)->busy;
}

static void
op_flush(void *arg, const char *domain)
{
	buf_printf(&((struct talk *)arg)->flushed, "%s ", domain);
}

static void
op_decided(void *arg, const char *what, const char *reply)
{
	buf_printf(&((struct talk *)arg)->decided, "%s: %s\n", what, reply);
}

static void
op_denied(void *arg, const char *method, const char *user, const char *why)
{
	buf_printf(&((struct talk *)arg)->denied, "%s %s: %s\n", method, user, why);
}

static const struct turn_ops ops = {
	.network = op_network, .may_ask = op_may_ask, .may_guess = op_may_guess,
	.guessed = op_guessed, .served = op_served, .below = op_below, .busy = op_busy,
	.flush = op_flush, .decided = op_decided, .denied = op_denied,
};

/* --- life ---------------------------------------------------------------- */

char *
talk_users_file(void)
{
	static const char text[] = "# who\n"
	    "ann a.test,b.test correct-horse\n"
	    "far far.test battery-staple\n";
	const char *dir = getenv("TMPDIR");
	char *path = xasprintf("%s/turn-users.XXXXXX", dir != NULL ? dir : "/tmp");
	int fd = mkstemp(path);		/* 0600 */

	if (fd == -1 || write(fd, text, sizeof(text) - 1) != sizeof(text) - 1)
		abort();
	(void)close(fd);
	return path;
}

void
talk_begin(struct talk *t)
{
	char *path = talk_users_file(), *why = NULL;

	t->conf.hostname = xstrdup("mx2.test");
	t->conf.tls = !t->no_tls;
	if (!t->no_users && (t->conf.users = turn_users_load(path, &why)) == NULL)
		abort();
	(void)unlink(path);
	free(path);
	t->session = turn_session_new(&t->conf, &ops, t);
	turn_session_greet(t->session, t->encrypted);
}

void
talk_end(struct talk *t)
{
	turn_session_free(&t->session);
	turn_users_unref(&t->conf.users);
	free(t->conf.hostname);
	buf_free(&t->out);
	buf_free(&t->flushed);
	buf_free(&t->counted);
	buf_free(&t->decided);
	buf_free(&t->denied);
}

/* --- playing ------------------------------------------------------------- */

static void
take_output(struct talk *t)
{
	struct buf *out = turn_session_output(t->session);

	buf_put(&t->out, out->data, out->len);
	buf_clear(out);
}

static void
count(struct talk *t)
{
	size_t n;
	const char *const *v = turn_session_domains(t->session, &n);

	buf_clear(&t->counted);
	for (size_t i = 0; i < n; i++)
		buf_printf(&t->counted, "%s ", v[i]);
	turn_session_counted(t->session, !t->unknown, t->messages);
}

/* Ends what it waits for; false: it waits for input, or is over. */
static bool
end_wait(struct talk *t)
{
	switch (turn_session_wants(t->session)) {
	case TURN_WANTS_PAUSE:
		t->pauses++;
		turn_session_resume(t->session);
		return true;
	case TURN_WANTS_COUNT:
		count(t);
		return true;
	case TURN_WANTS_TLS:
		t->handshakes++;
		turn_session_tls(t->session);
		return true;
	case TURN_WANTS_COMMAND:
	case TURN_WANTS_REVERSE:
	case TURN_WANTS_CLOSE:
	case TURN_WANTS_CUT:
		break;
	}
	return false;
}

void
talk_feed(struct talk *t, const char *data, size_t len, size_t step)
{
	size_t done = 0, seen = step == 0 || step > len ? len : step, used;

	for (;;) {
		used = turn_session_input(t->session, data + done, seen - done);
		done += used;
		take_output(t);
		if (end_wait(t) || used > 0)
			continue;
		if (seen == len)
			break;
		seen = len - seen < step ? len : seen + step;
	}
	take_output(t);
}

const char *
talk_line(struct talk *t, const char *line)
{
	char *all = xasprintf("%s\r\n", line);

	take_output(t);
	buf_clear(&t->out);
	talk_feed(t, all, strlen(all), 0);
	free(all);
	return buf_str(&t->out);
}

/* --- a client's mechanisms ----------------------------------------------- */

/* What a 334 carried. */
static void
challenge(const struct talk *t, struct buf *out)
{
	const char *text = buf_str(&t->out);

	if (strncmp(text, "334 ", 4) != 0 ||
	    turn_base64_decode(out, text + 4, strcspn(text + 4, "\r")) == -1)
		buf_puts(out, "none");
}

static const char *
say_base64(struct talk *t, const char *before, const struct buf *msg)
{
	struct buf line = BUF_INIT;
	const char *reply;

	buf_puts(&line, before);
	turn_base64_encode(&line, msg->data, msg->len);
	reply = talk_line(t, buf_str(&line));
	buf_free(&line);
	return reply;
}

const char *
talk_cram(struct talk *t, const char *user, const char *secret)
{
	struct buf nonce = BUF_INIT, answer = BUF_INIT;
	unsigned char digest[16];
	const char *reply = talk_line(t, "AUTH CRAM-MD5");
	unsigned n;

	if (strncmp(reply, "334 ", 4) != 0)
		return reply;
	challenge(t, &nonce);
	(void)HMAC(EVP_md5(), secret, (int)strlen(secret), (unsigned char *)nonce.data, nonce.len,
	    digest, &n);
	buf_printf(&answer, "%s ", user);
	for (size_t i = 0; i < sizeof(digest); i++)
		buf_printf(&answer, "%02x", digest[i]);
	reply = say_base64(t, "", &answer);
	buf_free(&nonce);
	buf_free(&answer);
	return reply;
}

static void
mac(const void *key, const char *text, size_t len, unsigned char *out)
{
	unsigned n;

	(void)HMAC(EVP_sha256(), key, 32, (const unsigned char *)text, len, out, &n);
}

void
scram_client(struct buf *final, const char *gs2, const char *bare, const char *server_first,
    const char *secret, struct buf *signature)
{
	const char *salt64 = strstr(server_first, ",s=") + 3;
	unsigned char salted[32], key[32], stored[32], proof[32];
	struct buf salt = BUF_INIT, auth = BUF_INIT;

	(void)turn_base64_decode(&salt, salt64, strcspn(salt64, ","));
	(void)PKCS5_PBKDF2_HMAC(secret, (int)strlen(secret), (unsigned char *)salt.data,
	    (int)salt.len, atoi(strstr(server_first, ",i=") + 3), EVP_sha256(), 32, salted);
	buf_puts(final, "c=");
	turn_base64_encode(final, gs2, strlen(gs2));
	buf_printf(final, ",%.*s", (int)strcspn(server_first, ","), server_first);
	buf_printf(&auth, "%s,%s,%s", bare, server_first, buf_str(final));
	mac(salted, "Client Key", 10, key);
	(void)SHA256(key, 32, stored);
	mac(stored, auth.data, auth.len, proof);
	for (size_t i = 0; i < 32; i++)
		proof[i] ^= key[i];
	buf_puts(final, ",p=");
	turn_base64_encode(final, proof, 32);
	mac(salted, "Server Key", 10, key);
	mac(key, auth.data, auth.len, proof);
	buf_puts(signature, "v=");
	turn_base64_encode(signature, proof, 32);
	buf_free(&salt);
	buf_free(&auth);
}

const char *
talk_scram(struct talk *t, const char *user, const char *secret)
{
	struct buf msg = BUF_INIT, first = BUF_INIT, final = BUF_INIT, wanted = BUF_INIT,
	    got = BUF_INIT;
	char *bare = xasprintf("n=%s,r=rOprNGfwEbeRWgbNEkqO", user);
	const char *reply;

	buf_printf(&msg, "n,,%s", bare);
	reply = say_base64(t, "AUTH SCRAM-SHA-256 ", &msg);
	if (strncmp(reply, "334 ", 4) == 0) {
		challenge(t, &first);
		scram_client(&final, "n,,", bare, buf_str(&first), secret, &wanted);
		reply = say_base64(t, "", &final);
	}
	if (strncmp(reply, "334 ", 4) == 0) {
		challenge(t, &got);
		reply = strcmp(buf_str(&got), buf_str(&wanted)) == 0 ? talk_line(t, "") :
		    "the server's signature is wrong";
	}
	free(bare);
	buf_free(&msg);
	buf_free(&first);
	buf_free(&final);
	buf_free(&wanted);
	buf_free(&got);
	return reply;
}
