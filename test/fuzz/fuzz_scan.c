/*
 * fuzz_scan.c -- what a scanner answers. The first byte says which one it is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <string.h>

#include "milter/scan.h"

static void
check_text(const char *text)
{
	CHECK(memchr(text, '\0', SCAN_TEXT_SIZE) != NULL);
	for (; *text != '\0'; text++)
		CHECK(*text >= ' ' && *text < 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan_result r = { .found = false };
	const char *s = (const char *)data + 1;
	int rc, score = 0;
	char *line;

	if (size == 0)
		return 0;
	size--;
	switch (data[0]) {
	case 'c':
		rc = scan_clamd_parse(s, size, &r);
		CHECK(!r.found || r.text[0] != '\0');
		break;
	case 's':
		rc = scan_spamd_parse(s, size, &r);
		break;
	case 'r':
		rc = scan_rspamd_parse(s, size, &r);
		break;
	default:
		line = malloc(size + 1);
		memcpy(line, s, size);
		line[size] = '\0';
		rc = scan_header_score(line, &score) ? 0 : -1;
		r.score = score;
		(void)scan_fault(&r, "why: %s", line);
		free(line);
		break;
	}
	check_text(r.text);
	check_text(r.why);
	CHECK(rc == 0 || (rc == -1 && r.why[0] != '\0'));
	CHECK(rc == -1 || (r.score >= -SCAN_SCORE_MAX && r.score <= SCAN_SCORE_MAX));
	return 0;
}
