/*
 * fuzz_spf.c -- an SPF evaluation with whatever the DNS might say.
 *
 * The input: an octet (bit 0: an IPv6 client), a line with HELO, a line with the sender, and
 * after that the DNS's answers, one a line, each to the next question: `!' fails, `-' is
 * NXDOMAIN, anything else is the record (of TXT its text, of MX and PTR a name, of an address
 * the first octets); "\|" parts several. When they are used up, all is NXDOMAIN.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "milter/spf_budget.h"
#include "milter/spf_eval.h"
#include "test/fuzz/fuzz.h"

struct input {
	const uint8_t	*p, *end;
	unsigned	 questions;
};

/* The next line. */
static size_t
next(struct input *in, const uint8_t **line)
{
	const uint8_t *lf = memchr(in->p, '\n', (size_t)(in->end - in->p));
	size_t len = (size_t)((lf != NULL ? lf : in->end) - in->p);

	*line = in->p;
	in->p = lf != NULL ? lf + 1 : in->end;
	return len;
}

static void
put_name(struct buf *b, const uint8_t *s, size_t len)
{
	while (len > 0) {
		const uint8_t *dot = memchr(s, '.', len);
		size_t n = dot != NULL ? (size_t)(dot - s) : len;

		buf_putc(b, (char)n);		/* longer than 63: malformed, as strangers may be */
		buf_put(b, s, n);
		n += dot != NULL;
		s += n;
		len -= n;
	}
	buf_putc(b, '\0');
}

static void
put_record(struct buf *b, enum dns_type type, const uint8_t *s, size_t len)
{
	size_t n;

	switch (type) {
	case DNS_MX:
		buf_put(b, "\0\1", 2);
		put_name(b, s, len);
		return;
	case DNS_PTR:
		put_name(b, s, len);
		return;
	case DNS_A:
	case DNS_AAAA:
		n = type == DNS_A ? 4 : 16;
		buf_put(b, s, len < n ? len : n);
		return;
	case DNS_TXT:
	case DNS_CNAME:
	case DNS_TLSA:
		break;
	}
	do {
		n = len < 255 ? len : 255;
		buf_putc(b, (char)n);
		buf_put(b, s, n);
		s += n;
		len -= n;
	} while (len > 0);
}

static void
add(struct dns_answer *a, enum dns_type type, const uint8_t *s, size_t len)
{
	struct buf b = BUF_INIT;

	put_record(&b, type, s, len);
	a->rr = xrealloc(a->rr, a->n + 1, sizeof(*a->rr));
	a->rr[a->n].len = b.len;
	a->rr[a->n++].data = (const uint8_t *)buf_take(&b);
}

static void
resolve(void *arg, const char *name, enum dns_type type, int64_t ms, struct dns_answer *a)
{
	struct input *in = arg;
	const uint8_t *line, *bar;
	size_t len, n;

	(void)ms;
	/* What is asked is a name, and there is an end to it. */
	CHECK(strlen(name) > 0 && strlen(name) <= 2 * SPF_NAME_MAX);
	CHECK(strchr(name, SPF_MARK) == NULL);
	CHECK(++in->questions <= 1 + SPF_TERMS_MAX * (1 + SPF_NAMES_MAX) + 1 + SPF_NAMES_MAX);
	memset(a, 0, sizeof(*a));
	len = next(in, &line);
	a->status = len > 0 && line[0] == '!' ? DNS_FAILED : DNS_NXDOMAIN;
	if (len == 0 || line[0] == '!' || line[0] == '-')
		return;
	a->status = DNS_OK;
	for (;; line += n, len -= n) {
		bar = memmem(line, len, "\\|", 2);
		n = bar != NULL ? (size_t)(bar - line) : len;
		add(a, type, line, n);
		if (bar == NULL || a->n == DNS_RR_MAX)
			return;
		n += 2;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { data + 1, data + len, 0 };
	struct spf_message q, back;
	struct spf_message m = { .type = SPF_MESSAGE_ANSWER };
	uint8_t packet[SPF_PROTO_MAX];
	struct spf_eval *e;
	const uint8_t *line;
	size_t n;

	if (len < 1)
		return 0;
	memset(&q, 0, sizeof(q));
	q.type = SPF_MESSAGE_QUERY;
	q.deadline = clock_mono_ms() + 3600 * 1000;
	q.ipv6 = (data[0] & 1) != 0;
	memcpy(q.client, q.ipv6 ? "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" : "\xc0\0\2\1\0\0\0\0\0\0\0\0\0\0\0", 16);
	n = next(&in, &line);
	memcpy(q.helo, line, n < SPF_TEXT_MAX ? n : SPF_TEXT_MAX);
	n = next(&in, &line);
	memcpy(q.sender, line, n < SPF_TEXT_MAX ? n : SPF_TEXT_MAX);
	q.has_sender = n > 0;
	e = spf_eval_new(resolve, &in);
	spf_eval_run(e, &q, &m.answer);
	spf_eval_free(&e);
	CHECK(m.answer.queries == in.questions);
	CHECK(m.answer.terms <= SPF_TERMS_MAX + 1);
	/* The answer can be told. */
	CHECK(spf_proto_read(packet, spf_proto_write(&m, packet), &back) == 0);
	return 0;
}
