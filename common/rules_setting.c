/*
 * rules_setting.c -- the settings: names, defaults, bounds, what they are for.
 *
 * One table. The reader, `holdfast rule' and the tests that compare it with
 * rules.sql and holdfast(1) take all they know from here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_setting.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf.h"
#include "common/endpoint.h"

#define DAY		86400u
#define KiB		1024u
#define GiB_IN_KiB	(1024u * 1024)

/* Verdicts that a finding may amount to: at RCPT, at the end of the message, when a helper is down. */
#define AT_RCPT	(1u << RULES_OFF | 1u << RULES_SCORE | 1u << RULES_GREYLIST | 1u << RULES_DEFER | \
		    1u << RULES_REJECT)
#define FAULT	(1u << RULES_OFF | 1u << RULES_DEFER)
#define FOUND	(1u << RULES_QUARANTINE | 1u << RULES_DEFER | 1u << RULES_REJECT)

#define GLOBAL(n)	"global." #n, HOME_SETTINGS, offsetof(struct rules_settings, n)
#define POLICY(name, n)	name, HOME_POLICY, offsetof(struct rules_policy, n)
#define SCOPED(name, n)	name, HOME_SCOPED, offsetof(struct rules_policy, n)
#define MODE(check, c, initial, help) { check ".mode", HOME_SCOPED, \
	offsetof(struct rules_policy, mode) + (c) * sizeof(enum rules_mode), SETTING_MODE, initial, 0, 0, \
	"", help }

