/*
 * dns.c -- a context of libunbound, and the questions that are put to it.
 *
 * libunbound resolves in a thread of its own and writes its answers to a pipe. Whoever reads
 * that pipe gets everybody's answers: a thread that waits for one of its own (dns_wait.c), or an
 * event loop for good (dns_loop.c). An answer that nobody wants any more is
 * thrown away by whoever reads it. An own fault is an answer DNS_FAILED (P3).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/dns.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/dns_private.h"
#include "common/endpoint.h"
#include "common/log.h"

#define CLASS_IN	1

/* --- one query ----------------------------------------------------------- */

void
dns_fail(struct dns_answer *a, const char *why)
{
	memset(a, 0, sizeof(*a));
	a->status = DNS_FAILED;
	a->why = xstrdup(why);
}

struct dns_query *
dns_query_new(struct dns *dns, enum dns_type type)
{
	struct dns_query *q = xcalloc(1, sizeof(*q));

	q->dns = dns;
	q->type = type;
	q->wanted = true;
	(void)pthread_mutex_lock(&dns->lock);
	TAILQ_INSERT_TAIL(&dns->queries, q, link);
	(void)pthread_mutex_unlock(&dns->lock);
	return q;
}

static void
query_free(struct dns_query *q)	/* under the lock */
{
	TAILQ_REMOVE(&q->dns->queries, q, link);
	dns_answer_clear(&q->answer);
	free(q);
}

void
dns_query_leave(struct dns_query *q)
{
	struct dns *dns = q->dns;

	(void)pthread_mutex_lock(&dns->lock);
	q->wanted = false;
	if (q->answered)
		query_free(q);
	(void)pthread_mutex_unlock(&dns->lock);
}

/* Called by ub_process(), on the thread that leads. */
static void
on_result(void *arg, int error, struct ub_result *r)
{
	struct dns_query *q = arg;
	struct dns *dns = q->dns;
	struct dns_answer answer;
	bool finish;

	if (error == 0 && r != NULL)
		dns_answer_set(&answer, q->type, r);
	else
		dns_fail(&answer, error == UB_SYNTAX ? "not a domain name" : ub_strerror(error));
	(void)pthread_mutex_lock(&dns->lock);
	if (error == 0 && r != NULL)
		dns_cache_put(dns->cache, r->qname, q->type, clock_mono_ms(), &answer);
	ub_resolve_free(r);
	q->answered = true;
	q->answer = answer;
	finish = q->wanted && q->finish != NULL;
	if (!q->wanted)
		query_free(q);
	else if (q->waiter != NULL)
		(void)pthread_cond_signal(q->waiter);
	(void)pthread_mutex_unlock(&dns->lock);
	/* Nobody else ends a query of the loop: this is its thread. */
	if (finish)
		q->finish(q);
}

/* The first question to it starts libunbound's thread, which inherits the mask: signals are not its business. */
bool
dns_ask(struct dns_query *q, const char *name)
{
	struct dns *dns = q->dns;
	sigset_t all, old;
	bool at_hand;
	int error;

	(void)pthread_mutex_lock(&dns->lock);
	q->answered = dns_cache_get(dns->cache, name, q->type, clock_mono_ms(), &q->answer);
	at_hand = q->answered;
	(void)pthread_mutex_unlock(&dns->lock);
	if (at_hand)
		return true;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	error = ub_resolve_async(dns->ctx, name, (int)q->type, CLASS_IN, q, on_result, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error == 0)
		return false;
	(void)pthread_mutex_lock(&dns->lock);
	q->answered = true;
	dns_fail(&q->answer, ub_strerror(error));
	(void)pthread_mutex_unlock(&dns->lock);
	return true;
}

void
dns_process(struct dns *dns)
{
	int error = ub_process(dns->ctx);

	if (error != 0)
		log_error("resolver: %s", ub_strerror(error));
}

/* --- the context ----------------------------------------------------------- */

static int
set_server(struct ub_ctx *ctx, const char *server, char **why)
{
	struct endpoint e;
	const char *reason = NULL;
	char *text;
	int error;

	if (*server == '\0') {
		error = ub_ctx_resolvconf(ctx, NULL);
		/* resolv.conf(5): without the file, a server on this host. */
		if (error == UB_READFILE)
			error = ub_ctx_set_fwd(ctx, "127.0.0.1");
		if (error != 0)
			*why = xasprintf("/etc/resolv.conf: %s", ub_strerror(error));
		return error == 0 ? 0 : -1;
	}
	if (endpoint_parse_hostport(server, 53, &e, &reason) == -1) {
		*why = xasprintf("resolver \"%s\": %s", server, reason);
		return -1;
	}
	text = xasprintf("%s@%u", e.host, e.port);
	error = ub_ctx_set_fwd(ctx, text);
	if (error != 0)
		*why = xasprintf("resolver \"%s\": must be a numeric address", server);
	free(text);
	endpoint_clear(&e);
	return error == 0 ? 0 : -1;
}

