/*
 * dnsbl_ask.c -- questions to DNS lists about one client, or one message.
 *
 * Each question has an end of its own, counted from when it was put. They are waited for one after
 * the other, but all run at the same time: a session waits for the longest of them, not for their
 * sum. What has no answer by then counts as not listed for the client, and as a failure for the zone.
 *
 * Nothing that a list says can refuse mail by accident: only addresses in 127.0.0.0/8 are handed on,
 * and 127.255.255.0/24 (an error, by common use) as well as addresses from elsewhere (a domain that was
 * sold, a resolver that lies) switch the zone off. So does a zone that lists everything, as some do when they
 * are given up: now and then it is asked as well for what no list may contain (RFC 5782 5).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/dnsbl_ask.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/idn.h"
#include "milter/dnsbl.h"
#include "milter/helo.h"
#include "milter/quote.h"

struct question {
	char			*zone;
	enum rules_dnsbl_what	 what;
	char			 name[DNS_NAME_MAX];	/* looked up */
	enum dnsbl_ticket	 ticket;
	struct dns_query	*query;			/* NULL: answered, or not asked */
	struct dns_query	*test;			/* for what no list may contain; NULL: not asked */
	int64_t			 deadline;		/* mono ms */
	uint32_t		 addr[DNSBL_ANSWERS_MAX];
	size_t			 naddrs;
	char			*text;			/* NULL: not looked up */
};

struct dnsbl_asked {
	struct dnsbl		*dnsbl;
	struct dnsbl_limits	 limits;
	bool			 dry;
	struct question		*v;
	size_t			 n;
};

/* --- names ---------------------------------------------------------------------------- */

static bool
in(const uint8_t *addr, const char *network, unsigned bits, size_t size)
{
	uint8_t n[16];

	if (inet_pton(size == 4 ? AF_INET : AF_INET6, network, n) != 1)
		return false;
	return memcmp(addr, n, bits / 8) == 0 &&
	    (bits % 8 == 0 || (addr[bits / 8] ^ n[bits / 8]) >> (8 - bits % 8) == 0);
}

/* Addresses that mean another host in each network: no list can know them (RFC 6890). */
static bool
is_local(const uint8_t *addr, size_t size)
{
	static const struct {
		const char	*network;
		unsigned	 bits;
		size_t		 size;
	} local[] = {
		{ "0.0.0.0", 8, 4 }, { "10.0.0.0", 8, 4 }, { "100.64.0.0", 10, 4 }, { "127.0.0.0", 8, 4 },
		{ "169.254.0.0", 16, 4 }, { "172.16.0.0", 12, 4 }, { "192.168.0.0", 16, 4 },
		{ "::", 127, 16 }, { "fc00::", 7, 16 }, { "fe80::", 10, 16 },
	};

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		if (local[i].size == size && in(addr, local[i].network, local[i].bits, size))
			return true;
	return false;
}

/* RFC 5782 2.1, 2.4: bytes, or nibbles, from the last to the first. */
static int
reversed(const char *subject, char out[DNS_NAME_MAX])
{
	bool six = strchr(subject, ':') != NULL;
	size_t size = six ? 16 : 4, at = 0;
	uint8_t addr[16];

	if (inet_pton(six ? AF_INET6 : AF_INET, subject, addr) != 1 || is_local(addr, size))
		return -1;
	for (size_t i = size; i-- > 0;)
		at += (size_t)snprintf(out + at, DNS_NAME_MAX - at, six ? "%s%x.%x" : "%s%u",
		    i + 1 < size ? "." : "", six ? addr[i] & 15u : addr[i], addr[i] >> 4);
	return 0;
}

static int
named(enum rules_dnsbl_what what, const char *subject, char out[DNS_NAME_MAX])
{
	struct helo helo;

	if (what == DNSBL_HELO) {
		helo_parse(subject, &helo);
		if (helo.kind != HELO_NAME)
			return -1;
		memcpy(out, helo.name, sizeof(helo.name));
	} else if (idn_to_dns(subject, out) == -1) {
		return -1;
	}
	return strchr(out, '.') != NULL ? 0 : -1;
}

