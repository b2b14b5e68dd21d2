/*
 * envelope.c -- freeing and copying what travels beside a message.
 *
 * Every clear leaves zeroes, so a struct can be cleared twice and used again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/envelope.h"

#include <stdlib.h>
#include <string.h>

void
client_info_clear(struct client_info *c)
{
	free(c->name);
	free(c->addr);
	free(c->port);
	free(c->proto);
	free(c->helo);
	free(c->ident);
	free(c->source);
	memset(c, 0, sizeof(*c));
}

/* dst must be initialized: what it had is freed. */
void
client_info_copy(struct client_info *dst, const struct client_info *src)
{
	if (dst == src)
		return;
	client_info_clear(dst);
	dst->name = xstrdup(src->name);
	dst->addr = xstrdup(src->addr);
	dst->port = xstrdup(src->port);
	dst->proto = xstrdup(src->proto);
	dst->helo = xstrdup(src->helo);
	dst->ident = xstrdup(src->ident);
	dst->source = xstrdup(src->source);
}

void
rcpt_clear(struct rcpt *r)
{
	free(r->address);
	free(r->orcpt);
	memset(r, 0, sizeof(*r));
}

void
envelope_clear(struct envelope *e)
{
	size_t i;

	free(e->sender);
	free(e->envid);
	free(e->trace);
	free(e->spf);
	free(e->start_reason);
	free(e->route);
	client_info_clear(&e->client);
	for (i = 0; i < e->nrcpt; i++)
		rcpt_clear(&e->rcpt[i]);
	free(e->rcpt);
	memset(e, 0, sizeof(*e));
}

struct rcpt *
envelope_add_rcpt(struct envelope *e)
{
	struct rcpt *r;

	e->rcpt = xrealloc(e->rcpt, e->nrcpt + 1, sizeof(*e->rcpt));
	r = &e->rcpt[e->nrcpt++];
	memset(r, 0, sizeof(*r));
	return r;
}