static int
set_anchor(struct ub_ctx *ctx, const char *anchor, char **why)
{
	int fd;

	if (*anchor == '\0')
		return 0;
	fd = open(anchor, O_RDONLY | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT && strcmp(anchor, DNS_ANCHOR_SYSTEM) == 0) {
		log_info("dnssec_anchor=%s is not there: no DNS answer is secure, so no DANE", anchor);
		return 0;
	}
	if (fd == -1) {
		*why = xasprintf("dnssec_anchor %s: %s", anchor, strerror(errno));
		return -1;
	}
	(void)close(fd);
	if (ub_ctx_add_ta_file(ctx, anchor) != 0) {
		*why = xasprintf("dnssec_anchor %s: out of memory", anchor);
		return -1;
	}
	return 0;
}

struct option {
	const char	*name, *value;
};

/*
 * libunbound's defaults are those of a large resolver. Ours serves one program that wants to
 * know soon that a name or a server is back: failures are remembered for seconds.
 */
static const struct option options[] = {
	{ "do-not-query-localhost:", "no" },
	{ "unblock-lan-zones:", "yes" },
	{ "insecure-lan-zones:", "yes" },
	{ "infra-host-ttl:", "10" },
	{ "infra-cache-max-rtt:", "3000" },
	{ "cache-max-ttl:", "86400" },
	{ "cache-max-negative-ttl:", "60" },
	{ "val-bogus-ttl:", "10" },
	{ "qname-minimisation:", "no" },
	/*
	 * Questions on their way at a time; what is beyond waits for a socket. By its default of 16
	 * one zone whose servers are dead would hold up everything else for seconds.
	 */
	{ "outgoing-range:", "1024" },
};

/*
 * Many questions at once that may all remain without an answer. Each is sent twice at most, after 0 and
 * 1.5 s, and given up after 3 s. By default it would be eight times: a name server that
 * lets one client wait for no more than a thousand answers (unbound's wait-limit) stops listening to us then.
 */
static const struct option list_options[] = {
	{ "infra-cache-min-rtt:", "1500" },
	{ "outbound-msg-retry:", "1" },
	/* The name server that we ask is not held to be dead because a list is. */
	{ "infra-cache-max-rtt:", "120000" },
	{ "infra-host-ttl:", "1" },
};

static void
set_options(struct ub_ctx *ctx, const struct option *v, size_t n)
{
	/* An older libunbound does not know all of them, and works without. */
	for (size_t i = 0; i < n; i++)
		if (ub_ctx_set_option(ctx, v[i].name, v[i].value) != 0)
			log_debug("resolver: no option %s", v[i].name);
}

static int
set_up(struct ub_ctx *ctx, bool lists, char **why)
{
	set_options(ctx, options, sizeof(options) / sizeof(options[0]));
	if (lists)
		set_options(ctx, list_options, sizeof(list_options) / sizeof(list_options[0]));
	if (ub_ctx_debugout(ctx, NULL) != 0 || ub_ctx_async(ctx, 1) != 0) {
		*why = xstrdup("resolver: cannot set up libunbound");
		return -1;
	}
	return 0;
}

static struct dns *
make(const char *server, const char *anchor, bool lists, char **why)
{
	struct dns *dns = xcalloc(1, sizeof(*dns));
	int error;

	TAILQ_INIT(&dns->queries);
	TAILQ_INIT(&dns->waiters);
	(void)pthread_mutex_init(&dns->lock, NULL);
	dns->cache = dns_cache_new();
	dns->ctx = ub_ctx_create();
	if (dns->ctx == NULL) {
		*why = xstrdup("resolver: out of memory or descriptors");
		goto fail;
	}
	if (set_up(dns->ctx, lists, why) == -1 || set_server(dns->ctx, server, why) == -1 ||
	    set_anchor(dns->ctx, anchor, why) == -1)
		goto fail;
	/* This makes libunbound read its files now. It serves `test.' itself, as empty, unless told not to. */
	error = ub_ctx_zone_remove(dns->ctx, "test.");
	if (error != 0) {
		*why = xasprintf("dnssec_anchor %s: %s (no trust anchor can be read from it?)", anchor,
		    ub_strerror(error));
		goto fail;
	}
	return dns;
fail:
	dns_free(&dns);
	return NULL;
}

struct dns *
dns_new(const char *server, const char *anchor, char **why)
{
	return make(server, anchor, false, why);
}

struct dns *
dns_new_for_lists(const char *server, char **why)
{
	return make(server, "", true, why);
}

void
dns_free(struct dns **dnsp)
{
	struct dns *dns = *dnsp;
	struct dns_query *q;

	if (dns == NULL)
		return;
	if (dns->detach != NULL)
		dns->detach(dns);
	ub_ctx_delete(dns->ctx);	/* ends its thread, forgets what it was asked */
	while ((q = TAILQ_FIRST(&dns->queries)) != NULL) {
		assert(!q->wanted || q->finish != NULL);	/* a thread's, neither finished nor dropped */
		query_free(q);
	}
	dns_cache_free(&dns->cache);
	(void)pthread_mutex_destroy(&dns->lock);
	free(dns);
	*dnsp = NULL;
}
