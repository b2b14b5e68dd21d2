/*
 * bench_store.c -- the store alone: intake with 1, 20 and 64 writers, lease
 * and settle, domains, restart, memory.
 *
 *     bench_store DIRECTORY [MESSAGES [BYTES]]
 *
 * A writer submits its next message when the last one is durable, as an LMTP
 * session does.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/resource.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/log.h"
#include "queued/store.h"

#define DOMAIN	"example.test"

struct bench {
	struct event_base	*base;
	struct store		*store;
	struct conf		 conf;
	char			*body;
	size_t			 size;
	unsigned		 left, running;
	unsigned		 jobs;
};

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "bench_store: %s: %s\n", what, why != NULL ? why : "failed");
	exit(1);
}

/* VmRSS or VmHWM in KiB. */
static long
memory(const char *name)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	long kib = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtol(line + strlen(name) + 1, NULL, 10);
	if (f != NULL)
		(void)fclose(f);
	return kib;
}

static double
cpu(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
	    + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double
seconds_since(int64_t ms)
{
	int64_t now = clock_mono_ms();

	return (double)(now > ms ? now - ms : 1) / 1000;
}

static void
open_store(struct bench *b)
{
	char *why;

	b->store = store_open(&b->conf, b->base, &why);
	if (b->store == NULL)
		fail("open", why);
}

/* --- intake -------------------------------------------------------------- */
static void submit(struct bench *);

static void
stored(void *arg, enum store_result result, const char *queue_id, const char *why)
{
	struct bench *b = arg;

	(void)queue_id;
	if (result != STORE_OK)
		fail("intake", why);
	b->running--;
	if (b->left > 0)
		submit(b);
	else if (b->running == 0)
		event_base_loopbreak(b->base);
}

static void
submit(struct bench *b)
{
	struct rcpt rcpt = { .address = b->body };
	struct envelope env = { .rcpt = &rcpt, .nrcpt = 1 };
	char sender[] = "sender@example.org", address[] = "user@" DOMAIN;
	char ip[] = "192.0.2.77", helo[] = "mail.example.org", proto[] = "ESMTP";
	struct store_intake *in = store_intake_begin(b->store);

	rcpt.address = address;
	env.sender = sender;
	env.client.addr = ip;
	env.client.name = helo;
	env.client.helo = helo;
	env.client.proto = proto;
	(void)store_intake_write(in, b->body, b->size, NULL, NULL);
	b->left--;
	b->running++;
	store_intake_commit(&in, &env, stored, b);
}

static void
intake(struct bench *b, unsigned messages, unsigned writers)
{
	int64_t start = clock_mono_ms();
	double used = cpu(), took;

	b->left = messages;
	for (unsigned i = 0; i < writers && b->left > 0; i++)
		submit(b);
	event_base_dispatch(b->base);
	took = seconds_since(start);
	printf("intake, %2u writers: %8.0f/s  (%u messages, %.2f s, %.2f s of CPU)\n", writers,
	    messages / took, messages, took, cpu() - used);
}

/* --- lease and settle ---------------------------------------------------- */
static void
settled(void *arg, enum store_result result, const char *why)
{
	struct bench *b = arg;

	if (result != STORE_OK)
		fail("settle", why);
	b->left++;
}

static void
leased(void *arg, enum store_result result, struct job *jobs, size_t njobs, int64_t next_due)
{
	struct settle v = { .what = SETTLE_DELIVERED, .code = 250, .dsn = "2.0.0",
		.reply = "Ok: queued as 4F2B12", .relay = "primary.example.test[192.0.2.1]:25" };
	struct bench *b = arg;

	(void)next_due;
	if (result != STORE_OK)
		fail("lease", NULL);
	if (njobs == 0) {
		event_base_loopbreak(b->base);
		return;
	}
	while (jobs != NULL) {
		struct job *job = jobs;

		jobs = job->next;
		store_settle(b->store, &job, &v, settled, b);
	}
	store_lease(b->store, DOMAIN, clock_wall(), b->jobs, leased, b);
}

static void
drain(struct bench *b, unsigned jobs)
{
	int64_t start = clock_mono_ms();
	double used = cpu(), took;

	b->left = 0;
	b->jobs = jobs;
	store_lease(b->store, DOMAIN, clock_wall(), jobs, leased, b);
	event_base_dispatch(b->base);
	took = seconds_since(start);
	printf("lease and settle, %u at a time: %8.0f/s  (%u messages, %.2f s, %.2f s of CPU)\n",
	    jobs, b->left / took, b->left, took, cpu() - used);
}

/* --- start --------------------------------------------------------------- */
static void
counted(void *arg, enum store_result result, const struct store_domain *v, size_t n)
{
	const struct bench *b = arg;

	if (result != STORE_OK)
		fail("domains", NULL);
	printf("domains: %zu, messages: %llu\n", n, n > 0 ? (unsigned long long)v[0].messages : 0);
	event_base_loopbreak(b->base);
}

static void
restart(struct bench *b)
{
	int64_t start;

	store_close(&b->store);
	start = clock_mono_ms();
	open_store(b);
	printf("open: %.3f s\n", seconds_since(start));
	store_domains(b->store, counted, b);
	event_base_dispatch(b->base);
	printf("open and domains: %.3f s\n", seconds_since(start));
}

int
main(int argc, char **argv)
{
	static const unsigned writers[] = { 1, 20, 64 };
	struct bench b = { .conf = { .ledger_retention = 86400 } };
	unsigned messages = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 26000;

	if (argc < 2)
		fail("usage", "bench_store DIRECTORY [MESSAGES [BYTES]]");
	log_open("bench_store", LOG_TO_STDERR);
	b.conf.queue_db = xasprintf("%s/queue.db", argv[1]);
	b.size = argc > 3 ? strtoul(argv[3], NULL, 10) : 10000;
	b.body = xcalloc(b.size + 1, 1);
	memset(b.body, 'x', b.size);
	b.base = event_base_new();
	open_store(&b);
	for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++)
		intake(&b, i == 0 ? messages / 8 : messages, writers[i]);
	printf("resident: %ld KiB\n", memory("VmRSS"));
	restart(&b);
	drain(&b, 20);
	intake(&b, messages, 20);
	drain(&b, 100);
	printf("resident: %ld KiB, at most %ld KiB\n", memory("VmRSS"), memory("VmHWM"));
	store_close(&b.store);
	event_base_free(b.base);
	free(b.conf.queue_db);
	free(b.body);
	return 0;
}
