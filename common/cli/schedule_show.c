/*
 * schedule_show.c -- holdfast schedule show: the attempts that a message which
 * arrives now would see, if the primary kept deferring.
 *
 * They are computed by the very function that holdfast-queued uses, with noise
 * at the middle, the lowest and the highest of its range: the band that jitter
 * allows. The k-th attempt is never earlier than when all waits before it were
 * as short as they can be; it may never come when all were as long.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/cli/schedule.h"
#include "common/clock.h"
#include "common/rules_text.h"
#include "common/schedule.h"

#define NOISE_MIDDLE	0x80000000u
#define SHOWN		12	/* attempts that are shown one by one */

char *
schedule_text(const struct schedule *s)
{
	struct buf b = BUF_INIT;

	for (unsigned i = 0; i < s->nsteps; i++)
		buf_printf(&b, "%s%s", i > 0 ? " " : "", out_interval(s->step[i]));
	buf_putc(&b, '*');
	return buf_take(&b);
}

/* --- arithmetic ---------------------------------------------------------- */

static int64_t
later(const struct attempts *a, int64_t age, uint32_t noise)
{
	int64_t wait = schedule_next(a->schedule, age, a->n, noise);

	return wait == -1 ? age : age + wait;
}

void
attempts_begin(struct attempts *a, const struct schedule *s)
{
	*a = (struct attempts) { .schedule = s, .n = 1 };
}

bool
attempts_next(struct attempts *a)
{
	int64_t after = later(a, a->after, NOISE_MIDDLE);

	if (a->last)
		return false;
	a->earliest = later(a, a->earliest, 0);
	a->latest = later(a, a->latest, UINT32_MAX);
	a->wait = after - a->after;
	a->after = after;
	a->n++;
	a->last = after >= a->schedule->lifetime;
	return true;
}

/* --- for people ---------------------------------------------------------- */

