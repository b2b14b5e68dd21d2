/*
 * setup_mta.c -- which MTA is on this host.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/buf.h"
#include "common/cli/cli.h"
#include "common/cli/file.h"
#include "common/cli/postfix.h"
#include "common/cli/proc.h"
#include "common/cli/setup.h"

#define POSTFIX_DIR	"/etc/postfix"
#define SENDMAIL_DIR	"/etc/mail"

static const char *const names[] = { [MTA_NONE] = "none", [MTA_POSTFIX] = "postfix",
	[MTA_SENDMAIL] = "sendmail" };

const char *
setup_mta_name(enum setup_mta mta)
{
	return names[mta];
}

static bool
has_program(const char *name)
{
	char *path = proc_find(name);
	bool there = path != NULL;

	free(path);
	return there;
}

/* MTA_NONE: none, or more than one (*several). */
static enum setup_mta
look(const char *dir, bool *several)
{
	bool postfix = has_program("postconf") &&
	    file_in(dir != NULL ? dir : POSTFIX_DIR, "main.cf");
	bool sendmail = file_in(dir != NULL ? dir : SENDMAIL_DIR, "sendmail.mc");

	*several = postfix && sendmail;
	if (postfix && !sendmail)
		return MTA_POSTFIX;
	return sendmail && !postfix ? MTA_SENDMAIL : MTA_NONE;
}

static int
found(struct setup *s, const char *dir)
{
	char *why = NULL;

	free(s->mta_dir);
	s->mta_dir = xstrdup(dir != NULL	     ? dir
			     : s->mta == MTA_POSTFIX ? POSTFIX_DIR
						     : SENDMAIL_DIR);
	if (s->mta == MTA_POSTFIX && !file_in(s->mta_dir, "main.cf"))
		return cli_fail(EX_CONFIG,
		    "%s/main.cf is not there: give Postfix a configuration first "
		    "(Debian: dpkg-reconfigure postfix)",
		    s->mta_dir);
	if (s->mta == MTA_SENDMAIL && !file_in(s->mta_dir, "sendmail.mc"))
		return cli_fail(EX_CONFIG, "%s/sendmail.mc is not there", s->mta_dir);
	if (s->mta == MTA_POSTFIX && (s->postfix = postfix_read(s->mta_dir, &why)) == NULL) {
		(void)cli_fail(EX_CONFIG, "%s", why);
		free(why);
		return EX_CONFIG;
	}
	return EX_OK;
}

int
setup_find_mta(struct setup *s, const char *option, const char *dir)
{
	bool several = false;

	if (dir != NULL && dir[0] != '/')
		return cli_usage(s->cli, "--mta-config: `%s' is no absolute path", dir);
	if (option == NULL) {
		s->mta = look(dir, &several);
		if (several)
			return cli_usage(s->cli,
			    "both Postfix and Sendmail are here: --mta postfix or "
			    "--mta sendmail");
		if (s->mta == MTA_NONE && has_program("postconf"))
			s->mta = MTA_POSTFIX;	/* says what is missing */
	} else if (strcmp(option, "postfix") == 0)
		s->mta = MTA_POSTFIX;
	else if (strcmp(option, "sendmail") == 0)
		s->mta = MTA_SENDMAIL;
	else if (strcmp(option, "none") != 0)
		return cli_usage(s->cli, "--mta: `%s' is not postfix, sendmail or none", option);
	if (s->mta != MTA_NONE)
		return found(s, dir);
	if (option == NULL)
		return cli_fail(EX_CONFIG,
		    "there is neither Postfix nor Sendmail here; --mta none sets up "
		    "Holdfast alone");
	return EX_OK;
}
