/*
 * setup.c -- holdfast setup: from an MTA and one domain to a backup MX.
 *
 * First everything is found out and decided, then shown, then asked for, then done;
 * up to the question nothing is changed. What is done is recorded before, so that
 * --undo takes it back, also after a crash. Steps come in this order: our
 * configuration, folders, rules, our daemons, and when they answer, the MTA.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <grp.h>
#include <pwd.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/cli/cli.h"
#include "common/cli/commands.h"
#include "common/cli/out.h"
#include "common/cli/plan.h"
#include "common/cli/postfix.h"
#include "common/cli/record.h"
#include "common/cli/setup.h"
#include "common/cli/setup_daemons.h"
#include "common/cli/setup_holdfast.h"
#include "common/cli/setup_postfix.h"
#include "common/cli/setup_sendmail.h"
#include "common/conf.h"
#include "common/conf_keys.h"

#define RECORD_DIR	LOCALSTATEDIR "/lib/holdfast/setup"
#define SENDMAIL_SOCKETS RUNSTATEDIR "/holdfast-mta"

/* --- what was asked for -------------------------------------------------- */

/* --domain and --recipients-file [NAME=]FILE, each possibly several. */
static int
read_domains(struct setup *s)
{
	const struct cli *c = s->cli;
	const char *names = cli_option(c, "domain"), *files = cli_option(c, "recipients-file");
	struct words name, file;
	int status = EX_OK;

	words_split(&name, names != NULL ? names : "");
	words_split(&file, files != NULL ? files : "");
	s->domain = xcalloc(name.n + 1, sizeof(*s->domain));
	s->ndomains = name.n;
	for (size_t i = 0; i < name.n; i++) {
		s->domain[i].name = xstrdup(name.v[i]);
		addr_lower(s->domain[i].name);
		s->domain[i].primary = xstrdup(cli_option(c, "primary"));
		s->domain[i].recipients = xstrdup(cli_option(c, "recipients"));
	}
	for (size_t i = 0; i < file.n && status == EX_OK; i++) {
		const char *eq = strchr(file.v[i], '='), *path = eq != NULL ? eq + 1 : file.v[i];
		size_t k = 0;

		while (k < name.n && (eq == NULL ? name.n > 1
						 : strlen(name.v[k]) != (size_t)(eq - file.v[i]) ||
						       strncasecmp(name.v[k], file.v[i],
							   (size_t)(eq - file.v[i])) != 0))
			k++;
		if (k == name.n)
			status = cli_usage(c,
			    "--recipients-file %s: of which --domain? NAME=FILE says it",
			    file.v[i]);
		else
			s->domain[k].file = xstrdup(path);
	}
	words_clear(&name);
	words_clear(&file);
	return status;
}

static int
check_options(const struct setup *s)
{
	const char *recipients = cli_option(s->cli, "recipients");

	if (recipients != NULL && strcmp(recipients, "list") != 0 &&
	    strcmp(recipients, "verify") != 0 && strcmp(recipients, "any") != 0)
		return cli_usage(
		    s->cli, "--recipients: `%s' is not list, verify or any", recipients);
	if (s->ndomains == 0 && (cli_option(s->cli, "primary") != NULL || recipients != NULL))
		return cli_usage(s->cli, "--primary and --recipients say something of a --domain");
	if (!s->dry_run && geteuid() != 0)
		return cli_fail(EX_NOPERM,
		    "only root may change the configuration of a mail server; "
		    "--dry-run shows what would be changed");
	return EX_OK;
}

/* What other servers call this host: the MTA knows. */
static void
find_hostname(struct setup *s)
{
	const char *name = s->mta == MTA_POSTFIX ? postfix_expanded(s->postfix, "myhostname") : "";

	s->hostname = name[0] != '\0' && addr_domain_valid(name, false)
	    ? xstrdup(name) : conf_own_hostname("/etc/hosts");
	if (s->hostname == NULL)
		s->hostname = xstrdup("localhost");
}

/* --- the plan ------------------------------------------------------------ */

static bool
plan_group(const struct setup *s, struct holdfast_wish *w, struct plan *plan)
{
	const struct passwd *pw = getpwnam(postfix_value(s->postfix, "mail_owner"));
	const struct group *gr = pw != NULL ? getgrgid(pw->pw_gid) : NULL;

	if (gr == NULL) {
		plan_problem(plan, "Postfix's user %s or its group does not exist",
		    postfix_value(s->postfix, "mail_owner"));
		return false;
	}
	w->postfix = true;
	w->mta_gid = gr->gr_gid;
	w->mta_group = xstrdup(gr->gr_name);
	return true;
}

