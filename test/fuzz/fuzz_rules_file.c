/*
 * fuzz_rules_file.c -- the rules as text: taken whole or not at all, and what was taken comes out so that
 * it is taken again. The first byte: merge, force.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <sqlite3.h>
#include <string.h>

#include "common/buf.h"
#include "common/rules_edit_db.h"
#include "common/rules_file.h"
#include "common/rules_file_table.h"

static struct rules_edit *
editor(void)
{
	static struct rules_edit e;
	char *why;

	if (e.db == NULL) {
		CHECK(sqlite3_open(":memory:", &e.db) == SQLITE_OK);
		CHECK(rules_edit_exec(&e, "PRAGMA foreign_keys = ON", &why) == EDIT_OK);
		CHECK(rules_edit_schema(&e, &why) == EDIT_OK);
		rules_edit_who(&e, "fuzz");
	}
	return &e;
}

static char *
text_of(struct rules_edit *e)
{
	struct buf b = BUF_INIT;
	char *why;

	CHECK(rules_file_put(e, &b, &why) == EDIT_OK);
	return buf_take(&b);
}

/* Makes the rules what the text says. */
static void
become(struct rules_edit *e, const char *text, bool no_change)
{
	struct rules_file_import im = { .name = "again", .force = true };
	char *why = NULL, *now;

	CHECK(rules_file_import(e, text, strlen(text), &im, &why) == EDIT_OK);
	CHECK(!no_change || im.added + im.removed + im.altered == 0);
	now = text_of(e);
	CHECK(strcmp(now, text) == 0);
	free(now);
}

/* Any text without a NUL is one word when it is put as one. */
static void
check_word(const char *text)
{
	struct rules_file_words w = { .n = 0 };
	struct buf b = BUF_INIT;

	rules_file_put_word(&b, text);
	CHECK(strchr(buf_str(&b), '\n') == NULL);
	CHECK(rules_file_split(buf_str(&b), &w) == NULL);
	CHECK(w.n == 1 && strcmp(w.v[0], text) == 0);
	rules_file_words_clear(&w);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char clean[] = "DELETE FROM history";
	struct rules_file_import im = { .name = "fuzz" };
	struct rules_edit *e = editor();
	char *before = text_of(e), *after, *word, *why = NULL;
	enum rules_edit_result r;

	if (size == 0) {
		free(before);
		return 0;
	}
	im.merge = (data[0] & 1) != 0;
	im.force = (data[0] & 2) != 0;
	r = rules_file_import(e, (const char *)data + 1, size - 1, &im, &why);
	CHECK(r == EDIT_OK || r == EDIT_BAD || r == EDIT_SHRINK);
	CHECK((r == EDIT_OK) == (why == NULL));
	CHECK(r == EDIT_OK || strncmp(why, "fuzz:", 5) == 0);
	after = text_of(e);
	if (r == EDIT_OK)
		become(e, after, true);
	else
		CHECK(strcmp(before, after) == 0);
	become(e, before, false);
	CHECK(rules_edit_exec(e, clean, &why) == EDIT_OK);
	word = xstrndup((const char *)data, size);
	check_word(word);
	free(word);
	free(why);
	free(before);
	free(after);
	return 0;
}
