/*
 * scan.h -- content scanners: how each is asked, and what its answer means.
 *
 * A scanner is not trusted: its answer may be cut short, endless, slow or a lie. All that it can
 * bring about is its verdict on this one message, or -1 with the reason; never later than the deadline.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_SCAN_H
#define HOLDFAST_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "milter/holdfast/check.h"

#define SCAN_REPLY_MAX	(256u * 1024)	/* bytes of an answer */
#define SCAN_SCORE_MAX	1000000		/* hundredths; what is beyond, either way, is this */
#define SCAN_TEXT_SIZE	200

/* A message, and who sent it to whom. "" is unknown. */
struct scan_mail {
	const struct check_message *message;	/* with read */
	const char	*client_addr, *client_name, *helo, *user, *sender, *id, *hostname;
	const char	*const *rcpts;
	size_t		 nrcpts;
};

struct scan_result {
	bool	 found;				/* a virus */
	int	 score;				/* hundredths of a point */
	char	 text[SCAN_TEXT_SIZE];		/* printable: the virus, the tests that hit, the action */
	char	 why[SCAN_TEXT_SIZE];		/* printable: what went wrong, after -1 */
};

/* server: HOST:PORT or unix:PATH (not for rspamd). deadline: by clock_mono_ms(). */
int	scan_clamd(const char *server, const struct scan_mail *, int64_t deadline, struct scan_result *);
int	scan_spamd(const char *server, const struct scan_mail *, int64_t deadline, struct scan_result *);
int	scan_rspamd(const char *server, const struct scan_mail *, int64_t deadline, struct scan_result *);

/* What came back, as a whole (pure). */
int	scan_clamd_parse(const char *, size_t, struct scan_result *);
int	scan_spamd_parse(const char *, size_t, struct scan_result *);
int	scan_rspamd_parse(const char *, size_t, struct scan_result *);

/*
 * A number of points like -1.25 at the start, rounded to hundredths. The bytes that it takes; 0: there
 * is none.
 */
size_t	scan_score(const char *, size_t, int *score);
/* What a header of another milter says: "5.3", "Yes, score=5.3 required=5.0". False: nothing. */
bool	scan_header_score(const char *value, int *score);
/* Fills text[SCAN_TEXT_SIZE]; what is not printable ASCII becomes '?'. */
void	scan_text(char *text, const char *, size_t);
/* Why not: fills why, returns -1. */
int	scan_fault(struct scan_result *, const char *, ...) __attribute__((format(printf, 2, 3)));

#endif
