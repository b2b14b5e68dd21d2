/*
 * setup_postfix.c -- what must change in main.cf for Holdfast to work beside Postfix.
 *
 * Every parameter is one function that says why. What is there and does no harm stays:
 * other milters, other relay domains and their transport, restrictions that keep strangers
 * from relaying. Never is an open relay made, nor one served.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "common/cli/setup_postfix.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/cli/plan.h"
#include "common/cli/postfix.h"
#include "common/endpoint.h"

#define MILTER_PROTOCOL	6	/* since Postfix 2.6; header values byte for byte */
#define LMTP_AT_ONCE	20

/* What all of it looks at and adds to. */
struct deciding {
	const struct postfix	*p;
	const struct postfix_wish *wish;
	bool			 (*lookup)(void *, const char *, const char *);
	void			*arg;
	struct postfix_decision	*d;
	struct plan		*plan;
};

static void
set(const struct deciding *x, const char *name, const char *value)
{
	char *line;

	if (postfix_is_set(x->p, name) && strcmp(postfix_value(x->p, name), value) == 0)
		return;
	line = xasprintf("%s = %s", name, value);
	words_add(&x->d->set, line);
	free(line);
}

static void
set_number(const struct deciding *x, const char *name, uint64_t value)
{
	char *text = xasprintf("%llu", (unsigned long long)value);

	set(x, name, text);
	free(text);
}

/* The value as a list, as main.cf has it; empty when it does not. */
static void
own_list(const struct deciding *x, const char *name, struct words *w)
{
	words_split(w, postfix_is_set(x->p, name) ? postfix_value(x->p, name) : "");
}

static void
set_list(const struct deciding *x, const char *name, const struct words *w)
{
	char *value = words_join(w, ", ");

	set(x, name, value);
	free(value);
}

static char *
table(const struct deciding *x, const char *what)
{
	return x->d->sqlite ? xasprintf("proxy:sqlite:%s/holdfast-%s.cf", x->p->dir, what)
			    : xasprintf("texthash:%s/holdfast-%s", x->p->dir, what);
}

/* Ours of the other kind, from before Postfix could read SQLite (or no more). */
static char *
other_table(const struct deciding *x, const char *what)
{
	return x->d->sqlite ? xasprintf("texthash:%s/holdfast-%s", x->p->dir, what)
			    : xasprintf("proxy:sqlite:%s/holdfast-%s.cf", x->p->dir, what);
}

static void
remove_word(struct words *w, const char *word)
{
	size_t i;

	while ((i = words_find(w, word)) < w->n)
		words_remove(w, i);
}

/* --- the milter ---------------------------------------------------------- */

/* Takes ours out of the list, wherever and however it stands there. */
static void
remove_milter(struct words *w, const char *milter)
{
	for (size_t i = 0; i < w->n;) {
		char *name = postfix_milter_name(w->v[i]);

		if (strcasecmp(name, milter) == 0)
			words_remove(w, i);
		else
			i++;
		free(name);
	}
}

/* How ours is written: with what is its own, when the settings for all are somebody else's. */
static char *
milter_word(const struct deciding *x, bool alone)
{
	bool action = postfix_is_set(x->p, "milter_default_action") &&
	    strcasecmp(postfix_expanded(x->p, "milter_default_action"), "tempfail") != 0;
	bool protocol = postfix_is_set(x->p, "milter_protocol") &&
	    postfix_number(x->p, "milter_protocol") < MILTER_PROTOCOL;

	if (alone || (!action && !protocol)) {
		set(x, "milter_default_action", "tempfail");
		if (protocol)
			set_number(x, "milter_protocol", MILTER_PROTOCOL);
		return xstrdup(x->wish->milter);
	}
	plan_note(x->plan, "milter_default_action and milter_protocol stay as they are for your "
	    "other milters; Holdfast's entry says its own");
	return xasprintf("{ %s, default_action=tempfail, protocol=%d }", x->wish->milter,
	    MILTER_PROTOCOL);
}

/* Last: then it sees what the others added. */
static void
decide_milters(const struct deciding *x)
{
	struct words w;
	char *word;

	own_list(x, "smtpd_milters", &w);
	remove_milter(&w, x->wish->milter);
	word = milter_word(x, w.n == 0 && postfix_expanded(x->p, "non_smtpd_milters")[0] == '\0');
	words_add(&w, word);
	free(word);
	set_list(x, "smtpd_milters", &w);
	words_clear(&w);
	if (postfix_number(x->p, "in_flow_delay") != 0 || !postfix_is_set(x->p, "in_flow_delay"))
		set(x, "in_flow_delay", "0");
}

/* --- which domains ------------------------------------------------------- */

/* Is it a domain of ours that is written out? */
static bool
is_ours(const struct deciding *x, const char *word)
{
	return words_have(&x->wish->domains, word);
}