const struct rules_setting rules_settings_all[] = {
	/* --- the whole system --- */
	{ GLOBAL(mode), SETTING_MODE, "enforce", 1, 0, "",
	  "shadow: every check logs what it would have done, and nobody is refused" },
	{ GLOBAL(probe_interval), SETTING_TIME, "2s", 1, 3600, "",
	  "between two probes of a primary that is down" },
	{ GLOBAL(probe_budget), SETTING_NUMBER, "200", 1, 10000, "a second",
	  "probes, all destinations together" },
	{ GLOBAL(concurrency), SETTING_NUMBER, "20", 1, 1000, "connections", "to one destination" },
	{ GLOBAL(connection_messages), SETTING_NUMBER, "200", 1, 1000000, "messages",
	  "over one connection" },
	{ GLOBAL(connection_time), SETTING_TIME, "5m", 1, DAY, "",
	  "age of a connection at which it is closed" },
	{ GLOBAL(message_rate), SETTING_NUMBER, "0", 0, 1000000, "a second",
	  "messages to one destination; 0: no limit" },
	{ GLOBAL(canary), SETTING_NUMBER, "5", 0, 10000, "messages",
	  "that must pass after an outage; 0: no guard against half a recovery" },
	{ GLOBAL(canary_interval), SETTING_TIME, "1m", 1, DAY, "",
	  "between two tries of a destination that is held" },
	{ GLOBAL(hop_limit), SETTING_NUMBER, "50", 2, 1000, "lines",
	  "Received: lines beyond which a message loops" },
	{ GLOBAL(bounce_rate), SETTING_NUMBER, "10", 1, 100000, "an hour",
	  "bounces and warnings to one sender domain" },
	{ GLOBAL(quarantine_lifetime), SETTING_TIME, "0", 0, 3650 * DAY, "",
	  "after which quarantined mail is deleted; 0: never" },
	{ GLOBAL(digest_hour), SETTING_NUMBER, "6", 0, 24, "o'clock",
	  "when the operator is told what is in quarantine; 24: never" },
	{ GLOBAL(turn_delay), SETTING_TIME, "1s", 0, 30, "",
	  "before an ETRN or a failed AUTH is answered" },
	{ GLOBAL(turn_rate), SETTING_NUMBER, "10", 1, 10000, "a minute",
	  "ETRN and ATRN of one client address" },
	{ GLOBAL(operator), SETTING_ADDRESS, "postmaster", 0, 0, "",
	  "who gets the digest: an address or a local part here" },
	{ GLOBAL(ipv4_bits), SETTING_NUMBER, "24", 8, 32, "bits",
	  "of an IPv4 client's network, for limits and the greylist" },
	{ GLOBAL(ipv6_bits), SETTING_NUMBER, "64", 16, 128, "bits",
	  "of an IPv6 client's network, for limits and the greylist" },

	/* --- checks at RCPT --- */
	MODE("lists", CHECK_LISTS, "enforce", "exceptions and refusals by name (kind `list')"),
	MODE("limits", CHECK_LIMITS, "enforce", "rate limits (kind `limits')"),
	{ POLICY("limits.recipients", recipients), SETTING_NUMBER, "100", 0, 1000, "a message",
	  "recipients; 0: no limit" },
	{ POLICY("limits.lockout_time", lockout_time), SETTING_TIME, "1h", 1, 30 * DAY, "",
	  "that a client is put off for after a dictionary attack" },
	{ POLICY("limits.tarpit", tarpit), SETTING_TIME, "5s", 1, 8, "",
	  "by which action `delay' is late" },
	{ POLICY("limits.tarpit_at_once", tarpit_at_once), SETTING_NUMBER, "50", 0, 1000, "sessions",
	  "that are delayed at the same time at most" },
	{ POLICY("limits.entries", limit_entries), SETTING_NUMBER, "100000", 1000, 10000000, "",
	  "rates remembered; the oldest go first" },
	MODE("helo", CHECK_HELO, "shadow", "HELO, and the client's name in the DNS"),
	{ SCOPED("helo.required", helo_required), SETTING_ACT, "reject", 0, AT_RCPT, "",
	  "none was sent" },
	{ SCOPED("helo.syntax", helo_syntax), SETTING_ACT, "reject", 0, AT_RCPT, "",
	  "neither a name nor an [address]" },
	{ SCOPED("helo.fqdn", helo_fqdn), SETTING_ACT, "reject", 0, AT_RCPT, "",
	  "a name without a dot" },
	{ SCOPED("helo.self", helo_self), SETTING_ACT, "reject", 0, AT_RCPT, "",
	  "our own name or address, or a domain served here" },
	{ SCOPED("helo.rdns", helo_rdns), SETTING_ACT, "1", 0, AT_RCPT, "",
	  "the client's address has no name that leads back to it" },
	MODE("sender", CHECK_SENDER, "shadow", "the sender's address"),
	{ SCOPED("sender.syntax", sender_syntax), SETTING_ACT, "reject", 0, AT_RCPT, "",
	  "not an address" },
	{ SCOPED("sender.fqdn", sender_fqdn), SETTING_ACT, "reject", 0, AT_RCPT, "",
	  "its domain has no dot" },
	MODE("spoof", CHECK_SPOOF, "shadow", "a sender in a domain served here, from outside"),
	{ SCOPED("spoof.verdict", spoof), SETTING_ACT, "reject", 0, AT_RCPT, "",
	  "unless an exception for `spoof' names the client" },
	MODE("recipient", CHECK_RECIPIENT, "enforce", "does the recipient exist?"),
	MODE("size", CHECK_SIZE, "enforce", "is the message too large?"),
	MODE("sender_domain", CHECK_SENDER_DOMAIN, "off", "the sender's domain in the DNS"),
	{ SCOPED("sender_domain.missing", sender_domain_missing), SETTING_ACT, "defer", 0, AT_RCPT, "",
	  "it has neither MX nor address" },
	{ SCOPED("sender_domain.null_mx", sender_domain_null_mx), SETTING_ACT, "reject", 0, AT_RCPT, "",
	  "it says that it takes no mail (RFC 7505)" },
	{ SCOPED("sender_domain.temperror", sender_domain_temperror), SETTING_ACT, "off", 0, AT_RCPT,
	  "", "the DNS does not say" },
	MODE("spf", CHECK_SPF, "off", "may the client send for this domain? (RFC 7208)"),
	{ SCOPED("spf.fail", spf_fail), SETTING_ACT, "reject", 0, AT_RCPT, "", "it says no" },
	{ SCOPED("spf.softfail", spf_softfail), SETTING_ACT, "2", 0, AT_RCPT, "", "it says rather not" },
	{ SCOPED("spf.neutral", spf_neutral), SETTING_ACT, "off", 0, AT_RCPT, "", "it does not say" },
	{ SCOPED("spf.none", spf_none), SETTING_ACT, "off", 0, AT_RCPT, "", "it has no policy" },
	{ SCOPED("spf.permerror", spf_permerror), SETTING_ACT, "1", 0, AT_RCPT, "",
	  "its policy cannot be understood" },
	{ SCOPED("spf.temperror", spf_temperror), SETTING_ACT, "off", 0, AT_RCPT, "",
	  "the DNS does not say" },
	{ SCOPED("spf.helo_fail", spf_helo_fail), SETTING_ACT, "reject", 0, AT_RCPT, "",
	  "the name in HELO says no" },
	{ POLICY("spf.header", spf_header), SETTING_YESNO, "yes", 0, 0, "",
	  "add an Authentication-Results: header with the result" },
	MODE("dnsbl", CHECK_DNSBL, "enforce", "DNS lists (kind `dnsbl')"),
	{ POLICY("dnsbl.wait", dnsbl_wait), SETTING_TIME, "2s", 1, 3, "",
	  "from the connection on, for the lists' answers" },
	{ POLICY("dnsbl.pause", dnsbl_pause), SETTING_TIME, "10m", 1, DAY, "",
	  "that a zone is left alone which does not answer, or answers with errors" },
	{ POLICY("dnsbl.failures", dnsbl_failures), SETTING_NUMBER, "5", 1, 1000, "in a row",
	  "that make a zone one that does not answer" },
	MODE("plugin", CHECK_PLUGIN, "enforce", "checks from checks_dir"),
	{ SCOPED("threshold.defer", threshold_defer), SETTING_SCORE, "never", 0, 1, "points",
	  "at RCPT: put off (450)" },
	{ SCOPED("threshold.reject", threshold_reject), SETTING_SCORE, "8", 0, 1, "points",
	  "at RCPT: refuse (550)" },
	MODE("greylist", CHECK_GREYLIST, "off", "put off who comes for the first time"),
	{ SCOPED("greylist.score", greylist_score), SETTING_SCORE, "3", 0, 0, "points",
	  "at RCPT from which on; 0: everybody" },
	{ SCOPED("greylist.delay", greylist_delay), SETTING_TIME, "4m", 1, DAY, "",
	  "before which a second try is too early" },
	{ SCOPED("greylist.window", greylist_window), SETTING_TIME, "2d", 60, 30 * DAY, "",
	  "after which a second try is a first one" },
	{ SCOPED("greylist.lifetime", greylist_lifetime), SETTING_TIME, "36d", 60, 365 * DAY, "",
	  "for which one who passed is remembered, from his last mail on" },
	{ SCOPED("greylist.passes", greylist_passes), SETTING_NUMBER, "5", 0, 1000, "passes",
	  "that free a client's network of it; 0: never" },
	{ POLICY("greylist.entries", greylist_entries), SETTING_NUMBER, "500000", 1000, 10000000, "",
	  "triplets remembered; the oldest go first" },

	/* --- checks at the end of the message --- */
	MODE("header", CHECK_HEADER, "enforce", "rules about headers (kind `header')"),
	{ POLICY("header.max_count", header_count), SETTING_NUMBER, "1000", 1, 100000, "headers",
	  "that are looked at" },
	{ POLICY("header.max_size", header_size), SETTING_SIZE, "16K", 1, KiB, "",
	  "of one header that is looked at" },
	MODE("virus", CHECK_VIRUS, "enforce", "ClamAV"),
	{ POLICY("virus.clamd", clamd), SETTING_SERVER, "", 0, 0, "",
	  "where clamd listens: HOST:PORT or unix:PATH; empty: off" },
	{ SCOPED("virus.found", virus_found), SETTING_ACT, "reject", 0, FOUND, "", "it found one" },
	{ SCOPED("virus.on_fault", virus_on_fault), SETTING_ACT, "defer", 0, FAULT, "",
	  "clamd does not answer, or not sensibly" },
	{ POLICY("virus.max_size", virus_max_size), SETTING_SIZE, "25M", 1, GiB_IN_KiB, "",
	  "of a message; larger ones are not scanned" },
	{ POLICY("virus.timeout", virus_timeout), SETTING_TIME, "1m", 1, 240, "", "for its answer" },
	MODE("spam", CHECK_SPAM, "enforce", "spam scores of SpamAssassin, rspamd or another milter"),
	{ POLICY("spam.spamd", spamd), SETTING_SERVER, "", 0, 0, "",
	  "where spamd listens: HOST:PORT or unix:PATH; empty: off" },
	{ POLICY("spam.rspamd", rspamd), SETTING_SERVER, "", 0, 0, "",
	  "where rspamd's normal worker listens: HOST:PORT; empty: off" },
	{ POLICY("spam.header", spam_header), SETTING_SERVER, "", 0, 0, "",
	  "header with a score by a milter before us, like X-Spam-Score; empty: none" },
	{ SCOPED("spam.on_fault", spam_on_fault), SETTING_ACT, "defer", 0, FAULT, "",
	  "a scanner does not answer, or not sensibly" },
	{ POLICY("spam.max_size", spam_max_size), SETTING_SIZE, "512K", 1, GiB_IN_KiB, "",
	  "of a message; larger ones are not scanned" },
	{ POLICY("spam.timeout", spam_timeout), SETTING_TIME, "30s", 1, 240, "", "for its answer" },
	{ SCOPED("threshold.tag", threshold_tag), SETTING_SCORE, "never", 0, 1, "points",
	  "at the end: add X-Spam-Flag: YES" },
	{ SCOPED("threshold.quarantine", threshold_quarantine), SETTING_SCORE, "8", 0, 1, "points",
	  "at the end: accept, and keep it apart" },
	{ SCOPED("threshold.spam_defer", threshold_spam_defer), SETTING_SCORE, "never", 0, 1, "points",
	  "at the end: put off (451)" },
	{ SCOPED("threshold.spam_reject", threshold_spam_reject), SETTING_SCORE, "15", 0, 1, "points",
	  "at the end: refuse (550)" },
};
const size_t rules_nsettings = sizeof(rules_settings_all) / sizeof(rules_settings_all[0]);

