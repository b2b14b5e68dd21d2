/*
 * spf_eval.c -- one question about SPF, answered by libspf2.
 *
 * Here is decided which domain is asked about (RFC 7208 2.3, 2.4, 4.3) and what libspf2's answer
 * means. It learns nothing but the client's address and that domain: all macros are expanded
 * before it sees a record, and of the sender, the HELO and explanations it could only make
 * strings that nobody reads.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/spf_eval.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/idn.h"
#include "common/utf8.h"
#include "milter/spf_lib.h"
#include "milter/spf_record.h"

/* Ours are counted in spf_budget.c, over all records. */
#define LIBSPF2_TERMS	10000

/* The one permerror that is left to libspf2. */
#define NOWHERE		"include or redirect that leads nowhere"

struct spf_eval {
	struct spf_dns	*dns;
	SPF_server_t	*server;
};

/* Complaints about strangers' records are no news. */
static void
quiet(void)
{
	SPF_warning_handler = NULL;
	SPF_info_handler = NULL;
	SPF_debug_handler = NULL;
}

struct spf_eval *
spf_eval_new(spf_resolve *resolve, void *arg)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct spf_eval *e = xcalloc(1, sizeof(*e));
	SPF_response_t *r = NULL;

	(void)pthread_once(&once, quiet);
	e->dns = spf_dns_new(resolve, arg);
	e->server = SPF_server_new_dns(spf_dns_layer(e->dns), 0);
	if (e->server == NULL)
		abort();
	(void)SPF_server_set_max_dns_mech(e->server, LIBSPF2_TERMS);
	(void)SPF_server_set_max_dns_mx(e->server, LIBSPF2_TERMS);
	(void)SPF_server_set_max_dns_ptr(e->server, LIBSPF2_TERMS);
	/* Without macros: the usual one has the sender in it. */
	(void)SPF_server_set_explanation(e->server, "no", &r);
	if (r != NULL)
		SPF_response_free(r);
	return e;
}

void
spf_eval_free(struct spf_eval **ep)
{
	struct spf_eval *e = *ep;

	if (e == NULL)
		return;
	SPF_server_free(e->server);
	spf_dns_free(&e->dns);
	free(e);
	*ep = NULL;
}

/* --- who is asked about --------------------------------------------------------------- */

struct identity {
	struct buf		 local, domain, helo;
	char			 client[64];	/* for %{i} */
	struct spf_macro_env	 env;
};

static void
identity_clear(struct identity *id)
{
	buf_free(&id->local);
	buf_free(&id->domain);
	buf_free(&id->helo);
}

/* 7.3: an IPv6 address is dotted, too. */
static void
put_client(struct identity *id, const struct spf_message *q)
{
	size_t at = 0;

	if (!q->ipv6) {
		(void)inet_ntop(AF_INET, q->client, id->client, sizeof(id->client));
		return;
	}
	for (size_t i = 0; i < 16; i++, at += 4)
		(void)snprintf(id->client + at, sizeof(id->client) - at, "%x.%x%s", q->client[i] >> 4u,
		    q->client[i] & 15u, i < 15 ? "." : "");
}

/* A name in ASCII may be what it likes; what comes of it is for RFC 7208 4.3 to say. */
static void
put_domain(struct buf *out, const char *domain)
{
	char name[DNS_NAME_MAX];

	if (utf8_is_ascii(domain))
		buf_puts(out, domain);
	else if (idn_to_dns(domain, name) == 0)
		buf_puts(out, name);
	if (out->len > 0 && out->data[out->len - 1] == '.')
		out->data[--out->len] = '\0';
}

