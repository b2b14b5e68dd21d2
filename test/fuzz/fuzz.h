/*
 * fuzz.h -- what each fuzz target offers: libFuzzer's entry, also called by replay.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_FUZZ_H
#define HOLDFAST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A property that no input may break; holds with NDEBUG too. */
#define CHECK(property)								\
	do {									\
		if (!(property)) {						\
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #property);	\
			abort();						\
		}								\
	} while (0)

#endif
