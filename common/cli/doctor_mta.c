/*
 * doctor_mta.c -- checks of the MTA's configuration.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cli/doctor.h"
#include "common/cli/file.h"
#include "common/cli/postfix.h"
#include "common/cli/setup_postfix.h"
#include "common/cli/setup_sendmail.h"
#include "common/conf.h"
#include "common/rules.h"

#define TOLD_MAX	5	/* domains by name */

/* Names of what is wrong, not too many. */
static void
add_name(struct buf *b, size_t *n, const char *name)
{
	if ((*n)++ < TOLD_MAX)
		buf_printf(b, "%s%s", b->len > 0 ? ", " : "", name);
	else if (*n == TOLD_MAX + 1)
		buf_puts(b, ", …");
}

/* --- milters ------------------------------------------------------------- */

static void
judge_milters(struct doctor *d, const char *ours)
{
	const char *own = postfix_override(d->postfix, "smtpd_milters");
	const char *action = postfix_expanded(d->postfix, "milter_default_action");
	struct words w;
	size_t at = 0;
	bool fails_open;

	words_split(&w, own != NULL ? own : postfix_expanded(d->postfix, "smtpd_milters"));
	for (; at < w.n; at++) {
		char *name = postfix_milter_name(w.v[at]);
		bool found = strcasecmp(name, ours) == 0;

		free(name);
		if (found)
			break;
	}
	fails_open = at < w.n && (strstr(w.v[at], "default_action") != NULL
					 ? strstr(w.v[at], "default_action=tempfail") == NULL
					 : strcasecmp(action, "tempfail") != 0);
	if (at == w.n)
		doctor_say(d, DOCTOR_FAIL,
		    own != NULL ? "postconf -P 'smtp/inet/smtpd_milters=…'"
				: "holdfast setup --yes",
		    "%s does not name %s: mail passes unscreened",
		    own != NULL ? "smtpd_milters of the server of port 25 in master.cf"
				: "smtpd_milters",
		    ours);
	else if (fails_open)
		doctor_say(d, DOCTOR_FAIL,
		    "postconf -e 'milter_default_action = tempfail' && postfix reload",
		    "milter_default_action = %s: mail %s while the milter is away", action,
		    strcasecmp(action, "accept") == 0 ? "passes unscreened"
						      : "is lost or refused for good");
	else if (at + 1 < w.n)
		doctor_say(d, DOCTOR_WARN, "holdfast setup --yes",
		    "Holdfast is not the last of smtpd_milters: it "
		    "does not see what %s adds",
		    w.v[at + 1]);
	else
		doctor_say(d, DOCTOR_OK, NULL, "%s is asked%s; nothing passes while it is away",
		    ours, w.n > 1 ? ", last" : "");
	words_clear(&w);
}

static void
judge_sendmail(struct doctor *d)
{
	const struct endpoint *e = &d->conf->milter_listen;
	char *milter = e->path != NULL ? xasprintf("unix:%s", e->path)
	    : xasprintf("inet:%u@%s", (unsigned)e->port, e->host);
	struct sendmail_wish w = { .dir = d->mta_dir, .milter = milter };
	const char *lacks = sendmail_lacks(buf_str(&d->sendmail_cf), &w);

	if (lacks != NULL)
		doctor_say(d, DOCTOR_FAIL, "holdfast setup --yes", "sendmail.cf: %s", lacks);
	else
		doctor_say(d, DOCTOR_OK, NULL, "%s is asked, last; nothing passes while it is away",
		    milter);
	free(milter);
}

void
check_milters(struct doctor *d)
{
	char *ours;

	if (d->mta == DOCTOR_SENDMAIL) {
		judge_sendmail(d);
		return;
	}
	ours = setup_postfix_socket(&d->conf->milter_listen,
	    postfix_expanded(d->postfix, "queue_directory"));
	judge_milters(d, ours);
	free(ours);
}

