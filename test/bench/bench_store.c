/*
 * bench_store.c -- the store alone: intake with 1, 20 and 64 writers, lease
 * and settle, domains, restart, memory.
 *
 *     bench_store DIRECTORY [MESSAGES [BYTES]]
 *     bench_store DIRECTORY MESSAGES BYTES DOMAINS
 *
 * A writer submits its next message when the last one is durable, as an LMTP
 * session does. The second form fills a queue for so many domains (unless there is one already) and
 * measures what a start, an operator and a jump of the clock cost then; with the files out of the
 * system's cache ("cold") and in it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/resource.h>

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	unsigned		 domains;	/* 0: DOMAIN alone */
	unsigned		 next;		/* of the next message */
	uint64_t		 seen;		/* messages in answers */
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
	char sender[] = "sender@example.org", address[64] = "user@" DOMAIN;
	char ip[] = "192.0.2.77", helo[] = "mail.example.org", proto[] = "ESMTP";
	struct store_intake *in = store_intake_begin(b->store);

	/* Not in the order of their names: 7919 is prime. */
	if (b->domains != 0)
		(void)snprintf(address, sizeof(address), "user@d%05u.test",
		    (unsigned)(b->next++ * UINT64_C(7919) % b->domains));
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

/* --- many domains --------------------------------------------------------- */
static void
end_of_domains(void *arg, enum store_result result, const struct store_domain *v, size_t n)
{
	struct bench *b = arg;

	if (result != STORE_OK)
		fail("domains", NULL);
	for (size_t i = 0; i < n; i++)
		b->seen += v[i].messages;
	event_base_loopbreak(b->base);
}

static void
end_of_lease(void *arg, enum store_result result, struct job *jobs, size_t n, int64_t next)
{
	struct bench *b = arg;

	(void)next;
	if (result != STORE_OK || n == 0)
		fail("lease", NULL);
	b->seen += n;
	for (struct job *job; (job = jobs) != NULL;) {
		struct settle untried = { .what = SETTLE_UNTRIED };

		jobs = job->next;
		store_settle(b->store, &job, &untried, NULL, NULL);
	}
	event_base_loopbreak(b->base);
}

static void
end_of_list(void *arg, enum store_result result, const struct store_message *v, size_t n)
{
	struct bench *b = arg;

	(void)v;
	if (result != STORE_OK)
		fail("list", NULL);
	b->seen += n;
	event_base_loopbreak(b->base);
}

static void
end_of_change(void *arg, enum store_result result, uint64_t n, const char *why)
{
	struct bench *b = arg;

	if (result != STORE_OK)
		fail("change", why);
	b->seen += n;
	event_base_loopbreak(b->base);
}

static void
end_of_totals(void *arg, enum store_result result, const struct store_totals *t)
{
	struct bench *b = arg;

	if (result != STORE_OK)
		fail("totals", NULL);
	b->seen += t->messages;
	event_base_loopbreak(b->base);
}

static void
end_of_quarantine(void *arg, enum store_result result, const struct store_quarantine *v, size_t n)
{
	struct bench *b = arg;

	(void)v;
	if (result != STORE_OK)
		fail("quarantine", NULL);
	b->seen += n;
	event_base_loopbreak(b->base);
}

/* Runs the loop until the answer to what was asked, and says how long that took. */
static void
answer(struct bench *b, const char *what, int64_t start)
{
	b->seen = 0;
	event_base_dispatch(b->base);
	printf("%-38s %8.3f s  (%llu found, resident %ld KiB)\n", what, seconds_since(start),
	    (unsigned long long)b->seen, memory("VmRSS"));
}

/* Out of the system's cache, as after a boot. */
static void
forget_files(struct bench *b)
{
	int fd = open(b->conf.queue_db, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fdatasync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		fail(b->conf.queue_db, "cannot be put out of the cache");
	(void)close(fd);
}

static void
start_up(struct bench *b, const char *how)
{
	int64_t start = clock_mono_ms();

	open_store(b);
	printf("open, %s: %.3f s\n", how, seconds_since(start));
	store_domains(b->store, end_of_domains, b);
	answer(b, "  and domains", start);
	start = clock_mono_ms();
	store_lease(b->store, "d00042.test", clock_wall(), 20, end_of_lease, b);
	answer(b, "first lease of a domain", start);
}

static void
look_around(struct bench *b)
{
	struct store_filter one = { .domain = "d00777.test", .state = -1 };
	struct store_filter nobody = { .recipient = "nobody@example.test", .state = -1 };
	struct store_filter held = { .state = RCPT_HELD };
	int64_t now = clock_wall(), start = clock_mono_ms();

	store_lease_aged(b->store, "d00777.test", now, true, 20, end_of_lease, b);
	answer(b, "lease of what is of age", start);
	start = clock_mono_ms();
	store_list(b->store, &one, 0, 200, end_of_list, b);
	answer(b, "list of a domain", start);
	start = clock_mono_ms();
	store_change(b->store, CHANGE_HOLD, &one, "bench", end_of_change, b);
	answer(b, "hold of a domain", start);
	start = clock_mono_ms();
	store_quarantine_summary(b->store, end_of_quarantine, b);
	answer(b, "quarantine in sum", start);
	start = clock_mono_ms();
	store_change(b->store, CHANGE_RELEASE, &held, "bench", end_of_change, b);
	answer(b, "release of all that is held", start);
	start = clock_mono_ms();
	store_list(b->store, &nobody, 0, 200, end_of_list, b);
	answer(b, "search for a recipient", start);
	start = clock_mono_ms();
	store_list(b->store, &nobody, 0, 200, end_of_list, b);
	store_totals(b->store, end_of_totals, b);
	answer(b, "totals, asked for behind a search", start);
	answer(b, "  and the search", start);
	start = clock_mono_ms();
	store_shift_clock(b->store, 3600);
	store_totals(b->store, end_of_totals, b);
	answer(b, "the clock set", start);
}

static int
many_domains(struct bench *b, unsigned messages)
{
	open_store(b);
	store_totals(b->store, end_of_totals, b);
	answer(b, "totals", clock_mono_ms());
	if (b->seen < messages)
		intake(b, messages - (unsigned)b->seen, 64);
	store_close(&b->store);
	forget_files(b);
	start_up(b, "cold");
	store_close(&b->store);
	start_up(b, "warm");
	look_around(b);
	printf("resident: %ld KiB, at most %ld KiB\n", memory("VmRSS"), memory("VmHWM"));
	store_close(&b->store);
	return 0;
}

int
main(int argc, char **argv)
{
	static const unsigned writers[] = { 1, 20, 64 };
	struct bench b = { .conf = { .ledger_retention = 86400 } };
	unsigned messages = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 26000;

	if (argc < 2)
		fail("usage", "bench_store DIRECTORY [MESSAGES [BYTES [DOMAINS]]]");
	log_open("bench_store", LOG_TO_STDERR);
	b.conf.queue_db = xasprintf("%s/queue.db", argv[1]);
	b.size = argc > 3 ? strtoul(argv[3], NULL, 10) : 10000;
	b.body = xcalloc(b.size + 1, 1);
	memset(b.body, 'x', b.size);
	b.base = event_base_new();
	b.domains = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	if (b.domains != 0)
		return many_domains(&b, messages);
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
