/*
 * doctor_say.c -- what a check says, and what checks share.
 *
 * A verdict is a line of JSON in the pipe to the parent, written at once: a check that is killed
 * later has said it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/doctor_jobs.h"
#include "common/cli/out.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/dns.h"

const char *
doctor_status_name(enum doctor_status status)
{
	static const char *const names[] = { [DOCTOR_OK] = "ok", [DOCTOR_SKIP] = "skip", [DOCTOR_WARN] = "warn",
		[DOCTOR_FAIL] = "fail" };

	return names[status];
}

json_t *
doctor_verdict(const char *check, const char *name, enum doctor_status status, const char *text,
    const char *fix)
{
	return json_pack("{s:s,s:s,s:s,s:s,s:s}", "check", check, "domain", name != NULL ? out_safe(name) : "",
	    "status", doctor_status_name(status), "text", out_safe(text), "fix", fix != NULL ? out_safe(fix) : "");
}

static void
say(struct doctor *d, const char *check, enum doctor_status status, const char *fix,
    const char *fmt, va_list ap)
{
	struct buf text = BUF_INIT;
	json_t *o;
	char *line;
	size_t len;

	buf_vprintf(&text, fmt, ap);
	o = doctor_verdict(check, d->name, status, buf_str(&text), fix);
	line = o != NULL ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	buf_free(&text);
	if (line == NULL)
		return;
	len = strlen(line);
	line[len] = '\n';	/* in place of the NUL */
	(void)!write(d->out, line, len + 1);
	free(line);
}

void
doctor_say(struct doctor *d, enum doctor_status status, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(d, d->check->name, status, fix, fmt, ap);
	va_end(ap);
}

void
doctor_say_as(struct doctor *d, const char *check, enum doctor_status status, const char *fix,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(d, check, status, fix, fmt, ap);
	va_end(ap);
}

char *
doctor_dns_fix(const struct doctor *d)
{
	return xasprintf("cat /etc/resolv.conf; grep -e resolver -e dnssec_anchor %s  (a resolver that "
			 "answers must be named there)",
	    d->conf_path);
}

struct dns *
doctor_dns(struct doctor *d)
{
	char *why = NULL, *fix;

	if (d->dns == NULL && (d->dns = dns_new(d->conf->resolver, access(d->conf->dnssec_anchor,
	    R_OK) == 0 ? d->conf->dnssec_anchor : "", &why)) == NULL) {
		fix = doctor_dns_fix(d);
		doctor_say(d, DOCTOR_FAIL, fix, "no DNS: %s", why);
		free(fix);
	}
	free(why);
	return d->dns;
}

char *
doctor_folder(const char *file)
{
	const char *slash = strrchr(file, '/');

	if (slash == NULL)
		return xstrdup(".");
	return xstrndup(file, slash == file ? 1 : (size_t)(slash - file));
}

int64_t
doctor_soon(const struct doctor *d)
{
	int64_t end = clock_mono_ms() + DOCTOR_WAIT_MS;

	return end < d->deadline ? end : d->deadline;
}
