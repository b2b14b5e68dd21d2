/*
 * doctor_own.h -- this host's own STARTTLS, as a sender meets it on port 25.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CLI_DOCTOR_OWN_H
#define HOLDFAST_CLI_DOCTOR_OWN_H

struct doctor;
struct talk;

enum own_state {
	OWN_SILENT,	/* the MTA does not answer: *why */
	OWN_PLAIN,	/* it does not offer STARTTLS */
	OWN_BROKEN,	/* it offers STARTTLS, but that fails: *why */
	OWN_TLS
};
struct doctor_own {
	enum own_state	 state;
	struct talk	*talk;	/* with OWN_TLS its certificate is there */
	char		*why;
};

void	doctor_own_open(struct doctor *, struct doctor_own *);
void	doctor_own_close(struct doctor_own *);
/* What keeps senders away that ask for a good certificate (MTA-STS); NULL: nothing. Caller frees. */
char	*doctor_own_flaw(const struct doctor *, const struct doctor_own *);
/* Where the MTA's certificate is said to be, and what is to be done with it. Caller frees. */
char	*doctor_own_fix(const struct doctor *);

#endif
