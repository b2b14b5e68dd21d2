/*
 * access.c -- how sub-commands reach rules.db and holdfast-queued.
 *
 * Exit statuses in one place: EX_UNAVAILABLE when queued cannot be reached,
 * EX_NOPERM, EX_CONFIG for a rules.db that cannot be used (also after a change, if
 * another row is bad), EX_DATAERR for what was asked for and is refused; else what queued itself says.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/access.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cli/cli.h"
#include "common/conf.h"
#include "common/control.h"

int
cli_rules_open(struct cli *c, struct rules **r)
{
	const struct conf *conf = cli_conf(c);
	char *why = NULL;
	int status = EX_OK;

	if (conf == NULL)
		return EX_CONFIG;
	if ((*r = rules_open(conf->rules_db, &why)) == NULL) {
		status = access(conf->rules_db, R_OK) == -1 && errno == EACCES ? EX_NOPERM
									       : EX_CONFIG;
		(void)cli_fail(status, "%s", why);
		free(why);
	}
	return status;
}

int
cli_rules(struct cli *c, struct ruleset **set)
{
	struct rules *r;
	int status = cli_rules_open(c, &r);

	if (status == EX_OK) {
		*set = rules_current(r);
		rules_close(&r);
	}
	return status;
}

int
cli_edit_failed(enum rules_edit_result r, char **why)
{
	int status = EX_OK;

	switch (r) {
	case EDIT_OK:
		return EX_OK;
	case EDIT_MISSING:
	case EDIT_EXISTS:
	case EDIT_BAD:
	case EDIT_SHRINK:
	case EDIT_IN_USE:
		status = EX_DATAERR;
		break;
	case EDIT_BUSY:
		status = EX_TEMPFAIL;
		break;
	case EDIT_DENIED:
		status = EX_NOPERM;
		break;
	case EDIT_FAULT:
		status = EX_IOERR;
		break;
	}
	(void)cli_fail(status, "%s", *why);
	free(*why);
	*why = NULL;
	return status;
}

int
cli_read_failed(enum rules_edit_result r, char **why)
{
	int status = cli_edit_failed(r, why);

	return r == EDIT_FAULT ? EX_CONFIG : status;
}

int
cli_edit(struct cli *c, struct rules_edit **e)
{
	const struct conf *conf = cli_conf(c);
	enum rules_edit_result r;
	char *why = NULL;

	if (conf == NULL)
		return EX_CONFIG;
	r = rules_edit_open(conf->rules_db, e, &why);
	if (r == EDIT_OK && rules_edit_copy(*e) != NULL)
		cli_note("%s: upgraded; the file as it was is %s", conf->rules_db,
		    rules_edit_copy(*e));
	return cli_read_failed(r, &why);
}

/* How to mend or remove the row that a reason begins with. */
static const char *
mend(const char *reason)
{
	static const struct {
		const char *table, *how;
	} row[] = {
		{ "schedule ", "holdfast schedule set" }, { "domain ", "holdfast domain set" },
		{ "setting ", "holdfast rule unset" },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (strncmp(reason, row[i].table, strlen(row[i].table)) == 0)
			return row[i].how;
	return "holdfast rule remove";
}

int
cli_edit_close(struct cli *c, struct rules_edit **e, int status)
{
	const char *refused = *e != NULL && status == EX_OK ? rules_edit_refused(*e) : NULL;
	const char *path = refused != NULL ? cli_conf(c)->rules_db : NULL;

	if (refused != NULL) {
		status = cli_fail(EX_CONFIG, "%s: the change is written, but the daemons keep the rules that they "
		    "have, because another row is bad: %s", path, refused);
		cli_note("mend that row (`%s', or `sqlite3 %s'), or see `holdfast rule history' for who changed "
		    "it, and `holdfast rule undo NUMBER'", mend(refused), path);
	}
	rules_edit_close(e);
	return status;
}

/* Beside us, as in a build's folder, else where it is installed. */
static char *
queued_program(void)
{
	char self[PATH_MAX], *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	path = xasprintf("%s/holdfast-queued", dirname(self));
	if (n <= 0 || access(path, X_OK) == -1) {
		free(path);
		path = xstrdup(SBINDIR "/holdfast-queued");
	}
	return path;
}

/* A queue that is not there is not made by a look. */
static int
connect_offline(struct cli *c, const struct conf *conf, struct control **control)
{
	char *program, *why = NULL;
	int status = EX_OK;

	if (access(conf->queue_db, F_OK) == -1 && errno == ENOENT)
		return cli_fail(EX_NOINPUT, "%s: there is no queue yet", conf->queue_db);
	program = queued_program();
	if ((*control = control_offline(program, c->conf_path, &why)) == NULL)
		status = cli_fail(EX_UNAVAILABLE, "%s", why);
	free(why);
	free(program);
	return status;
}

int
cli_connect(struct cli *c, struct control **control)
{
	const struct conf *conf = cli_conf(c);
	char *why = NULL;
	int status;

	if (conf == NULL)
		return EX_CONFIG;
	if (c->offline)
		return connect_offline(c, conf, control);
	if ((*control = control_connect(conf->control_socket, &why)) != NULL)
		return EX_OK;
	status = errno == EACCES || errno == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
	(void)cli_fail(status, "%s", why);
	free(why);
	return status;
}

int
cli_call(struct control *control, json_t *request, void (*line)(void *, json_t *),
    void (*data)(void *, const char *, size_t), void *arg, json_t **last)
{
	char *why = NULL;
	const char *error;
	json_t *answer, *exit_code;
	int status = EX_OK;

	if (request == NULL)	/* jansson takes nothing else */
		return cli_fail(EX_DATAERR, "an argument is not valid UTF-8");
	if ((answer = control_call(control, request, line, data, arg, &why)) == NULL) {
		(void)cli_fail(EX_UNAVAILABLE, "%s", why);
		free(why);
		return EX_UNAVAILABLE;
	}
	if (!json_is_true(json_object_get(answer, "ok"))) {
		error = json_string_value(json_object_get(answer, "error"));
		exit_code = json_object_get(answer, "exit");
		status = json_is_integer(exit_code) ? (int)json_integer_value(exit_code)
						    : EX_SOFTWARE;
		(void)cli_fail(status, "%s", error != NULL ? error : "queued refuses");
	}
	if (last != NULL && status == EX_OK)
		*last = answer;
	else
		json_decref(answer);
	return status;
}

int
cli_ask(struct cli *c, json_t *request, void (*line)(void *, json_t *), void *arg, json_t **last)
{
	struct control *control = NULL;
	int status = cli_connect(c, &control);

	if (status != EX_OK) {
		json_decref(request);
		return status;
	}
	status = cli_call(control, request, line, NULL, arg, last);
	control_close(&control);
	return status;
}
