/*
 * doctor.h -- what the checks of `holdfast doctor' share.
 *
 * A check looks at one thing and says what it found: any number of verdicts, each
 * with what mends it. It runs in a process of its own, so that one that hangs costs its
 * time and no other's; it changes nothing. doctor_table.c has the table.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_DOCTOR_H
#define HOLDFAST_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/cli/words.h"
#include "common/hosts.h"

#define DOCTOR_SECONDS	12	/* all checks together */
#define DOCTOR_WAIT_MS	4000	/* for one server to connect or answer */

struct cli;
struct conf;
struct dns;
struct postfix;
struct rules_domain;
struct ruleset;

enum doctor_status { DOCTOR_OK, DOCTOR_SKIP, DOCTOR_WARN, DOCTOR_FAIL };
enum doctor_mta { DOCTOR_NO_MTA, DOCTOR_POSTFIX, DOCTOR_SENDMAIL };

struct doctor {
	const char		*conf_path;
	const struct conf	*conf;
	struct ruleset		*rules;
	enum doctor_mta		 mta;
	struct postfix		*postfix;	/* DOCTOR_POSTFIX */
	char			*mta_dir;
	struct buf		 sendmail_cf;	/* DOCTOR_SENDMAIL */
	uint64_t		 mta_limit;	/* bytes of a message; 0: none */
	/* of the check that runs */
	const struct doctor_check *check;
	const struct rules_domain *domain; /* one of each destination or domain, see doctor_check */
	const char		*name;		/* its name, or that of an alias of it */
	int64_t			 deadline;	/* clock_mono_ms() */
	struct dns		*dns;		/* doctor_dns() */
	int			 out;
};

/* A name: a domain or an alias of one. A check of each domain asks no server. */
enum doctor_each { DOCTOR_ONCE, DOCTOR_EACH_NAME, DOCTOR_EACH_DOMAIN, DOCTOR_EACH_PRIMARY };

struct doctor_check {
	const char	*name;
	const char	*what;		/* what it looks at, for the man page and --list */
	enum doctor_each each;
	bool		 mta;		/* is about an MTA: skipped without one */
	void		(*run)(struct doctor *);
};

extern const struct doctor_check doctor_checks[];	/* .name NULL ends */

/* --- doctor_say.c --------------------------------------------------------- */
/* A verdict. fix: the command that mends it, or NULL. */
void	doctor_say(struct doctor *, enum doctor_status, const char *fix, const char *, ...)
	    __attribute__((format(printf, 4, 5)));
/* The same of another check's name. */
void	doctor_say_as(struct doctor *, const char *check, enum doctor_status, const char *fix,
	    const char *, ...) __attribute__((format(printf, 5, 6)));
/* The resolver that holdfast.conf names; NULL: it cannot be had, and that was said. */
struct dns *doctor_dns(struct doctor *);
/* What mends a DNS that does not answer. Caller frees. */
char	*doctor_dns_fix(const struct doctor *);
/* The folder that a file is in. Caller frees. */
char	*doctor_folder(const char *file);
/* When a wait that begins now must end. */
int64_t	doctor_soon(const struct doctor *);

/* --- doctor_facts.c ------------------------------------------------------ */
/* What the checks look at. false: told (a verdict of check `config'), and no check can run. */
bool	doctor_facts(struct doctor *, const char *mta, const char *mta_dir, char **why, char **fix);
void	doctor_facts_free(struct doctor *);
/* The i-th name that mail may come for, aliases behind domains; NULL: there are no more. */
const char *doctor_name(const struct doctor *, size_t i);

void check_daemons(struct doctor *), check_units(struct doctor *), check_state(struct doctor *),
    check_recipients(struct doctor *), check_disk(struct doctor *), check_clock(struct doctor *),
    check_copies(struct doctor *);
void	check_milter_socket(struct doctor *), check_lmtp_socket(struct doctor *);
void check_milters(struct doctor *), check_flow(struct doctor *),
    check_relay_domains(struct doctor *), check_own_domains(struct doctor *),
    check_transport(struct doctor *), check_recipient_maps(struct doctor *),
    check_newline(struct doctor *), check_relay(struct doctor *);
void	check_name(struct doctor *), check_port25(struct doctor *), check_mx(struct doctor *),
	check_certificate(struct doctor *), check_tlsa(struct doctor *);
void	check_primary(struct doctor *), check_mta_sts(struct doctor *);

/* --- pure, for tests ------------------------------------------------------ */
/* doctor_sts.c: does an MTA-STS policy (RFC 8461 3.2) let mail go to this MX? */
enum sts_verdict { STS_LISTED, STS_NOT_LISTED, STS_OFF, STS_BAD };
enum sts_verdict doctor_sts_judge(const char *policy, const char *mx, bool *enforced);
/* doctor_relay.c: does a list of networks ("127.0.0.0/8 [::1]/128 !10.0.0.1") hold an address? */
bool	doctor_in_networks(const char *networks, const struct hosts_addr *);
/* doctor_disk.c: days that the room lasts; -1: nobody knows. bytes a day; 0 unknown. */
double	doctor_days(uint64_t free_bytes, uint64_t reserve, double bytes_a_day);

#endif
