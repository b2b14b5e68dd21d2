/*
 * spf_dns.c -- the DNS as libspf2 sees it.
 *
 * libspf2 asks a `layer' for its DNS; this is ours. It keeps the budget (spf_budget.c), chooses
 * and rewrites the records (spf_record.c), and ends an evaluation that must not go on: from then
 * on everything that libspf2 asks fails, which makes it stop at once, and our verdict counts in
 * place of its own.
 *
 * What a failing look-up means depends on who asks (RFC 7208 5, 5.5): a temperror of the whole
 * check, but for ptr and %{p}, where the name is passed over. A name that cannot be looked up
 * exists nowhere.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/spf_dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/clock.h"
#include "milter/spf_budget.h"
#include "milter/spf_lib.h"
#include "milter/spf_rdata.h"
#include "milter/spf_record.h"

struct spf_dns {
	SPF_dns_server_t	 layer;
	spf_resolve		*resolve;
	void			*arg;
	/* of one evaluation */
	struct spf_macro_env	*env;
	uint8_t			 client[16];
	int64_t			 deadline;
	struct spf_budget	 budget;
	struct spf_chunks	 chunks;
	unsigned		 queries;
	bool			 stopped;
	enum spf_result		 result;	/* … as what */
	const char		*why;
	bool			 names_known;	/* of the client, for %{p} */
	char			*name[SPF_NAMES_MAX];
	size_t			 nnames;
};

static void
stop(struct spf_dns *d, enum spf_result result, const char *why)
{
	if (d->stopped)
		return;
	d->stopped = true;
	d->result = result;
	d->why = why;
}

/* --- questions ---------------------------------------------------------------------- */

/* libunbound reads \ as an escape. */
static char *
escape(const char *name)
{
	struct buf b = BUF_INIT;

	for (; *name != '\0'; name++) {
		if (*name == '\\')
			buf_putc(&b, '\\');
		buf_putc(&b, *name);
	}
	return buf_take(&b);
}

/* True: a has its records, or none. lenient: a failure is as good as none. */
static bool
ask(struct spf_dns *d, const char *name, enum dns_type type, bool lenient, struct dns_answer *a)
{
	int64_t left = d->deadline - clock_mono_ms();
	char *escaped;

	memset(a, 0, sizeof(*a));
	if (d->stopped)
		return false;
	if (left <= 0) {
		stop(d, SPF_TEMPERROR, "the name servers take too long");
		return false;
	}
	a->status = DNS_NXDOMAIN;
	if (!spf_name_valid(name))
		return true;
	d->queries++;
	escaped = escape(name);
	d->resolve(d->arg, escaped, type, left, a);
	free(escaped);
	switch (a->status) {
	case DNS_OK:
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		return true;
	case DNS_FAILED:
	case DNS_BOGUS:
		break;
	}
	dns_answer_clear(a);
	a->status = DNS_FAILED;
	if (!lenient)
		stop(d, SPF_TEMPERROR, "the name servers do not answer");
	return lenient;
}

/* A term's first question. False: that was one too many, or it failed. */
static bool
ask_for_term(struct spf_dns *d, const char *name, enum dns_type type, bool lenient, struct dns_answer *a)
{
	memset(a, 0, sizeof(*a));
	if (!spf_budget_term(&d->budget)) {
		stop(d, SPF_PERMERROR, "too many DNS look-ups");
		return false;
	}
	return ask(d, name, type, lenient, a);
}

static void
count_void(struct spf_dns *d, const char *name, const struct dns_answer *a)
{
	bool none = a->status == DNS_NODATA || a->status == DNS_NXDOMAIN;

	if (none && spf_name_valid(name) && !spf_budget_void(&d->budget))
		stop(d, SPF_PERMERROR, "too many DNS look-ups without an answer");
}

/* --- the client's names, for %{p} (7.3, 5.5) ------------------------------------------- */

