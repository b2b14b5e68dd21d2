/*
 * main.c -- holdfast-queued: accepts mail over LMTP, keeps it, hands it on.
 *
 * The order of the start is the argument for its safety. Configuration and
 * rules are checked before anything is touched; root is given up before a file or socket
 * is opened; the store is opened (and refuses a database that is not
 * ours) before anybody can hand us mail; the starter is told "ready" when LMTP
 * answers. The stop goes the other way round: no new mail, running deliveries end, what the store was
 * given is committed, then the files close. A kill at any point loses nothing
 * that was acknowledged (P1): that needs no shutdown code to run.
 *
 * One libevent loop on this thread; the store has one thread of its own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <sys/stat.h>

#include <event2/event.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf.h"
#include "common/control.h"
#include "common/daemon.h"
#include "common/log.h"
#include "common/rules.h"
#include "queued/control_request.h"
#include "queued/control_server.h"
#include "queued/deliver.h"
#include "queued/drill.h"
#include "queued/heartbeat.h"
#include "queued/lmtp_server.h"
#include "queued/store.h"
#include "queued/turn_server.h"

#define IDENT		"holdfast/queued"
#define RULES_POLL_MS	500		/* P8: a rule change applies within a second */

struct queued {
	const struct daemon_options	*options;
	struct conf			*conf;
	struct rules			*rules;
	struct event_base		*base;
	struct store			*store;
	struct deliver			*deliver;
	struct lmtp_server		*lmtp;
	struct drills			*drills;
	struct turn_server		*turn;		/* NULL: turn_listen is empty */
	struct control_server		*control;
	struct heartbeat		*heartbeat;	/* NULL: no service manager listens */
	struct event			*on_stop[2], *on_reload, *rules_timer;
	bool				 stopping;
};

static void
die(int code, char *why)
{
	log_error("%s", why);
	free(why);
	exit(code);
}

static void
rules_check(evutil_socket_t fd, short what, void *arg)
{
	struct queued *q = arg;
	struct ruleset *rs;
	char *why = NULL;

	(void)fd;
	(void)what;
	switch (rules_poll(q->rules, &why)) {
	case 1:
		rs = rules_current(q->rules);
		deliver_rules(q->deliver, rs);
		turn_server_rules(q->turn, rs);
		lmtp_server_hops(q->lmtp, ruleset_settings(rs)->hop_limit);
		log_info("rules: new rules are in force, domains=%zu", ruleset_ndomains(rs));
		ruleset_unref(&rs);
		break;
	case -1:
		log_error("rules: the change is refused, the old rules stay: %s", why);
		break;
	}
	free(why);
}

static void
reload(evutil_socket_t sig, short what, void *arg)
{
	struct queued *q = arg;
	struct conf *conf, *old;
	char *why = NULL;

	(void)sig;
	(void)what;
	daemon_notify("RELOADING=1");
	conf = conf_load(q->options->conf_path, &why);
	if (conf == NULL) {
		log_error("reload refused, the old configuration stays: %s", why);
		free(why);
	} else {
		old = q->conf;
		q->conf = conf;
		lmtp_server_conf(q->lmtp, conf);
		deliver_conf(q->deliver, conf);
		turn_server_conf(q->turn, conf);
		control_server_conf(q->control, conf);
		conf_free(&old);
		log_info("configuration reloaded from %s", q->options->conf_path);
	}
	rules_check(-1, 0, q);
	daemon_notify("READY=1");
}

static void
deliveries_ended(void *arg)
{
	struct queued *q = arg;

	event_base_loopbreak(q->base);
}

static void
sessions_ended(void *arg)
{
	struct queued *q = arg;

	deliver_drain(q->deliver, deliveries_ended, q);
}

static void
stop(evutil_socket_t sig, short what, void *arg)
{
	struct queued *q = arg;

	(void)what;
	if (q->stopping) {
		log_warn("second signal %d: stopping without waiting", (int)sig);
		event_base_loopbreak(q->base);
		return;
	}
	q->stopping = true;
	log_info("stopping: finishing what is in flight (at most %u s)", q->conf->shutdown_timeout);
	daemon_notify("STOPPING=1");
	heartbeat_stopping(q->heartbeat);
	turn_server_stop(q->turn);
	lmtp_server_drain(q->lmtp, sessions_ended, q);
}

static void
accepted(void *arg, const char *domain)
{
	struct queued *q = arg;

	deliver_kick(q->deliver, domain);
}

/* Nobody has ended the drill: its message must not stay for ever. */
static void
drill_over(void *arg, const char *queue_id)
{
	struct queued *q = arg;
	const struct store_filter held = { .queue_id = queue_id, .state = RCPT_HELD };

	log_warn("%s: drill: its time is over; deleted if it is still held", queue_id);
	store_change(q->store, CHANGE_DELETE, &held, "drill", NULL, NULL);
}

static void
primaries(void *arg, struct deliver_counts *n)
{
	struct queued *q = arg;

	deliver_count(q->deliver, n);
}

static void
watch(struct queued *q)
{
	static const struct timeval interval = { 0, RULES_POLL_MS * 1000 };

	q->on_stop[0] = evsignal_new(q->base, SIGTERM, stop, q);
	q->on_stop[1] = evsignal_new(q->base, SIGINT, stop, q);
	q->on_reload = evsignal_new(q->base, SIGHUP, reload, q);
	q->rules_timer = event_new(q->base, -1, EV_PERSIST, rules_check, q);
	if (q->on_stop[0] == NULL || q->on_stop[1] == NULL || q->on_reload == NULL ||
	    q->rules_timer == NULL || event_add(q->on_stop[0], NULL) == -1 ||
	    event_add(q->on_stop[1], NULL) == -1 || event_add(q->on_reload, NULL) == -1 ||
	    event_add(q->rules_timer, &interval) == -1)
		log_fatal("cannot watch signals");
}