static void
identify(struct identity *id, const struct spf_message *q)
{
	const char *at = q->has_sender ? strrchr(q->sender, '@') : NULL;

	memset(id, 0, sizeof(*id));
	/* 2.4: the null sender is postmaster at the client's HELO; 4.3: so is a missing local part. */
	if (at != NULL && at > q->sender)
		buf_put(&id->local, q->sender, (size_t)(at - q->sender));
	else
		buf_puts(&id->local, "postmaster");
	put_domain(&id->domain, q->has_sender ? (at != NULL ? at + 1 : "") : q->helo);
	put_domain(&id->helo, q->helo);
	put_client(id, q);
	id->env = (struct spf_macro_env){ .local = buf_str(&id->local),
	    .sender_domain = buf_str(&id->domain), .domain = "", .helo = buf_str(&id->helo),
	    .client = id->client, .ipv6 = q->ipv6, .client_name = "" };
}

/* 4.3: a multi-label name that can be looked up; neither an address nor a literal. */
static bool
has_policy(const char *domain)
{
	const char *top = strrchr(domain, '.');

	if (top == NULL || !spf_name_valid(domain) ||
	    strspn(top + 1, "0123456789") == strlen(top + 1))
		return false;
	for (; *domain != '\0'; domain++)
		if (!isgraph((unsigned char)*domain) || strchr("@[]\\\"", *domain) != NULL)
			return false;
	return true;
}

/* libspf2 says pass to its own host, whatever the policy is; mail from here is nobody's forgery. */
static bool
is_loopback(const struct spf_message *q)
{
	struct in6_addr six;

	memcpy(&six, q->client, sizeof(six));
	return q->ipv6 ? IN6_IS_ADDR_LOOPBACK(&six) : q->client[0] == 127;
}

/* --- the question ------------------------------------------------------------------------ */

static enum spf_result
translate(SPF_result_t r)
{
	switch (r) {
	case SPF_RESULT_NEUTRAL:
		return SPF_NEUTRAL;
	case SPF_RESULT_PASS:
		return SPF_PASS;
	case SPF_RESULT_FAIL:
		return SPF_FAIL;
	case SPF_RESULT_SOFTFAIL:
		return SPF_SOFTFAIL;
	case SPF_RESULT_NONE:
		return SPF_NONE;
	case SPF_RESULT_TEMPERROR:
		return SPF_TEMPERROR;
	case SPF_RESULT_INVALID:	/* as after a record without sense */
	case SPF_RESULT_PERMERROR:
		break;
	}
	return SPF_PERMERROR;
}

static void
set_client(SPF_request_t *request, const struct spf_message *q)
{
	struct in6_addr six;
	struct in_addr four;

	if (q->ipv6) {
		memcpy(&six, q->client, sizeof(six));
		(void)SPF_request_set_ipv6(request, six);
	} else {
		memcpy(&four, q->client, sizeof(four));
		(void)SPF_request_set_ipv4(request, four);
	}
}

static enum spf_result
evaluate(struct spf_eval *e, const struct spf_message *q, const char *domain)
{
	SPF_request_t *request = SPF_request_new(e->server);
	SPF_response_t *response = NULL;
	enum spf_result result = SPF_PERMERROR;

	if (request == NULL)
		abort();
	set_client(request, q);
	(void)SPF_request_set_env_from(request, domain);
	(void)SPF_request_query_mailfrom(request, &response);
	if (response != NULL) {
		result = translate(SPF_response_result(response));
		SPF_response_free(response);
	}
	SPF_request_free(request);
	return result;
}

void
spf_eval_run(struct spf_eval *e, const struct spf_message *q, struct spf_answer *a)
{
	struct identity id;
	enum spf_result result;

	memset(a, 0, sizeof(*a));
	identify(&id, q);
	if (has_policy(buf_str(&id.domain)) && !is_loopback(q)) {
		(void)snprintf(a->domain, sizeof(a->domain), "%s", buf_str(&id.domain));
		spf_dns_begin(e->dns, &id.env, q->client, q->deadline);
		result = evaluate(e, q, a->domain);
		if (!spf_dns_verdict(e->dns, a)) {
			a->result = result;
			if (result == SPF_PERMERROR)
				(void)snprintf(a->why, sizeof(a->why), "%s", NOWHERE);
		}
	}
	identity_clear(&id);
}
