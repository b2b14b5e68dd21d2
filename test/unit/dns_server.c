/*
 * dns_server.c -- a name server of few words on a thread (RFC 1035 4.1).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/unit/dns_server.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/dns.h"

#define ASKED_MAX	4096
#define WORDS_TTL	300

struct dns_server {
	int		fd;
	pthread_t	thread;
	char		address[32];
	pthread_mutex_t	lock;
	const struct dns_server_row *row;
	size_t		nrows;
	char		asked[ASKED_MAX][DNS_NAME_MAX];
	size_t		nasked;
};

struct packet {
	unsigned char	b[1500];
	size_t		len;
};

static void
put(struct packet *p, const void *data, size_t len)
{
	memcpy(p->b + p->len, data, len);
	p->len += len;
}

static void
put16(struct packet *p, unsigned v)
{
	const unsigned char b[2] = { (unsigned char)(v >> 8), (unsigned char)v };

	put(p, b, 2);
}

/* One record whose owner is at offset `owner'. */
static void
record(struct packet *p, unsigned owner, unsigned type, unsigned ttl, const void *data, size_t len)
{
	put16(p, 0xc000 | owner);
	put16(p, type);
	put16(p, 1);
	put16(p, 0);
	put16(p, ttl);
	put16(p, (unsigned)len);
	put(p, data, len);
	p->b[7]++;		/* ANCOUNT */
}

/* The record's data stand at p->len + 12; a name in them may point back at the zone. */
static void
answers(struct packet *p, unsigned owner, unsigned type, unsigned zone)
{
	static const unsigned char a[2][4] = { { 203, 0, 113, 1 }, { 203, 0, 113, 2 } };
	unsigned char data[16] = { 0x20, 1, 0x0d, 0xb8 };

	for (unsigned i = 0; i < 2; i++) {
		switch (type) {
		case DNS_A:
			record(p, owner, type, WORDS_TTL, a[i], 4);
			break;
		case DNS_AAAA:
			data[15] = (unsigned char)(i + 1);
			record(p, owner, type, WORDS_TTL, data, 16);
			break;
		case DNS_MX:
			data[0] = 0;
			data[1] = (unsigned char)(10 + i);
			data[2] = 2;
			data[3] = 'M';
			data[4] = (unsigned char)('1' + i);
			data[5] = (unsigned char)(0xc0 | zone >> 8);
			data[6] = (unsigned char)zone;
			record(p, owner, type, WORDS_TTL, data, 7);
			break;
		default:
			record(p, owner, type, WORDS_TTL, "\001x", 2);
			break;
		}
	}
}

/* Turns the question into its answer; false: says nothing. */
static bool
answer(struct packet *p)
{
	size_t first = p->b[12], end = 12;
	unsigned type, zone, target;
	unsigned char alias[6] = "\003one";
	const char *label = (const char *)p->b + 13;

	while (end < p->len && p->b[end] != 0)
		end += p->b[end] + 1u;
	if (end + 5 > p->len || end > 12 + DNS_NAME_MAX)
		return false;
	type = (unsigned)p->b[end + 1] << 8 | p->b[end + 2];
	zone = 12 + (unsigned)first + 1;
	p->len = end + 5;
	memset(p->b + 6, 0, 6);
	if (first == 4 && strncasecmp(label, "late", 4) == 0)
		(void)usleep(200000);
	p->b[2] = 0x84;		/* QR, AA */
	p->b[3] = 0x80;		/* RA */
	if (first == 4 && strncasecmp(label, "mute", 4) == 0)
		return false;
	if (first == 4 && strncasecmp(label, "fail", 4) == 0) {
		p->b[3] |= 2;
	} else if (first == 2 && strncasecmp(label, "nx", 2) == 0) {
		p->b[3] |= 3;
	} else if (first == 5 && strncasecmp(label, "cname", 5) == 0) {
		alias[4] = (unsigned char)(0xc0 | zone >> 8);
		alias[5] = (unsigned char)zone;
		target = (unsigned)p->len + 12;
		record(p, 12, DNS_CNAME, WORDS_TTL, alias, sizeof(alias));
		answers(p, target, type, zone);
	} else if (first != 4 || strncasecmp(label, "none", 4) != 0) {
		answers(p, 12, type, zone);
	}
	return true;
}

/* --- by a table ------------------------------------------------------------- */