const struct rules_setting *
rules_setting_find(const char *name)
{
	for (size_t i = 0; i < rules_nsettings; i++)
		if (strcmp(rules_settings_all[i].name, name) == 0)
			return &rules_settings_all[i];
	return NULL;
}

bool
rules_setting_in(const struct rules_setting *t, const char *group)
{
	size_t len = strcspn(t->name, ".");

	return strlen(group) == len && strncmp(t->name, group, len) == 0;
}

/* --- from text ------------------------------------------------------------ */

static int
parse_number(const char *s, unsigned *out)
{
	size_t len = strspn(s, "0123456789");

	if (len == 0 || len > 9 || s[len] != '\0')
		return -1;
	*out = (unsigned)strtoul(s, NULL, 10);
	return 0;
}

static int
parse_count(const struct rules_setting *t, const char *value, unsigned *out, char **why)
{
	bool time = t->kind == SETTING_TIME;
	unsigned n;

	if ((time ? conf_parse_interval(value, &n) : parse_number(value, &n)) == -1) {
		*why = xasprintf("`%s' is not a %s", value, time ? "time like 2s" : "number");
		return -1;
	}
	if (n < t->min || n > t->max) {
		*why = xasprintf("%s is not between %u and %u%s", value, t->min, t->max,
		    time ? " seconds" : "");
		return -1;
	}
	*out = n;
	return 0;
}

