/*
 * turn_users.c -- reads the file of those who may fetch mail with ATRN.
 *
 * CRAM-MD5 needs the secret itself, so the file holds it in plain text: it is refused when anybody but its
 * owner and group may read it. Names and secrets are printable ASCII, for
 * which SASLprep (RFC 4013) changes nothing: both sides see the same octets
 * without a library for it.
 *
 * A `#' begins a comment only at the start of a line: it may be part of a secret.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/turn_users.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/buf.h"

#define FILE_MAX	(1024u * 1024u)	/* octets */
#define BLANKS		" \t"

struct turn_users {
	unsigned		 refs;
	struct turn_user	*v;		/* sorted by name */
	size_t			 n;
};

static int
refuse(char **why, char *reason)
{
	*why = reason;
	return -1;
}

/* --- one line ------------------------------------------------------------ */

static void
user_clear(struct turn_user *u)
{
	for (size_t i = 0; i < u->ndomains; i++)
		free(u->domain[i]);
	free(u->domain);
	free(u->name);
	if (u->secret != NULL)
		OPENSSL_cleanse(u->secret, strlen(u->secret));
	free(u->secret);
}

/* NULL: fit to be a name or a secret. */
static const char *
unfit(const char *word)
{
	if (strlen(word) > TURN_NAME_MAX)
		return "longer than 255 bytes";
	for (; *word != '\0'; word++) {
		if ((unsigned char)*word > 0x7e)
			return "not ASCII, which no client need spell as this file does";
		if (*word < 0x21)
			return "not free of control characters";
	}
	return NULL;
}

static int
add_domain(struct turn_user *u, const char *name, char **why)
{
	char *domain = xstrdup(name);

	addr_lower(domain);
	if (!addr_domain_valid(domain, false) || domain[0] == '[') {
		free(domain);
		return refuse(why, xasprintf("\"%s\" is not a domain", name));
	}
	if (turn_user_owns(u, domain)) {
		free(domain);
		return refuse(why, xasprintf("domain \"%s\" is named twice", name));
	}
	u->domain = xrealloc(u->domain, u->ndomains + 1, sizeof(*u->domain));
	u->domain[u->ndomains++] = domain;
	return 0;
}

static int
add_domains(struct turn_user *u, char *list, char **why)
{
	char *name;

	while ((name = strsep(&list, ",")) != NULL)
		if (add_domain(u, name, why) == -1)
			return -1;
	return 0;
}

static char *
word(char **rest)
{
	char *w = *rest + strspn(*rest, BLANKS);

	*rest = w + strcspn(w, BLANKS);
	if (**rest != '\0')
		*(*rest)++ = '\0';
	return w;
}

static int
read_user(struct turn_user *u, char *line, char **why)
{
	char *name = word(&line), *domains = word(&line), *secret = word(&line);
	const char *fault;

	if (*secret == '\0' || line[strspn(line, BLANKS)] != '\0')
		return refuse(why, xstrdup("not of the form \"user domain[,domain...] secret\""));
	if ((fault = unfit(name)) != NULL)
		return refuse(why, xasprintf("the user's name is %s", fault));
	if ((fault = unfit(secret)) != NULL)
		return refuse(why, xasprintf("the secret is %s", fault));
	u->name = xstrdup(name);
	u->secret = xstrdup(secret);
	return add_domains(u, domains, why);
}

/* --- the file ------------------------------------------------------------ */

static int
check_file(int fd, const char *path, char **why)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return refuse(why, xstrdup(strerror(errno)));
	if (!S_ISREG(st.st_mode))
		return refuse(why, xstrdup("not a regular file"));
	if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0)
		return refuse(why, xasprintf("it holds secrets and others may read or change it: "
		    "chmod 640 %s", path));
	if ((uintmax_t)st.st_size > FILE_MAX)
		return refuse(why, xasprintf("larger than %u bytes", FILE_MAX));
	return 0;
}