static bool
leads_to_client(struct spf_dns *d, const char *name)
{
	size_t len = d->env->ipv6 ? 16 : 4;
	struct dns_answer a;
	bool found = false;

	if (!ask(d, name, d->env->ipv6 ? DNS_AAAA : DNS_A, true, &a))
		return false;
	for (size_t i = 0; i < a.n; i++)
		found = found || (a.rr[i].len == len && memcmp(a.rr[i].data, d->client, len) == 0);
	dns_answer_clear(&a);
	return found;
}

static void
find_names(struct spf_dns *d)
{
	char pointer[SPF_POINTER_SIZE], name[DNS_NAME_MAX];
	struct dns_answer a;

	d->names_known = true;
	spf_rdata_pointer(d->client, d->env->ipv6, pointer);
	if (!ask(d, pointer, DNS_PTR, true, &a))
		return;
	for (size_t i = 0; i < a.n && i < SPF_NAMES_MAX; i++)
		if (spf_rdata_name(&a.rr[i], 0, name) && leads_to_client(d, name))
			d->name[d->nnames++] = xstrdup(name);
	dns_answer_clear(&a);
}

/* 7.3: the domain itself is the best of them, a name below it the second best. */
static const char *
client_name(struct spf_dns *d, const char *domain)
{
	const char *best = "unknown";
	int rank = 0, r;

	if (!d->names_known)
		find_names(d);
	for (size_t i = 0; i < d->nnames; i++) {
		size_t len = strlen(d->name[i]), tail = strlen(domain);

		if (len < tail || strcasecmp(d->name[i] + len - tail, domain) != 0)
			r = 1;
		else
			r = len == tail ? 3 : d->name[i][len - tail - 1] == '.' ? 2 : 1;
		if (r > rank) {
			rank = r;
			best = d->name[i];
		}
	}
	return best;
}

/* --- records ------------------------------------------------------------------------------ */

/* The policy of name, as libspf2 gets it; its number among the pieces, or -1 and the check is decided. */
static int
rewrite(struct spf_dns *d, const char *name, const struct buf *policy)
{
	const char *fault = spf_record_fault(buf_str(policy), policy->len);
	size_t first = d->chunks.n;

	if (fault != NULL) {
		stop(d, SPF_PERMERROR, fault);
		return -1;
	}
	d->env->domain = name;
	d->env->client_name = "";
	if (spf_record_uses_name(buf_str(policy), policy->len))
		d->env->client_name = client_name(d, name);
	if (spf_record_write(buf_str(policy), policy->len, d->env, first + 1, &d->chunks) == -1)
		stop(d, SPF_PERMERROR, "macros in the record grow without bounds");
	d->env->domain = "";
	return d->stopped ? -1 : (int)first;
}

/* --- answers ---------------------------------------------------------------------------------- */

static SPF_dns_rr_t *
new_answer(struct spf_dns *d, const char *asked, ns_type type, SPF_dns_stat_t status)
{
	SPF_dns_rr_t *rr = SPF_dns_rr_new_init(&d->layer, asked, type, 0, status);

	if (rr == NULL)
		abort();
	return rr;
}

/* The evaluation is over, or there is nothing. */
static SPF_dns_rr_t *
no_answer(struct spf_dns *d, const char *asked, ns_type type)
{
	return new_answer(d, asked, type, d->stopped ? TRY_AGAIN : HOST_NOT_FOUND);
}

static SPF_dns_rr_data_t *
add(SPF_dns_rr_t *rr, size_t len)
{
	if (SPF_dns_rr_buf_realloc(rr, rr->num_rr, len) != SPF_E_SUCCESS)
		abort();
	memset(rr->rr[rr->num_rr], 0, len > sizeof(SPF_dns_rr_data_t) ? len : sizeof(SPF_dns_rr_data_t));
	return rr->rr[rr->num_rr++];
}

/* Text in one of libspf2's unions, whose members are arrays of one. */
static void
add_text(SPF_dns_rr_t *rr, const char *text)
{
	size_t len = strlen(text) + 1;

	memcpy(add(rr, len), text, len);
}

