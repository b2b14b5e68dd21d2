/*
 * fuzz_import.c -- recipient lists. The first byte: does case matter?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "common/addr.h"
#include "common/import.h"
#include "common/rules_read.h"

/* rules.db must be able to keep it as it is, and to find it again. */
static void
check_local(const char *local, bool exact)
{
	char again[ADDR_LOCAL_MAX + 1];
	const char *why;

	CHECK(rules_local_valid(local, strlen(local), &why));
	if (local[0] != '"') {		/* a quote inside quotes is part of the name */
		CHECK(rules_local_canonical(local, strlen(local), exact, again, &why) == 0);
		CHECK(strcmp(local, again) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct import im;
	bool exact = size > 0 && (data[0] & 1) != 0;
	size_t lines = 1;

	if (size == 0)
		return 0;
	for (size_t i = 1; i < size; i++)
		lines += data[i] == '\n';
	import_parse(&im, (const char *)data + 1, size - 1, "example.test", exact);
	for (size_t i = 0; i < im.n; i++) {
		check_local(im.locals[i], exact);
		CHECK(i == 0 || strcmp(im.locals[i - 1], im.locals[i]) < 0);
	}
	CHECK(im.n + im.duplicates + im.nerrors <= lines);
	for (size_t i = 0; i < im.nerrors && i < IMPORT_ERRORS_MAX; i++) {
		CHECK(im.error[i].line >= 1 && im.error[i].line <= lines);
		CHECK(im.error[i].reason[0] != '\0');
	}
	import_clear(&im);
	return 0;
}
