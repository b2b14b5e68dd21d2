/*
 * lmtp_sink.c -- an LMTP server in a thread that answers as it is told to.
 *
 * One connection at a time, line by line with stdio: slow and plain, so that it
 * can be trusted to find fault with the client. Its replies are flushed
 * when it has read all that was pipelined, as a real server does.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lmtp_sink.h"

#define NRCPT	(sizeof(((struct sink_script *)0)->rcpt) / sizeof(char *))

struct sink {
	pthread_t	 thread;
	pthread_mutex_t	 lock;
	int		 listener, connection;
	bool		 stopping;
	struct sink_script script;
	struct buf	 commands, data, message;
	unsigned	 messages, connections, chunks;
	/* the transaction */
	size_t		 nrcpt;
	const char	*final[64];
	size_t		 naccepted;
};

static void
say(FILE *out, const char *scripted, const char *good)
{
	(void)fprintf(out, "%s\r\n", scripted != NULL ? scripted : good);
}

/* True: goes on. */
static bool
on_bdat(struct sink *k, const struct sink_script *s, FILE *in, FILE *out, const char *line)
{
	size_t n = strtoul(line + 5, NULL, 10), i;
	bool last = strstr(line, "LAST") != NULL;
	char *bytes = xcalloc(n + 1, 1);
	bool whole;

	if (s->chunk_delay > 0)
		(void)poll(NULL, 0, s->chunk_delay);
	whole = fread(bytes, 1, n, in) == n;
	(void)pthread_mutex_lock(&k->lock);
	buf_put(&k->message, bytes, whole ? n : 0);
	k->chunks++;
	(void)pthread_mutex_unlock(&k->lock);
	free(bytes);
	if (!whole || (last && s->close == SINK_AT_LAST) || (!last && s->close == SINK_AT_BDAT))
		return false;
	if (k->naccepted == 0) {
		say(out, NULL, "503 5.5.1 No valid recipients");
		return true;
	}
	if (!last) {
		say(out, s->bdat, "250 2.0.0 Chunk OK");
		return true;
	}
	if (s->delay > 0)
		(void)poll(NULL, 0, s->delay);
	(void)pthread_mutex_lock(&k->lock);
	buf_clear(&k->data);
	buf_put(&k->data, k->message.data, k->message.len);
	k->messages++;
	(void)pthread_mutex_unlock(&k->lock);
	for (i = 0; i < k->naccepted; i++)
		say(out, k->final[i], "250 2.0.0 Ok: queued as Q1");
	return s->close != SINK_AFTER_MESSAGE;
}

static bool
on_line(struct sink *k, FILE *in, FILE *out, char *line)
{
	struct sink_script s;
	const char *scripted;

	(void)pthread_mutex_lock(&k->lock);
	s = k->script;
	line[strcspn(line, "\r\n")] = '\0';
	buf_printf(&k->commands, "%s\n", strncmp(line, "BDAT", 4) == 0 ?
	    (strstr(line, "LAST") != NULL ? "BDAT LAST" : "BDAT") : line);
	(void)pthread_mutex_unlock(&k->lock);
	if (strncmp(line, "LHLO", 4) == 0) {
		if (s.close == SINK_AT_LHLO)
			return false;
		say(out, s.lhlo, "250-sink.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-SIZE 1000000\r\n"
		    "250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n"
		    "250-XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n250 XHOLDFAST");
	} else if (strncmp(line, "XFORWARD", 8) == 0) {
		say(out, s.xforward, "250 2.0.0 OK");
	} else if (strncmp(line, "MAIL", 4) == 0) {
		if (s.close == SINK_AT_MAIL)
			return false;
		k->nrcpt = k->naccepted = 0;
		buf_clear(&k->message);
		say(out, s.mail, "250 2.1.0 OK");
	} else if (strncmp(line, "RCPT", 4) == 0) {
		if (s.close == SINK_AT_RCPT)
			return false;
		scripted = k->nrcpt < NRCPT ? s.rcpt[k->nrcpt] : NULL;
		if (s.mail != NULL && s.mail[0] != '2')
			scripted = "503 5.5.1 MAIL first";
		if (scripted == NULL || scripted[0] == '2')
			k->final[k->naccepted++] = k->nrcpt < NRCPT ? s.final[k->nrcpt] : NULL;
		k->nrcpt++;
		say(out, scripted, "250 2.1.5 OK");
	} else if (strncmp(line, "BDAT ", 5) == 0) {
		return on_bdat(k, &s, in, out, line);
	} else {
		say(out, NULL, "500 5.5.2 What?");
	}
	return true;
}

