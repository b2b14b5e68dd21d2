/*
 * doctor_facts.c -- what the checks look at, read once before they begin.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/cli.h"
#include "common/cli/doctor.h"
#include "common/cli/file.h"
#include "common/cli/postfix.h"
#include "common/cli/proc.h"
#include "common/cli/setup_sendmail.h"
#include "common/conf.h"
#include "common/rules.h"
#include "common/rules_screen.h"

static void
find_postfix(struct doctor *d, const char *dir, char **why)
{
	if ((d->postfix = postfix_read(dir, why)) == NULL)
		return;
	d->mta = DOCTOR_POSTFIX;
	d->mta_dir = xstrdup(dir);
	d->mta_limit = (uint64_t)postfix_number(d->postfix, "message_size_limit");
}

static void
find_sendmail(struct doctor *d, const char *dir, char **why)
{
	char *path = xasprintf("%s/sendmail.cf", dir), *limit;

	if (file_read(path, &d->sendmail_cf, NULL, why) == FILE_THERE) {
		d->mta = DOCTOR_SENDMAIL;
		d->mta_dir = xstrdup(dir);
		limit = sendmail_option(buf_str(&d->sendmail_cf), "MaxMessageSize");
		d->mta_limit = limit != NULL ? strtoull(limit, NULL, 10) : 0;
		free(limit);
	}
	free(path);
}

/* The MTA that holdfast.conf's sockets are for, when both are here. */
static void
find_mta(struct doctor *d, const char *mta, const char *dir, char **why)
{
	char *postconf = proc_find("postconf");
	bool sendmail = file_in(dir != NULL ? dir : "/etc/mail", "sendmail.cf");
	bool postfix = postconf != NULL && file_in(dir != NULL ? dir : "/etc/postfix", "main.cf");

	free(postconf);
	if (mta != NULL) {
		postfix = strcmp(mta, "postfix") == 0;
		sendmail = strcmp(mta, "sendmail") == 0;
	}
	if (postfix && (!sendmail || d->conf->milter_listen.path == NULL ||
	    strncmp(d->conf->milter_listen.path, RUNSTATEDIR "/", strlen(RUNSTATEDIR "/")) != 0))
		find_postfix(d, dir != NULL ? dir : "/etc/postfix", why);
	else if (sendmail)
		find_sendmail(d, dir != NULL ? dir : "/etc/mail", why);
}

bool
doctor_facts(struct doctor *d, const char *mta, const char *mta_dir, char **why, char **fix)
{
	struct rules *rules;

	if ((d->conf = conf_load(d->conf_path, why)) == NULL) {
		*fix = access(d->conf_path, F_OK) == -1 ? xstrdup("holdfast setup")
		    : xasprintf("vi %s  (what is named there)", d->conf_path);
		return false;
	}
	if ((rules = rules_open(d->conf->rules_db, why)) == NULL) {
		*fix = xstrdup(access(d->conf->rules_db, F_OK) == -1 ? "holdfast setup"
		    : strstr(*why, "holdfast init") != NULL ? "holdfast init"
		    : "holdfast rule history  (who changed the row that is named)");
		return false;
	}
	d->rules = rules_current(rules);
	rules_close(&rules);
	find_mta(d, mta, mta_dir, why);
	if (*why != NULL) {
		*fix = xstrdup(strstr(*why, "sendmail.cf") != NULL ? "ls -lL /etc/mail/sendmail.cf"
		    : "postfix check; postconf -n");
		return false;
	}
	return true;
}

void
doctor_facts_free(struct doctor *d)
{
	struct conf *conf = (struct conf *)(uintptr_t)d->conf;

	ruleset_unref(&d->rules);
	postfix_free(&d->postfix);
	buf_free(&d->sendmail_cf);
	free(d->mta_dir);
	conf_free(&conf);
	d->conf = NULL;
}

const char *
doctor_name(const struct doctor *d, size_t i)
{
	size_t n = ruleset_ndomains(d->rules);

	if (i < n)
		return ruleset_domain_at(d->rules, i)->name;
	return i - n < ruleset_naliases(d->rules) ? ruleset_alias_at(d->rules, i - n) : NULL;
}
