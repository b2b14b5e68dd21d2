/*
 * rules_policy.h -- how mail is screened: what each check's findings amount to, for one recipient.
 *
 * Settings have a scope: everywhere, a domain, an address. A policy is the settings as they
 * hold in one scope, resolved when the rules are read; recipients whose settings do not differ share it.
 * rules_setting.c names each member, with default and bounds.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_RULES_POLICY_H
#define HOLDFAST_RULES_POLICY_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULES_NEVER	INT_MAX		/* a threshold that no score reaches */
#define RULES_POINT	100		/* scores are hundredths of a point */
#define RULES_WORDS_MAX	256		/* of a text setting, NUL included */

enum rules_mode { MODE_OFF, MODE_SHADOW, MODE_ENFORCE };

/* The checks, by the names that rules and log lines use, in the order in which they run. */
enum rules_check {
	CHECK_LISTS, CHECK_LIMITS, CHECK_HELO, CHECK_SENDER, CHECK_SPOOF, CHECK_RECIPIENT, CHECK_SIZE,
	CHECK_SENDER_DOMAIN, CHECK_SPF, CHECK_DNSBL, CHECK_PLUGIN, CHECK_GREYLIST, CHECK_HEADER,
	CHECK_VIRUS, CHECK_SPAM,
	RULES_NCHECKS
};
/* Those that an exception may skip. */
#define RULES_SKIPPABLE	(1u << CHECK_LIMITS | 1u << CHECK_HELO | 1u << CHECK_SENDER | \
	1u << CHECK_SPOOF | 1u << CHECK_SENDER_DOMAIN | 1u << CHECK_SPF | 1u << CHECK_DNSBL | \
	1u << CHECK_PLUGIN | 1u << CHECK_GREYLIST | 1u << CHECK_HEADER | 1u << CHECK_VIRUS | \
	1u << CHECK_SPAM)

/* What a finding amounts to, in order of severity. */
enum rules_verdict {
	RULES_OFF, RULES_SCORE, RULES_GREYLIST, RULES_TAG, RULES_QUARANTINE, RULES_DEFER, RULES_REJECT
};
struct rules_act {
	enum rules_verdict	 verdict;
	int			 score;		/* RULES_SCORE: hundredths, may be negative */
};

struct rules_policy {
	enum rules_mode	 mode[RULES_NCHECKS];
	/* limits */
	unsigned	 recipients;		/* a message; 0 any number */
	unsigned	 lockout_time;		/* s */
	unsigned	 tarpit;		/* s */
	unsigned	 tarpit_at_once;
	unsigned	 limit_entries;		/* buckets remembered */
	/* HELO and sender */
	struct rules_act helo_required, helo_syntax, helo_fqdn, helo_self, helo_rdns;
	struct rules_act sender_syntax, sender_fqdn, spoof;
	struct rules_act sender_domain_missing, sender_domain_null_mx, sender_domain_temperror;
	/* SPF */
	struct rules_act spf_fail, spf_softfail, spf_neutral, spf_none, spf_permerror, spf_temperror,
			 spf_helo_fail;
	bool		 spf_header;		/* add Authentication-Results */
	/* DNS lists */
	unsigned	 dnsbl_wait;		/* s from connect on, at RCPT */
	unsigned	 dnsbl_pause;		/* s that a dead zone is left alone */
	unsigned	 dnsbl_failures;	/* in a row that make it dead */
	/* greylist */
	int		 greylist_score;	/* from which on; 0 everybody */
	unsigned	 greylist_delay, greylist_window, greylist_lifetime;	/* s */
	unsigned	 greylist_passes;	/* of a network that free it; 0 never */
	unsigned	 greylist_entries;
	/* headers and content */
	unsigned	 header_count;		/* headers looked at */
	uint64_t	 header_size;		/* bytes of one that are looked at */
	char		 spamd[RULES_WORDS_MAX];	/* "" off */
	char		 rspamd[RULES_WORDS_MAX];
	char		 spam_header[RULES_WORDS_MAX];
	uint64_t	 spam_max_size;		/* bytes: larger messages are not scanned */
	unsigned	 spam_timeout;		/* s */
	struct rules_act spam_on_fault;		/* OFF or DEFER */
	char		 clamd[RULES_WORDS_MAX];
	uint64_t	 virus_max_size;
	unsigned	 virus_timeout;
	struct rules_act virus_found, virus_on_fault;
	/* scores, hundredths; RULES_NEVER */
	int		 threshold_defer, threshold_reject;	/* at RCPT */
	int		 threshold_tag, threshold_quarantine, threshold_spam_defer,
			 threshold_spam_reject;			/* at the end of the message */
};

const char	*rules_check_name(enum rules_check);		/* "sender_domain" */
int		 rules_check_parse(const char *, enum rules_check *);	/* 0, or -1: there is none */
const char	*rules_mode_name(enum rules_mode);
int		 rules_mode_parse(const char *, enum rules_mode *);

/* "off", "2.5", "greylist", "tag", "quarantine", "defer", "reject". -1: none of the verdicts in `allowed'
 * (bits 1 << verdict), *why (malloc'd). */
int		 rules_act_parse(const char *, unsigned allowed, struct rules_act *, char **why);
char		*rules_act_format(const struct rules_act *);	/* caller frees */
/* "5", "-0.25"; `never' where it is allowed. -1: neither. */
int		 rules_score_parse(const char *, bool never, int *score);
char		*rules_score_format(int);
/* "12", "2.5", "never", as rules_score_format(), into a small buffer for log lines. */
#define RULES_SCORE_SIZE	16
const char	*rules_score_text(int, char [RULES_SCORE_SIZE]);

#endif
