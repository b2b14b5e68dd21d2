/*
 * conf.c -- holdfast.conf, read by one table.
 *
 * The table names each key once with its type, default and bounds; defaults
 * are written as in the file and pass the same parser. holdfast.conf(5) lists the
 * same keys, which a test checks.
 *
 * A file is taken whole or not at all. The first fault ends the reading:
 * conf_load() returns NULL and a reason that starts with the file and, where
 * there is one, the line. Nothing is read from a file that anybody may write.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/conf.h"

#include <sys/stat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf_keys.h"
#include "common/dns.h"

#define CONF_FILE_MAX	(1024 * 1024)	/* octets */
#define CONF_LINE_MAX	4096		/* octets of one line */
#define SPOOL		"/var/spool/postfix/holdfast"
#define STATE		LOCALSTATEDIR "/lib/holdfast"
#define DAY		86400u
#define GIGA		(UINT64_C(1) << 30)

#define AT(member)	offsetof(struct conf, member)

const struct conf_key conf_keys[] = {
	/* name, type, default, min, max, where, may be empty */
	{ "hostname", CONF_HOSTNAME, NULL, 0, 0, AT(hostname), false },
	{ "queue_user", CONF_USER, "holdfast", 0, 0, AT(queue_user), false },
	{ "milter_user", CONF_USER, "holdfast-milter", 0, 0, AT(milter_user), false },
	{ "rules_db", CONF_PATH, STATE "/rules.db", 0, 0, AT(rules_db), false },
	{ "state_db", CONF_PATH, STATE "/state.db", 0, 0, AT(state_db), false },
	{ "queue_db", CONF_PATH, STATE "/queue.db", 0, 0, AT(queue_db), false },
	{ "checks_dir", CONF_PATH, "", 0, 0, AT(checks_dir), true },
	{ "store", CONF_STORE, "sqlite", 0, 0, AT(store), false },
	{ "milter_listen", CONF_LISTEN, "unix:" SPOOL "/milter.sock", 0, 0, AT(milter_listen), false },
	{ "lmtp_listen", CONF_LISTEN_LIST, "unix:" SPOOL "/queued.sock", 0, 0, AT(lmtp_listen), false },
	{ "control_socket", CONF_PATH, RUNSTATEDIR "/holdfast/control.sock", 0, 0, AT(control_socket),
	    false },
	{ "http_listen", CONF_HOSTPORT, "", 0, 0, AT(http_listen), true },
	{ "turn_listen", CONF_HOSTPORT, "", 0, 0, AT(turn_listen), true },
	{ "turn_tls_cert", CONF_PATH, "", 0, 0, AT(turn_tls_cert), true },
	{ "turn_tls_key", CONF_PATH, "", 0, 0, AT(turn_tls_key), true },
	{ "turn_users", CONF_PATH, "", 0, 0, AT(turn_users), true },
	{ "resolver", CONF_SERVER, "", 0, 53, AT(resolver), true },
	{ "dnssec_anchor", CONF_PATH, DNS_ANCHOR_SYSTEM, 0, 0, AT(dnssec_anchor), true },
	{ "bounce_relay", CONF_HOSTPORT, "127.0.0.1:25", 0, 25, AT(bounce_relay), false },
	{ "handover", CONF_HANDOVER, "milter", 0, 0, AT(handover), false },
	{ "on_queued_down", CONF_QUEUED_DOWN, "pass", 0, 0, AT(on_queued_down), false },
	{ "message_size_limit", CONF_SIZE, "100M", 1024, GIGA, AT(message_size_limit), false },
	{ "queue_reserve", CONF_SIZE, "64M", 0, 1024 * GIGA, AT(queue_reserve), false },
	{ "lmtp_sessions", CONF_COUNT, "512", 1, 65536, AT(lmtp_sessions), false },
	{ "lmtp_timeout", CONF_INTERVAL, "5m", 1, DAY, AT(lmtp_timeout), false },
	{ "lmtp_session_time", CONF_INTERVAL, "1h", 1, 7 * DAY, AT(lmtp_session_time), false },
	{ "smtp_connect_timeout", CONF_INTERVAL, "30s", 1, DAY, AT(smtp_connect_timeout), false },
	{ "smtp_greeting_timeout", CONF_INTERVAL, "5m", 1, DAY, AT(smtp_greeting_timeout), false },
	{ "smtp_tls_timeout", CONF_INTERVAL, "1m", 1, DAY, AT(smtp_tls_timeout), false },
	{ "smtp_mail_timeout", CONF_INTERVAL, "5m", 1, DAY, AT(smtp_mail_timeout), false },
	{ "smtp_rcpt_timeout", CONF_INTERVAL, "5m", 1, DAY, AT(smtp_rcpt_timeout), false },
	{ "smtp_data_timeout", CONF_INTERVAL, "2m", 1, DAY, AT(smtp_data_timeout), false },
	{ "smtp_block_timeout", CONF_INTERVAL, "3m", 1, DAY, AT(smtp_block_timeout), false },
	{ "smtp_final_timeout", CONF_INTERVAL, "10m", 1, DAY, AT(smtp_final_timeout), false },
	{ "smtp_quit_timeout", CONF_INTERVAL, "5s", 1, DAY, AT(smtp_quit_timeout), false },
	{ "shutdown_timeout", CONF_INTERVAL, "30s", 1, 3600, AT(shutdown_timeout), false },
	{ "ledger_retention", CONF_INTERVAL, "30d", 1, 3650 * DAY, AT(ledger_retention), false },
};
const size_t conf_nkeys = sizeof(conf_keys) / sizeof(conf_keys[0]);

