/*
 * drill.c -- holdfast drill: proves the backup on the live system, with one message.
 *
 * The message is announced to holdfast-queued by a secret token; that one, and no other, is
 * held as if its primary were down, then released, and watched until the primary has it. What
 * the drill began it also ends: a message that is not delivered is deleted, also after
 * Ctrl-C; should this program be killed, queued deletes it when the drill's time is over.
 *
 * Exit status: 0 delivered; 75 all but the delivery works, for the primary is down; 69 something
 * does not work.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/drill.h"

#include <sys/random.h>

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/cli/access.h"
#include "common/cli/cli.h"
#include "common/cli/commands.h"
#include "common/cli/doctor.h"
#include "common/cli/out.h"
#include "common/cli/postfix.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/control.h"
#include "common/rules.h"

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

bool
drill_interrupted(void)
{
	return interrupted != 0;
}

void
drill_tell(const struct drill *d, const char *step, bool ok, double seconds, const char *fix,
    const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list ap;
	json_t *o;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (d->cli->json) {
		o = json_pack("{s:s,s:s,s:s,s:s}", "step", step, "status", ok ? "ok" : "fail",
		    "text", out_safe(buf_str(&text)), "fix", fix != NULL ? out_safe(fix) : "");
		if (seconds >= 0)
			json_object_set_new(o, "seconds", json_real(seconds));
		out_json(o);
	} else {
		(void)printf("%s%-4s%s  %-10s", out_on(d->cli, ok ? OUT_GOOD : OUT_BAD),
		    ok ? "ok" : "fail", out_off(d->cli), step);
		if (seconds >= 0)
			(void)printf("%8.3f s  ", seconds);
		else
			(void)printf("%12s", "");
		(void)printf("%s\n", out_safe(buf_str(&text)));
		if (fix != NULL)
			(void)printf("      %-10s%12s-> %s\n", "", "", out_safe(fix));
	}
	(void)fflush(stdout);
	buf_free(&text);
}

/* --- before -------------------------------------------------------------- */

static int
make_token(struct drill *d)
{
	unsigned char bytes[DRILL_TOKEN / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return cli_fail(EX_OSERR, "no random numbers to be had");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(d->token + 2 * i, 3, "%02x", bytes[i]);
	return EX_OK;
}

static int
number_option(const struct cli *c, const char *name, unsigned preset, unsigned max, unsigned *out)
{
	const char *s = cli_option(c, name);

	*out = preset;
	if (s == NULL)
		return EX_OK;
	if (conf_parse_interval(s, out) == -1 || *out > max)
		return cli_usage(c, "--%s: `%s' is not a time of up to %u s", name, s, max);
	return EX_OK;
}

/* Which domain; the one that is named, or the only one, or the first. */
static int
choose_domain(struct drill *d, const struct ruleset *set, char **to)
{
	const struct cli *c = d->cli;
	const char *given = cli_option(c, "to"), *why;
	const struct rules_domain *r;

	if (given != NULL && addr_parse_mailbox(given, ADDR_UTF8, &why) != ADDR_OK)
		return cli_usage(c, "--to: `%s' is no address: %s", given, why);
	if (c->argc > 0)
		r = ruleset_domain(set, c->argv[0]);
	else if (given != NULL)
		r = ruleset_domain(set, addr_domain(given));
	else
		r = ruleset_ndomains(set) > 0 ? ruleset_domain_at(set, 0) : NULL;
	if (r == NULL)
		return cli_fail(EX_DATAERR, c->argc > 0 || given != NULL
						? "that is no domain of ours; see `holdfast "
						  "domain list'"
						: "there is no domain yet; see `holdfast setup'");
	d->domain = r->name;
	*to = given != NULL ? xstrdup(given) : xasprintf("postmaster@%s", r->name);
	d->to = *to;
	return EX_OK;
}

static int
read_options(struct drill *d)
{
	const char *smtp = cli_option(d->cli, "smtp"), *why;
	int status;

	if (endpoint_parse_hostport(smtp != NULL ? smtp : "127.0.0.1", 25, &d->smtp, &why) == -1)
		return cli_usage(d->cli, "--smtp: `%s': %s", smtp != NULL ? smtp : "", why);
	if ((status = number_option(d->cli, "hold", 3, 300, &d->hold)) != EX_OK)
		return status;
	return number_option(d->cli, "timeout", 60, 300, &d->timeout);
}

/*
 * From here the MTA may take anything, for we are its friend (mynetworks); strangers it asks for
 * more. Does it relay for the domain?
 */
static bool
relays(const struct drill *d)
{
	struct doctor facts = { .conf_path = d->cli->conf_path };
	char *why = NULL, *fix = NULL;
	bool good = true;

	if (doctor_facts(
		&facts, cli_option(d->cli, "mta"), cli_option(d->cli, "mta-config"), &why, &fix) &&
	    facts.mta == DOCTOR_POSTFIX)
		good = postfix_list_has(
		    facts.postfix, "relay_domains", d->domain, postfix_lookup, facts.postfix);
	if (!good)
		drill_tell(d, "relay", false, -1,
		    "holdfast doctor relay-domains; holdfast setup --yes",
		    "Postfix does not relay for %s: strangers are refused, whatever it answers us",
		    d->domain);
	doctor_facts_free(&facts);
	free(why);
	free(fix);
	return good;
}

/* --- after --------------------------------------------------------------- */

static void
tell_logs(const struct drill *d)
{
	static const char *const files[] = { "/var/log/mail.log", "/var/log/maillog" };
	const char *queued_as = d->mta_said != NULL ? strstr(d->mta_said, "queued as ") : NULL;
	struct buf b = BUF_INIT;
	size_t i = 0;

	if (d->queue_id != NULL)
		buf_printf(&b, " -e %s", d->queue_id);
	if (d->trace != NULL && d->trace[0] != '\0')
		buf_printf(&b, " -e %s", d->trace);
	if (queued_as != NULL)
		buf_printf(&b, " -e %.*s", (int)strcspn(queued_as + 10, " "), queued_as + 10);
	while (i < 2 && access(files[i], R_OK) == -1)
		i++;
	if (b.len > 0 && !d->cli->json)
		(void)printf("\nIts lines in the log:  %s%s\n",
		    i < 2 ? "grep" : "journalctl --since -1h | grep", out_safe(buf_str(&b)));
	if (b.len > 0 && !d->cli->json && i < 2)
		(void)printf("%*s%s\n", 29, "", files[i]);
	buf_free(&b);
}

static double
span(int64_t from, int64_t to)
{
	return from != 0 && to != 0 ? (double)(to - from) / 1000 : -1;
}

static int
conclude(const struct drill *d, enum drill_end end)
{
	static const char *const words[] = { [DRILL_DELIVERED] = "delivered",
		[DRILL_PRIMARY_DOWN] = "primary_down", [DRILL_FAILED] = "failed" };

	if (d->cli->json)
		out_json(json_pack("{s:s,s:s,s:s,s:s,s:f,s:f,s:f}", "result", words[end], "domain",
		    d->domain, "queue_id", d->queue_id != NULL ? d->queue_id : "", "trace",
		    d->trace != NULL ? out_safe(d->trace) : "", "accepted",
		    span(d->begun, d->accepted), "durable", span(d->begun, d->stored), "delivered",
		    span(d->released, d->delivered)));
	else if (end == DRILL_DELIVERED)
		(void)printf("\nThe backup works: taken in %.3f s, held for %u s, delivered %.3f s "
			     "after its release.\n",
		    span(d->begun, d->stored), d->hold, span(d->released, d->delivered));
	else if (end == DRILL_PRIMARY_DOWN)
		(void)printf("\nThe backup takes and keeps mail; that it delivers cannot be shown "
			     "while the primary is "
			     "down.\n");
	else
		(void)printf(
		    "\nThe drill failed.%s\n", drill_interrupted() ? " It was interrupted." : "");
	tell_logs(d);
	return end == DRILL_DELIVERED	   ? EX_OK
	       : end == DRILL_PRIMARY_DOWN ? EX_TEMPFAIL
					   : EX_UNAVAILABLE;
}

/* --- the drill ----------------------------------------------------------- */

static enum drill_end
run(struct drill *d)
{
	if (!relays(d) || !drill_announce(d) || !drill_send(d) || !drill_wait_stored(d) ||
	    !drill_watch_held(d) || !drill_release(d))
		return DRILL_FAILED;
	return drill_wait_delivered(d);
}

static void
catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGHUP, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, NULL);
}

