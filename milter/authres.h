/*
 * authres.h -- Authentication-Results: headers (RFC 8601), pure.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_AUTHRES_H
#define HOLDFAST_AUTHRES_H

#include <stdbool.h>

#include "common/buf.h"
#include "milter/spf.h"

#define AUTHRES_NAME	"Authentication-Results"

/* Does a header's value, folds and comments and all, claim to be by this name? */
bool	authres_claims(const char *value, const char *name);

/*
 * A value is begun with our name and goes on with results, each on a line of its own (folds are
 * CRLF and a tab). property: "mailfrom", "helo"; address: what it was, with or without a local
 * part. What the grammar has no room for is left out.
 */
void	authres_begin(struct buf *, const char *name);
void	authres_spf(struct buf *, enum spf_result, const char *property, const char *address);

#endif