static void
serve(struct sink *k, int fd)
{
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
	struct sink_script s;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char *line = NULL;
	size_t cap = 0;
	bool more;

	(void)pthread_mutex_lock(&k->lock);
	s = k->script;
	(void)pthread_mutex_unlock(&k->lock);
	more = s.close != SINK_AT_BANNER;
	if (more)
		say(out, s.banner, "220 sink.test LMTP");
	(void)fflush(out);
	while (more && getline(&line, &cap, in) > 0) {
		more = on_line(k, in, out, line);
		/* stdio may hold more lines than poll can see; flushing early is merely slow. */
		if (!more || poll(&p, 1, 0) == 0)
			(void)fflush(out);
	}
	free(line);
	(void)fclose(out);
	(void)pthread_mutex_lock(&k->lock);
	k->connection = -1;
	(void)fclose(in);
	(void)pthread_mutex_unlock(&k->lock);
}

static void *
run(void *arg)
{
	struct sink *k = arg;
	int fd;

	while ((fd = accept(k->listener, NULL, NULL)) != -1) {
		(void)pthread_mutex_lock(&k->lock);
		k->connection = fd;
		k->connections++;
		if (k->stopping)
			(void)shutdown(fd, SHUT_RDWR);
		(void)pthread_mutex_unlock(&k->lock);
		serve(k, fd);
	}
	return NULL;
}

struct sink *
sink_start(const struct endpoint *at, const struct sink_script *script)
{
	struct sink *k = xcalloc(1, sizeof(*k));
	struct sockaddr_un sun;

	(void)signal(SIGPIPE, SIG_IGN);		/* a client may be gone before it is answered */
	if (script != NULL)
		k->script = *script;
	k->connection = -1;
	(void)pthread_mutex_init(&k->lock, NULL);
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", at->path);
	(void)unlink(at->path);
	k->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(k->listener, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(listen(k->listener, 16), 0);
	assert_int_equal(pthread_create(&k->thread, NULL, run, k), 0);
	return k;
}

void
sink_stop(struct sink **kp)
{
	struct sink *k = *kp;

	if (k == NULL)
		return;
	(void)pthread_mutex_lock(&k->lock);
	k->stopping = true;
	(void)shutdown(k->listener, SHUT_RDWR);
	if (k->connection != -1)
		(void)shutdown(k->connection, SHUT_RDWR);
	(void)pthread_mutex_unlock(&k->lock);
	(void)pthread_join(k->thread, NULL);
	(void)close(k->listener);
	(void)pthread_mutex_destroy(&k->lock);
	buf_free(&k->commands);
	buf_free(&k->data);
	buf_free(&k->message);
	free(k);
	*kp = NULL;
}

void
sink_script(struct sink *k, const struct sink_script *script)
{
	(void)pthread_mutex_lock(&k->lock);
	k->script = *script;
	(void)pthread_mutex_unlock(&k->lock);
}

char *
sink_commands(struct sink *k)
{
	char *copy;

	(void)pthread_mutex_lock(&k->lock);
	copy = xstrdup(buf_str(&k->commands));
	(void)pthread_mutex_unlock(&k->lock);
	return copy;
}

struct buf
sink_data(struct sink *k)
{
	struct buf copy = BUF_INIT;

	(void)pthread_mutex_lock(&k->lock);
	buf_put(&copy, k->data.data, k->data.len);
	(void)pthread_mutex_unlock(&k->lock);
	return copy;
}

static unsigned
number(struct sink *k, const unsigned *field)
{
	unsigned n;

	(void)pthread_mutex_lock(&k->lock);
	n = *field;
	(void)pthread_mutex_unlock(&k->lock);
	return n;
}

unsigned
sink_messages(struct sink *k)
{
	return number(k, &k->messages);
}

unsigned
sink_connections(struct sink *k)
{
	return number(k, &k->connections);
}

unsigned
sink_chunks(struct sink *k)
{
	return number(k, &k->chunks);
}

bool
sink_connected(struct sink *k)
{
	bool yes;

	(void)pthread_mutex_lock(&k->lock);
	yes = k->connection != -1;
	(void)pthread_mutex_unlock(&k->lock);
	return yes;
}

void
sink_endpoint(struct endpoint *e)
{
	char dir[] = "/tmp/hf-sink.XXXXXX";

	memset(e, 0, sizeof(*e));
	assert_non_null(mkdtemp(dir));
	e->path = xasprintf("%s/lmtp.sock", dir);
}

void
sink_endpoint_clear(struct endpoint *e)
{
	(void)unlink(e->path);
	*strrchr(e->path, '/') = '\0';
	(void)rmdir(e->path);
	endpoint_clear(e);
}
