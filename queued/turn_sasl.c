/*
 * turn_sasl.c -- proving who wants to fetch mail.
 *
 * An unknown user costs what a wrong secret costs: the same computations run
 * with a secret that nobody has, a salt is made up that stays the same as long as a real one
 * would, and only the last comparison, of constant time, says no.
 *
 * SCRAM: channel bindings are not offered; a client that says `n' or `y' is
 * taken at its word, for a `y' is a lie only where -PLUS was offered
 * (RFC 5802 6); `p' fails. The salted password is computed at each attempt
 * (a few ms, as a TLS handshake takes); how many attempts there may be is bounded elsewhere.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/turn_sasl.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/log.h"

#define SCRAM_SIZE	SHA256_DIGEST_LENGTH
#define MD5_SIZE	16

enum sasl_state { SASL_START, SASL_PROOF, SASL_ACKNOWLEDGE, SASL_OVER };

struct turn_sasl {
	enum turn_mechanism	 mechanism;
	enum sasl_state		 state;
	const struct turn_users	*users;
	const struct turn_user	*user;		/* the claimed one, NULL if there is none such */
	char			*claimed;
	const char		*why;
	struct turn_sasl_seed	 seed;
	char			*challenge;	/* CRAM-MD5 */
	struct buf		 gs2, first_bare, server_first;	/* SCRAM */
	uint8_t			 salt[TURN_SALT_SIZE];
};

static const char *const names[] = {
	[MECH_CRAM_MD5] = "CRAM-MD5",
	[MECH_SCRAM_SHA_256] = "SCRAM-SHA-256",
	[MECH_UNKNOWN] = "unknown",
};

enum turn_mechanism
turn_mechanism(const char *name, size_t len)
{
	for (enum turn_mechanism m = MECH_CRAM_MD5; m < MECH_UNKNOWN; m++)
		if (strlen(names[m]) == len && strncasecmp(names[m], name, len) == 0)
			return m;
	return MECH_UNKNOWN;
}

const char *
turn_mechanism_name(enum turn_mechanism m)
{
	return names[m];
}

/* --- base64 -------------------------------------------------------------- */

void
turn_base64_encode(struct buf *out, const void *data, size_t len)
{
	size_t room = (len + 2) / 3 * 4;

	buf_reserve(out, room + 1);
	(void)EVP_EncodeBlock((unsigned char *)out->data + out->len, data, (int)len);
	out->len += room;
}

int
turn_base64_decode(struct buf *out, const char *text, size_t len)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t pad = 0;

	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (len % 4 != 0)
		return -1;
	for (size_t i = 0; i < len - pad; i++)
		if (memchr(alphabet, text[i], sizeof(alphabet) - 1) == NULL)
			return -1;
	buf_reserve(out, len / 4 * 3 + 1);
	if (len > 0 && EVP_DecodeBlock((unsigned char *)out->data + out->len,
	    (const unsigned char *)text, (int)len) == -1)
		return -1;
	out->len += len / 4 * 3 - pad;
	out->data[out->len] = '\0';
	return 0;
}

/* --- both mechanisms ----------------------------------------------------- */

static enum turn_sasl_result
malformed(struct turn_sasl *s, const char *why)
{
	s->state = SASL_OVER;
	s->user = NULL;
	s->why = why;
	return SASL_MALFORMED;
}

static enum turn_sasl_result
failed(struct turn_sasl *s, const char *why)
{
	(void)malformed(s, why);
	return SASL_FAILED;
}

static void
claim(struct turn_sasl *s, char *name)
{
	free(s->claimed);
	s->claimed = name;
	s->user = turn_users_find(s->users, name);
}

static const char *
secret_of(const struct turn_sasl *s)
{
	return s->user != NULL ? s->user->secret : "nobody has this one";
}

static void
hmac(const EVP_MD *md, const void *key, size_t keylen, const void *data, size_t len,
    uint8_t *out)
{
	static const char none[1] = "";
	unsigned n = 0;

	if (HMAC(md, key, (int)keylen, data != NULL ? data : none, len, out, &n) == NULL)
		log_fatal("OpenSSL cannot compute an HMAC");
}