/* relay_domains, with ours; *others: does it relay for somebody else? */
static void
decide_relay_domains(const struct deciding *x, bool *others)
{
	char *ours = table(x, "domains"), *stale = other_table(x, "domains");
	struct words w;

	own_list(x, "relay_domains", &w);
	/* A default that is not empty would be lost. */
	if (!postfix_is_set(x->p, "relay_domains") &&
	    postfix_expanded(x->p, "relay_domains")[0] != '\0')
		words_add(&w, "$mydestination");
	remove_word(&w, stale);
	*others = false;
	for (size_t i = 0; i < w.n; i++)
		*others = *others || (strcasecmp(w.v[i], ours) != 0 && !is_ours(x, w.v[i]) &&
		    strcmp(w.v[i], "$mydestination") != 0);
	if (!words_have(&w, ours))
		words_add(&w, ours);
	set_list(x, "relay_domains", &w);
	words_clear(&w);
	free(ours);
	free(stale);
}

static void
decide_conflicts(const struct deciding *x)
{
	for (size_t i = 0; i < x->wish->domains.n; i++) {
		const char *domain = x->wish->domains.v[i];
		const char *where = postfix_own_domain(x->p, domain, x->lookup, x->arg);

		if (where != NULL)
			plan_problem(x->plan,
			    "%s is in Postfix's %s: its mail would be delivered here and "
			    "never reach the primary; take it out of %s first",
			    domain, where, where);
	}
}

/* Has another table an entry for one of ours? Then ours must come first. */
static bool
is_routed(const struct deciding *x, const struct words *tables)
{
	for (size_t i = 0; i < x->wish->domains.n && x->lookup != NULL; i++)
		for (size_t k = 0; k < tables->n; k++)
			if (x->lookup(x->arg, tables->v[k], x->wish->domains.v[i]))
				return true;
	return false;
}

static void
to_front(struct words *w, const char *word)
{
	char *last;

	remove_word(w, word);
	words_add(w, word);
	last = w->v[w->n - 1];
	memmove(&w->v[1], &w->v[0], (w->n - 1) * sizeof(*w->v));
	w->v[0] = last;
}

/*
 * By what Postfix brings the mail that it queued itself. relay_transport is for all that it relays:
 * where that is somebody else's too, a table names our domains.
 */
static void
decide_transport(const struct deciding *x, bool others)
{
	bool foreign = postfix_is_set(x->p, "relay_transport") &&
	    strcmp(postfix_expanded(x->p, "relay_transport"), x->wish->lmtp) != 0;
	char *ours = table(x, "transport"), *stale = other_table(x, "transport");
	bool there;
	struct words w;

	own_list(x, "transport_maps", &w);
	remove_word(&w, stale);
	there = words_have(&w, ours);
	remove_word(&w, ours);
	if (!others && !foreign && !there && !is_routed(x, &w)) {
		set(x, "relay_transport", x->wish->lmtp);
	} else {
		x->d->transport = true;
		to_front(&w, ours);
		set_list(x, "transport_maps", &w);
	}
	words_clear(&w);
	free(ours);
	free(stale);
}

/* Postfix must not refuse recipients that Holdfast is to be asked about. */
static void
decide_recipients(const struct deciding *x)
{
	char *ours = table(x, "recipients"), *stale = other_table(x, "recipients");
	struct words w;

	if (!postfix_is_set(x->p, "relay_recipient_maps"))
		set(x, "relay_recipient_maps", "");
	own_list(x, "relay_recipient_maps", &w);
	if (w.n > 0) {
		remove_word(&w, stale);
		if (!words_have(&w, ours))
			words_add(&w, ours);
		x->d->recipients = true;
		set_list(x, "relay_recipient_maps", &w);
	}
	words_clear(&w);
	free(ours);
	free(stale);
}

/* Tables that another process opens must be named where that process is told so. */
static void
decide_proxy(const struct deciding *x)
{
	static const char *const wanted[] = { "$relay_domains", "$transport_maps",
		"$relay_recipient_maps" };
	struct words w;

	if (!x->d->sqlite || !postfix_is_set(x->p, "proxy_read_maps"))
		return;
	own_list(x, "proxy_read_maps", &w);
	for (size_t i = 0; i < 3; i++)
		if (!words_have(&w, wanted[i]))
			words_add(&w, wanted[i]);
	set_list(x, "proxy_read_maps", &w);
	words_clear(&w);
}

/* --- the rest ------------------------------------------------------------ */

static void
decide_lmtp(const struct deciding *x)
{
	long long n = postfix_number(x->p, "lmtp_destination_concurrency_limit");

	set(x, "lmtp_send_xforward_command", "yes");
	if (n != 0 && n < LMTP_AT_ONCE) {
		if (postfix_is_set(x->p, "lmtp_destination_concurrency_limit"))
			plan_note(x->plan,
			    "lmtp_destination_concurrency_limit = %lld: mail that Postfix "
			    "queued itself is handed over slowly",
			    n);
		else
			set_number(x, "lmtp_destination_concurrency_limit", LMTP_AT_ONCE);
	}
}

