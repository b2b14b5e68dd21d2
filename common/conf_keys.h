/*
 * conf_keys.h -- the table behind holdfast.conf, for conf.c and its tests.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CONF_KEYS_H
#define HOLDFAST_CONF_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum conf_type {
	CONF_HOSTNAME,
	CONF_USER,
	CONF_PATH,		/* absolute */
	CONF_STORE,
	CONF_LISTEN,		/* unix:PATH, inet:PORT@HOST */
	CONF_LISTEN_LIST,
	CONF_HOSTPORT,		/* HOST:PORT; max is the default port, 0 for none */
	CONF_SERVER,		/* the same, and HOST a numeric address */
	CONF_HANDOVER,
	CONF_QUEUED_DOWN,
	CONF_SIZE,		/* bytes, in a uint64_t */
	CONF_INTERVAL,		/* seconds, in an unsigned */
	CONF_COUNT
};

struct conf_key {
	const char	*name;
	enum conf_type	 type;
	const char	*initial;	/* as in the file; NULL: found out at run time */
	uint64_t	 min, max;
	size_t		 offset;	/* in struct conf */
	bool		 may_be_empty;
};
extern const struct conf_key	conf_keys[];
extern const size_t		conf_nkeys;

/*
 * This machine's name for HELO and Received: gethostname(), and if that has no
 * dot the full name that the hosts file gives for it. No DNS: a start never waits
 * for a resolver. NULL if it is no valid name. Caller frees.
 */
char	*conf_own_hostname(const char *hosts_path);
/* The first name in a hosts file that is `name' with a domain; NULL if there is none. */
char	*conf_hosts_name(const char *hosts_path, const char *name);

#endif
