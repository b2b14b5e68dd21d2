/*
 * queue.c -- holdfast queue cat, retry, hold, release, delete.
 *
 * A change of many messages at once that cannot be undone asks first, or
 * wants --yes. Of several ids each is a change of its own: one that is not
 * there any more is told, the others are done.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/control.h"
#include "common/log.h"

/* --- cat ----------------------------------------------------------------- */

static void
write_bytes(void *arg, const char *data, size_t len)
{
	(void)arg;
	(void)fwrite(data, 1, len, stdout);	/* cli.c looks at ferror() */
}

/* On a terminal: what a message holds must not drive it. */
static void
write_escaped(void *arg, const char *data, size_t len)
{
	(void)arg;
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)data[i];

		if (ch == '\r' && i + 1 < len && data[i + 1] == '\n')
			continue;
		if (ch == '\n' || ch == '\t' || (ch >= 0x20 && ch < 0x7f))
			(void)putchar(ch);
		else
			(void)printf("\\x%02x", ch);
	}
}

static int
cat(struct cli *c)
{
	struct control *control = NULL;
	int status = cli_connect(c, &control);

	if (status != EX_OK)
		return status;
	status = cli_call(control, json_pack("{s:s,s:s}", "cmd", "queue.cat", "id", c->argv[0]),
	    NULL, isatty(STDOUT_FILENO) ? write_escaped : write_bytes, NULL, NULL);
	control_close(&control);
	return status;
}

/* --- changes ------------------------------------------------------------- */

struct change {
	const char	*cmd;		/* of the protocol */
	const char	*done;		/* "deleted" */
	const char	*none;		/* why nothing may have changed */
	bool		 for_good;
};

/* Options that say which recipients of a domain, or of all. */
static const char *const narrowing[] = { "state", "sender", "recipient" };
#define NNARROWING (sizeof(narrowing) / sizeof(narrowing[0]))

/* NULL: an argument is not UTF-8. */
static json_t *
change_request(const struct cli *c, const struct change *ch, const char *key, const char *what)
{
	json_t *q = json_pack("{s:s,s:o?}", "cmd", ch->cmd, key,
	    what != NULL ? json_string(what) : json_true());

	for (size_t i = 0; i < NNARROWING && q != NULL; i++) {
		const char *value = cli_option(c, narrowing[i]);

		if (value != NULL
		    && json_object_set_new(q, narrowing[i], json_string(value)) == -1) {
			json_decref(q);
			q = NULL;
		}
	}
	return q;
}

/* One request; prints what changed. what is the id or domain, NULL for all. */
static int
send_change(const struct cli *c, struct control *control, const struct change *ch,
    const char *key, const char *what)
{
	json_t *last = NULL, *q = change_request(c, ch, key, what);
	uint64_t n;
	int status;

	if (q == NULL)
		return cli_fail(EX_DATAERR, "an argument is not valid UTF-8");
	if ((status = cli_call(control, q, NULL, NULL, NULL, &last)) != EX_OK)
		return status;
	n = (uint64_t)out_int(last, "changed");
	json_decref(last);
	if (c->json)
		out_json(json_pack("{s:s,s:I}", strcmp(key, "id") == 0 ? "queue_id" : key,
		    what != NULL ? what : "all", "changed", (json_int_t)n));
	else if (n == 0)
		(void)printf("%s: nothing changed (%s)\n", what != NULL ? out_safe(what) : "all",
		    ch->none);
	else
		(void)printf("%s: %s %s\n", what != NULL ? out_safe(what) : "all", ch->done,
		    out_count(n, "recipient", "recipients"));
	return EX_OK;
}

/* EX_OK: go on. */
static int
ask_first(const struct cli *c, const struct change *ch, const char *domain)
{
	struct buf which = BUF_INIT;
	char *question;
	bool yes;

	if (!ch->for_good || cli_option(c, "yes") != NULL)
		return EX_OK;
	for (size_t i = 0; i < NNARROWING; i++)
		if (cli_option(c, narrowing[i]) != NULL)
			buf_printf(&which, "%s%s %s", which.len > 0 ? ", " : " with ",
			    narrowing[i], out_safe(cli_option(c, narrowing[i])));
	if (domain != NULL)
		question = xasprintf("Delete all queued mail for %s%s for good?",
		    out_safe(domain), which.len > 0 ? which.data : "");
	else if (which.len > 0)
		question = xasprintf("Delete all queued mail%s for good?", which.data);
	else
		question = xstrdup("Delete the whole queue for good?");
	buf_free(&which);
	yes = cli_confirm(question);
	free(question);
	if (yes)
		return EX_OK;
	return cli_usage(c, "nothing was deleted; say --yes to delete without being asked");
}

