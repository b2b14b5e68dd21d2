/*
 * rules_values.c -- what is written in small languages of their own: rates, return codes, days,
 * names of checks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/rules_row.h"
#include "common/rules_screen.h"

#define AMOUNT_MAX	1000000000000ull
#define INTERVAL_MAX	(30u * 86400)
#define CODES_MAX	64

/* --- rates: 20/1m, 100M/1h ---------------------------------------------------------- */

static int
amount(const char *s, size_t len, uint64_t *n)
{
	char *text = xstrndup(s, len);
	int rc = conf_parse_size(text, n);

	free(text);
	return rc == 0 && *n >= 1 && *n <= AMOUNT_MAX ? 0 : -1;
}

static int
rate_parse(const char *rate, const char *burst, struct rules_limit *l, bool bytes, char **why)
{
	size_t len = strcspn(rate, "/");

	l->none = strcmp(rate, "none") == 0;
	if (l->none)
		return 0;
	if (rate[len] != '/' || amount(rate, len, &l->amount) == -1 ||
	    (!bytes && strspn(rate, "0123456789") != len) ||
	    conf_parse_interval(rate + len + 1, &l->interval) == -1 || l->interval < 1 ||
	    l->interval > INTERVAL_MAX) {
		*why = xasprintf("`%s' is not a rate like %s, or none", rate, bytes ? "100M/1h" : "20/1m");
		return -1;
	}
	l->burst = l->amount;
	if (burst[0] != '\0' && (amount(burst, strlen(burst), &l->burst) == -1 ||
	    (!bytes && strspn(burst, "0123456789") != strlen(burst)))) {
		*why = xasprintf("burst `%s' is not a number above 0", burst);
		return -1;
	}
	return 0;
}

int
rules_rate_check(const char *rate, const char *burst, bool bytes, char **why)
{
	struct rules_limit l = { .none = false };

	return rate_parse(rate, burst, &l, bytes, why);
}

void
rules_parse_rate(const char *rate, const char *burst, struct rules_limit *l)
{
	char *why = NULL;

	if (rate_parse(rate, burst, l, l->what == LIMIT_BYTES, &why) == -1)
		abort();	/* it was canonical */
}

/* --- return codes of DNS lists -------------------------------------------------------- */

static int
ipv4(const char *s, size_t len, uint32_t *out)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr a;

	if (len >= sizeof(text))
		return -1;
	memcpy(text, s, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, &a) != 1)
		return -1;
	*out = ntohl(a.s_addr);
	return *out >> 24 == 127 ? 0 : -1;
}

/* "127.0.0.2", "127.0.0.4-127.0.0.11", "127.0.0.0&6" */
static int
code(const char *s, size_t len, struct rules_codes *c)
{
	size_t first = strcspn(s, "-& ");

	memset(c, 0, sizeof(*c));
	if (first > len)
		first = len;
	if (ipv4(s, first, &c->lo) == -1)
		return -1;
	c->hi = c->lo;
	if (first == len)
		return 0;
	if (s[first] == '-')
		return ipv4(s + first + 1, len - first - 1, &c->hi) == 0 && c->hi >= c->lo ? 0 : -1;
	/* What the mask is put over is all of 127.0.0.0/8. */
	if (c->lo != 0x7f000000 || strspn(s + first + 1, "0123456789") != len - first - 1 ||
	    len - first - 1 > 8)
		return -1;
	c->mask = (uint32_t)strtoul(s + first + 1, NULL, 10);
	return c->mask >= 1 && c->mask <= 0xffffff ? 0 : -1;
}

int
rules_codes_parse(const char *text, struct rules_codes **codes, size_t *n, char **why)
{
	struct rules_codes *v = xcalloc(CODES_MAX, sizeof(*v));
	size_t len;

	*n = 0;
	for (const char *p = text + strspn(text, " ,"); *p != '\0'; p += strspn(p, " ,")) {
		len = strcspn(p, " ,");
		if (*n == CODES_MAX || code(p, len, &v[*n]) == -1) {
			*why = *n == CODES_MAX ? xasprintf("more than %d of them", CODES_MAX) :
			    xasprintf("`%.*s' is not 127.0.0.2, 127.0.0.4-127.0.0.11 or 127.0.0.0&6",
			    (int)len, p);
			free(v);
			*codes = NULL;
			return -1;
		}
		++*n;
		p += len;
	}
	*codes = v;
	return 0;
}

static void
put_ipv4(struct buf *b, uint32_t address)
{
	buf_printf(b, "%u.%u.%u.%u", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff,
	    address & 0xff);
}

char *
rules_codes_format(const struct rules_codes *codes, size_t n)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		buf_puts(&b, i == 0 ? "" : " ");
		put_ipv4(&b, codes[i].lo);
		if (codes[i].mask != 0)
			buf_printf(&b, "&%u", codes[i].mask);
		else if (codes[i].hi != codes[i].lo) {
			buf_putc(&b, '-');
			put_ipv4(&b, codes[i].hi);
		}
	}
	return buf_take(&b);
}

bool
rules_dnsbl_counts(const struct rules_dnsbl *d, uint32_t address)
{
	/* RFC 5782 2.1: 127.0.0.0/8; 127.255.255.0/24 are errors by common use. */
	if (address >> 24 != 127 || address >> 8 == 0x7fffff)
		return false;
	for (size_t i = 0; i < d->ncodes; i++) {
		const struct rules_codes *c = &d->codes[i];

		if (c->mask != 0 ? (address & c->mask) != 0 : address >= c->lo && address <= c->hi)
			return true;
	}
	return d->ncodes == 0;
}

/* --- days ------------------------------------------------------------------------------ */

int64_t
rules_day_end(const char *day)
{
	struct tm tm = { .tm_isdst = -1 }, back;
	int year, month, mday;
	time_t t;

	if (day[0] == '\0')
		return 0;
	if (strlen(day) != 10 || day[4] != '-' || day[7] != '-' ||
	    strspn(day, "0123456789-") != 10)
		return -1;
	year = atoi(day);
	month = atoi(day + 5);
	mday = atoi(day + 8);
	if (year < 1970 || month < 1 || month > 12 || mday < 1 || mday > 31)
		return -1;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = mday + 1;
	t = mktime(&tm);
	if (t == (time_t)-1)
		return -1;
	/* The 31st of November is the first of December. */
	back = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = mday, .tm_hour = 12,
	    .tm_isdst = -1 };
	return mktime(&back) != (time_t)-1 && back.tm_mday == mday ? (int64_t)t : -1;
}

/* --- checks ------------------------------------------------------------------------------ */

int
rules_checks_parse(const char *text, uint32_t *skip, char **why)
{
	enum rules_check check;
	size_t len;
	char *word;
	int rc;

	*skip = 0;
	for (const char *p = text + strspn(text, " ,"); *p != '\0'; p += strspn(p, " ,")) {
		len = strcspn(p, " ,");
		word = xstrndup(p, len);
		rc = rules_check_parse(word, &check);
		if (rc == 0 && (RULES_SKIPPABLE >> check & 1)) {
			*skip |= 1u << check;
			free(word);
			p += len;
			continue;
		}
		*why = rc == 0 ? xasprintf("`%s' cannot be skipped", word) :
		    xasprintf("there is no check `%s'", word);
		free(word);
		return -1;
	}
	if (*skip != 0)
		return 0;
	*why = xstrdup("must say what is skipped, like `greylist dnsbl'");
	return -1;
}
