/*
 * rules_setting.h -- the settings: names, defaults, bounds, what they are for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_SETTING_H
#define HOLDFAST_RULES_SETTING_H

#include "common/rules.h"
#include "common/rules_policy.h"

enum rules_setting_kind {
	SETTING_NUMBER, SETTING_TIME, SETTING_SIZE, SETTING_YESNO, SETTING_MODE, SETTING_ACT,
	SETTING_SCORE, SETTING_ADDRESS, SETTING_SERVER
};
enum rules_setting_home {
	HOME_SETTINGS,		/* a member of struct rules_settings: holds for the whole system */
	HOME_POLICY,		/* of struct rules_policy, and the same everywhere */
	HOME_SCOPED		/* of struct rules_policy, each scope may have its own */
};

struct rules_setting {
	const char		*name;		/* "global.concurrency", "spf.fail" */
	enum rules_setting_home	 home;
	size_t			 offset;
	enum rules_setting_kind	 kind;
	const char		*initial;	/* as it would be written */
	unsigned		 min, max;	/* seconds for times, KiB for sizes; SETTING_ACT: max is the
						 * verdicts allowed; SETTING_SCORE: max 1 if `never' is */
	const char		*unit;		/* "messages"; "" for none */
	const char		*help;		/* one line */
};

extern const struct rules_setting rules_settings_all[];	/* in the order in which they are listed */
extern const size_t rules_nsettings;

const struct rules_setting *rules_setting_find(const char *name);	/* NULL: none */
/* "spf" of "spf.fail": is it of this group? */
bool	 rules_setting_in(const struct rules_setting *, const char *group);
void	 rules_settings_default(struct rules_settings *);
void	 rules_policy_default(struct rules_policy *);
/* The struct of its home is meant, the other may be NULL. 0, or -1 with *why (the caller frees it)
 * and nothing changed. */
int	 rules_setting_parse(const struct rules_setting *, const char *value, struct rules_settings *,
	    struct rules_policy *, char **why);
/* As it is written in the table: "20", "5m", "postmaster". Caller frees. */
char	*rules_setting_format(const struct rules_setting *, const struct rules_settings *,
	    const struct rules_policy *);

#endif
