/*
 * store_id.h -- how message ids are made. Their text form is in store.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_STORE_ID_H
#define HOLDFAST_STORE_ID_H

#include <stdint.h>

#define STORE_ID_MAX	((INT64_C(1) << 51) - 1)

/* The id that follows `last' (0: none yet) at this wall time. */
int64_t	store_id_next(int64_t last, int64_t wall_ms);

#endif