/* --- one value --------------------------------------------------------------- */

/* Takes `reason': the type's parser and its bounds share one way to say no. */
static int
refuse(char **why, char *reason)
{
	*why = reason;
	return -1;
}

static int
set_string(char **where, const char *value)
{
	free(*where);
	*where = xstrdup(value);
	return 0;
}

static int
set_hostname(char **where, const char *value, char **why)
{
	if (value[0] == '[' || !addr_domain_valid(value, false))
		return refuse(why, xasprintf("\"%s\" is not a host name", value));
	return set_string(where, value);
}

static int
set_user(char **where, const char *value, char **why)
{
	if (strlen(value) > 32 || strpbrk(value, " \t:/") != NULL || value[0] == '-')
		return refuse(why, xasprintf("\"%s\" is not a user name", value));
	return set_string(where, value);
}

static int
set_path(char **where, const char *value, char **why)
{
	if (value[0] != '/' && value[0] != '\0')
		return refuse(why, xstrdup("a relative path: it must start with \"/\""));
	return set_string(where, value);
}

static int
set_store(char **where, const char *value, char **why)
{
	if (strncmp(value, "postgresql://", 13) == 0 || strncmp(value, "postgres://", 11) == 0)
		return refuse(why, xstrdup("a postgresql:// store is not supported by this build"));
	if (strcmp(value, "sqlite") != 0)
		return refuse(why, xasprintf("\"%s\" is not a store: must be sqlite", value));
	return set_string(where, value);
}

/* Kept as text; it is parsed again where it is used. */
static int
set_hostport(char **where, const char *value, uint16_t default_port, char **why)
{
	struct endpoint e;
	const char *reason;

	if (value[0] != '\0') {
		if (endpoint_parse_hostport(value, default_port, &e, &reason) == -1)
			return refuse(why, xasprintf("\"%s\": %s", value, reason));
		endpoint_clear(&e);
	}
	return set_string(where, value);
}

/* A name server cannot be looked up by name. */
static int
set_server(char **where, const char *value, uint16_t default_port, char **why)
{
	struct in6_addr addr;
	struct endpoint e;
	const char *reason;
	bool numeric;

	if (value[0] != '\0' && endpoint_parse_hostport(value, default_port, &e, &reason) == 0) {
		numeric = inet_pton(AF_INET, e.host, &addr) == 1 || inet_pton(AF_INET6, e.host, &addr) == 1;
		endpoint_clear(&e);
		if (!numeric)
			return refuse(why, xasprintf("\"%s\": must be a numeric address", value));
	}
	return set_hostport(where, value, default_port, why);
}

static int
set_listen(struct endpoint *where, const char *value, char **why)
{
	struct endpoint e;
	const char *reason;

	if (endpoint_parse_milter(value, &e, &reason) == -1)
		return refuse(why, xasprintf("\"%s\": %s", value, reason));
	endpoint_clear(where);
	*where = e;
	return 0;
}

static int
set_listen_list(struct endpoint_list *where, const char *value, char **why)
{
	struct endpoint_list list;
	const char *reason;

	if (endpoint_list_parse_milter(value, &list, &reason) == -1)
		return refuse(why, xasprintf("\"%s\": %s", value, reason));
	endpoint_list_clear(where);
	*where = list;
	return 0;
}

static int
set_size(uint64_t *where, const struct conf_key *k, const char *value, char **why)
{
	uint64_t v;

	if (conf_parse_size(value, &v) == -1)
		return refuse(why, xasprintf("\"%s\" is not a size such as 500K, 64M or 1G", value));
	if (v < k->min || v > k->max)
		return refuse(why, xasprintf("must be from %ju to %ju bytes", (uintmax_t)k->min,
				       (uintmax_t)k->max));
	*where = v;
	return 0;
}

