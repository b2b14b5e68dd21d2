/*
 * queue_list.c -- holdfast queue count, list, show: what waits, and why.
 *
 * Each message is printed as it comes, so a queue of any length costs the
 * memory of one message.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/clock.h"
#include "common/control.h"

/* --- count --------------------------------------------------------------- */

static void
print_count(void *arg, json_t *line)
{
	const struct cli *c = arg;

	if (c->json)
		out_json_lent(line);
	else
		(void)printf("%s, %s, %s\n",
		    out_count((uint64_t)out_int(line, "messages"), "message", "messages"),
		    out_count((uint64_t)out_int(line, "recipients"), "recipient", "recipients"),
		    out_size((uint64_t)out_int(line, "bytes")));
}

static int
count(struct cli *c)
{
	return cli_ask(c, json_pack("{s:s}", "cmd", "queue.count"), print_count, c, NULL);
}

/* --- list ---------------------------------------------------------------- */

struct listing {
	struct cli	*c;
	int64_t		 now;
	json_t		*down;		/* by domain: the destination that is not up */
	uint64_t	 messages, recipients, bytes;
};

/* Of primary.list: mail that is due waits for these, and its own rows do not say so. */
static void
note_down(void *arg, json_t *destination)
{
	struct listing *l = arg;
	const char *state = out_str(destination, "state");
	json_t *domain;
	size_t i;

	if (strcmp(state, "up") == 0 || strcmp(state, "ramping") == 0)
		return;
	json_array_foreach(json_object_get(destination, "domains"), i, domain)
		(void)json_object_set(l->down, json_string_value(domain), destination);
}

/* For people: the primaries first, then the messages. */
static int
ask_with_primaries(struct listing *l, json_t *request, void (*line)(void *, json_t *))
{
	struct control *control = NULL;
	int status = cli_connect(l->c, &control);

	if (status != EX_OK || request == NULL) {
		json_decref(request);
		control_close(&control);
		return status != EX_OK ? status
				       : cli_fail(EX_DATAERR, "an argument is not valid UTF-8");
	}
	l->down = json_object();
	if (!l->c->json && !l->c->offline)	/* a stopped daemon has no primaries */
		status = cli_call(control, json_pack("{s:s}", "cmd", "primary.list"), note_down,
		    NULL, l, NULL);
	if (status == EX_OK)
		status = cli_call(control, request, line, NULL, l, NULL);
	else
		json_decref(request);
	json_decref(l->down);
	control_close(&control);
	return status;
}

/* Postfix's marks, and one for what waits for a person. */
static char
mark(const char *queue_name)
{
	if (strcmp(queue_name, "active") == 0)
		return '*';
	if (strcmp(queue_name, "hold") == 0)
		return '!';
	return strcmp(queue_name, "quarantine") == 0 ? '#' : ' ';
}

static const char *
sender(const json_t *message)
{
	const char *s = out_str(message, "sender");

	return s[0] != '\0' ? s : "<>";
}

static void
print_down(const struct listing *l, const json_t *d)
{
	const char *reason = out_str(d, "reason");

	(void)printf("waits for %s, which is %s%s%s", out_safe(out_str(d, "destination")),
	    out_on(l->c, OUT_BAD), out_safe(out_str(d, "state")), out_off(l->c));
	if (*reason != '\0')
		(void)printf(": %s", out_safe(reason));
}

/* When a queued recipient is tried next, or what it waits for. */
static void
print_next(const struct listing *l, const json_t *r)
{
	int64_t next = out_int(r, "next_attempt");
	char *domain = xstrdup(addr_domain(out_str(r, "address")));
	const json_t *d;

	addr_lower(domain);
	d = json_object_get(l->down, domain);
	if (next > l->now)
		(void)printf("next attempt %s", out_when(next, l->now));
	else if (d == NULL)
		(void)printf("due now");
	else
		print_down(l, d);
	free(domain);
}

