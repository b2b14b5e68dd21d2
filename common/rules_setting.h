/*
 * rules_setting.h -- the settings: names, defaults, bounds, what they are for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_SETTING_H
#define HOLDFAST_RULES_SETTING_H

#include "common/rules.h"

enum rules_setting_kind { SETTING_NUMBER, SETTING_TIME, SETTING_ADDRESS };

struct rules_setting {
	const char		*name;
	size_t			 offset;	/* in struct rules_settings */
	enum rules_setting_kind	 kind;
	unsigned		 initial, min, max;	/* seconds for times; none for addresses */
	const char		*unit;		/* "messages"; "" for none */
	const char		*help;		/* one line */
};

extern const struct rules_setting rules_settings_all[];	/* in the order of rules.sql */
extern const size_t rules_nsettings;

const struct rules_setting *rules_setting_find(const char *name);	/* NULL: none */
void	 rules_settings_default(struct rules_settings *);
/* 0, or -1 with *why (the caller frees it); *s is changed only on success. */
int	 rules_setting_parse(const struct rules_setting *, const char *value,
	    struct rules_settings *s, char **why);
/* As it is written in the table: "20", "5m", "postmaster". Caller frees. */
char	*rules_setting_format(const struct rules_setting *, const struct rules_settings *);

#endif