static int
read_file(const char *path, struct buf *text, char **why)
{
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd == -1)
		return refuse(why, xstrdup(strerror(errno)));
	buf_reserve(text, FILE_MAX);	/* once: no copies of secrets are left behind in memory */
	if (check_file(fd, path, why) == 0) {
		while ((n = read(fd, text->data + text->len, FILE_MAX - text->len)) > 0)
			text->len += (size_t)n;
		if (n == -1)
			*why = xstrdup(strerror(errno));
	}
	(void)close(fd);
	return n == 0 ? 0 : -1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct turn_user *)a)->name, ((const struct turn_user *)b)->name);
}

static int
read_lines(struct turn_users *users, struct buf *text, unsigned *lineno, char **why)
{
	char *p = text->data, *end = text->data + text->len, *nl;

	for (*lineno = 1; p < end; p = nl + 1, (*lineno)++) {
		struct turn_user *u;

		if ((nl = memchr(p, '\n', (size_t)(end - p))) == NULL)
			nl = end;
		*nl = '\0';
		if (strlen(p) != (size_t)(nl - p))
			return refuse(why, xstrdup("contains a NUL byte"));
		if (nl > p && nl[-1] == '\r')
			nl[-1] = '\0';
		p += strspn(p, BLANKS);
		if (*p == '\0' || *p == '#')
			continue;
		users->v = xrealloc(users->v, users->n + 1, sizeof(*users->v));
		u = &users->v[users->n++];
		memset(u, 0, sizeof(*u));
		u->lineno = *lineno;
		if (read_user(u, p, why) == -1)
			return -1;
	}
	return 0;
}

/* Sorts, and finds who is named twice. */
static int
sort(struct turn_users *users, unsigned *lineno, char **why)
{
	if (users->n > 0)
		qsort(users->v, users->n, sizeof(*users->v), by_name);
	for (size_t i = 1; i < users->n; i++) {
		const struct turn_user *a = &users->v[i - 1], *b = &users->v[i];

		if (strcmp(a->name, b->name) != 0)
			continue;
		*lineno = a->lineno > b->lineno ? a->lineno : b->lineno;
		return refuse(why, xasprintf("user \"%s\" is named in line %u already", a->name,
		    a->lineno < b->lineno ? a->lineno : b->lineno));
	}
	return 0;
}

struct turn_users *
turn_users_load(const char *path, char **why)
{
	struct turn_users *users = xcalloc(1, sizeof(*users));
	struct buf text = BUF_INIT;
	char *reason = NULL;
	unsigned lineno = 0;

	users->refs = 1;
	*why = NULL;
	if (read_file(path, &text, &reason) == -1)
		*why = xasprintf("%s: %s", path, reason);
	else if (read_lines(users, &text, &lineno, &reason) == -1 ||
	    sort(users, &lineno, &reason) == -1)
		*why = xasprintf("%s:%u: %s", path, lineno, reason);
	if (text.data != NULL)
		OPENSSL_cleanse(text.data, text.cap);
	buf_free(&text);
	free(reason);
	if (*why != NULL)
		turn_users_unref(&users);
	return users;
}

struct turn_users *
turn_users_ref(struct turn_users *users)
{
	if (users != NULL)
		users->refs++;
	return users;
}

void
turn_users_unref(struct turn_users **up)
{
	struct turn_users *users = *up;

	*up = NULL;
	if (users == NULL || --users->refs > 0)
		return;
	for (size_t i = 0; i < users->n; i++)
		user_clear(&users->v[i]);
	free(users->v);
	free(users);
}

size_t
turn_users_count(const struct turn_users *users)
{
	return users->n;
}

static int
name_order(const void *key, const void *element)
{
	return strcmp(key, ((const struct turn_user *)element)->name);
}

const struct turn_user *
turn_users_find(const struct turn_users *users, const char *name)
{
	if (users->n == 0)
		return NULL;
	return bsearch(name, users->v, users->n, sizeof(*users->v), name_order);
}

bool
turn_user_owns(const struct turn_user *u, const char *domain)
{
	for (size_t i = 0; i < u->ndomains; i++)
		if (strcmp(u->domain[i], domain) == 0)
			return true;
	return false;
}
