/*
 * resolve.c -- host names to addresses, by libevent's resolver.
 *
 * Both address families are asked for; the order is the one that the library
 * gives (IPv6 first). Nothing here blocks, and nothing here is fatal: with no
 * name server at all each look-up fails by its timeout.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/resolve.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"

struct resolve {
	struct evdns_base	*dns;
};

struct resolve_query {
	struct evdns_getaddrinfo_request *request;
	resolve_cb			*cb;	/* NULL: cancelled */
	void				*arg;
	struct resolve_query	       **handle;
};

bool
resolve_numeric(const char *host, uint16_t port, struct resolve_list *list)
{
	struct resolve_addr *a = &list->v[0];
	struct sockaddr_in *in = (struct sockaddr_in *)&a->ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&a->ss;

	memset(list, 0, sizeof(*list));
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		a->len = sizeof(*in);
	} else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		a->len = sizeof(*in6);
	} else {
		return false;
	}
	list->n = 1;
	return true;
}

void
resolve_format(const struct resolve_addr *a, char text[RESOLVE_TEXT])
{
	const void *p = &((const struct sockaddr_in *)&a->ss)->sin_addr;

	if (a->ss.ss_family == AF_INET6)
		p = &((const struct sockaddr_in6 *)&a->ss)->sin6_addr;
	if (inet_ntop(a->ss.ss_family, p, text, RESOLVE_TEXT) == NULL)
		(void)snprintf(text, RESOLVE_TEXT, "unknown");
}

static void
on_answer(int error, struct evutil_addrinfo *ai, void *arg)
{
	struct resolve_query *q = arg;
	struct resolve_list list;
	const char *why = NULL;

	list.n = 0;
	for (const struct evutil_addrinfo *p = ai; p != NULL && list.n < RESOLVE_MAX;
	    p = p->ai_next) {
		struct resolve_addr *a = &list.v[list.n];

		if ((p->ai_family != AF_INET && p->ai_family != AF_INET6) ||
		    p->ai_addrlen > sizeof(a->ss))
			continue;
		memset(a, 0, sizeof(*a));
		memcpy(&a->ss, p->ai_addr, p->ai_addrlen);
		a->len = (socklen_t)p->ai_addrlen;
		list.n++;
	}
	if (ai != NULL)
		evutil_freeaddrinfo(ai);
	if (list.n == 0)
		why = error != 0 ? evutil_gai_strerror(error) : "no address";
	if (q->cb != NULL) {
		*q->handle = NULL;
		q->cb(q->arg, &list, why);
	}
	free(q);
}

void
resolve_host(struct resolve *r, const char *host, uint16_t port, resolve_cb *cb, void *arg,
    struct resolve_query **handle)
{
	struct evutil_addrinfo hints;
	struct evdns_getaddrinfo_request *request;
	struct resolve_query *q;
	char service[8];

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_protocol = IPPROTO_TCP;
	(void)snprintf(service, sizeof(service), "%u", port);
	q = xcalloc(1, sizeof(*q));
	q->cb = cb;
	q->arg = arg;
	q->handle = handle;
	*handle = q;
	request = evdns_getaddrinfo(r->dns, host, service, &hints, on_answer, q);
	/* NULL: on_answer ran already and q is gone. */
	if (request != NULL)
		q->request = request;
}

void
resolve_cancel(struct resolve_query **qp)
{
	struct resolve_query *q = *qp;

	if (q == NULL)
		return;
	*qp = NULL;
	q->cb = NULL;
	evdns_getaddrinfo_cancel(q->request);	/* on_answer frees q */
}

static void
on_log(int is_warning, const char *text)
{
	(void)is_warning;
	log_debug("resolver: %s", text);
}

struct resolve *
resolve_new(struct event_base *base, const char *server)
{
	struct resolve *r = xcalloc(1, sizeof(*r));

	evdns_set_log_fn(on_log);
	r->dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	if (r->dns == NULL)
		log_fatal("cannot set up the resolver");
	if (*server == '\0') {
		(void)evdns_base_resolv_conf_parse(r->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
	} else {
		(void)evdns_base_load_hosts(r->dns, "/etc/hosts");
		if (evdns_base_nameserver_ip_add(r->dns, server) != 0)
			log_error("resolver=%s is not a numeric address: host names do not resolve",
			    server);
	}
	return r;
}

void
resolve_free(struct resolve **rp)
{
	if (*rp == NULL)
		return;
	evdns_base_free((*rp)->dns, 0);
	free(*rp);
	*rp = NULL;
}