static int
set_interval(unsigned *where, const struct conf_key *k, const char *value, char **why)
{
	unsigned v;

	if (conf_parse_interval(value, &v) == -1)
		return refuse(why, xasprintf("\"%s\" is not an interval such as 30s, 5m, 1h or 2d", value));
	if (v < k->min || v > k->max)
		return refuse(why, xasprintf("must be from %ju to %ju seconds", (uintmax_t)k->min,
				       (uintmax_t)k->max));
	*where = v;
	return 0;
}

static int
set_count(unsigned *where, const struct conf_key *k, const char *value, char **why)
{
	uint64_t v;

	if (value[strspn(value, "0123456789")] != '\0' || conf_parse_size(value, &v) == -1)
		return refuse(why, xasprintf("\"%s\" is not a number", value));
	if (v < k->min || v > k->max)
		return refuse(why, xasprintf("must be from %ju to %ju", (uintmax_t)k->min,
				       (uintmax_t)k->max));
	*where = (unsigned)v;
	return 0;
}

static int
set_value(struct conf *c, const struct conf_key *k, const char *value, char **why)
{
	void *where = (char *)c + k->offset;

	if (value[0] == '\0' && !k->may_be_empty)
		return refuse(why, xstrdup("a value is missing"));
	switch (k->type) {
	case CONF_HOSTNAME:
		return set_hostname(where, value, why);
	case CONF_USER:
		return set_user(where, value, why);
	case CONF_PATH:
		return set_path(where, value, why);
	case CONF_STORE:
		return set_store(where, value, why);
	case CONF_LISTEN:
		return set_listen(where, value, why);
	case CONF_LISTEN_LIST:
		return set_listen_list(where, value, why);
	case CONF_HOSTPORT:
		return set_hostport(where, value, (uint16_t)k->max, why);
	case CONF_SERVER:
		return set_server(where, value, (uint16_t)k->max, why);
	case CONF_HANDOVER:
		if (strcmp(value, "milter") != 0 && strcmp(value, "lmtp") != 0)
			return refuse(why, xasprintf("\"%s\": must be milter or lmtp", value));
		*(enum conf_handover *)where = value[0] == 'm' ? HANDOVER_MILTER : HANDOVER_LMTP;
		return 0;
	case CONF_QUEUED_DOWN:
		if (strcmp(value, "pass") != 0 && strcmp(value, "tempfail") != 0)
			return refuse(why, xasprintf("\"%s\": must be pass or tempfail", value));
		*(enum conf_queued_down *)where = value[0] == 'p' ? QUEUED_DOWN_PASS
								  : QUEUED_DOWN_TEMPFAIL;
		return 0;
	case CONF_SIZE:
		return set_size(where, k, value, why);
	case CONF_INTERVAL:
		return set_interval(where, k, value, why);
	case CONF_COUNT:
		return set_count(where, k, value, why);
	}
	abort();
}

/* --- one line ---------------------------------------------------------------- */

static char *
trim(char *s)
{
	char *end;

	s += strspn(s, " \t\r");
	end = s + strlen(s);
	while (end > s && strchr(" \t\r", end[-1]) != NULL)
		end--;
	*end = '\0';
	return s;
}

/* A `#' opens a comment at the start of a line and after a blank: never inside a value. */
static void
cut_comment(char *s)
{
	char *p;

	for (p = s; (p = strchr(p, '#')) != NULL; p++) {
		if (p == s || p[-1] == ' ' || p[-1] == '\t') {
			*p = '\0';
			return;
		}
	}
}

static size_t
find_key(const char *name)
{
	size_t i = 0;

	while (i < conf_nkeys && strcmp(conf_keys[i].name, name) != 0)
		i++;
	return i;
}

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t' && *s != '\r') || *s == 0x7f)
			return true;
	return false;
}

/* `seen' has the line that set each key, 0 for none. */
static int
read_line(struct conf *c, char *line, size_t len, unsigned lineno, unsigned *seen, char **why)
{
	char *eq, *name, *value, *reason = NULL;
	size_t k;

	if (lineno == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0)
		return refuse(why, xstrdup("starts with a byte order mark: save it without"));
	if (len > CONF_LINE_MAX)
		return refuse(why, xasprintf("longer than %d bytes", CONF_LINE_MAX));
	if (strlen(line) != len)
		return refuse(why, xstrdup("contains a NUL byte"));
	cut_comment(line);
	if (has_control(line))
		return refuse(why, xstrdup("contains a control character"));
	name = trim(line);
	if (name[0] == '\0')
		return 0;
	if ((eq = strchr(name, '=')) == NULL)
		return refuse(why, xstrdup("not of the form \"key = value\""));
	*eq = '\0';
	value = trim(eq + 1);
	name = trim(name);
	if ((k = find_key(name)) == conf_nkeys)
		return refuse(why, xasprintf("unknown key \"%s\"", name));
	if (seen[k] != 0)
		return refuse(why, xasprintf("duplicate key \"%s\", set already in line %u", name, seen[k]));
	seen[k] = lineno;
	if (set_value(c, &conf_keys[k], value, &reason) == -1) {
		*why = xasprintf("%s: %s", name, reason);
		free(reason);
		return -1;
	}
	return 0;
}

