/*
 * setup_undo.c -- holdfast setup --undo: the last setup is taken back.
 *
 * Files that are still what setup made of them are as they were before; what somebody
 * changed since is left alone and told. The queue, the rules and holdfast.conf's
 * folder stay: mail is never touched by this.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/cli/cli.h"
#include "common/cli/out.h"
#include "common/cli/plan.h"
#include "common/cli/record.h"
#include "common/cli/setup.h"
#include "common/conf.h"
#include "common/control.h"

static void
print_what(const struct cli *c, const struct record *r, const struct plan *p)
{
	if (c->json)
		return;
	(void)printf("The setup of %s (%s):\n", out_safe(record_time(r)), out_safe(record_mta(r)));
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_step *s = &p->step[i];

		if (s->done && (s->kind == PLAN_FILE || s->kind == PLAN_DIR))
			(void)printf(
			    "  %s %s\n", s->existed ? "restore" : "remove ", out_safe(s->path));
	}
}

static json_t *
words_json(const struct words *w)
{
	json_t *a = json_array();

	for (size_t i = 0; i < w->n; i++)
		json_array_append_new(a, json_string(out_safe(w->v[i])));
	return a;
}

static void
report(const struct cli *c, const struct record *r, const struct words *left,
    const struct words *did)
{
	if (c->json) {
		out_json(json_pack("{s:s,s:s,s:o,s:o}", "result", "undone", "record",
		    out_safe(record_folder(r)), "did", words_json(did), "left", words_json(left)));
		return;
	}
	for (size_t i = 0; i < did->n; i++)
		(void)printf("%s\n", out_safe(did->v[i]));
	for (size_t i = 0; i < left->n; i++)
		(void)fprintf(stderr, "holdfast: %s\n", left->v[i]);
	(void)printf("The setup of %s is taken back%s. Rules, queue and their mail stay; what is "
	    "queued is\ndelivered when holdfast-queued runs.\n", out_safe(record_time(r)),
	    left->n > 0 ? ", but for what is said above" : "");
}

static void
on_count(void *arg, json_t *line)
{
	uint64_t *n = arg;

	*n = (uint64_t)out_int(line, "messages");
}

/* Mail that waits is not lost, but nobody delivers it any more. */
static void
warn_of_mail(const struct setup *s)
{
	struct conf *conf;
	struct control *control = NULL;
	char *why = NULL;
	uint64_t n = 0;

	if ((conf = conf_load(s->cli->conf_path, &why)) != NULL &&
	    (control = control_connect(conf->control_socket, &why)) != NULL)
		json_decref(control_call(
		    control, json_pack("{s:s}", "cmd", "queue.count"), on_count, NULL, &n, &why));
	if (n > 0)
		cli_note(
		    "%s in the queue: they stay there, and are delivered when Holdfast runs again; "
		    "`holdfast flush' first, if you are in no hurry",
		    out_count(n, "message is", "messages are"));
	control_close(&control);
	conf_free(&conf);
	free(why);
}

int
setup_undo(const struct setup *s)
{
	struct words left = { NULL, 0 }, did = { NULL, 0 };
	struct plan p;
	struct record *r;
	char *why = NULL;
	bool none;
	int status = EX_OK;

	memset(&p, 0, sizeof(p));
	if ((r = record_last(s->record_dir, &p, &none, &why)) == NULL) {
		status = cli_fail(none ? EX_NOINPUT : EX_DATAERR, "%s", why);
		free(why);
		plan_clear(&p);
		return status;
	}
	print_what(s->cli, r, &p);
	warn_of_mail(s);
	if (s->dry_run)
		status = EX_OK;
	else if (!s->yes && !cli_confirm("Take it back?"))
		status =
		    cli_usage(s->cli, "nothing was changed; --yes to take it back without being "
				      "asked");
	else {
		plan_take_back(&p, &left, &did);
		if (record_save(r, &p, "undone", &why) == -1)
			words_add(&left, why);
		report(s->cli, r, &left, &did);
		status = left.n > 0 ? EX_DATAERR : EX_OK;
	}
	free(why);
	words_clear(&left);
	words_clear(&did);
	record_free(&r);
	plan_clear(&p);
	return status;
}
