/*
 * conf_text.c -- the holdfast.conf that `holdfast init' writes.
 *
 * The text is a template, common/cli/holdfast.conf, with the defaults put in
 * from conf.c's table: they cannot differ from what the daemons take.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/conf_text.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/conf_keys.h"

static const char template[] =
#include "common/cli/holdfast_conf.h"
    ;

static const char *
initial_value(const char *name, size_t len)
{
	for (size_t i = 0; i < conf_nkeys; i++)
		if (strlen(conf_keys[i].name) == len && memcmp(conf_keys[i].name, name, len) == 0)
			return conf_keys[i].initial != NULL ? conf_keys[i].initial : "";
	return "";
}

/* "#key =" becomes "#key = default". The host's own name is filled in, and the one path that is not the default. */
void
cli_conf_text(struct buf *b)
{
	static const char state_key[] = "state_db =";
	char *own = conf_own_hostname("/etc/hosts");

	for (const char *p = template; *p != '\0';) {
		size_t len = strcspn(p, "\n"), key = 0;

		buf_put(b, p, len);
		if (len == sizeof(state_key) - 1 && memcmp(p, state_key, len) == 0)
			buf_puts(b, " " LOCALSTATEDIR "/lib/holdfast/milter/state.db");
		if (p[0] == '#' && len > 3 && memcmp(p + len - 2, " =", 2) == 0)
			key = len - 3;
		if (key > 0 && strncmp(p + 1, "hostname", key) == 0)
			buf_printf(b, " %s", own != NULL ? own : "mx2.example.test");
		else if (key > 0 && initial_value(p + 1, key)[0] != '\0')
			buf_printf(b, " %s", initial_value(p + 1, key));
		buf_putc(b, '\n');
		p += len + (p[len] == '\n');
	}
	free(own);
}