void
check_flow(struct doctor *d)
{
	if (d->mta == DOCTOR_SENDMAIL)
		doctor_say(d, DOCTOR_SKIP, NULL, "Sendmail has no such thing");
	else if (postfix_number(d->postfix, "in_flow_delay") == 0)
		doctor_say(d, DOCTOR_OK, NULL, "in_flow_delay = 0");
	else
		doctor_say(d, DOCTOR_WARN, "postconf -e 'in_flow_delay = 0' && postfix reload",
		    "in_flow_delay = %s: every message that is taken over waits so long",
		    postfix_value(d->postfix, "in_flow_delay"));
}

/* --- domains ------------------------------------------------------------- */

/* The names in a file of the MTA's folder. */
static void
read_names(const struct doctor *d, const char *name, struct buf *b)
{
	char *path = xasprintf("%s/%s", d->mta_dir, name), *why = NULL;

	(void)file_read(path, b, NULL, &why);
	free(why);
	free(path);
}

void
check_relay_domains(struct doctor *d)
{
	struct buf names = BUF_INIT, missing = BUF_INIT;
	const char *domain;
	size_t n = 0, all = 0;

	if (d->mta == DOCTOR_SENDMAIL)
		read_names(d, "holdfast-domains", &names);
	for (; (domain = doctor_name(d, all)) != NULL; all++)
		if (d->mta == DOCTOR_SENDMAIL ? !sendmail_names_have(buf_str(&names), domain)
					      : !postfix_list_has(d->postfix, "relay_domains",
						    domain, postfix_lookup, d->postfix))
			add_name(&missing, &n, domain);
	if (all == 0)
		doctor_say(d, DOCTOR_FAIL, "holdfast domain add NAME --primary HOST",
		    "rules.db has no domain: this host is backup MX for nobody");
	else if (n > 0)
		doctor_say(d, DOCTOR_FAIL, "holdfast setup --yes",
		    "the MTA does not relay for %s: strangers are "
		    "refused",
		    missing.data);
	else
		doctor_say(d, DOCTOR_OK, NULL, "all %zu domains of rules.db", all);
	buf_free(&names);
	buf_free(&missing);
}

/* Is it one of Sendmail's own names (class w)? */
static bool
is_own_sendmail(const struct doctor *d, const char *domain)
{
	struct words names = { NULL, 0 }, files = { NULL, 0 };
	bool own;

	sendmail_own_names(buf_str(&d->sendmail_cf), &names, &files);
	own = words_have(&names, domain);
	for (size_t i = 0; i < files.n && !own; i++) {
		struct buf b = BUF_INIT;
		char *why = NULL;

		own = files.v[i][0] == '/' && file_read(files.v[i], &b, NULL, &why) == FILE_THERE &&
		    sendmail_names_have(buf_str(&b), domain);
		buf_free(&b);
		free(why);
	}
	words_clear(&names);
	words_clear(&files);
	return own;
}

/* The command that takes our domains out of a list. */
static char *
without(const struct doctor *d, const char *param)
{
	struct words w;
	char *value, *fix;
	bool found = false;

	words_split(&w, postfix_value(d->postfix, param));
	for (size_t i = 0; i < w.n;) {
		const struct rules_domain *domain = ruleset_domain(d->rules, w.v[i]);

		found = found || domain != NULL;
		if (domain != NULL)
			words_remove(&w, i);
		else
			i++;
	}
	value = words_join(&w, ", ");
	fix = found ? xasprintf("postconf -e '%s = %s' && postfix reload", param, value)
	    : xasprintf("take it out of what `postconf %s' names, and postfix reload", param);
	free(value);
	words_clear(&w);
	return fix;
}

void
check_own_domains(struct doctor *d)
{
	const char *last = NULL, *domain;
	struct buf wrong = BUF_INIT;
	char *fix;
	size_t n = 0;

	for (size_t i = 0; (domain = doctor_name(d, i)) != NULL; i++) {
		const char *where;

		if (d->mta == DOCTOR_SENDMAIL)
			where = is_own_sendmail(d, domain) ? "class w (local-host-names)" : NULL;
		else
			where = postfix_own_domain(d->postfix, domain, postfix_lookup, d->postfix);
		if (where == NULL)
			continue;
		last = where;
		add_name(&wrong, &n, domain);
	}
	if (n > 0) {
		fix = d->mta == DOCTOR_SENDMAIL
			  ? xasprintf("take it out of %s/local-host-names, and reload", d->mta_dir)
			  : without(d, last);
		doctor_say(d, DOCTOR_FAIL, fix, "%s: in %s, so mail would stay on this host",
		    wrong.data, last);
		free(fix);
	} else
		doctor_say(d, DOCTOR_OK, NULL, "none is delivered here");
	buf_free(&wrong);
}

