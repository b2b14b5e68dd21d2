/*
 * hosts.c -- addresses from a hosts(5) file, and which addresses are our own.
 *
 * Asked before a connection is made, not for each message; so nothing is cached,
 * and a change by the operator counts at once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/hosts.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "ADDRESS NAME ALIAS…" Writes into the line. */
static bool
line_has(char *line, const char *name, struct hosts_addr *a)
{
	char *save = NULL, *word;

	line[strcspn(line, "#\r\n")] = '\0';
	word = strtok_r(line, " \t", &save);
	if (word == NULL)
		return false;
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, word, a->addr) == 1)
		a->family = AF_INET;
	else if (inet_pton(AF_INET6, word, a->addr) == 1)
		a->family = AF_INET6;
	else
		return false;
	while ((word = strtok_r(NULL, " \t", &save)) != NULL)
		if (strcasecmp(word, name) == 0)
			return true;
	return false;
}

size_t
hosts_find(const char *path, const char *name, struct hosts_addr *v, size_t max)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0, n = 0;

	if (f == NULL)
		return 0;
	while (n < max && getline(&line, &size, f) != -1)
		if (line_has(line, name, &v[n]))
			n++;
	free(line);
	(void)fclose(f);
	return n;
}

static bool
same_as(const struct sockaddr *sa, int family, const void *addr)
{
	if (sa == NULL || sa->sa_family != family)
		return false;
	if (family == AF_INET)
		return memcmp(&((const struct sockaddr_in *)(const void *)sa)->sin_addr, addr, 4) == 0;
	return memcmp(&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, addr, 16) == 0;
}

bool
hosts_own(int family, const void *addr)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, zero[16];
	struct ifaddrs *all = NULL;
	bool own = false;

	if (family == AF_INET6 && memcmp(addr, mapped, sizeof(mapped)) == 0)
		return hosts_own(AF_INET, (const uint8_t *)addr + sizeof(mapped));
	if (memcmp(addr, zero, family == AF_INET ? 4 : 16) == 0)
		return true;
	if (getifaddrs(&all) == -1)
		return false;
	for (const struct ifaddrs *i = all; i != NULL && !own; i = i->ifa_next)
		own = same_as(i->ifa_addr, family, addr);
	freeifaddrs(all);
	return own;
}