static void
decide_relaying(const struct deciding *x)
{
	const char *why = NULL;
	struct words w;

	switch (postfix_relay_guard(x->p, &why)) {
	case GUARD_GOOD:
		return;
	case GUARD_OPEN:
		plan_problem(x->plan, "this Postfix is an open relay (%s): mend that first", why);
		return;
	case GUARD_NONE:
		break;
	}
	own_list(x, "smtpd_relay_restrictions", &w);
	if (w.n == 0) {
		words_add(&w, "permit_mynetworks");
		words_add(&w, "permit_sasl_authenticated");
	}
	words_add(&w, "reject_unauth_destination");
	set_list(x, "smtpd_relay_restrictions", &w);
	words_clear(&w);
}

static void
decide_size(const struct deciding *x)
{
	static const char *const boxes[] = { "mailbox_size_limit", "virtual_mailbox_limit" };
	bool virtual = postfix_expanded(x->p, "virtual_mailbox_domains")[0] != '\0' ||
	    postfix_expanded(x->p, "virtual_mailbox_maps")[0] != '\0';
	long long now = postfix_number(x->p, "message_size_limit");
	uint64_t limit = (uint64_t)now;

	if (now != 0 && limit < x->wish->size) {
		limit = x->wish->size;
		set_number(x, "message_size_limit", limit);
	}
	/* Postfix delivers nothing locally while a mailbox may hold less than a message. */
	for (size_t i = 0; i < (virtual ? 2 : 1); i++) {
		long long box = postfix_number(x->p, boxes[i]);

		if (box != 0 && now != 0 && (uint64_t)box < limit)
			set_number(x, boxes[i], limit);
	}
}

/* Bare line feeds end a message for old servers and not for others: smuggling. */
static void
decide_newline(const struct deciding *x)
{
	if (postfix_knows(x->p, "smtpd_forbid_bare_newline") &&
	    strcasecmp(postfix_expanded(x->p, "smtpd_forbid_bare_newline"), "no") == 0)
		set(x, "smtpd_forbid_bare_newline", "yes");
}

static void
look_at_master(const struct deciding *x)
{
	static const char *const ours[] = { "smtpd_milters", "milter_default_action",
		"smtpd_relay_restrictions", "relay_domains" };
	bool chrooted;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		const char *own = postfix_override(x->p, ours[i]);
		char *milter = own != NULL ? strstr(own, x->wish->milter) : NULL;

		if (own != NULL && milter == NULL && i != 2)
			plan_note(x->plan,
			    "master.cf gives the server of port 25 its own %s (%s): what "
			    "main.cf says does not count there",
			    ours[i], own);
	}
	if (!postfix_listens(x->p, &chrooted))
		plan_note(
		    x->plan, "master.cf has no server on port 25: no mail comes in from outside");
	if (strcmp(postfix_expanded(x->p, "inet_interfaces"), "loopback-only") == 0 ||
	    strcmp(postfix_expanded(x->p, "inet_interfaces"), "localhost") == 0)
		plan_note(x->plan, "inet_interfaces = %s: no mail comes in from outside "
		    "(postconf -e 'inet_interfaces = all', and restart Postfix)",
		    postfix_value(x->p, "inet_interfaces"));
}

void
setup_postfix_decide(const struct postfix *p, const struct postfix_wish *wish,
    bool (*lookup)(void *, const char *, const char *), void *arg, struct postfix_decision *d,
    struct plan *plan)
{
	const struct deciding x = { p, wish, lookup, arg, d, plan };
	bool others = false;

	memset(d, 0, sizeof(*d));
	d->sqlite = postfix_has_type(p, "sqlite");
	decide_conflicts(&x);
	decide_milters(&x);
	decide_relay_domains(&x, &others);
	decide_recipients(&x);
	decide_transport(&x, others);
	decide_proxy(&x);
	decide_lmtp(&x);
	decide_relaying(&x);
	decide_size(&x);
	decide_newline(&x);
	look_at_master(&x);
}

char *
setup_postfix_socket(const struct endpoint *e, const char *queue_directory)
{
	size_t len = strlen(queue_directory);

	if (e->path == NULL)
		return xasprintf(strchr(e->host, ':') != NULL ? "inet:[%s]:%u" : "inet:%s:%u",
		    e->host, (unsigned)e->port);
	if (strncmp(e->path, queue_directory, len) == 0 && e->path[len] == '/')
		return xasprintf("unix:%s", e->path + len + 1);
	return xasprintf("unix:%s", e->path);
}

void
postfix_wish_clear(struct postfix_wish *w)
{
	words_clear(&w->domains);
	free(w->milter);
	free(w->lmtp);
	free(w->rules_db);
	memset(w, 0, sizeof(*w));
}