static int
drill(struct cli *c)
{
	struct drill d = { .cli = c };
	const struct conf *conf = cli_conf(c);
	struct ruleset *set = NULL;
	enum drill_end end;
	char *to = NULL;
	int status;

	if (conf == NULL)
		return EX_CONFIG;
	d.hostname = conf->hostname;
	if ((status = read_options(&d)) == EX_OK && (status = cli_rules(c, &set)) == EX_OK &&
	    (status = choose_domain(&d, set, &to)) == EX_OK && (status = make_token(&d)) == EX_OK &&
	    (status = cli_connect(c, &d.control)) == EX_OK) {
		catch_signals();
		if (!c->json)
			(void)printf("A test message to %s\n", out_safe(d.to));
		end = run(&d);
		drill_clean_up(&d, end != DRILL_DELIVERED);
		status = conclude(&d, end);
	}
	control_close(&d.control);
	ruleset_unref(&set);
	endpoint_clear(&d.smtp);
	free(d.queue_id);
	free(d.trace);
	free(d.mta_said);
	free(to);
	return status;
}

static const struct cli_option options[] = {
	{ "to", "ADDRESS", "the recipient (default postmaster@DOMAIN)" },
	{ "smtp", "HOST[:PORT]", "the MTA (default 127.0.0.1:25)" },
	{ "hold", "TIME", "how long the message is held (default 3s)" },
	{ "timeout", "TIME", "how long the primary may take (default 60s)" },
	{ "mta", "postfix|sendmail|none", "which MTA (default: the one that is here)" },
	{ "mta-config", "DIR", "where its configuration is (/etc/postfix, /etc/mail)" },
	{ NULL, NULL, NULL }
};

const struct command command_drill = {
	.name = "drill", .args = "[DOMAIN]",
	.help = "Prove the backup: send a test message, hold it, deliver it, time it.",
	.examples = "holdfast drill\nholdfast drill example.test --hold 10s\n"
		    "holdfast drill --to postmaster@example.test --json",
	.min_args = 0, .max_args = 1, .options = options, .run = drill,
};
