/*
 * plugin_object.c -- checks from outside, one good and many bad ones, for t_plugin.c.
 *
 * Compiled once for each kind, KIND_x defined, against the installed header alone.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef KIND_RUBBISH

#include <stdint.h>

/* The right number, and nothing else is right. */
const uint32_t holdfast_check[64] = { 1, [1 ... 63] = 0xa5a5a5a5u };

#else

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <holdfast/check.h>

#define CONSTRUCTOR	static void __attribute__((constructor))
#define DESTRUCTOR	static void __attribute__((destructor))

/* What a check can do that the milter tells it: see t_plugin.c and t_screen.c. */
static int
at_rcpt(const struct check_view *v, struct verdict *out)
{
	const char *nap = getenv("HF_TEST_NAP");

	if (nap != NULL)
		(void)sleep((unsigned)atoi(nap));
	if (v->host != NULL || v->size != sizeof(*v))
		abort();
	if (v->helo[0] == 'r')
		check_reject(out, 550, "5.7.1", "Not with this HELO", "helo r");
	if (v->helo[0] == 'd') {
		check_defer(out, 450, "4.7.1", "Later", "helo d");
		out->final = true;
	}
	if (v->helo[0] == 's')
		check_score(out, 250, "helo s");
	if (v->helo[0] == 'x')		/* rubbish: the engine knows it from a verdict */
		out->action = (enum verdict_action)77;
	if (v->helo[0] == 'f')
		return -1;
	return 0;
}

static int
at_eom(const struct check_view *v, struct verdict *out)
{
	(void)out;
	if (v->host != NULL || v->message == NULL || v->message->nheaders == 0)
		abort();
#ifdef KIND_BODY
	if (v->message->read == NULL)
		abort();
#else
	if (v->message->read != NULL)
		abort();
#endif
	if (v->helo[0] == 'q') {
		out->action = VERDICT_QUARANTINE;
		(void)snprintf(out->reason, sizeof(out->reason), "helo q");
	}
	if (v->helo[0] == 't')
		out->action = VERDICT_TAG;
	return 0;
}

#if defined(KIND_SYMBOL)
const struct check other_check = {
#else
const struct check holdfast_check = {
#endif
#if defined(KIND_ABI)
	.abi = HOLDFAST_CHECK_ABI + 6,
#else
	.abi = HOLDFAST_CHECK_ABI,
#endif
#if defined(KIND_NONAME)
	.name = NULL,
#elif defined(KIND_WILDNAME)
	.name = (const char *)16,
#elif defined(KIND_BADNAME)
	.name = "Good Check",
#elif defined(KIND_LONGNAME)
	.name = "a23456789012345678901234567890123",
#elif defined(KIND_TAKENNAME)
	.name = "spf",
#elif defined(KIND_WORD)
	.name = "threshold",
#elif defined(KIND_CHEAP)
	.name = "cheap",
#elif defined(KIND_BODY)
	.name = "body",
#else
	.name = "good",
#endif
#if defined(KIND_COST)
	.cost = (enum check_cost)4,
#elif defined(KIND_CHEAP)
	.cost = COST_MEMORY,
#else
	.cost = COST_NETWORK,
#endif
#if defined(KIND_FAULT)
	.on_fault = VERDICT_REJECT,
#else
	.on_fault = VERDICT_DEFER,
#endif
#if defined(KIND_WILDHOOK)
	.at_rcpt = (check_hook *)4096,
#elif !defined(KIND_HOOKLESS)
	.at_rcpt = at_rcpt,
	.at_eom = at_eom,
#endif
#if defined(KIND_BODY)
	.wants_body = true,
#endif
};

#ifdef KIND_HOOKLESS
check_hook *const used[] = { at_rcpt, at_eom };
#endif

#ifdef KIND_CRASH
CONSTRUCTOR
begin(void)
{
	*(volatile int *)16 = 1;
}
#endif
#ifdef KIND_HANG
CONSTRUCTOR
begin(void)
{
	const char *path = getenv("HF_TEST_PID");
	FILE *f;

	/* It does not hang alone. */
	if (fork() == 0 && path != NULL && (f = fopen(path, "we")) != NULL) {
		(void)fprintf(f, "%d\n", (int)getpid());
		(void)fclose(f);
	}
	(void)sleep(60);
}
#endif
#ifdef KIND_EXIT
CONSTRUCTOR
begin(void)
{
	_exit(0);
}
#endif
#ifdef KIND_UNLOAD
DESTRUCTOR
end(void)
{
	(void)raise(SIGSEGV);
}
#endif
#ifdef KIND_MISSING
void not_there_anywhere(void);
CONSTRUCTOR
begin(void)
{
	not_there_anywhere();
}
#endif

#endif