/* --- the way around the milter -------------------------------------------- */

/* What transport_maps says of a domain; NULL: nothing. Caller frees. */
static bool
by_table(const struct doctor *d, const char *domain, bool *ours)
{
	struct words w;
	bool found = false;

	words_split(&w, postfix_expanded(d->postfix, "transport_maps"));
	for (size_t i = 0; i < w.n && !found; i++) {
		found = postfix_lookup(d->postfix, w.v[i], domain);
		*ours = found && strstr(w.v[i], "holdfast-transport") != NULL;
	}
	words_clear(&w);
	return found;
}

void
check_transport(struct doctor *d)
{
	char *lmtp, *want;
	struct buf wrong = BUF_INIT;
	const char *domain;
	bool relay_ours;
	size_t n = 0;

	if (d->mta == DOCTOR_SENDMAIL) {
		doctor_say(d, DOCTOR_SKIP, NULL, "see check `milters'");
		return;
	}
	lmtp = setup_postfix_socket(&d->conf->lmtp_listen.v[0],
	    postfix_expanded(d->postfix, "queue_directory"));
	want = xasprintf("lmtp:%s", lmtp);
	relay_ours = strcmp(postfix_expanded(d->postfix, "relay_transport"), want) == 0;
	for (size_t i = 0; (domain = doctor_name(d, i)) != NULL; i++) {
		bool ours = false, table = by_table(d, domain, &ours);

		if (table ? !ours : !relay_ours)
			add_name(&wrong, &n, domain);
	}
	if (n > 0)
		doctor_say(d, DOCTOR_FAIL, "holdfast setup --yes",
		    "what Postfix queues itself while "
		    "holdfast-queued is away does not come to it, of %s",
		    wrong.data);
	else
		doctor_say(d, DOCTOR_OK, NULL, "%s", want);
	buf_free(&wrong);
	free(want);
	free(lmtp);
}

void
check_recipient_maps(struct doctor *d)
{
	const char *maps;

	if (d->mta == DOCTOR_SENDMAIL) {
		doctor_say(d, DOCTOR_SKIP, NULL, "Sendmail has no such thing");
		return;
	}
	maps = postfix_expanded(d->postfix, "relay_recipient_maps");
	if (maps[0] != '\0' && strstr(maps, "holdfast-recipients") == NULL)
		doctor_say(d, DOCTOR_WARN, "holdfast setup --yes",
		    "relay_recipient_maps = %s: Postfix refuses who "
		    "is not there, before Holdfast is asked",
		    maps);
	else
		doctor_say(d, DOCTOR_OK, NULL, "Holdfast alone says who is known");
}

void
check_newline(struct doctor *d)
{
	if (d->mta == DOCTOR_SENDMAIL)
		doctor_say(d, DOCTOR_SKIP, NULL,
		    "not looked at with Sendmail; since 8.18 it refuses them");
	else if (!postfix_knows(d->postfix, "smtpd_forbid_bare_newline"))
		doctor_say(d, DOCTOR_WARN,
		    "upgrade Postfix to 3.5.24, 3.6.14, 3.7.10, 3.8.5 or later",
		    "this Postfix cannot refuse bare line feeds");
	else if (strcasecmp(postfix_expanded(d->postfix, "smtpd_forbid_bare_newline"), "no") == 0)
		doctor_say(d, DOCTOR_FAIL,
		    "postconf -e 'smtpd_forbid_bare_newline = yes' && postfix reload",
		    "smtpd_forbid_bare_newline = no: a message may hide another one");
	else
		doctor_say(d, DOCTOR_OK, NULL, "smtpd_forbid_bare_newline = %s",
		    postfix_value(d->postfix, "smtpd_forbid_bare_newline"));
}