int
dnsbl_name(const char *zone, enum rules_dnsbl_what what, const char *subject, char name[DNS_NAME_MAX])
{
	char label[DNS_NAME_MAX];
	int len;

	if ((what == DNSBL_CLIENT ? reversed(subject, label) : named(what, subject, label)) == -1)
		return -1;
	len = snprintf(name, DNS_NAME_MAX, "%s.%s", label, zone);
	return len > 0 && len <= DNS_NAME_MAX - 3 ? 0 : -1;	/* 253 characters */
}

/* --- questions -------------------------------------------------------------------------- */

struct dnsbl_asked *
dnsbl_asked_new(struct dnsbl *dnsbl, const struct dnsbl_limits *limits, bool dry)
{
	struct dnsbl_asked *a = xcalloc(1, sizeof(*a));

	a->dnsbl = dnsbl;
	a->limits = *limits;
	a->dry = dry;
	return a;
}

static void
give(const struct dnsbl_asked *a, struct question *q, enum dnsbl_result result, const char *detail)
{
	if (!a->dry && q->ticket != DNSBL_NO)
		dnsbl_give(a->dnsbl, q->zone, q->ticket, result, detail, &a->limits, clock_mono_ms());
	q->ticket = DNSBL_NO;
}

void
dnsbl_asked_free(struct dnsbl_asked **ap)
{
	struct dnsbl_asked *a = *ap;

	if (a == NULL)
		return;
	for (size_t i = 0; i < a->n; i++) {
		struct question *q = &a->v[i];

		dns_drop(&q->query);
		dns_drop(&q->test);
		give(a, q, DNSBL_NOTHING, "");
		free(q->zone);
		free(q->text);
	}
	free(a->v);
	free(a);
	*ap = NULL;
}

static struct question *
find(const struct dnsbl_asked *a, const char *zone, enum rules_dnsbl_what what)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->v[i].what == what && strcmp(a->v[i].zone, zone) == 0)
			return &a->v[i];
	return NULL;
}

static enum dnsbl_ticket
ticket(const struct dnsbl_asked *a, const char *zone, int64_t now)
{
	if (a->dry)
		return dnsbl_is_off(a->dnsbl, zone) ? DNSBL_NO : DNSBL_ASK;
	return dnsbl_take(a->dnsbl, zone, now);
}

/* RFC 5782 5: 127.0.0.1, or `INVALID'. */
static const char *
never_listed(enum rules_dnsbl_what what)
{
	return what == DNSBL_CLIENT ? "1.0.0.127" : "invalid";
}

void
dnsbl_ask(struct dnsbl_asked *a, const char *zone, enum rules_dnsbl_what what, const char *subject,
    int64_t ms)
{
	int64_t now = clock_mono_ms();
	char test[DNS_NAME_MAX];
	struct question *q;

	if (find(a, zone, what) != NULL)
		return;
	a->v = xrealloc(a->v, a->n + 1, sizeof(*a->v));
	q = &a->v[a->n++];
	*q = (struct question){ .zone = xstrdup(zone), .what = what, .deadline = now + ms };
	if (dnsbl_name(zone, what, subject, q->name) == -1 ||
	    (q->ticket = ticket(a, zone, now)) == DNSBL_NO)
		return;
	q->query = dns_begin(dnsbl_dns(a->dnsbl), q->name, DNS_A);
	if (!a->dry && (q->ticket == DNSBL_PROBE ||
	    dnsbl_test_is_due(a->dnsbl, zone, a->limits.pause, now))) {
		(void)snprintf(test, sizeof(test), "%s.%s", never_listed(what), zone);
		q->test = dns_begin(dnsbl_dns(a->dnsbl), test, DNS_A);
	}
}

/* --- answers ------------------------------------------------------------------------------ */