static void
plan_postfix(
    struct setup *s, const struct conf *conf, const struct words *domains, struct plan *plan)
{
	const char *queue = postfix_expanded(s->postfix, "queue_directory");
	struct postfix_wish w = { .rules_db = xstrdup(conf->rules_db),
		.size = conf->message_size_limit };
	char *lmtp = setup_postfix_socket(&conf->lmtp_listen.v[0], queue);

	w.milter = setup_postfix_socket(&conf->milter_listen, queue);
	w.lmtp = xasprintf("lmtp:%s", lmtp);
	for (size_t i = 0; i < domains->n; i++)
		words_add(&w.domains, domains->v[i]);
	setup_postfix_plan(s->postfix, &w, s->start, plan);
	postfix_wish_clear(&w);
	free(lmtp);
}

static void
plan_sendmail(const struct setup *s, const struct conf *conf, const struct words *domains,
    struct plan *plan)
{
	const struct endpoint *e = &conf->milter_listen;
	char *milter = e->path != NULL ? xasprintf("unix:%s", e->path)
	    : xasprintf("inet:%u@%s", (unsigned)e->port, e->host);
	struct sendmail_wish w = { .dir = s->mta_dir, .domains = *domains, .milter = milter,
		.lmtp = conf->lmtp_listen.v[0].path, .size = conf->message_size_limit };

	if (w.lmtp == NULL)
		plan_problem(plan, "lmtp_listen must begin with a unix socket for Sendmail");
	else
		setup_sendmail_plan(&w, s->start, plan);
	free(milter);
}

static void
make_plan(struct setup *s, struct conf **old, struct conf **conf, struct plan *plan)
{
	struct holdfast_wish w = { .conf_path = s->cli->conf_path, .hostname = s->hostname };
	struct words domains = { NULL, 0 };
	char *socket_dir = NULL;
	bool changed = false;
	size_t before;

	if (s->mta == MTA_POSTFIX)
		socket_dir =
		    xasprintf("%s/holdfast", postfix_expanded(s->postfix, "queue_directory"));
	else if (s->mta == MTA_SENDMAIL)
		socket_dir = xstrdup(SENDMAIL_SOCKETS);
	w.socket_dir = socket_dir;
	if (s->mta == MTA_POSTFIX && !plan_group(s, &w, plan))
		goto done;
	setup_daemons_marker(plan);
	before = plan->n;
	if ((*conf = setup_conf_plan(&w, old, plan)) == NULL)
		goto done;
	changed = plan->n > before && *old != NULL;
	bool units;
	setup_places_plan(&w, *conf, &units, plan);
	setup_rules_plan(*conf, s->domain, s->ndomains, &domains, plan);
	if (domains.n == 0)
		plan_problem(
		    plan, "there is no domain to be backup MX for: --domain NAME --primary HOST");
	setup_daemons_plan(*old, *conf, s->cli->conf_path, changed || units, s->start, plan);
	if (s->mta == MTA_POSTFIX)
		plan_postfix(s, *conf, &domains, plan);
	else if (s->mta == MTA_SENDMAIL)
		plan_sendmail(s, *conf, &domains, plan);
	if (strchr((*conf)->hostname, '.') == NULL)
		plan_note(plan,
		    "this host's name is %s, without a domain: others will not like that "
		    "(hostname in %s)",
		    (*conf)->hostname, s->cli->conf_path);
done:
	words_clear(&domains);
	free(socket_dir);
	free((void *)(uintptr_t)w.mta_group);
}

/* Is there anything that changes something? Markers alone do not. */
static bool
does_something(const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->step[i].kind != PLAN_RUN || p->step[i].argv.n > 0)
			return true;
	return false;
}

/* --- telling ------------------------------------------------------------- */

static void
tell_list(const struct cli *c, const char *key, const struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (c->json)
			out_json(json_pack("{s:s}", key, out_safe(w->v[i])));
		else
			(void)printf("%s: %s\n", key, out_safe(w->v[i]));
}

static int
tell_problems(const struct cli *c, const struct words *problems)
{
	if (c->json)
		tell_list(c, "problem", problems);
	for (size_t i = 0; i < problems->n; i++)
		cli_note("%s", problems->v[i]);
	return cli_fail(EX_CONFIG, "nothing was changed");
}

