/*
 * replay.c -- runs a fuzz target over its seed corpus, as TAP.
 *
 * Linked with each target. The program is called replay_NAME and reads
 * $top_srcdir/test/fuzz/corpus/NAME, or the files and folders it is given
 * (to look at a crash that libFuzzer found). A seed that breaks a property
 * aborts the program, so the plan stays unfulfilled.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <sys/stat.h>

#include <dirent.h>
#include <string.h>

static int count;

static int
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t len = 0, n;

	if (f == NULL) {
		perror(path);
		return -1;
	}
	do {
		data = realloc(data, len + 65536);
		if (data == NULL)
			abort();
		n = fread(data + len, 1, 65536, f);
		len += n;
	} while (n > 0);
	fclose(f);
	/* an exact copy, so that the sanitizers see a read past the end */
	data = realloc(data, len > 0 ? len : 1);
	(void)LLVMFuzzerTestOneInput(data, len);
	free(data);
	printf("ok %d - %s\n", ++count, strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path);
	fflush(stdout);
	return 0;
}

static int
replay(const char *path)
{
	struct dirent **entry;
	struct stat st;
	char *file;
	int n, i, rc = 0;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		return replay_file(path);
	if ((n = scandir(path, &entry, NULL, alphasort)) == -1) {
		perror(path);
		return -1;
	}
	for (i = 0; i < n; i++) {
		if (entry[i]->d_name[0] != '.') {
			if (asprintf(&file, "%s/%s", path, entry[i]->d_name) == -1)
				abort();
			if (replay(file) == -1)
				rc = -1;
			free(file);
		}
		free(entry[i]);
	}
	free(entry);
	return rc;
}

int
main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir"), *name = strstr(argv[0], "replay_");
	char *path;
	int i, rc = 0;

	for (i = 1; i < argc; i++)
		rc |= replay(argv[i]);
	if (argc == 1 && name != NULL) {
		if (asprintf(&path, "%s/test/fuzz/corpus/%s", top != NULL ? top : ".", name + 7) == -1)
			abort();
		rc = replay(path);
		free(path);
	}
	printf("1..%d\n", count);
	return rc == 0 && count > 0 ? 0 : 1;
}
