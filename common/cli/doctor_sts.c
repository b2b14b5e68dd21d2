/*
 * doctor_sts.c -- does the domain's MTA-STS policy (RFC 8461) let senders come here?
 *
 * A domain that enforces a policy without this host in it loses its backup the day that it
 * is needed, and nobody sees it before. The policy is fetched as senders do, from
 * https://mta-sts.DOMAIN, with names from our own resolver.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "common/cli/doctor.h"
#include "common/cli/doctor_dns.h"
#include "common/cli/doctor_own.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/rules.h"

#define POLICY_MAX	65536	/* octets */

/* --- the policy ---------------------------------------------------------- */

/* RFC 8461 4.1: "*.example.test" stands for one label. */
static bool
mx_matches(const char *pattern, const char *mx)
{
	const char *dot;

	if (strncmp(pattern, "*.", 2) != 0)
		return strcasecmp(pattern, mx) == 0;
	dot = strchr(mx, '.');
	return dot != NULL && strcasecmp(pattern + 2, dot + 1) == 0;
}

enum sts_verdict
doctor_sts_judge(const char *policy, const char *mx, bool *enforced)
{
	bool version = false, mode = false, off = false, listed = false;

	*enforced = false;
	for (const char *p = policy; *p != '\0';) {
		size_t len = strcspn(p, "\r\n");
		char *line = xstrndup(p, len), *colon = strchr(line, ':'), *value, *end;

		p += len + strspn(p + len, "\r\n");
		if (colon != NULL) {
			*colon = '\0';
			value = colon + 1 + strspn(colon + 1, " \t");
			for (end = value + strlen(value);
			     end > value && isspace((unsigned char)end[-1]);)
				*--end = '\0';
			version = version ||
				  (strcmp(line, "version") == 0 && strcmp(value, "STSv1") == 0);
			if (strcmp(line, "mode") == 0) {
				mode = true;
				off = strcmp(value, "none") == 0;
				*enforced = strcmp(value, "enforce") == 0;
			}
			listed = listed || (strcmp(line, "mx") == 0 && mx_matches(value, mx));
		}
		free(line);
	}
	if (!version || !mode)
		return STS_BAD;
	if (off)
		return STS_OFF;
	return listed ? STS_LISTED : STS_NOT_LISTED;
}

/* Who follows a policy takes no certificate that has ended, bears another name or is self-signed. */
static void
judge_certificate(struct doctor *d, bool enforced)
{
	struct doctor_own own;
	char *flaw = NULL, *fix;

	memset(&own, 0, sizeof(own));
	if (d->mta != DOCTOR_NO_MTA) {
		doctor_own_open(d, &own);
		flaw = doctor_own_flaw(d, &own);
	}
	if (flaw == NULL)
		doctor_say(d, DOCTOR_OK, NULL, "its MTA-STS policy lists this host");
	else {
		fix = doctor_own_fix(d);
		doctor_say(d, enforced ? DOCTOR_FAIL : DOCTOR_WARN, fix,
		    "its MTA-STS policy lists this host and asks for a good certificate, but %s: %s",
		    flaw, enforced ? "careful senders will not deliver here" : "(mode: testing)");
		free(fix);
	}
	free(flaw);
	doctor_own_close(&own);
}

static void
judge(struct doctor *d, const char *policy)
{
	char *fix = xasprintf("add to https://mta-sts.%s/.well-known/mta-sts.txt the line: mx: %s "
			      "(and a new id in TXT _mta-sts.%s)",
	    d->name, d->conf->hostname, d->name);
	bool enforced;

	switch (doctor_sts_judge(policy, d->conf->hostname, &enforced)) {
	case STS_LISTED:
		judge_certificate(d, enforced);
		break;
	case STS_OFF:
		doctor_say(d, DOCTOR_OK, NULL, "its MTA-STS policy is switched off (mode: none)");
		break;
	case STS_BAD:
		free(fix);
		fix = xasprintf("curl https://mta-sts.%s/.well-known/mta-sts.txt  (there must be "
				"lines like: version: STSv1, mode: enforce, mx: %s, max_age: 604800)",
		    d->name, d->conf->hostname);
		doctor_say(
		    d, DOCTOR_FAIL, fix, "its MTA-STS policy is not one: no version or mode");
		break;
	case STS_NOT_LISTED:
		doctor_say(d, enforced ? DOCTOR_FAIL : DOCTOR_WARN, fix,
		    "its MTA-STS policy does not list %s: %s", d->conf->hostname,
		    enforced ? "careful senders will not deliver here" : "(mode: testing)");
		break;
	}
	free(fix);
}

