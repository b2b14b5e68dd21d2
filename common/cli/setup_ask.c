/*
 * setup_ask.c -- the questions of `holdfast setup', each with a sensible default.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/cli/cli.h"
#include "common/cli/out.h"
#include "common/cli/setup.h"
#include "common/conf.h"
#include "common/dns.h"
#include "common/rules.h"
#include "common/rules_route.h"

#define DNS_WAIT_MS	3000	/* a default is not worth more */
#define ANSWER_MAX	512

/* --- what the DNS says --------------------------------------------------- */

static char *
best_mx(const struct dns_answer *a, const char *hostname)
{
	unsigned least = 0, preference;
	char host[DNS_NAME_MAX], *best = NULL;

	for (size_t i = 0; i < a->n; i++) {
		if (dns_mx(&a->rr[i], &preference, host) == -1 || host[0] == '\0' ||
		    strcasecmp(host, hostname) == 0)
			continue;
		if (best != NULL && preference >= least)
			continue;
		free(best);
		best = xstrdup(host);
		least = preference;
	}
	return best;
}

char *
setup_find_primary(const char *domain, const char *hostname, const char *resolver)
{
	struct dns_answer answer;
	struct dns *dns;
	char *why = NULL, *host = NULL;

	if ((dns = dns_new(resolver, "", &why)) == NULL) {
		free(why);
		return NULL;
	}
	dns_resolve_within(dns, domain, DNS_MX, DNS_WAIT_MS, &answer);
	if (answer.status == DNS_OK)
		host = best_mx(&answer, hostname);
	dns_answer_clear(&answer);
	dns_free(&dns);
	return host;
}

/* --- asking -------------------------------------------------------------- */

/* The answer, or the default; NULL at the end of the input. Caller frees. */
static char *
ask(const char *question, const char *preset)
{
	char line[ANSWER_MAX];
	size_t len;

	if (preset != NULL && preset[0] != '\0')
		(void)fprintf(stderr, "%s [%s]: ", question, out_safe(preset));
	else
		(void)fprintf(stderr, "%s: ", question);
	if (fgets(line, sizeof(line), stdin) == NULL) {
		(void)fprintf(stderr, "\n");
		return NULL;
	}
	for (len = strlen(line); len > 0 && strchr(" \t\r\n", line[len - 1]) != NULL;)
		line[--len] = '\0';
	if (len == 0)
		return xstrdup(preset != NULL ? preset : "");
	return xstrdup(line + strspn(line, " \t"));
}

static int
no_answer(void)
{
	return cli_fail(EX_USAGE, "nothing was changed");
}

static int
ask_domain(struct setup *s)
{
	char *name;

	for (;;) {
		if ((name = ask("Which domain shall this host be backup MX for?", NULL)) == NULL)
			return no_answer();
		if (name[0] != '[' && addr_domain_valid(name, true))
			break;
		(void)fprintf(stderr, "  `%s' is not a domain name, like example.org\n",
		    out_safe(name));
		free(name);
	}
	s->domain = xcalloc(1, sizeof(*s->domain));
	s->ndomains = 1;
	s->domain[0].name = name;
	return EX_OK;
}

static int
ask_primary(const struct setup *s, struct setup_domain *d)
{
	char *question = xasprintf("Which host is the primary of %s (HOST or HOST:PORT)?",
	    out_safe(d->name));
	char *preset = setup_find_primary(d->name, s->hostname, "");
	struct rules_route route;
	const char *why = NULL;
	bool good = false;

	while (!good && (d->primary = ask(question, preset)) != NULL) {
		rules_route_init(&route);
		good = d->primary[0] != '\0' && rules_route_parse(d->primary, &route, &why) == 0;
		rules_route_clear(&route);
		if (!good) {
			(void)fprintf(stderr, "  that is not a primary%s%s\n",
			    why != NULL ? ": " : "", why != NULL ? why : "");
			free(d->primary);
			d->primary = NULL;
		}
	}
	free(preset);
	free(question);
	return good ? EX_OK : no_answer();
}

static int
ask_recipients(struct setup_domain *d)
{
	char *answer = NULL;

	(void)fprintf(stderr,
	    "Whom does it know there? `list': only who is on a list that you import\n"
	    "  (as strict as the primary: best); `any': everybody; `verify': this version does\n"
	    "  not ask the primary yet, so everybody, too.\n");
	do {
		free(answer);
		if ((answer = ask("Recipients", "list")) == NULL)
			return no_answer();
	} while (strcmp(answer, "list") != 0 && strcmp(answer, "verify") != 0 &&
	    strcmp(answer, "any") != 0);
	d->recipients = answer;
	if (strcmp(answer, "list") != 0)
		return EX_OK;
	for (;;) {
		if ((answer = ask("File with the list, one address a line (empty: later)", NULL)) ==
		    NULL)
			return no_answer();
		if (answer[0] == '\0' || access(answer, R_OK) == 0)
			break;
		(void)fprintf(stderr, "  %s: %s\n", out_safe(answer), strerror(errno));
		free(answer);
	}
	if (answer[0] != '\0')
		d->file = answer;
	else
		free(answer);
	return EX_OK;
}

static bool
somebody_is_there(const struct setup *s)
{
	return !s->yes && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* Is it served already? */
static bool
is_known(const struct ruleset *set, const char *domain)
{
	return set != NULL && ruleset_domain(set, domain) != NULL;
}

static int
ask_about(struct setup *s, struct setup_domain *d, bool all)
{
	int status = EX_OK;

	if (d->primary == NULL)
		status = ask_primary(s, d);
	if (status == EX_OK && all && d->recipients == NULL && d->file == NULL)
		status = ask_recipients(d);
	return status;
}

static int
ask_all(struct setup *s, const struct ruleset *set)
{
	bool nothing = s->ndomains == 0;
	int status = EX_OK;

	if (nothing && set != NULL && ruleset_ndomains(set) > 0)
		return EX_OK;	/* again, for the MTA */
	if (nothing && !somebody_is_there(s))
		return cli_usage(s->cli,
		    "--domain NAME --primary HOST are needed where nobody can be "
		    "asked");
	if (nothing)
		status = ask_domain(s);
	for (size_t i = 0; i < s->ndomains && status == EX_OK; i++)
		if (!is_known(set, s->domain[i].name) && somebody_is_there(s))
			status = ask_about(s, &s->domain[i], nothing);
	return status;
}

int
setup_ask(struct setup *s)
{
	const char *path = NULL;
	struct rules *rules = NULL;
	struct ruleset *set = NULL;
	struct conf *conf;
	char *why = NULL;
	int status;

	if (access(s->cli->conf_path, F_OK) == 0 &&
	    (conf = conf_load(s->cli->conf_path, &why)) != NULL) {
		path = conf->rules_db;
		if (access(path, F_OK) == 0 && (rules = rules_open(path, &why)) != NULL)
			set = rules_current(rules);
		conf_free(&conf);
	}
	free(why);	/* what is wrong there the plan says */
	status = ask_all(s, set);
	ruleset_unref(&set);
	rules_close(&rules);
	return status;
}