static bool
ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len >= n && strcasecmp(name + len - n, suffix) == 0;
}

static bool
row_is_for(const struct dns_server_row *r, const char *name)
{
	return r->name[0] == '*' ? ends_in(name, r->name + 1) : strcasecmp(r->name, name) == 0;
}

/* False: says nothing. */
static bool
answer_by_table(struct dns_server *s, struct packet *p, const char *name)
{
	enum dns_server_how how = SERVE_NXDOMAIN;
	size_t end = p->len;
	unsigned type = (unsigned)p->b[end - 4] << 8 | p->b[end - 3];

	for (size_t i = 0; i < s->nrows; i++) {
		const struct dns_server_row *r = &s->row[i];

		if (!row_is_for(r, name))
			continue;
		if (r->type != 0 && r->type != type && r->type != DNS_CNAME) {
			how = how == SERVE_NXDOMAIN ? SERVE_NODATA : how;
			continue;
		}
		how = r->how;
		if (how != SERVE_DATA)
			break;
		record(p, 12, r->type, 0, r->rdata, r->len);
	}
	p->b[3] |= how == SERVE_NXDOMAIN ? 3 : how == SERVE_FAIL ? 2 : 0;
	return how != SERVE_MUTE;
}

static void
question_name(const struct packet *p, char name[DNS_NAME_MAX])
{
	size_t out = 0;

	for (size_t at = 12; at < p->len && p->b[at] != 0; at += p->b[at] + 1u) {
		if (out > 0)
			name[out++] = '.';
		memcpy(name + out, p->b + at + 1, p->b[at]);
		out += p->b[at];
	}
	name[out] = '\0';
}

/* Turns the question into its answer, remembers it. */
static bool
reply(struct dns_server *s, struct packet *p)
{
	char name[DNS_NAME_MAX];
	bool said;

	question_name(p, name);
	(void)pthread_mutex_lock(&s->lock);
	if (s->nasked < ASKED_MAX)
		memcpy(s->asked[s->nasked++], name, sizeof(name));
	said = answer(p);
	if (s->row != NULL) {
		p->b[3] = 0x80;
		p->b[7] = 0;
		p->len = 12 + strlen(name) + 6;
		said = answer_by_table(s, p, name);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return said;
}

void
dns_server_table(struct dns_server *s, const struct dns_server_row *row, size_t n)
{
	(void)pthread_mutex_lock(&s->lock);
	s->row = row;
	s->nrows = n;
	(void)pthread_mutex_unlock(&s->lock);
}

unsigned
dns_server_asked(struct dns_server *s, const char *suffix)
{
	unsigned n = 0;

	(void)pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->nasked; i++)
		n += ends_in(s->asked[i], suffix);
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

/* --- the thread --------------------------------------------------------------- */

static void *
serve(void *arg)
{
	struct dns_server *s = arg;
	struct sockaddr_in from;
	struct packet p;

	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(s->fd, p.b, 512, 0, (struct sockaddr *)&from, &len);

		if (n < 12)
			return NULL;		/* dns_server_stop() */
		p.len = (size_t)n;
		if (reply(s, &p))
			(void)sendto(s->fd, p.b, p.len, 0, (struct sockaddr *)&from, len);
	}
}

struct dns_server *
dns_server_start(void)
{
	struct dns_server *s = calloc(1, sizeof(*s));
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);

	if (s == NULL)
		abort();
	(void)pthread_mutex_init(&s->lock, NULL);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd == -1 || bind(s->fd, (struct sockaddr *)&in, len) == -1 ||
	    getsockname(s->fd, (struct sockaddr *)&in, &len) == -1 ||
	    pthread_create(&s->thread, NULL, serve, s) != 0)
		abort();
	(void)snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", ntohs(in.sin_port));
	return s;
}

const char *
dns_server_address(const struct dns_server *s)
{
	return s->address;
}

void
dns_server_stop(struct dns_server **sp)
{
	struct dns_server *s = *sp;
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* An empty datagram to itself ends the thread. */
	if (fd == -1 || getsockname(s->fd, (struct sockaddr *)&in, &len) == -1 ||
	    sendto(fd, "", 0, 0, (struct sockaddr *)&in, len) == -1)
		abort();
	(void)pthread_join(s->thread, NULL);
	(void)close(fd);
	(void)close(s->fd);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	*sp = NULL;
}
