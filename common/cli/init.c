/*
 * init.c -- holdfast init: holdfast.conf and rules.db, where there are none.
 *
 * What is there is read and checked, never changed, so it may be run at any
 * time; but a rules.db of an older version is upgraded.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cli/access.h"
#include "common/cli/commands.h"
#include "common/cli/conf_text.h"
#include "common/cli/out.h"
#include "common/conf.h"

static int
errno_status(const char *path)
{
	int err = errno;

	return cli_fail(err == EACCES || err == EPERM || err == EROFS ? EX_NOPERM : EX_CANTCREAT,
	    "%s: %s", path, strerror(err));
}

/* The folder that a file lies in, and those above it. */
static int
make_folder(const char *file)
{
	char *dir = xstrdup(file);
	int status = EX_OK;

	for (char *p = strchr(dir + 1, '/'); p != NULL && status == EX_OK; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0755) == -1 && errno != EEXIST)
			status = errno_status(dir);
		*p = '/';
	}
	free(dir);
	return status;
}

static int
write_conf(const char *path, bool *created)
{
	struct buf b = BUF_INIT;
	int fd, status = EX_OK;

	*created = false;
	if (access(path, F_OK) == 0)
		return EX_OK;
	if ((status = make_folder(path)) != EX_OK)
		return status;
	cli_conf_text(&b);
	/* O_EXCL: one that appears meanwhile is not written over */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1 || write(fd, b.data, b.len) != (ssize_t)b.len || fsync(fd) == -1) {
		status = errno_status(path);
		if (fd != -1)
			(void)unlink(path);
	} else
		*created = true;
	if (fd != -1)
		(void)close(fd);
	buf_free(&b);
	return status;
}

static int
make_rules(struct cli *c, const char *path, bool *created, bool *upgraded)
{
	struct rules_edit *e = NULL;
	char *why = NULL;
	int status = make_folder(path);

	if (status != EX_OK)
		return status;
	status = cli_edit_failed(rules_edit_create(path, created, &why), &why);
	if (status != EX_OK || *created || (status = cli_edit(c, &e)) != EX_OK)
		return status;
	*upgraded = rules_edit_copy(e) != NULL;
	rules_edit_close(&e);
	return EX_OK;
}

static void
print_next(const struct cli *c)
{
	bool elsewhere = strcmp(c->conf_path, CONF_DEFAULT_PATH) != 0;
	const char *opt = elsewhere ? " -c " : "", *path = elsewhere ? out_safe(c->conf_path) : "";

	(void)printf("\nNext:\n"
	    "  holdfast%s%s domain add example.test --primary mail.example.test\n"
	    "  holdfast%s%s recipient import example.test valid-recipients.txt\n"
	    "  holdfast-queued%s%s && holdfast-milter%s%s\n"
	    "and let Postfix use them: README.md, \"Attach it to your Postfix\".\n", opt, path, opt,
	    path, opt, path, opt, path);
}

static int
init(struct cli *c)
{
	bool conf_created = false, rules_created = false, rules_upgraded = false;
	const struct conf *conf;
	int status;

	if ((status = write_conf(c->conf_path, &conf_created)) != EX_OK)
		return status;
	if ((conf = cli_conf(c)) == NULL)
		return EX_CONFIG;
	if ((status = make_rules(c, conf->rules_db, &rules_created, &rules_upgraded)) != EX_OK)
		return status;
	if (c->json) {
		out_json(json_pack("{s:s,s:b,s:s,s:b,s:b}", "conf", out_safe(c->conf_path),
		    "conf_created", conf_created, "rules_db", out_safe(conf->rules_db),
		    "rules_db_created", rules_created, "rules_db_upgraded", rules_upgraded));
		return EX_OK;
	}
	(void)printf("%s  %s\n", conf_created ? "made " : "there", out_safe(c->conf_path));
	(void)printf("%s  %s\n", rules_created ? "made " : "there", out_safe(conf->rules_db));
	print_next(c);
	return EX_OK;
}

const struct command command_init = {
	.name = "init", .args = "",
	.help = "Write holdfast.conf and rules.db where there are none.",
	.examples = "holdfast init\nholdfast -c /tmp/try/holdfast.conf init",
	.min_args = 0, .max_args = 0, .run = init,
};