static int
tell_end(const struct cli *c, const char *result, const char *folder)
{
	if (c->json) {
		out_json(json_pack("{s:s,s:s?}", "result", result, "record", folder));
		return EX_OK;
	}
	if (folder == NULL) {
		(void)printf("%s\n", result);
		return EX_OK;
	}
	(void)printf("\nDone. `holdfast setup --undo' takes it back (originals: %s).\n"
	    "See whether all is well:      holdfast doctor\n"
	    "Prove it with a test message: holdfast drill\n", out_safe(folder));
	return EX_OK;
}

/* --- doing --------------------------------------------------------------- */

static int
apply(struct setup *s, struct plan *plan)
{
	char *why = NULL;
	struct record *r = record_new(s->record_dir, setup_mta_name(s->mta), &why);
	int status;

	if (r == NULL)
		status = cli_fail(EX_CANTCREAT, "%s; nothing was changed", why);
	else if (plan_apply(plan, r, &why) == -1)
		status = cli_fail(EX_CANTCREAT, "%s", why);
	else
		status = tell_end(s->cli, "done", record_folder(r));
	free(why);
	record_free(&r);
	return status;
}

static int
proceed(struct setup *s, struct plan *plan)
{
	if (plan->problems.n > 0)
		return tell_problems(s->cli, &plan->problems);
	plan_show(s->cli, plan);
	tell_list(s->cli, "note", &plan->notes);
	if (!does_something(plan))
		return tell_end(s->cli, "nothing to do", NULL);
	if (s->dry_run)
		return tell_end(s->cli, "dry run: nothing was changed", NULL);
	(void)fflush(stdout);
	if (!s->yes && !cli_confirm("Make these changes?"))
		return cli_usage(
		    s->cli, "nothing was changed; --yes to change it without being asked");
	return apply(s, plan);
}

static int
set_up(struct setup *s)
{
	struct conf *old = NULL, *conf = NULL;
	struct plan plan;
	int status;

	memset(&plan, 0, sizeof(plan));
	if ((status = setup_find_mta(
		 s, cli_option(s->cli, "mta"), cli_option(s->cli, "mta-config"))) != EX_OK)
		return status;
	find_hostname(s);
	if ((status = setup_ask(s)) == EX_OK) {
		make_plan(s, &old, &conf, &plan);
		status = proceed(s, &plan);
	}
	plan_clear(&plan);
	conf_free(&old);
	conf_free(&conf);
	return status;
}

static int
setup(struct cli *c)
{
	struct setup s = { .cli = c };
	int status;

	s.yes = cli_option(c, "yes") != NULL;
	s.dry_run = cli_option(c, "dry-run") != NULL;
	s.start = cli_option(c, "no-start") == NULL;
	s.record_dir = xstrdup(RECORD_DIR);
	if ((status = read_domains(&s)) == EX_OK && (status = check_options(&s)) == EX_OK)
		status = cli_option(c, "undo") != NULL ? setup_undo(&s) : set_up(&s);
	for (size_t i = 0; i < s.ndomains; i++)
		setup_domain_clear(&s.domain[i]);
	free(s.domain);
	postfix_free(&s.postfix);
	free(s.mta_dir);
	free(s.hostname);
	free(s.record_dir);
	return status;
}

static const struct cli_option options[] = {
	{ "domain", "NAME…", "be backup MX for it; may be given several times" },
	{ "primary", "HOST[:PORT][,…]|mx|turn", "where the mail of these domains goes" },
	{ "recipients", "list|verify|any", "how a recipient is known (default list); verify accepts all as yet" },
	{ "recipients-file", "[NAME=]FILE…", "import this list of recipients" },
	{ "mta", "postfix|sendmail|none", "which MTA (default: the one that is here)" },
	{ "mta-config", "DIR", "where its configuration is (/etc/postfix, /etc/mail)" },
	{ "yes", NULL, "change it without asking" },
	{ "dry-run", NULL, "only show what would be changed" },
	{ "no-start", NULL, "do not start daemons nor reload the MTA" },
	{ "undo", NULL, "take the last setup back" },
	{ NULL, NULL, NULL }
};

const struct command command_setup = {
	.name = "setup", .args = "",
	.help = "Set up Holdfast and the MTA of this host; each change is shown first.",
	.examples = "holdfast setup\n"
		    "holdfast setup --domain example.test --primary mail.example.test "
		    "--recipients-file users.txt --yes\n"
		    "holdfast setup --dry-run --domain example.test --primary 192.0.2.1\n"
		    "holdfast setup --undo",
	.min_args = 0, .max_args = 0, .options = options, .run = setup,
};
