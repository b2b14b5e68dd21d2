/*
 * spf_fake.h -- plays the SPF process, in a thread, with answers that are told beforehand.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_TEST_SPF_FAKE_H
#define HOLDFAST_TEST_SPF_FAKE_H

#include "milter/spf.h"

struct spf_fake;

/* A process, and its client, which listens already. */
struct spf_fake	*spf_fake_new(struct spf **);
/* Both end. */
void		 spf_fake_free(struct spf_fake **, struct spf **);

/* What is said of HELO, and of a sender; why "" none. The domain is what was asked about. */
void		 spf_fake_helo(struct spf_fake *, enum spf_result, const char *why);
void		 spf_fake_sender(struct spf_fake *, enum spf_result, const char *why);

/* Instead of an answer: */
enum spf_fake_mood {
	FAKE_ANSWERS,
	FAKE_IS_SILENT,
	FAKE_DIES,		/* a worker of it did, of SIGSEGV */
	FAKE_TALKS_NONSENSE,	/* a broken datagram, one about a question nobody asked, then silence */
	FAKE_HANGS_UP
};
void		 spf_fake_mood(struct spf_fake *, enum spf_fake_mood);
unsigned	 spf_fake_asked(struct spf_fake *);	/* how often so far */

#endif
