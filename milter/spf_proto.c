/*
 * spf_proto.c -- what we and the SPF process say to each other.
 *
 *	octets		all
 *	4		magic
 *	1		type
 *	8		id
 *	QUERY		deadline 8, flags 1, client 16, HELO 2+n, sender 2+n
 *	ANSWER		result 1, terms 2, queries 2, domain 2+n, why 2+n
 *	DEATH		status 4
 *
 * Numbers are in network order. Nothing may follow.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "milter/spf_proto.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#define MAGIC		0x48465331u	/* "HFS1" */
#define FLAG_IPV6	0x01u
#define FLAG_SENDER	0x02u

/* --- writing --------------------------------------------------------------------- */

struct out {
	uint8_t	*data;
	size_t	 len;
};

static void
put(struct out *o, uint64_t n, unsigned octets)
{
	assert(o->len + octets <= SPF_PROTO_MAX);
	while (octets-- > 0)
		o->data[o->len++] = (uint8_t)(n >> (8 * octets));
}

static void
put_bytes(struct out *o, const void *data, size_t len)
{
	assert(o->len + len <= SPF_PROTO_MAX);
	memcpy(o->data + o->len, data, len);
	o->len += len;
}

static void
put_text(struct out *o, const char *s)
{
	size_t len = strlen(s);

	put(o, len, 2);
	put_bytes(o, s, len);
}

size_t
spf_proto_write(const struct spf_message *m, uint8_t out[SPF_PROTO_MAX])
{
	struct out o = { out, 0 };

	put(&o, MAGIC, 4);
	put(&o, m->type, 1);
	put(&o, m->id, 8);
	switch (m->type) {
	case SPF_MESSAGE_QUERY:
		put(&o, (uint64_t)m->deadline, 8);
		put(&o, (m->ipv6 ? FLAG_IPV6 : 0) | (m->has_sender ? FLAG_SENDER : 0), 1);
		put_bytes(&o, m->client, sizeof(m->client));
		put_text(&o, m->helo);
		put_text(&o, m->sender);
		break;
	case SPF_MESSAGE_ANSWER:
		put(&o, m->answer.result, 1);
		put(&o, m->answer.terms, 2);
		put(&o, m->answer.queries, 2);
		put_text(&o, m->answer.domain);
		put_text(&o, m->answer.why);
		break;
	case SPF_MESSAGE_DEATH:
		put(&o, (uint32_t)m->status, 4);
		break;
	}
	return o.len;
}

/* --- reading --------------------------------------------------------------------- */

struct in {
	const uint8_t	*data;
	size_t		 len;
	bool		 bad;
};

static uint64_t
get(struct in *i, unsigned octets)
{
	uint64_t n = 0;

	if (i->len < octets) {
		i->bad = true;
		return 0;
	}
	for (unsigned k = 0; k < octets; k++)
		n = n << 8 | i->data[k];
	i->data += octets;
	i->len -= octets;
	return n;
}

static void
get_bytes(struct in *i, void *out, size_t len)
{
	if (i->len < len) {
		i->bad = true;
		return;
	}
	memcpy(out, i->data, len);
	i->data += len;
	i->len -= len;
}

/* size: of out, NUL included. */
static void
get_text(struct in *i, char *out, size_t size)
{
	size_t len = (size_t)get(i, 2);

	if (i->bad || len >= size || len > i->len || memchr(i->data, '\0', len) != NULL) {
		i->bad = true;
		return;
	}
	get_bytes(i, out, len);
	out[len] = '\0';
}

/* What goes into replies, headers and the log. */
static void
get_printable(struct in *i, char *out, size_t size)
{
	get_text(i, out, size);
	for (; *out != '\0'; out++)
		if (*out < 0x20 || *out > 0x7e)
			i->bad = true;
}

static void
get_answer(struct in *i, struct spf_answer *a)
{
	unsigned result = (unsigned)get(i, 1);

	if (result >= SPF_NRESULTS) {
		i->bad = true;
		return;
	}
	a->result = (enum spf_result)result;
	a->terms = (unsigned)get(i, 2);
	a->queries = (unsigned)get(i, 2);
	get_printable(i, a->domain, sizeof(a->domain));
	get_printable(i, a->why, sizeof(a->why));
}

static void
get_query(struct in *i, struct spf_message *m)
{
	unsigned flags;

	m->deadline = (int64_t)get(i, 8);
	flags = (unsigned)get(i, 1);
	m->ipv6 = (flags & FLAG_IPV6) != 0;
	m->has_sender = (flags & FLAG_SENDER) != 0;
	i->bad |= (flags & ~(FLAG_IPV6 | FLAG_SENDER)) != 0;
	get_bytes(i, m->client, sizeof(m->client));
	get_text(i, m->helo, sizeof(m->helo));
	get_text(i, m->sender, sizeof(m->sender));
}

int
spf_proto_read(const uint8_t *data, size_t len, struct spf_message *m)
{
	struct in i = { data, len, false };
	unsigned type;

	memset(m, 0, sizeof(*m));
	i.bad |= get(&i, 4) != MAGIC;
	type = (unsigned)get(&i, 1);
	m->id = get(&i, 8);
	if (i.bad || type > SPF_MESSAGE_DEATH)
		return -1;
	m->type = (enum spf_message_type)type;
	switch (m->type) {
	case SPF_MESSAGE_QUERY:
		get_query(&i, m);
		break;
	case SPF_MESSAGE_ANSWER:
		get_answer(&i, &m->answer);
		break;
	case SPF_MESSAGE_DEATH:
		m->status = (int)(uint32_t)get(&i, 4);
		break;
	}
	return i.bad || i.len > 0 ? -1 : 0;
}

/* --- a question ------------------------------------------------------------------- */

/* Nothing if it is too long: then there is no domain in it, and the result is none. */
static void
copy(char out[SPF_TEXT_MAX + 1], const char *s)
{
	size_t len = strlen(s);

	memcpy(out, s, len > SPF_TEXT_MAX ? 0 : len + 1);
}

int
spf_proto_query(struct spf_message *m, uint64_t id, int64_t deadline, const struct spf_query *q)
{
	struct in6_addr six;

	memset(m, 0, sizeof(*m));
	m->type = SPF_MESSAGE_QUERY;
	m->id = id;
	m->deadline = deadline;
	if (inet_pton(AF_INET, q->client, m->client) != 1) {
		if (inet_pton(AF_INET6, q->client, &six) != 1)
			return -1;
		/* RFC 7208 5: an IPv4 address within an IPv6 one is an IPv4 address. */
		m->ipv6 = !IN6_IS_ADDR_V4MAPPED(&six);
		memcpy(m->client, m->ipv6 ? &six.s6_addr[0] : &six.s6_addr[12], m->ipv6 ? 16 : 4);
	}
	copy(m->helo, q->helo);
	m->has_sender = q->sender != NULL && q->sender[0] != '\0';
	if (m->has_sender)
		copy(m->sender, q->sender);
	return 0;
}