/* --- fetching it --------------------------------------------------------- */

static size_t
take(char *data, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;

	if (b->len + size * n > POLICY_MAX)
		return 0;
	buf_put(b, data, size * n);
	return size * n;
}

/* The policy's text; -1 and *why. */
static int
fetch(struct doctor *d, const char *host, struct buf *b, char **why)
{
	struct hosts_addr v[TALK_ADDRESSES_MAX];
	size_t n = talk_addresses(d->dns, host, doctor_soon(d), v);
	char *url = xasprintf("https://%s/.well-known/mta-sts.txt", host), *where;
	struct curl_slist *names = NULL;
	CURL *c = curl_easy_init();
	CURLcode rc = CURLE_COULDNT_RESOLVE_HOST;
	long code = 0, left = (long)(doctor_soon(d) - clock_mono_ms());

	if (n > 0 && c != NULL && left > 0) {
		where = xasprintf("%s:443:%s", host, talk_address_text(&v[0]));
		names = curl_slist_append(NULL, where);
		free(where);
		(void)curl_easy_setopt(c, CURLOPT_URL, url);
		(void)curl_easy_setopt(c, CURLOPT_RESOLVE, names);
		(void)curl_easy_setopt(c, CURLOPT_PROXY, "");
		(void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);	/* RFC 8461 3.3 */
		(void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
		(void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, left);
		(void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
		(void)curl_easy_setopt(c, CURLOPT_WRITEDATA, b);
		rc = curl_easy_perform(c);
		(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &code);
	}
	if (rc != CURLE_OK)
		*why = xasprintf("%s: %s", url, n == 0 ? "no address" : curl_easy_strerror(rc));
	else if (code != 200)
		*why = xasprintf("%s: HTTP %ld", url, code);
	curl_slist_free_all(names);
	curl_easy_cleanup(c);
	free(url);
	return *why == NULL ? 0 : -1;
}

/* "v=STSv1; id=…" in TXT _mta-sts.DOMAIN */
static bool
has_policy(const struct dns_answer *a)
{
	for (size_t i = 0; a->status == DNS_OK && i < a->n; i++)
		if (a->rr[i].len > 9 && memcmp(a->rr[i].data + 1, "v=STSv1", 7) == 0)
			return true;
	return false;
}

void
check_mta_sts(struct doctor *d)
{
	char *record = xasprintf("_mta-sts.%s", d->name);
	char *host = xasprintf("mta-sts.%s", d->name), *why = NULL;
	char *again = xasprintf("curl -v https://%s/.well-known/mta-sts.txt", host);
	char *look = doctor_dns_fix(d);
	struct buf policy = BUF_INIT;
	struct dns_answer a;

	doctor_lookup(d, record, DNS_TXT, &a);
	if (a.status == DNS_FAILED || a.status == DNS_BOGUS)
		doctor_say(d, DOCTOR_WARN, look, "%s cannot be looked up: %s", record, a.why);
	else if (!has_policy(&a))
		doctor_say(d, DOCTOR_OK, NULL, "it has no MTA-STS policy");
	else if (fetch(d, host, &policy, &why) == -1)
		doctor_say(d, DOCTOR_WARN, again, "it has an MTA-STS policy, but %s", why);
	else
		judge(d, buf_str(&policy));
	dns_answer_clear(&a);
	buf_free(&policy);
	free(why);
	free(again);
	free(look);
	free(host);
	free(record);
}