static void
open_doors(struct queued *q)
{
	struct control_view view = { NULL, NULL, NULL, NULL, NULL, NULL, 0 };
	struct ruleset *rs;
	char *why = NULL;

	q->base = event_base_new();
	if (q->base == NULL)
		log_fatal("cannot make an event loop");
	q->store = store_open(q->conf, q->base, &why);
	if (q->store == NULL)
		die(EX_IOERR, why);
	rs = rules_current(q->rules);
	q->deliver = deliver_new(q->base, q->store, q->conf, rs);
	q->lmtp = lmtp_server_new(q->base, q->store, q->conf, accepted, q, &why);
	if (q->lmtp == NULL)
		die(EX_UNAVAILABLE, why);
	if (q->conf->turn_listen[0] != '\0') {
		q->turn = turn_server_new(q->base, q->store, q->deliver, q->conf, rs, &why);
		if (q->turn == NULL)
			die(EX_UNAVAILABLE, why);
	}
	lmtp_server_hops(q->lmtp, ruleset_settings(rs)->hop_limit);
	ruleset_unref(&rs);
	view.store = q->store;
	view.deliver = q->deliver;
	q->drills = drills_new(q->base, drill_over, q);
	lmtp_server_drills(q->lmtp, q->drills);
	view.lmtp = q->lmtp;
	view.drills = q->drills;
	view.rules = q->rules;
	view.conf = q->conf;
	view.started = clock_wall();
	q->control = control_server_new(q->base, &view, &why);
	if (q->control == NULL)
		die(EX_UNAVAILABLE, why);
}

static void
close_doors(struct queued *q)
{
	heartbeat_free(&q->heartbeat);
	control_server_free(&q->control);
	lmtp_server_free(&q->lmtp);
	drills_free(&q->drills);
	deliver_free(&q->deliver);
	turn_server_free(&q->turn);	/* after it: sessions that fetch mail came back from there */
	store_close(&q->store);
	rules_close(&q->rules);
	event_free(q->on_stop[0]);
	event_free(q->on_stop[1]);
	event_free(q->on_reload);
	event_free(q->rules_timer);
	event_base_free(q->base);
	conf_free(&q->conf);
}

/* --- `holdfast … --offline' ----------------------------------------------- */

static void
peer_left(void *arg)
{
	(void)event_base_loopbreak(arg);
}

/* The reason goes where the command reads its answers. */
static int
cannot_serve(int code, char *why)
{
	json_t *line = json_pack("{s:b,s:o,s:i}", "ok", 0, "error", request_text(why), "exit", code);
	char *text = json_dumps(line, JSON_COMPACT);

	(void)!write(CONTROL_OFFLINE_FD, text, strlen(text));
	(void)!write(CONTROL_OFFLINE_FD, "\n", 1);
	json_decref(line);
	free(text);
	free(why);
	return code;
}

/*
 * The queue's files are opened as at any start, which a running daemon's lock prevents; then what looks
 * at them is answered, on the command's socket, until it closes that.
 */
static int
serve_offline(struct queued *q)
{
	struct control_view view = { .conf = q->conf, .started = clock_wall() };
	struct stat st;
	char *why = NULL;

	if (fstat(CONTROL_OFFLINE_FD, &st) == -1 || !S_ISSOCK(st.st_mode)) {
		log_error("-o is for the command: `holdfast queue count --offline'");
		return EX_USAGE;
	}
	if (daemon_drop(q->conf->queue_user, &why) == -1)
		return cannot_serve(EX_NOPERM, why);
	if ((q->base = event_base_new()) == NULL)
		log_fatal("cannot make an event loop");
	if ((q->store = store_open(q->conf, q->base, &why)) == NULL)
		return cannot_serve(EX_UNAVAILABLE, why);
	view.store = q->store;
	q->control = control_server_offline(q->base, &view, CONTROL_OFFLINE_FD, peer_left, q->base);
	(void)event_base_dispatch(q->base);
	control_server_free(&q->control);
	store_close(&q->store);
	event_base_free(q->base);
	conf_free(&q->conf);
	return EX_OK;
}

/* --- the daemon ------------------------------------------------------------ */

int
main(int argc, char **argv)
{
	struct daemon_options options;
	struct queued q = { .options = &options };
	char *why = NULL;

	daemon_options(argc, argv, "o", &options);
	log_open(IDENT, LOG_TO_STDERR);	/* until it is ready: the starter shall see why it failed */
	log_set_verbose(options.verbose);
	q.conf = daemon_conf(&options);
	daemon_hygiene();
	if (options.offline)
		return serve_offline(&q);
	if (!options.check_only)
		daemon_detach(&options);
	if (geteuid() == 0 && daemon_drop(q.conf->queue_user, &why) == -1)
		die(EX_NOPERM, why);
	q.rules = rules_open(q.conf->rules_db, &why);
	if (q.rules == NULL)
		die(EX_CONFIG, why);
	if (options.check_only) {
		log_info("configuration and rules are good");
		return 0;
	}
	open_doors(&q);
	watch(&q);
	if (!options.foreground)
		log_open(IDENT, LOG_TO_SYSLOG);
	daemon_ready();
	q.heartbeat = heartbeat_new(q.base, q.store, primaries, &q);
	log_info("holdfast-queued " PACKAGE_VERSION " is ready, store=%s", q.conf->queue_db);
	event_base_dispatch(q.base);
	close_doors(&q);
	log_info("stopped");
	return 0;
}