static int
change(struct cli *c, const struct change *ch)
{
	const char *domain = cli_option(c, "domain");
	bool all = cli_option(c, "all") != NULL;
	struct control *control = NULL;
	int status, first = EX_OK;

	if ((c->argc > 0) + (domain != NULL) + all != 1)
		return cli_usage(c, "%s: give queue ids, --domain NAME or --all",
		    c->command->name);
	for (size_t i = 0; i < NNARROWING; i++)
		if (c->argc > 0 && cli_option(c, narrowing[i]) != NULL)
			return cli_usage(c, "%s: --%s goes with --domain or --all, not with ids",
			    c->command->name, narrowing[i]);
	if (c->argc == 0 && (status = ask_first(c, ch, domain)) != EX_OK)
		return status;
	if ((status = cli_connect(c, &control)) != EX_OK)
		return status;
	if (c->argc == 0)
		first = send_change(c, control, ch, all ? "all" : "domain", domain);
	for (int i = 0; i < c->argc; i++) {
		status = send_change(c, control, ch, "id", c->argv[i]);
		if (first == EX_OK)
			first = status;
		if (status == EX_UNAVAILABLE)
			break;	/* the connection is gone */
	}
	control_close(&control);
	return first;
}

static int
retry(struct cli *c)
{
	static const struct change ch = { "queue.retry", "due now:",
		"held and quarantined mail is released, not retried", false };

	return change(c, &ch);
}

static int
hold(struct cli *c)
{
	static const struct change ch = { "queue.hold", "held", "held already or being delivered",
		false };

	return change(c, &ch);
}

static int
release(struct cli *c)
{
	static const struct change ch = { "queue.release", "released",
		"neither held nor quarantined", false };

	return change(c, &ch);
}

static int
delete_(struct cli *c)
{
	static const struct change ch = { "queue.delete", "deleted",
		"not there, or being delivered", true };

	return change(c, &ch);
}

#define WHICH_OPTIONS \
	{ "domain", "NAME", "all recipients in this domain" }, \
	{ "all", NULL, "the whole queue" }, \
	{ "state", "STATE", "of these just what is queued, held or quarantined" }, \
	{ "sender", "ADDRESS", "of these just what this sender sent" }, \
	{ "recipient", "ADDRESS", "of these just what is for this recipient" }

static const struct cli_option change_options[] = {
	WHICH_OPTIONS,
	{ NULL, NULL, NULL }
};
static const struct cli_option delete_options[] = {
	WHICH_OPTIONS,
	{ "yes", NULL, "do not ask (needed when there is no terminal)" },
	{ NULL, NULL, NULL }
};

const struct command command_queue_cat = {
	.name = "queue cat", .args = "ID",
	.help = "Write a message, byte for byte (a terminal gets control bytes escaped).",
	.examples = "holdfast queue cat 4XyZ0001 >message.eml",
	.min_args = 1, .max_args = 1, .run = cat, .offline = true,
};
const struct command command_queue_retry = {
	.name = "queue retry", .args = "ID … | --domain NAME | --all [--state STATE] …",
	.help = "Make queued mail due now.",
	.examples = "holdfast queue retry 4XyZ0001\nholdfast queue retry --domain example.test",
	.min_args = 0, .max_args = -1, .options = change_options, .run = retry,
};
const struct command command_queue_hold = {
	.name = "queue hold", .args = "ID … | --domain NAME | --all [--state STATE] …",
	.help = "Keep mail from being delivered.",
	.examples = "holdfast queue hold 4XyZ0001 4XyZ0002\nholdfast queue hold --all",
	.min_args = 0, .max_args = -1, .options = change_options, .run = hold,
};
const struct command command_queue_release = {
	.name = "queue release", .args = "ID … | --domain NAME | --all [--state STATE] …",
	.help = "Let held and quarantined mail go, due now.",
	.examples = "holdfast queue release 4XyZ0001\nholdfast queue release --domain example.test",
	.min_args = 0, .max_args = -1, .options = change_options, .run = release,
};
const struct command command_queue_delete = {
	.name = "queue delete", .args = "ID … | --domain NAME | --all [--state STATE] …",
	.help = "Delete mail for good.",
	.examples = "holdfast queue delete 4XyZ0001\n"
		    "holdfast queue delete --domain gone.test --yes\n"
		    "holdfast queue delete --all --state quarantined",
	.min_args = 0, .max_args = -1, .options = delete_options, .run = delete_,
};