/* "next attempt in 42 s", or why there is none; and the last reply. */
static void
print_recipient(const struct listing *l, const json_t *r)
{
	const struct cli *c = l->c;
	const char *state = out_str(r, "state"), *reason = out_str(r, "reason");
	int64_t attempts = out_int(r, "attempts");
	bool quarantined = strcmp(state, "quarantined") == 0;

	(void)printf("    %s  ", out_safe(out_str(r, "address")));
	if (json_is_true(json_object_get(r, "active")))
		(void)printf("%sbeing delivered%s", out_on(c, OUT_GOOD), out_off(c));
	else if (strcmp(state, "queued") == 0)
		print_next(l, r);
	else
		(void)printf("%s%s%s", out_on(c, quarantined ? OUT_BAD : OUT_WARN),
		    out_safe(state), out_off(c));
	if (attempts > 0)
		(void)printf(", %s", out_count((uint64_t)attempts, "attempt", "attempts"));
	(void)putchar('\n');
	if (reason[0] != '\0')
		(void)printf("        (%s)\n", out_safe(reason));
}

static void
print_message(void *arg, json_t *m)
{
	struct listing *l = arg;
	int64_t arrival = out_int(m, "arrival_time");
	json_t *recipients = json_object_get(m, "recipients"), *r;
	size_t i;

	if (l->c->json) {
		out_json_lent(m);
		return;
	}
	if (l->messages == 0)
		(void)printf("%s%-16s %9s  %-19s  %s%s\n", out_on(l->c, OUT_DIM), "ID", "SIZE",
		    "ARRIVED", "SENDER", out_off(l->c));
	(void)printf("%s%c%*s %9s  %s  %s\n", out_safe(out_str(m, "queue_id")),
	    mark(out_str(m, "queue_name")),
	    strlen(out_str(m, "queue_id")) < 15 ? (int)(15 - strlen(out_str(m, "queue_id"))) : 0,
	    "", out_size((uint64_t)out_int(m, "message_size")), out_date(arrival),
	    out_safe(sender(m)));
	json_array_foreach(recipients, i, r)
		print_recipient(l, r);
	l->messages++;
	l->recipients += json_array_size(recipients);
	l->bytes += (uint64_t)out_int(m, "message_size");
}

/* Both ways of saying it. */
static const char *
which_domain(const struct cli *c)
{
	return c->argc > 0 ? c->argv[0] : cli_option(c, "domain");
}

static json_t *
list_request(const struct cli *c)
{
	const char *domain = which_domain(c);
	json_t *q = json_pack("{s:s}", "cmd", "queue.list");

	/* a value that is not UTF-8 makes json_string() fail, and then the set */
	if ((domain != NULL && json_object_set_new(q, "domain", json_string(domain)) == -1) ||
	    (cli_option(c, "state") != NULL &&
	    json_object_set_new(q, "state", json_string(cli_option(c, "state"))) == -1) ||
	    (cli_option(c, "sender") != NULL &&
	    json_object_set_new(q, "sender", json_string(cli_option(c, "sender"))) == -1) ||
	    (cli_option(c, "recipient") != NULL &&
	    json_object_set_new(q, "recipient", json_string(cli_option(c, "recipient"))) == -1)) {
		json_decref(q);
		return NULL;
	}
	return q;
}

static int
check_state(const struct cli *c)
{
	static const char *const states[] = { "queued", "held", "quarantined" };
	const char *s = cli_option(c, "state");

	for (size_t i = 0; s != NULL && i < 3; i++)
		if (strcmp(s, states[i]) == 0)
			return EX_OK;
	if (s == NULL)
		return EX_OK;
	return cli_usage(c, "--state: `%s' is not queued, held or quarantined", s);
}