static int
by_value(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/*
 * Listings into q->addr, in order: name servers rotate theirs. False: it is not the answer of a list,
 * and *bad is what came.
 */
static bool
read_addresses(struct question *q, const struct dns_answer *a, uint32_t *bad)
{
	uint32_t addr;

	for (size_t i = 0; i < a->n && q->naddrs < DNSBL_ANSWERS_MAX; i++) {
		if (a->rr[i].len != sizeof(addr))
			continue;
		memcpy(&addr, a->rr[i].data, sizeof(addr));
		addr = ntohl(addr);
		if (addr >> 24 != 127 || addr >> 8 == 0x7fffff) {
			*bad = addr;
			q->naddrs = 0;
			return false;
		}
		q->addr[q->naddrs++] = addr;
	}
	qsort(q->addr, q->naddrs, sizeof(q->addr[0]), by_value);
	return true;
}

static void
answered(const struct dnsbl_asked *a, struct question *q, const struct dns_answer *answer,
    bool lists_all)
{
	char detail[64], text[INET_ADDRSTRLEN];
	uint32_t bad;

	switch (answer->status) {
	case DNS_OK:
		if (!read_addresses(q, answer, &bad)) {
			bad = htonl(bad);
			(void)snprintf(detail, sizeof(detail), "it answers %s, which is an error",
			    inet_ntop(AF_INET, &bad, text, sizeof(text)));
			give(a, q, DNSBL_ERROR, detail);
		} else if (lists_all) {
			q->naddrs = 0;
			give(a, q, DNSBL_ERROR, "it lists everything");
		} else {
			give(a, q, DNSBL_ANSWER, "");
		}
		return;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		give(a, q, DNSBL_ANSWER, "");
		return;
	case DNS_FAILED:
	case DNS_BOGUS:
		give(a, q, DNSBL_SILENCE, answer->why);
		return;
	}
}

/* A zone that went off while we wait is not waited for, unless we are to find out whether it is back. */
static int64_t
patience(const struct dnsbl_asked *a, const struct question *q)
{
	int64_t left = q->deadline - clock_mono_ms();

	if (left <= 0 || (q->ticket != DNSBL_PROBE && dnsbl_is_off(a->dnsbl, q->zone)))
		return 0;
	return left;
}

/* Does it contain what no list may? If it does not say in time, that is no matter. */
static bool
fails_test(const struct dnsbl_asked *a, struct question *q)
{
	struct dns_answer answer;
	bool listed;

	if (q->test == NULL)
		return false;
	if (!dns_finish(&q->test, patience(a, q), &answer)) {
		dns_drop(&q->test);
		return false;
	}
	listed = answer.status == DNS_OK;
	dns_answer_clear(&answer);
	return listed;
}

void
dnsbl_collect(struct dnsbl_asked *a)
{
	struct dns_answer answer;

	for (size_t i = 0; i < a->n; i++) {
		struct question *q = &a->v[i];
		bool lists_all;

		if (q->query == NULL)
			continue;
		lists_all = fails_test(a, q);
		if (dns_finish(&q->query, patience(a, q), &answer)) {
			answered(a, q, &answer, lists_all);
			dns_answer_clear(&answer);
		} else {
			dns_drop(&q->query);
			give(a, q, DNSBL_SILENCE, "it does not answer in time");
		}
	}
}

size_t
dnsbl_answers(const struct dnsbl_asked *a, const char *zone, enum rules_dnsbl_what what,
    const uint32_t **addr)
{
	const struct question *q = find(a, zone, what);

	if (q == NULL)
		return 0;
	*addr = q->addr;
	return q->naddrs;
}

/* --- the list's words ----------------------------------------------------------------------- */

void
dnsbl_read_text(const struct dns_rr *rr, char text[DNSBL_TEXT_SIZE])
{
	size_t at = 0, out = 0, len;

	text[0] = '\0';
	while (at < rr->len && out + 1 < DNSBL_TEXT_SIZE) {
		len = rr->data[at++];
		if (len > rr->len - at)
			len = rr->len - at;
		(void)quote(text + out, DNSBL_TEXT_SIZE - out, rr->data + at, len);
		out += strlen(text + out);
		at += len;
	}
}

const char *
dnsbl_text(struct dnsbl_asked *a, const char *zone, enum rules_dnsbl_what what)
{
	struct question *q = find(a, zone, what);
	struct dns_answer answer;
	int64_t left;

	if (q == NULL)
		return "";
	if (q->text == NULL) {
		q->text = xcalloc(1, DNSBL_TEXT_SIZE);
		left = q->deadline - clock_mono_ms();
		if (left > 0 && q->naddrs > 0) {
			dns_resolve_within(dnsbl_dns(a->dnsbl), q->name, DNS_TXT, left, &answer);
			if (answer.status == DNS_OK)
				dnsbl_read_text(&answer.rr[0], q->text);
			dns_answer_clear(&answer);
		}
	}
	return q->text;
}