static int
parse_size(const struct rules_setting *t, const char *value, uint64_t *out, char **why)
{
	uint64_t n;

	if (conf_parse_size(value, &n) == -1) {
		*why = xasprintf("`%s' is not a size like 512K", value);
		return -1;
	}
	if (n < (uint64_t)t->min * KiB || n > (uint64_t)t->max * KiB) {
		*why = xasprintf("%s is not between %uK and %uK", value, t->min, t->max);
		return -1;
	}
	*out = n;
	return 0;
}

/* `postmaster' or `ops@example.test'. */
static int
parse_address(const char *value, char out[RULES_OPERATOR_MAX], char **why)
{
	const char *reason = "too long";
	size_t len = strlen(value);
	char *address = strchr(value, '@') != NULL ? xstrdup(value)
						   : xasprintf("%s@localhost", value);
	bool good = len < RULES_OPERATOR_MAX &&
	    addr_parse_mailbox(address, ADDR_UTF8, &reason) == ADDR_OK;

	free(address);
	if (!good) {
		*why = xasprintf("`%s' is not an address: %s", value, reason);
		return -1;
	}
	memcpy(out, value, len + 1);
	return 0;
}

/* Where a helper listens; or a header's name. */
static int
parse_server(const struct rules_setting *t, const char *value, char out[RULES_WORDS_MAX], char **why)
{
	bool header = strcmp(t->name, "spam.header") == 0, good;
	struct endpoint e;
	const char *reason = "";

	if (header)
		good = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
		    strlen(value);
	else if (strncmp(value, "unix:", 5) == 0)
		good = value[5] == '/' && strcmp(t->name, "spam.rspamd") != 0;
	else if ((good = *value == '\0' || endpoint_parse_hostport(value, 0, &e, &reason) == 0) &&
	    *value != '\0') {
		good = e.port != 0;
		endpoint_clear(&e);
	}
	if (!good || strlen(value) >= RULES_WORDS_MAX) {
		*why = xasprintf("`%s' is not %s", value, header ? "a header's name" :
		    strcmp(t->name, "spam.rspamd") == 0 ? "HOST:PORT" : "HOST:PORT or unix:/PATH");
		return -1;
	}
	memcpy(out, value, strlen(value) + 1);
	return 0;
}

