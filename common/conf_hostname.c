/*
 * conf_hostname.c -- this machine's own name, without asking the DNS.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/buf.h"
#include "common/conf_keys.h"

/* "ADDRESS NAME ALIAS…": the one that is `name' with a domain. Writes into the line. */
static char *
full_name(char *line, const char *name)
{
	size_t len = strlen(name);
	char *save = NULL, *word;

	line[strcspn(line, "#\r\n")] = '\0';
	if (strtok_r(line, " \t", &save) == NULL)
		return NULL;
	while ((word = strtok_r(NULL, " \t", &save)) != NULL)
		if (strncasecmp(word, name, len) == 0 && word[len] == '.' &&
		    addr_domain_valid(word, false))
			return xstrdup(word);
	return NULL;
}

char *
conf_hosts_name(const char *hosts_path, const char *name)
{
	FILE *f = fopen(hosts_path, "re");
	char *line = NULL, *full = NULL;
	size_t size = 0;

	if (f == NULL)
		return NULL;
	while (full == NULL && getline(&line, &size, f) != -1)
		full = full_name(line, name);
	free(line);
	fclose(f);
	return full;
}

char *
conf_own_hostname(const char *hosts_path)
{
	char name[256], *full;

	memset(name, 0, sizeof(name));
	if (gethostname(name, sizeof(name) - 1) == -1 || !addr_domain_valid(name, false))
		return NULL;
	if (strchr(name, '.') != NULL)
		return xstrdup(name);
	full = conf_hosts_name(hosts_path, name);
	return full != NULL ? full : xstrdup(name);
}
