/*
 * spf_rdata.c -- what SPF reads out of DNS answers: names as odd as they come, and policies
 * among texts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/spf_rdata.h"

#include <ctype.h>
#include <stdio.h>

#include "milter/spf_record.h"

bool
spf_rdata_name(const struct dns_rr *rr, size_t at, char name[DNS_NAME_MAX])
{
	size_t out = 0, n;

	for (; at < rr->len && (n = rr->data[at]) != 0; at += n + 1) {
		if (n > 63 || n >= rr->len - at || out + (out > 0) + n >= DNS_NAME_MAX)
			return false;
		if (out > 0)
			name[out++] = '.';
		for (size_t i = 1; i <= n; i++) {
			unsigned char c = rr->data[at + i];

			if (c < 0x20 || c > 0x7e || c == '.')
				return false;
			name[out++] = (char)tolower(c);
		}
	}
	name[out] = '\0';
	return at < rr->len && out > 0;
}

void
spf_rdata_pointer(const uint8_t c[16], bool ipv6, char out[SPF_POINTER_SIZE])
{
	size_t at = 0;

	if (!ipv6) {
		(void)snprintf(out, SPF_POINTER_SIZE, "%u.%u.%u.%u.in-addr.arpa", c[3], c[2], c[1], c[0]);
		return;
	}
	for (size_t i = 16; i-- > 0; at += 4)
		(void)snprintf(out + at, SPF_POINTER_SIZE - at, "%x.%x.", c[i] & 15u, c[i] >> 4u);
	(void)snprintf(out + at, SPF_POINTER_SIZE - at, "ip6.arpa");
}

/* 3.3: the strings of a TXT record are one. */
static void
join_strings(const struct dns_rr *rr, struct buf *out)
{
	size_t at = 0, n;

	buf_clear(out);
	while (at < rr->len && (n = rr->data[at]) < rr->len - at) {
		buf_put(out, rr->data + at + 1, n);
		at += n + 1;
	}
}

size_t
spf_rdata_policy(const struct dns_answer *a, struct buf *policy)
{
	struct buf text = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		join_strings(&a->rr[i], &text);
		if (!spf_record_is(buf_str(&text), text.len))
			continue;
		buf_clear(policy);
		buf_put(policy, text.data, text.len);
		n++;
	}
	buf_free(&text);
	return n;
}