static int
parse_mode(const struct rules_setting *t, const char *value, enum rules_mode *out, char **why)
{
	enum rules_mode mode;

	if (rules_mode_parse(value, &mode) == -1 || (unsigned)mode < t->min) {
		*why = xasprintf("`%s' is not %sshadow or enforce", value, t->min == 0 ? "off, " : "");
		return -1;
	}
	*out = mode;
	return 0;
}

static int
parse_score(const struct rules_setting *t, const char *value, int *out, char **why)
{
	if (rules_score_parse(value, t->max != 0, out) == 0)
		return 0;
	*why = xasprintf("`%s' is not a number of points like 2.5%s", value,
	    t->max != 0 ? ", or never" : "");
	return -1;
}

static void *
home_of(const struct rules_setting *t, struct rules_settings *s, struct rules_policy *p)
{
	char *base = t->home == HOME_SETTINGS ? (void *)s : (void *)p;

	return base + t->offset;
}

int
rules_setting_parse(const struct rules_setting *t, const char *value, struct rules_settings *s,
    struct rules_policy *p, char **why)
{
	void *at = home_of(t, s, p);

	switch (t->kind) {
	case SETTING_NUMBER:
	case SETTING_TIME:
		return parse_count(t, value, at, why);
	case SETTING_SIZE:
		return parse_size(t, value, at, why);
	case SETTING_YESNO:
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
			*why = xasprintf("`%s' is not yes or no", value);
			return -1;
		}
		*(bool *)at = value[0] == 'y';
		return 0;
	case SETTING_MODE:
		return parse_mode(t, value, at, why);
	case SETTING_ACT:
		return rules_act_parse(value, t->max, at, why);
	case SETTING_SCORE:
		return parse_score(t, value, at, why);
	case SETTING_ADDRESS:
		return parse_address(value, at, why);
	case SETTING_SERVER:
		return parse_server(t, value, at, why);
	}
	return -1;
}

static void
set_defaults(struct rules_settings *s, struct rules_policy *p)
{
	char *why = NULL;

	for (size_t i = 0; i < rules_nsettings; i++) {
		const struct rules_setting *t = &rules_settings_all[i];

		if (t->home == HOME_SETTINGS ? s == NULL : p == NULL)
			continue;
		if (rules_setting_parse(t, t->initial, s, p, &why) == -1)
			abort();	/* the table is wrong */
	}
}

void
rules_settings_default(struct rules_settings *s)
{
	memset(s, 0, sizeof(*s));
	set_defaults(s, NULL);
}

void
rules_policy_default(struct rules_policy *p)
{
	memset(p, 0, sizeof(*p));	/* padding, too: policies are compared as bytes */
	set_defaults(NULL, p);
}

/* --- to text --------------------------------------------------------------- */

static char *
format_time(unsigned n)
{
	static const struct {
		unsigned	 seconds;
		char		 name;
	} unit[] = { { DAY, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;

	if (n == 0)
		return xstrdup("0");
	while (n % unit[i].seconds != 0)
		i++;
	return xasprintf("%u%c", n / unit[i].seconds, unit[i].name);
}

static char *
format_size(uint64_t n)
{
	static const char units[] = "KMG";
	size_t i = 0;

	if (n % KiB != 0)
		return xasprintf("%" PRIu64, n);
	for (n /= KiB; n % KiB == 0 && i < 2; i++)
		n /= KiB;
	return xasprintf("%" PRIu64 "%c", n, units[i]);
}

char *
rules_setting_format(const struct rules_setting *t, const struct rules_settings *s,
    const struct rules_policy *p)
{
	const char *base = t->home == HOME_SETTINGS ? (const void *)s : (const void *)p;
	const void *at = base + t->offset;

	switch (t->kind) {
	case SETTING_NUMBER:
		return xasprintf("%u", *(const unsigned *)at);
	case SETTING_TIME:
		return format_time(*(const unsigned *)at);
	case SETTING_SIZE:
		return format_size(*(const uint64_t *)at);
	case SETTING_YESNO:
		return xstrdup(*(const bool *)at ? "yes" : "no");
	case SETTING_MODE:
		return xstrdup(rules_mode_name(*(const enum rules_mode *)at));
	case SETTING_ACT:
		return rules_act_format(at);
	case SETTING_SCORE:
		return rules_score_format(*(const int *)at);
	case SETTING_ADDRESS:
	case SETTING_SERVER:
		return xstrdup(at);
	}
	return NULL;
}