/* --- the file ---------------------------------------------------------------- */

/* The whole text, or -1 and a reason without the file's name. */
static int
read_file(const char *path, struct buf *text, char **why)
{
	struct stat st;
	ssize_t n = -1;
	int fd, saved;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return refuse(why, xstrdup(strerror(errno)));
	if (fstat(fd, &st) == -1)
		*why = xstrdup(strerror(errno));
	else if (!S_ISREG(st.st_mode))
		*why = xstrdup("not a regular file");
	else if ((st.st_mode & S_IWOTH) != 0)
		*why = xasprintf("everybody may write it: chmod o-w %s", path);
	else if (st.st_size > CONF_FILE_MAX)
		*why = xasprintf("larger than %d bytes", CONF_FILE_MAX);
	else {
		do {
			buf_reserve(text, 8192);
			n = read(fd, text->data + text->len, 8192);
			if (n > 0)
				text->len += (size_t)n;
		} while ((n > 0 || (n == -1 && errno == EINTR)) && text->len <= CONF_FILE_MAX);
		saved = errno;
		buf_putc(text, '\n');
		if (n == -1)
			*why = xstrdup(strerror(saved));
		else if (n > 0)
			*why = xasprintf("larger than %d bytes", CONF_FILE_MAX);
	}
	close(fd);
	return n == 0 ? 0 : -1;
}

/* 0, or -1 with *lineno of the fault. */
static int
read_lines(struct conf *c, struct buf *text, unsigned *lineno, char **why)
{
	unsigned *seen = xcalloc(conf_nkeys, sizeof(*seen));
	char *p = text->data, *end = text->data + text->len, *nl;
	int rc = 0;

	for (*lineno = 1; rc == 0 && p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		*nl = '\0';
		if ((rc = read_line(c, p, (size_t)(nl - p), *lineno, seen, why)) == 0)
			(*lineno)++;
	}
	free(seen);
	return rc;
}

static void
set_defaults(struct conf *c)
{
	char *why = NULL;
	size_t i;

	for (i = 0; i < conf_nkeys; i++) {
		if (conf_keys[i].initial == NULL)
			continue;	/* hostname: asked for last, and only if it is not set */
		if (set_value(c, &conf_keys[i], conf_keys[i].initial, &why) == -1)
			abort();
	}
}

struct conf *
conf_load(const char *path, char **why)
{
	struct conf *c = xcalloc(1, sizeof(*c));
	struct buf text = BUF_INIT;
	char *reason = NULL;
	unsigned lineno;

	*why = NULL;
	set_defaults(c);
	if (read_file(path, &text, &reason) == -1)
		*why = xasprintf("%s: %s", path, reason);
	else if (read_lines(c, &text, &lineno, &reason) == -1)
		*why = xasprintf("%s:%u: %s", path, lineno, reason);
	else if (c->hostname == NULL && (c->hostname = conf_own_hostname("/etc/hosts")) == NULL)
		*why = xasprintf("%s: this machine's name is not usable: set hostname", path);
	buf_free(&text);
	free(reason);
	if (*why != NULL)
		conf_free(&c);
	return c;
}

void
conf_free(struct conf **cp)
{
	struct conf *c = *cp;
	size_t i;

	if (c == NULL)
		return;
	for (i = 0; i < conf_nkeys; i++) {
		void *where = (char *)c + conf_keys[i].offset;

		switch (conf_keys[i].type) {
		case CONF_HOSTNAME:
		case CONF_USER:
		case CONF_PATH:
		case CONF_STORE:
		case CONF_HOSTPORT:
		case CONF_SERVER:
			free(*(char **)where);
			break;
		case CONF_LISTEN:
			endpoint_clear(where);
			break;
		case CONF_LISTEN_LIST:
			endpoint_list_clear(where);
			break;
		case CONF_HANDOVER:
		case CONF_QUEUED_DOWN:
		case CONF_SIZE:
		case CONF_INTERVAL:
		case CONF_COUNT:
			break;
		}
	}
	free(c);
	*cp = NULL;
}