static SPF_dns_rr_t *
answer_policy(struct spf_dns *d, const char *asked, const char *name, bool first)
{
	struct buf policy = BUF_INIT;
	SPF_dns_rr_t *rr = NULL;
	struct dns_answer a;
	int chunk;
	size_t n;

	if (first ? !ask(d, name, DNS_TXT, false, &a) : !ask_for_term(d, name, DNS_TXT, false, &a))
		return no_answer(d, asked, ns_t_txt);
	n = spf_rdata_policy(&a, &policy);
	if (first && n == 0)
		stop(d, SPF_NONE, "");
	if (!first)
		count_void(d, name, &a);
	if (n > 1)
		stop(d, SPF_PERMERROR, "more than one record");
	if (n == 1 && (chunk = rewrite(d, name, &policy)) != -1) {
		rr = new_answer(d, asked, ns_t_txt, NETDB_SUCCESS);
		add_text(rr, d->chunks.v[chunk]);
	}
	buf_free(&policy);
	dns_answer_clear(&a);
	return rr != NULL ? rr : no_answer(d, asked, ns_t_txt);
}

static SPF_dns_rr_t *
answer_chunk(struct spf_dns *d, const char *asked, const char *number)
{
	unsigned long i = strtoul(number, NULL, 10);
	SPF_dns_rr_t *rr;

	if (d->stopped || i >= d->chunks.n)
		return no_answer(d, asked, ns_t_txt);
	rr = new_answer(d, asked, ns_t_txt, NETDB_SUCCESS);
	add_text(rr, d->chunks.v[i]);
	return rr;
}

static SPF_dns_rr_t *
answer_addresses(struct spf_dns *d, const char *asked, enum spf_ask what, const char *name, char mark,
    ns_type type)
{
	bool six = type == ns_t_aaaa, lenient = mark == SPF_MARK_PTR;
	bool any = mark == SPF_MARK_ANY || mark == SPF_MARK_HOST_ANY;
	enum dns_type wanted = six ? DNS_AAAA : DNS_A;
	size_t len = six ? 16 : 4;
	struct dns_answer a;
	SPF_dns_rr_t *rr;

	if (what == SPF_ASK_PART ? !ask(d, name, wanted, lenient, &a) :
	    !ask_for_term(d, name, wanted, lenient, &a))
		return no_answer(d, asked, type);
	count_void(d, name, &a);
	rr = new_answer(d, asked, type, d->stopped ? TRY_AGAIN :
	    a.status == DNS_OK ? NETDB_SUCCESS : HOST_NOT_FOUND);
	/* /0: whatever address it is, the client's is as good (5.6 after 5.3, 5.4). */
	for (size_t i = 0; i < a.n && !d->stopped; i++)
		if (a.rr[i].len == len)
			memcpy(add(rr, len), any ? d->client : a.rr[i].data, len);
	dns_answer_clear(&a);
	return rr;
}

static SPF_dns_rr_t *
answer_mx(struct spf_dns *d, const char *asked, const char *name, char mark)
{
	char host[DNS_NAME_MAX], marked[DNS_NAME_MAX + 2];
	struct dns_answer a;
	SPF_dns_rr_t *rr;

	if (!ask_for_term(d, name, DNS_MX, false, &a))
		return no_answer(d, asked, ns_t_mx);
	count_void(d, name, &a);
	if (a.n > SPF_NAMES_MAX)	/* 4.6.4: not so many, whether or not one of the first would match */
		stop(d, SPF_PERMERROR, "too many MX records");
	rr = new_answer(d, asked, ns_t_mx, d->stopped ? TRY_AGAIN :
	    a.status == DNS_OK ? NETDB_SUCCESS : HOST_NOT_FOUND);
	for (size_t i = 0; i < a.n && !d->stopped; i++) {
		if (!spf_rdata_name(&a.rr[i], 2, host))	/* behind the preference; false for a null MX */
			continue;
		(void)snprintf(marked, sizeof(marked), "%c%c%s", SPF_MARK,
		    mark == SPF_MARK_ANY ? SPF_MARK_HOST_ANY : SPF_MARK_HOST, host);
		add_text(rr, marked);
	}
	dns_answer_clear(&a);
	return rr;
}