/* "0 s", "1 m 30 s", "27 d 23 h": the two largest units that are not 0. */
static const char *
duration(int64_t seconds, char out[48])
{
	static const struct {
		int64_t	 unit;
		char	 name;
	} scale[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0, len;

	while (i < 3 && seconds < scale[i].unit)
		i++;
	len = (size_t)snprintf(out, 48, "%lld %c", (long long)(seconds / scale[i].unit),
	    scale[i].name);
	seconds %= scale[i].unit;
	for (i++; i < 4 && seconds > 0; i++)
		if (seconds >= scale[i].unit) {
			(void)snprintf(out + len, 48 - len, " %lld %c",
			    (long long)(seconds / scale[i].unit), scale[i].name);
			break;
		}
	return out;
}

static void
put(struct out_table *t, const char *what, int64_t after, int64_t now, const char *remark)
{
	char text[48];

	out_cell(t, what);
	out_cell(t, duration(after, text));
	out_cell(t, out_date(now + after));
	out_cell(t, remark);
}

static void
put_attempt(struct out_table *t, const struct attempts *a, int64_t now)
{
	char number[24], low[48], high[48], *band;

	(void)snprintf(number, sizeof(number), "%u", a->n);
	band = a->earliest == a->latest ? xstrdup("")
	    : xasprintf("%s to %s", duration(a->earliest, low), duration(a->latest, high));
	put(t, number, a->after, now, band);
	free(band);
}

/* What happens to a message beside attempts, put in where it belongs. */
struct warning {
	int64_t	at;	/* seconds since the arrival; 0: none, or told already */
};

static void
put_warning(struct out_table *t, struct warning *w, int64_t before, int64_t now)
{
	if (w->at == 0 || w->at > before)
		return;
	put(t, "warning", w->at, now, "the sender is told, if his SPF passed");
	w->at = 0;
}

/* The attempts that repeat, from a to the one before the last, in a line. */
static void
put_repeats(struct out_table *t, struct attempts *a, struct warning *w, int64_t now)
{
	struct attempts first = *a, end = *a;
	char number[64], every[64], text[48];

	for (struct attempts next = *a; attempts_next(&next) && !next.last; )
		end = next;
	put_warning(t, w, first.after, now);
	if (end.n == first.n)
		put_attempt(t, a, now);
	else {
		(void)snprintf(number, sizeof(number), "%u … %u", first.n, end.n);
		(void)snprintf(every, sizeof(every), "then every %s, until %s",
		    duration(first.wait, text), out_date(now + end.after));
		put(t, number, first.after, now, every);
	}
	put_warning(t, w, end.after, now);
	*a = end;
	(void)attempts_next(a);
}

static const char *
end_text(enum schedule_end end)
{
	switch (end) {
	case SCHEDULE_QUARANTINE:
		return "put into quarantine";
	case SCHEDULE_BOUNCE:
		return "bounced, if the sender's SPF passed, else put into quarantine";
	case SCHEDULE_HOLD:
		return "held until it is released";
	}
	return "";
}

static void
print_table(const struct cli *c, const struct schedule *s, int64_t now)
{
	static const char *const headings[] = { "ATTEMPT", "AFTER", "AT", "WITH JITTER" };
	struct out_table *t = out_table_new(headings, 4, "rrll");
	struct warning w = { schedule_warn_at(s, now) == 0 ? 0 : schedule_warn_at(s, now) - now };
	struct attempts a;

	attempts_begin(&a, s);
	put_attempt(t, &a, now);
	while (attempts_next(&a)) {
		if (a.n > SHOWN && a.n > s->nsteps + 1 && !a.last)
			put_repeats(t, &a, &w, now);
		put_warning(t, &w, a.after, now);
		put_attempt(t, &a, now);
	}
	put(t, "end", schedule_end_at(s, now) - now, now, end_text(s->end));
	out_table_print(&t, c);
}

/* --- for programs -------------------------------------------------------- */

static void
print_event(const char *event, int64_t after, int64_t now, const char *action)
{
	json_t *o = json_pack("{s:s,s:I,s:I}", "event", event, "after", (json_int_t)after, "time",
	    (json_int_t)(now + after));

	if (action != NULL)
		json_object_set_new(o, "action", json_string(action));
	out_json(o);
}

static void
print_lines(const struct schedule *s, int64_t now)
{
	int64_t warn_at = schedule_warn_at(s, now);
	struct attempts a;

	attempts_begin(&a, s);
	do {
		if (warn_at != 0 && warn_at <= now + a.after) {
			print_event("warning", warn_at - now, now, NULL);
			warn_at = 0;
		}
		out_json(json_pack("{s:s,s:i,s:I,s:I,s:I,s:I}", "event", "attempt", "attempt",
		    (int)a.n, "after", (json_int_t)a.after, "time", (json_int_t)(now + a.after),
		    "earliest", (json_int_t)(now + a.earliest), "latest",
		    (json_int_t)(now + a.latest)));
	} while (attempts_next(&a));
	print_event("end", schedule_end_at(s, now) - now, now, rules_end_name(s->end));
}

static int
show(struct cli *c)
{
	struct ruleset *set = NULL;
	const struct schedule *s;
	int64_t now = clock_wall();
	int status = cli_rules(c, &set);

	if (status != EX_OK)
		return status;
	if ((s = ruleset_schedule(set, c->argv[0])) == NULL)
		status = cli_fail(EX_DATAERR, "there is no schedule `%s'", c->argv[0]);
	else if (c->json)
		print_lines(s, now);
	else
		print_table(c, s, now);
	ruleset_unref(&set);
	return status;
}

const struct command command_schedule_show = {
	.name = "schedule show", .args = "NAME",
	.help = "Show when a message that arrives now would be tried.",
	.examples = "holdfast schedule show default\n"
		    "holdfast schedule show default --json | jq -r .time",
	.min_args = 1, .max_args = 1, .run = show,
};
