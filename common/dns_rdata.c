/*
 * dns_rdata.c -- answers of the DNS as values: status, words, names out of RDATA.
 *
 * Everything here comes from the network by way of libunbound. Lengths are
 * checked again, and a name with octets that no host name has is malformed: it could
 * only end up in a log line or a file name.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unbound.h>

#include "common/buf.h"
#include "common/dns_private.h"

#define RCODE_OK	0
#define RCODE_SERVFAIL	2
#define RCODE_REFUSED	5

static const char *
type_name(enum dns_type type)
{
	switch (type) {
	case DNS_A:
		return "A";
	case DNS_CNAME:
		return "CNAME";
	case DNS_PTR:
		return "PTR";
	case DNS_MX:
		return "MX";
	case DNS_TXT:
		return "TXT";
	case DNS_AAAA:
		return "AAAA";
	case DNS_TLSA:
		return "TLSA";
	}
	return "such";
}

static const uint8_t *
copy_octets(const void *from, size_t len)
{
	uint8_t *copy = xcalloc(len + 1, 1);

	memcpy(copy, from, len);
	return copy;
}

static void
copy_records(struct dns_answer *a, const struct ub_result *r)
{
	size_t n = 0;

	while (n < DNS_RR_MAX && r->data[n] != NULL)
		n++;
	a->rr = xcalloc(n, sizeof(*a->rr));
	for (size_t i = 0; i < n; i++) {
		size_t len = r->len[i] > 0 ? (size_t)r->len[i] : 0;

		a->rr[i] = (struct dns_rr){ copy_octets(r->data[i], len), len };
	}
	a->n = n;
}

void
dns_answer_copy(struct dns_answer *to, const struct dns_answer *from)
{
	*to = *from;
	to->canonical = from->canonical != NULL ? xstrdup(from->canonical) : NULL;
	to->why = from->why != NULL ? xstrdup(from->why) : NULL;
	to->rr = from->n > 0 ? xcalloc(from->n, sizeof(*to->rr)) : NULL;
	for (size_t i = 0; i < from->n; i++)
		to->rr[i] = (struct dns_rr){ copy_octets(from->rr[i].data, from->rr[i].len), from->rr[i].len };
}

static void
copy_canonical(struct dns_answer *a, const struct ub_result *r)
{
	size_t len;

	if (r->canonname == NULL)
		return;
	a->canonical = xstrdup(r->canonname);
	len = strlen(a->canonical);
	if (len > 0 && a->canonical[len - 1] == '.')
		a->canonical[--len] = '\0';
	if (strncasecmp(a->canonical, r->qname, len) == 0 &&
	    (r->qname[len] == '\0' || strcmp(r->qname + len, ".") == 0)) {
		free(a->canonical);
		a->canonical = NULL;
	}
}

static char *
rcode_words(int rcode)
{
	switch (rcode) {
	case RCODE_SERVFAIL:
		return xstrdup("the name servers cannot answer (SERVFAIL)");
	case RCODE_REFUSED:
		return xstrdup("the name server refuses to answer (REFUSED)");
	}
	return xasprintf("the name servers cannot answer (code %d)", rcode);
}

void
dns_answer_set(struct dns_answer *a, enum dns_type type, const struct ub_result *r)
{
	memset(a, 0, sizeof(*a));
	if (r->bogus) {
		a->status = DNS_BOGUS;
		a->why = xasprintf("DNSSEC: %s", r->why_bogus != NULL && *r->why_bogus != '\0' ?
		    r->why_bogus : "the answer does not validate");
		return;
	}
	a->secure = r->secure != 0;
	a->ttl = r->ttl > 0 ? (unsigned)r->ttl : 0;
	copy_canonical(a, r);
	if (r->nxdomain) {
		a->status = DNS_NXDOMAIN;
		a->why = xstrdup("no such name");
	} else if (r->rcode != RCODE_OK) {
		a->status = DNS_FAILED;
		a->secure = false;
		a->why = rcode_words(r->rcode);
	} else if (r->havedata && r->data[0] != NULL) {
		a->status = DNS_OK;
		copy_records(a, r);
	} else {
		a->status = DNS_NODATA;
		a->why = xasprintf("the name has no %s record", type_name(type));
	}
}

void
dns_answer_clear(struct dns_answer *a)
{
	for (size_t i = 0; i < a->n; i++)
		free((void *)(uintptr_t)a->rr[i].data);
	free(a->rr);
	free(a->canonical);
	free(a->why);
	memset(a, 0, sizeof(*a));
}

int
dns_name(const struct dns_rr *rr, size_t at, char name[DNS_NAME_MAX])
{
	size_t p = at, out = 0, label;

	*name = '\0';
	for (;;) {
		if (p >= rr->len || (label = rr->data[p++]) > 63 || label > rr->len - p)
			return -1;
		if (label == 0)
			break;
		if (out + (out > 0) + label >= DNS_NAME_MAX)
			return -1;
		if (out > 0)
			name[out++] = '.';
		for (size_t i = 0; i < label; i++) {
			unsigned char c = rr->data[p++];

			if (!isgraph(c) || c > 0x7e || strchr(".\\/\"", c) != NULL)
				return -1;
			name[out++] = (char)tolower(c);
		}
	}
	name[out] = '\0';
	return (int)(p - at);
}

int
dns_mx(const struct dns_rr *rr, unsigned *preference, char host[DNS_NAME_MAX])
{
	if (rr->len < 3 || dns_name(rr, 2, host) != (int)rr->len - 2)
		return -1;
	*preference = (unsigned)rr->data[0] << 8 | rr->data[1];
	return 0;
}