static SPF_dns_rr_t *
answer_ptr(struct spf_dns *d, const char *asked, const char *name)
{
	char host[DNS_NAME_MAX], marked[DNS_NAME_MAX + 3];
	struct dns_answer a;
	SPF_dns_rr_t *rr;

	if (!ask_for_term(d, name, DNS_PTR, true, &a))
		return no_answer(d, asked, ns_t_ptr);
	count_void(d, name, &a);
	rr = new_answer(d, asked, ns_t_ptr, d->stopped ? TRY_AGAIN :
	    a.status == DNS_OK ? NETDB_SUCCESS : HOST_NOT_FOUND);
	/* 4.6.4: others than the first ten are ignored. */
	for (size_t i = 0; i < a.n && i < SPF_NAMES_MAX && !d->stopped; i++) {
		if (!spf_rdata_name(&a.rr[i], 0, host))
			continue;
		(void)snprintf(marked, sizeof(marked), "%c%c.%s", SPF_MARK, SPF_MARK_PTR, host);
		add_text(rr, marked);
	}
	dns_answer_clear(&a);
	return rr;
}

static SPF_dns_rr_t *
answer_nothing(struct spf_dns *d, const char *asked, ns_type type)
{
	if (!spf_budget_term(&d->budget))
		stop(d, SPF_PERMERROR, "too many DNS look-ups");
	return no_answer(d, asked, type);
}

/* libspf2's question. */
static SPF_dns_rr_t *
lookup(SPF_dns_server_t *layer, const char *asked, ns_type type, int should_cache)
{
	struct spf_dns *d = layer->hook;
	enum spf_ask what;
	const char *name;
	char mark;

	(void)should_cache;
	/* RFC 7208 3.1: type SPF (99) is no more; an unpatched libspf2 still asks for it first. */
	if (d->stopped || (type != ns_t_txt && type != ns_t_a && type != ns_t_aaaa && type != ns_t_mx &&
	    type != ns_t_ptr))
		return no_answer(d, asked, type);
	what = spf_budget_classify(&d->budget, asked, (enum dns_type)type, &name, &mark);
	if (what == SPF_ASK_CHUNK)
		return answer_chunk(d, asked, name);
	if (what == SPF_ASK_NOTHING)
		return answer_nothing(d, asked, type);
	if (type == ns_t_txt)
		return answer_policy(d, asked, name, what == SPF_ASK_POLICY);
	if (type == ns_t_mx)
		return answer_mx(d, asked, name, mark);
	if (type == ns_t_ptr)
		return answer_ptr(d, asked, name);
	return answer_addresses(d, asked, what, name, mark, type);
}

/* --- an evaluation ------------------------------------------------------------------------------ */

struct spf_dns *
spf_dns_new(spf_resolve *resolve, void *arg)
{
	struct spf_dns *d = xcalloc(1, sizeof(*d));

	d->resolve = resolve;
	d->arg = arg;
	d->layer.lookup = lookup;
	d->layer.name = "holdfast";
	d->layer.hook = d;
	return d;
}

static void
forget(struct spf_dns *d)
{
	spf_chunks_clear(&d->chunks);
	for (size_t i = 0; i < d->nnames; i++)
		free(d->name[i]);
	d->nnames = 0;
	d->names_known = false;
}

void
spf_dns_free(struct spf_dns **dp)
{
	if (*dp == NULL)
		return;
	forget(*dp);
	free(*dp);
	*dp = NULL;
}

SPF_dns_server_t *
spf_dns_layer(struct spf_dns *d)
{
	return &d->layer;
}

void
spf_dns_begin(struct spf_dns *d, struct spf_macro_env *env, const uint8_t client[16], int64_t deadline)
{
	forget(d);
	d->env = env;
	memcpy(d->client, client, sizeof(d->client));
	d->deadline = deadline;
	d->budget = (struct spf_budget){ .begun = false };
	d->queries = 0;
	d->stopped = false;
}

bool
spf_dns_verdict(const struct spf_dns *d, struct spf_answer *a)
{
	a->terms = d->budget.terms;
	a->queries = d->queries;
	if (!d->stopped)
		return false;
	a->result = d->result;
	(void)snprintf(a->why, sizeof(a->why), "%s", d->why);
	return true;
}
