/*
 * rules_setting.c -- the settings: names, defaults, bounds, what they are for.
 *
 * One table. The reader, `holdfast rule' and the tests that compare it with
 * rules.sql and holdfast(1) take all they know from here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/rules_setting.h"

#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf.h"

#define DAY		86400u
#define OPERATOR	"postmaster"

const struct rules_setting rules_settings_all[] = {
#define N(n) #n, offsetof(struct rules_settings, n), SETTING_NUMBER
#define T(n) #n, offsetof(struct rules_settings, n), SETTING_TIME
#define A(n) #n, offsetof(struct rules_settings, n), SETTING_ADDRESS
	{ T(probe_interval), 2, 1, 3600, "", "between two probes of a primary that is down" },
	{ N(probe_budget), 200, 1, 10000, "a second", "probes, all destinations together" },
	{ N(concurrency), 20, 1, 1000, "connections", "to one destination" },
	{ N(connection_messages), 200, 1, 1000000, "messages", "over one connection" },
	{ T(connection_time), 300, 1, DAY, "", "age of a connection at which it is closed" },
	{ N(message_rate), 0, 0, 1000000, "a second",
	  "messages to one destination; 0: no limit" },
	{ N(canary), 5, 0, 10000, "messages",
	  "that must pass after an outage; 0: no guard against half a recovery" },
	{ T(canary_interval), 60, 1, DAY, "", "between two tries of a destination that is held" },
	{ N(hop_limit), 50, 2, 1000, "lines", "Received: lines beyond which a message loops" },
	{ N(bounce_rate), 10, 1, 100000, "an hour",
	  "bounces and warnings to one sender domain" },
	{ T(quarantine_lifetime), 0, 0, 3650 * DAY, "",
	  "after which quarantined mail is deleted; 0: never" },
	{ N(digest_hour), 6, 0, 24, "o'clock",
	  "when the operator is told what is in quarantine; 24: never" },
	{ T(turn_delay), 1, 0, 30, "", "before an ETRN or a failed AUTH is answered" },
	{ N(turn_rate), 10, 1, 10000, "a minute", "ETRN and ATRN of one client address" },
	{ A(operator), 0, 0, 0, "", "who gets the digest: an address or a local part here" },
#undef N
#undef T
#undef A
};
const size_t rules_nsettings = sizeof(rules_settings_all) / sizeof(rules_settings_all[0]);

static unsigned *
slot(struct rules_settings *s, const struct rules_setting *t)
{
	return (unsigned *)(void *)((char *)s + t->offset);
}

void
rules_settings_default(struct rules_settings *s)
{
	for (size_t i = 0; i < rules_nsettings; i++)
		if (rules_settings_all[i].kind != SETTING_ADDRESS)
			*slot(s, &rules_settings_all[i]) = rules_settings_all[i].initial;
	memcpy(s->operator, OPERATOR, sizeof(OPERATOR));
}

const struct rules_setting *
rules_setting_find(const char *name)
{
	for (size_t i = 0; i < rules_nsettings; i++)
		if (strcmp(rules_settings_all[i].name, name) == 0)
			return &rules_settings_all[i];
	return NULL;
}

static int
parse_number(const char *s, unsigned *out)
{
	size_t len = strspn(s, "0123456789");

	if (len == 0 || len > 9 || s[len] != '\0')
		return -1;
	*out = (unsigned)strtoul(s, NULL, 10);
	return 0;
}

/* `postmaster' or `ops@example.test'. */
static int
parse_address(const char *value, struct rules_settings *s, char **why)
{
	const char *reason = "too long";
	size_t len = strlen(value);
	char *address = strchr(value, '@') != NULL ? xstrdup(value)
						   : xasprintf("%s@localhost", value);
	bool good = len < sizeof(s->operator) &&
	    addr_parse_mailbox(address, ADDR_UTF8, &reason) == ADDR_OK;

	free(address);
	if (!good) {
		*why = xasprintf("`%s' is not an address: %s", value, reason);
		return -1;
	}
	memcpy(s->operator, value, len + 1);
	return 0;
}

int
rules_setting_parse(const struct rules_setting *t, const char *value, struct rules_settings *s,
    char **why)
{
	unsigned n;

	if (t->kind == SETTING_ADDRESS)
		return parse_address(value, s, why);
	if ((t->kind == SETTING_TIME ? conf_parse_interval(value, &n)
				     : parse_number(value, &n)) == -1) {
		*why = xasprintf("`%s' is not a %s", value,
		    t->kind == SETTING_TIME ? "time like 2s" : "number");
		return -1;
	}
	if (n < t->min || n > t->max) {
		*why = xasprintf("%s is not between %u and %u%s", value, t->min, t->max,
		    t->kind == SETTING_TIME ? " seconds" : "");
		return -1;
	}
	*slot(s, t) = n;
	return 0;
}

char *
rules_setting_format(const struct rules_setting *t, const struct rules_settings *s)
{
	static const struct {
		unsigned	 seconds;
		char		 name;
	} unit[] = { { DAY, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	unsigned n;
	size_t i = 0;

	if (t->kind == SETTING_ADDRESS)
		return xstrdup(s->operator);
	memcpy(&n, (const char *)s + t->offset, sizeof(n));
	if (t->kind == SETTING_NUMBER || n == 0)
		return xasprintf("%u", n);
	while (n % unit[i].seconds != 0)
		i++;
	return xasprintf("%u%c", n / unit[i].seconds, unit[i].name);
}