/* Both known and equal. */
static enum turn_sasl_result
judge(struct turn_sasl *s, const uint8_t *given, const uint8_t *wanted, size_t len)
{
	bool equal = CRYPTO_memcmp(given, wanted, len) == 0;

	if (s->user == NULL)
		return failed(s, "no such user");
	if (!equal)
		return failed(s, "wrong secret");
	return SASL_OK;
}

/* --- CRAM-MD5 ------------------------------------------------------------ */

static enum turn_sasl_result
cram_challenge(struct turn_sasl *s, struct buf *out)
{
	buf_puts(out, s->challenge);
	s->state = SASL_PROOF;
	return SASL_CHALLENGE;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
hex_decode(const char *hex, size_t len, uint8_t *out, size_t outlen)
{
	if (len != outlen * 2)
		return false;
	for (size_t i = 0; i < outlen; i++) {
		int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

/* "user digest" */
static enum turn_sasl_result
cram_answer(struct turn_sasl *s, const char *msg, size_t len)
{
	const char *blank = memrchr(msg, ' ', len);
	uint8_t given[MD5_SIZE], wanted[MD5_SIZE];
	size_t name;

	if (blank == NULL || blank == msg)
		return malformed(s, "no user and digest");
	name = (size_t)(blank - msg);
	if (!hex_decode(blank + 1, len - name - 1, given, sizeof(given)))
		return malformed(s, "the digest is none");
	claim(s, xstrndup(msg, name));
	hmac(EVP_md5(), secret_of(s), strlen(secret_of(s)), s->challenge, strlen(s->challenge),
	    wanted);
	s->state = SASL_OVER;
	return judge(s, given, wanted, sizeof(wanted));
}

static enum turn_sasl_result
cram(struct turn_sasl *s, const char *msg, size_t len, struct buf *out)
{
	if (s->state == SASL_PROOF && msg != NULL)
		return cram_answer(s, msg, len);
	if (s->state != SASL_START || msg != NULL)
		return malformed(s, "CRAM-MD5 has no initial response");
	return cram_challenge(s, out);
}

/* --- SCRAM-SHA-256 ------------------------------------------------------- */

/* An attribute's value "x=value" up to the next comma; NULL: another one is there. */
static const char *
attribute(const char **p, const char *end, char name, size_t *len)
{
	const char *value = *p, *comma;

	if (end - value < 2 || value[0] != name || value[1] != '=')
		return NULL;
	value += 2;
	comma = memchr(value, ',', (size_t)(end - value));
	*len = (size_t)((comma != NULL ? comma : end) - value);
	*p = comma != NULL ? comma + 1 : end;
	return value;
}

/* RFC 5802 5.1: "=2C" and "=3D" stand for "," and "="; NULL: malformed. */
static char *
saslname(const char *v, size_t len)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < len; i++) {
		if (v[i] != '=') {
			buf_putc(&b, v[i]);
			continue;
		}
		if (len - i < 3 || (memcmp(v + i, "=2C", 3) != 0 && memcmp(v + i, "=3D", 3) != 0)) {
			buf_free(&b);
			return NULL;
		}
		buf_putc(&b, v[i + 1] == '2' ? ',' : '=');
		i += 2;
	}
	if (b.len == 0)
		return NULL;
	return buf_take(&b);
}

/* "n,,", "y,,", "n,a=name,": *p moves behind it. */
static const char *
scram_gs2(struct turn_sasl *s, const char **p, const char *end, char **authzid)
{
	const char *from = *p, *name;
	size_t len;

	if (end - from < 3 || from[1] != ',')
		return "no GS2 header";
	if (from[0] == 'p')
		return "channel binding is not offered";
	if (from[0] != 'n' && from[0] != 'y')
		return "no GS2 header";
	*p += 2;
	if (**p == ',') {
		(*p)++;
	} else {
		name = attribute(p, end, 'a', &len);
		if (name == NULL || *p == end || (*authzid = saslname(name, len)) == NULL)
			return "no GS2 header";
	}
	buf_put(&s->gs2, from, (size_t)(*p - from));
	return NULL;
}

static bool
nonce_valid(const char *v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (v[i] < 0x21 || v[i] > 0x7e)
			return false;
	return len > 0;
}

static void
scram_salt(struct turn_sasl *s)
{
	uint8_t mac[SCRAM_SIZE];

	hmac(EVP_sha256(), s->seed.salt_key, sizeof(s->seed.salt_key), s->claimed,
	    strlen(s->claimed), mac);
	memcpy(s->salt, s->seed.salt != NULL ? s->seed.salt : mac, sizeof(s->salt));
}

/* client-first-message: gs2-header "n=" user ",r=" nonce ["," extensions] */
static enum turn_sasl_result
scram_first(struct turn_sasl *s, const char *msg, size_t len, struct buf *out)
{
	const char *p = msg, *end = msg + len, *name, *nonce, *why;
	char *authzid = NULL, *user;
	size_t namelen, noncelen;
	bool other;

	why = scram_gs2(s, &p, end, &authzid);
	if (why != NULL) {
		free(authzid);
		return malformed(s, why);
	}
	buf_put(&s->first_bare, p, (size_t)(end - p));
	name = attribute(&p, end, 'n', &namelen);
	nonce = name != NULL ? attribute(&p, end, 'r', &noncelen) : NULL;
	user = name != NULL ? saslname(name, namelen) : NULL;
	if (user == NULL || nonce == NULL || !nonce_valid(nonce, noncelen)) {
		free(authzid);
		free(user);
		return malformed(s, "no user and nonce");
	}
	other = authzid != NULL && strcmp(authzid, user) != 0;
	free(authzid);
	claim(s, user);
	if (other)
		return failed(s, "wants to act for another user");
	scram_salt(s);
	buf_puts(&s->server_first, "r=");
	buf_put(&s->server_first, nonce, noncelen);
	buf_printf(&s->server_first, "%s,s=", s->seed.nonce);
	turn_base64_encode(&s->server_first, s->salt, sizeof(s->salt));
	buf_printf(&s->server_first, ",i=%d", TURN_SCRAM_ITERATIONS);
	buf_put(out, s->server_first.data, s->server_first.len);
	s->state = SASL_PROOF;
	return SASL_CHALLENGE;
}

/* The nonce of our first message: what stands between "r=" and ",s=". */
static bool
same_nonce(const struct turn_sasl *s, const char *v, size_t len)
{
	const char *mine = s->server_first.data + 2;
	const char *comma = strchr(mine, ',');

	return len == (size_t)(comma - mine) && memcmp(mine, v, len) == 0;
}

static bool
same_binding(const struct turn_sasl *s, const char *v, size_t len)
{
	struct buf b = BUF_INIT;
	bool same = turn_base64_decode(&b, v, len) == 0 && b.len == s->gs2.len &&
	    memcmp(b.data, s->gs2.data, b.len) == 0;

	buf_free(&b);
	return same;
}

/* RFC 5802 3: what proof the client should have sent, and how we prove to know the secret. */
static void
scram_compute(const struct turn_sasl *s, const char *without_proof, size_t len,
    uint8_t proof[SCRAM_SIZE], uint8_t signature[SCRAM_SIZE])
{
	uint8_t salted[SCRAM_SIZE], key[SCRAM_SIZE], stored[SCRAM_SIZE];
	const char *secret = secret_of(s);
	struct buf auth = BUF_INIT;

	buf_printf(&auth, "%s,%s,", buf_str(&s->first_bare), buf_str(&s->server_first));
	buf_put(&auth, without_proof, len);
	if (PKCS5_PBKDF2_HMAC(secret, (int)strlen(secret), s->salt, sizeof(s->salt),
	    TURN_SCRAM_ITERATIONS, EVP_sha256(), sizeof(salted), salted) != 1)
		log_fatal("OpenSSL cannot compute PBKDF2");
	hmac(EVP_sha256(), salted, sizeof(salted), "Client Key", 10, key);
	(void)SHA256(key, sizeof(key), stored);
	hmac(EVP_sha256(), stored, sizeof(stored), auth.data, auth.len, proof);
	for (size_t i = 0; i < SCRAM_SIZE; i++)
		proof[i] ^= key[i];
	hmac(EVP_sha256(), salted, sizeof(salted), "Server Key", 10, key);
	hmac(EVP_sha256(), key, sizeof(key), auth.data, auth.len, signature);
	OPENSSL_cleanse(salted, sizeof(salted));
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(stored, sizeof(stored));
	buf_free(&auth);
}

/* Its last attribute, ",p=" proof; NULL: there is none. */
static const char *
find_proof(const char *msg, size_t len)
{
	for (const char *p = msg + len; p - msg >= 3; p--)
		if (memcmp(p - 3, ",p=", 3) == 0)
			return p;
	return NULL;
}

/* client-final-message: "c=" binding ",r=" nonce ["," extensions] ",p=" proof */
static enum turn_sasl_result
scram_final(struct turn_sasl *s, const char *msg, size_t len, struct buf *out)
{
	const char *p = msg, *end = msg + len, *binding, *nonce, *proof = find_proof(msg, len);
	size_t bindinglen, noncelen;
	uint8_t wanted[SCRAM_SIZE], signature[SCRAM_SIZE];
	struct buf given = BUF_INIT;
	enum turn_sasl_result r;

	binding = attribute(&p, end, 'c', &bindinglen);
	nonce = binding != NULL ? attribute(&p, end, 'r', &noncelen) : NULL;
	if (nonce == NULL || proof == NULL ||
	    turn_base64_decode(&given, proof, (size_t)(end - proof)) == -1 ||
	    given.len != SCRAM_SIZE) {
		buf_free(&given);
		return malformed(s, "no proof");
	}
	if (!same_binding(s, binding, bindinglen) || !same_nonce(s, nonce, noncelen)) {
		buf_free(&given);
		return failed(s, "the binding or the nonce is another one");
	}
	scram_compute(s, msg, (size_t)(proof - 3 - msg), wanted, signature);
	r = judge(s, (const uint8_t *)given.data, wanted, sizeof(wanted));
	buf_free(&given);
	if (r != SASL_OK)
		return r;
	buf_puts(out, "v=");
	turn_base64_encode(out, signature, sizeof(signature));
	s->state = SASL_ACKNOWLEDGE;
	return SASL_CHALLENGE;
}

static enum turn_sasl_result
scram(struct turn_sasl *s, const char *msg, size_t len, struct buf *out)
{
	switch (s->state) {
	case SASL_START:
		if (msg == NULL)
			return SASL_CHALLENGE;		/* an empty one: the client begins */
		return scram_first(s, msg, len, out);
	case SASL_PROOF:
		if (msg == NULL)
			break;
		return scram_final(s, msg, len, out);
	case SASL_ACKNOWLEDGE:	/* RFC 4954 4: it has our signature, and nothing to say to it */
		if (len > 0)
			break;
		s->state = SASL_OVER;
		return SASL_OK;
	case SASL_OVER:
		break;
	}
	return malformed(s, "out of order");
}

/* --- life ---------------------------------------------------------------- */

struct turn_sasl *
turn_sasl_new(enum turn_mechanism mechanism, const char *hostname,
    const struct turn_users *users, const struct turn_sasl_seed *seed)
{
	struct turn_sasl *s = xcalloc(1, sizeof(*s));

	s->mechanism = mechanism;
	s->users = users;
	s->seed = *seed;
	s->why = "";
	s->claimed = xstrdup("");
	s->challenge = xasprintf("<%s@%s>", seed->nonce, hostname);
	return s;
}

void
turn_sasl_free(struct turn_sasl **sp)
{
	struct turn_sasl *s = *sp;

	if (s == NULL)
		return;
	buf_free(&s->gs2);
	buf_free(&s->first_bare);
	buf_free(&s->server_first);
	free(s->challenge);
	free(s->claimed);
	OPENSSL_cleanse(&s->seed, sizeof(s->seed));
	free(s);
	*sp = NULL;
}

enum turn_sasl_result
turn_sasl_input(struct turn_sasl *s, const char *msg, size_t len, struct buf *challenge)
{
	/* No message of either mechanism has a NUL: text functions are safe from here on. */
	if (msg != NULL && memchr(msg, '\0', len) != NULL)
		return malformed(s, "contains a NUL byte");
	switch (s->mechanism) {
	case MECH_CRAM_MD5:
		return cram(s, msg, len, challenge);
	case MECH_SCRAM_SHA_256:
		return scram(s, msg, len, challenge);
	case MECH_UNKNOWN:
		break;
	}
	return malformed(s, "no such mechanism");
}

const struct turn_user *
turn_sasl_user(const struct turn_sasl *s)
{
	return s->user;
}

const char *
turn_sasl_claimed(const struct turn_sasl *s)
{
	return s->claimed;
}

const char *
turn_sasl_why(const struct turn_sasl *s)
{
	return s->why;
}