static int
list(struct cli *c)
{
	struct listing l = { .c = c, .now = clock_wall() };
	int status = check_state(c);

	if (status == EX_OK)
		status = ask_with_primaries(&l, list_request(c), print_message);
	if (status != EX_OK || c->json)
		return status;
	if (l.messages == 0)
		(void)printf("%s\n", which_domain(c) != NULL || cli_option(c, "state") != NULL ||
		    cli_option(c, "sender") != NULL || cli_option(c, "recipient") != NULL
		    ? "no message like that is queued" : "the queue is empty");
	else
		(void)printf("-- %s, %s, %s\n", out_count(l.messages, "message", "messages"),
		    out_count(l.recipients, "recipient", "recipients"), out_size(l.bytes));
	return EX_OK;
}

/* --- show ---------------------------------------------------------------- */

static void
print_client(const json_t *client)
{
	if (out_str(client, "addr")[0] == '\0' && out_str(client, "name")[0] == '\0')
		return;
	(void)printf("client         %s[%s], helo %s, %s\n", out_safe(out_str(client, "name")),
	    out_safe(out_str(client, "addr")), out_safe(out_str(client, "helo")),
	    out_safe(out_str(client, "proto")));
}

static void
print_whole(void *arg, json_t *m)
{
	struct listing *l = arg;
	int64_t arrival = out_int(m, "arrival_time");
	json_t *r, *recipients = json_object_get(m, "recipients");
	size_t i;

	if (l->c->json) {
		out_json_lent(m);
		return;
	}
	(void)printf("message        %s\nstate          %s\nsize           %s\n",
	    out_safe(out_str(m, "queue_id")), out_safe(out_str(m, "queue_name")),
	    out_size((uint64_t)out_int(m, "message_size")));
	(void)printf("arrived        %s (%s)\n", out_date(arrival), out_when(arrival, l->now));
	(void)printf("sender         %s\n", out_safe(sender(m)));
	print_client(json_object_get(m, "client"));
	if (out_str(m, "trace")[0] != '\0')
		(void)printf("trace          %s\n", out_safe(out_str(m, "trace")));
	if (out_str(m, "spf")[0] != '\0')
		(void)printf("spf            %s\n", out_safe(out_str(m, "spf")));
	if (out_str(m, "envid")[0] != '\0')
		(void)printf("envelope id    %s\n", out_safe(out_str(m, "envid")));
	(void)printf("recipients     %zu\n", json_array_size(recipients));
	json_array_foreach(recipients, i, r) {
		int64_t last = out_int(r, "last_attempt");

		print_recipient(l, r);
		if (last != 0)
			(void)printf("        last tried %s (%s)\n", out_date(last),
			    out_when(last, l->now));
	}
}

static int
show(struct cli *c)
{
	struct listing l = { .c = c, .now = clock_wall() };

	return ask_with_primaries(&l, json_pack("{s:s,s:s}", "cmd", "queue.show", "id",
	    c->argv[0]), print_whole);
}

static const struct cli_option list_options[] = {
	{ "domain", "NAME", "only mail for this domain" },
	{ "state", "STATE", "only queued, held or quarantined recipients" },
	{ "sender", "ADDRESS", "only mail of this sender" },
	{ "recipient", "ADDRESS", "only mail for this recipient" },
	{ NULL, NULL, NULL }
};

const struct command command_queue_count = {
	.name = "queue count", .args = "",
	.help = "How much waits.",
	.examples = "holdfast queue count\nholdfast queue count --json | jq .messages\n"
		    "holdfast queue count --offline",
	.min_args = 0, .max_args = 0, .run = count, .offline = true,
};
const struct command command_queue_list = {
	.name = "queue list", .args = "[DOMAIN]",
	.help = "List the queue: * being delivered, ! held, # quarantined.",
	.examples = "holdfast queue list\nholdfast queue list example.test --state quarantined\n"
		    "holdfast queue list --json | jq -r 'select(.message_size > 1e6).queue_id'",
	.min_args = 0, .max_args = 1, .options = list_options, .run = list, .offline = true,
};
const struct command command_queue_show = {
	.name = "queue show", .args = "ID",
	.help = "Show all about a message: client, recipients, attempts.",
	.examples = "holdfast queue show 4XyZ0001",
	.min_args = 1, .max_args = 1, .run = show, .offline = true,
};
