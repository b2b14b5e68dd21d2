/*
 * turn_command.c -- the commands of a turn session: one function a verb.
 *
 * ETRN and ATRN become a list of domains first, all of them served here and
 * allowed to this client (T2); then the owner counts their mail, and
 * turn_counted() answers with what there really is. A refusal of ETRN waits as long as
 * an answer does, so that guessing names is slow.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/wire.h"
#include "queued/turn_state.h"

#define BLANKS		" \t"
#define ALL_YOURS	"(all)"		/* ATRN without domains, in the log */

/* --- the request at hand ------------------------------------------------- */

void
turn_forget(struct turn_session *s)
{
	for (size_t i = 0; i < s->ndomains; i++)
		free(s->domain[i]);
	free(s->domain);
	free(s->asked);
	s->domain = NULL;
	s->asked = NULL;
	s->ndomains = 0;
}

static void
add_domain(struct turn_session *s, const char *name)
{
	s->domain = xrealloc(s->domain, s->ndomains + 1, sizeof(*s->domain));
	s->domain[s->ndomains++] = xstrdup(name);
}

static bool
has_domain(const struct turn_session *s, const char *name)
{
	for (size_t i = 0; i < s->ndomains; i++)
		if (strcmp(s->domain[i], name) == 0)
			return true;
	return false;
}

static bool
is_domain(const char *name)
{
	return name[0] != '[' && addr_domain_valid(name, false);
}

static void
decided(struct turn_session *s, const char *reply)
{
	char *what = xasprintf("%s=%s", s->atrn ? "atrn" : "etrn", s->asked);

	s->ops->decided(s->arg, what, reply);
	free(what);
}

static enum turn_state
answered(struct turn_session *s, char *reply, enum turn_state next)
{
	decided(s, reply);
	(void)turn_say(s, reply, next);
	free(reply);
	if (next != TURN_REVERSE)
		turn_forget(s);
	return next;
}

/* Takes reply; the client gets it after a pause. */
static enum turn_state
refused(struct turn_session *s, char *reply)
{
	decided(s, reply);
	turn_forget(s);
	return turn_later(s, reply, TURN_READY);
}

/* --- ETRN ---------------------------------------------------------------- */

/* Where one more served domain goes, and what was passed over. */
struct candidates {
	struct turn_session	*s;
	bool			 network;	/* the client may ask for all */
	bool			 not_yours, by_turn;
};

static void
candidate(void *arg, const char *domain, enum turn_served how)
{
	struct candidates *c = arg;

	if (!c->network && !turn_user_owns(c->s->user, domain))
		c->not_yours = true;
	else if (how == SERVED_BY_TURN)
		c->by_turn = true;
	else if (how == SERVED_BY_US)
		add_domain(c->s, domain);
}

static enum turn_state
not_allowed(struct turn_session *s, const char *why)
{
	return refused(s, xasprintf("459 4.7.1 Node %s not allowed: %s", s->asked, why));
}

static enum turn_state
unable(struct turn_session *s, const char *why)
{
	return refused(s, xasprintf("458 4.3.0 Unable to queue messages for node %s: %s", s->asked,
	    why));
}

static enum turn_state
etrn(struct turn_session *s)
{
	struct candidates c = { .s = s, .network = s->ops->network(s->arg) };
	bool below = s->asked[0] == '@';
	const char *name = s->asked + (below ? 1 : 0);

	if (!s->ops->may_ask(s->arg))
		return unable(s, "too many requests, try again later");
	if (!c.network && s->user == NULL)
		return not_allowed(s, "your address is in no turn_network, and you are not authenticated");
	candidate(&c, name, s->ops->served(s->arg, name));
	if (below)
		s->ops->below(s->arg, name, candidate, &c);
	if (s->ndomains > 0)
		return TURN_COUNT;
	if (c.by_turn)
		return unable(s, "its mail is fetched with ATRN");
	return not_allowed(s, c.not_yours ? "it is not yours" : "it is not served here");
}

static enum turn_state
cmd_etrn(struct turn_session *s, const char *arg, size_t len)
{
	const char *node = len > 0 && arg[0] == '@' ? arg + 1 : arg;

	if (s->state == TURN_START)
		return turn_mistake(s, "503 5.5.1 Send EHLO first");
	if (len == 0)
		return turn_mistake(s, "501 5.5.4 Syntax: ETRN domain, or ETRN @domain");
	s->atrn = false;
	s->asked = xstrndup(arg, len);
	addr_lower(s->asked);
	if (arg[0] == '#') {
		turn_forget(s);
		return turn_mistake(s, "458 4.5.0 Unable to queue messages: there are no named queues here");
	}
	if (!is_domain(s->asked + (node - arg))) {
		turn_forget(s);
		return turn_mistake(s, "501 5.5.4 Not a domain");
	}
	return etrn(s);
}

static enum turn_state
etrn_counted(struct turn_session *s, bool known, uint64_t messages)
{
	char *reply;

	if (known && messages == 0)
		return answered(s, xasprintf("251 2.0.0 OK, no messages waiting for node %s", s->asked),
		    TURN_READY);
	for (size_t i = 0; i < s->ndomains; i++)
		s->ops->flush(s->arg, s->domain[i]);
	if (!known)
		reply = xasprintf("250 2.0.0 OK, queuing for node %s started", s->asked);
	else if (s->asked[0] == '@')	/* a message for two of its domains was counted twice */
		reply = xasprintf("252 2.0.0 OK, pending messages for node %s started", s->asked);
	else
		reply = xasprintf("253 2.0.0 OK, %" PRIu64 " pending messages for node %s started",
		    messages, s->asked);
	return answered(s, reply, TURN_READY);
}

/* --- ATRN ---------------------------------------------------------------- */

static enum turn_state
atrn_refused(struct turn_session *s, const char *why)
{
	return answered(s, xasprintf("450 4.7.1 ATRN request refused: %s", why), TURN_READY);
}

static const char syntax[] = "501 5.5.4 Syntax: ATRN [domain[,domain...]]";

/* RFC 2645 5.2.1: all of them or none. NULL: all are good. */
static const char *
atrn_list(struct turn_session *s, char *list)
{
	char *name, *end;

	while ((name = strsep(&list, ",")) != NULL) {
		name += strspn(name, BLANKS);
		end = name + strcspn(name, BLANKS);
		if (end[strspn(end, BLANKS)] != '\0')
			return syntax;
		*end = '\0';
		if (!is_domain(name))
			return syntax;
		if (!turn_user_owns(s->user, name))
			return "a domain is not yours";
		if (s->ops->served(s->arg, name) == SERVED_NOT)
			return "a domain is not served here";
		if (!has_domain(s, name))
			add_domain(s, name);
	}
	return NULL;
}

static void
atrn_all(struct turn_session *s)
{
	for (size_t i = 0; i < s->user->ndomains; i++)
		if (s->ops->served(s->arg, s->user->domain[i]) != SERVED_NOT)
			add_domain(s, s->user->domain[i]);
}

static enum turn_state
no_mail(struct turn_session *s)
{
	return answered(s, xstrdup("453 4.0.0 You have no mail"), TURN_READY);
}

static bool
at_work(const struct turn_session *s)
{
	return s->ops->busy(s->arg, (const char *const *)s->domain, s->ndomains);
}

static enum turn_state
cmd_atrn(struct turn_session *s, const char *arg, size_t len, bool more)
{
	const char *fault = NULL;
	char *list;

	if (s->users == NULL)
		return turn_mistake(s, "502 5.5.1 ATRN is not set up here");
	if (s->user == NULL)
		return turn_mistake(s, "530 5.7.0 Authentication required");
	if (more)	/* they would be taken for the greeting of a server */
		return turn_mistake(s, "503 5.5.0 ATRN must be the last command of a group");
	s->atrn = true;
	s->asked = len > 0 ? xstrndup(arg, len) : xstrdup(ALL_YOURS);
	addr_lower(s->asked);
	if (!s->ops->may_ask(s->arg))
		return atrn_refused(s, "too many requests, try again later");
	if (len == 0) {
		atrn_all(s);
	} else {
		list = xstrdup(s->asked);
		fault = atrn_list(s, list);
		free(list);
	}
	if (fault == syntax) {
		turn_forget(s);
		return turn_mistake(s, syntax);
	}
	if (fault != NULL)
		return atrn_refused(s, fault);
	return s->ndomains > 0 ? TURN_COUNT : no_mail(s);
}

static enum turn_state
atrn_counted(struct turn_session *s, bool known, uint64_t messages)
{
	if (!known)
		return answered(s, xstrdup("451 4.3.0 Unable to process ATRN request now"), TURN_READY);
	if (at_work(s))
		return atrn_refused(s, "another session fetches this mail");
	if (messages == 0)
		return no_mail(s);
	return answered(s, xstrdup("250 2.0.0 OK now reversing the connection"), TURN_REVERSE);
}

enum turn_state
turn_counted(struct turn_session *s, bool known, uint64_t messages)
{
	return s->atrn ? atrn_counted(s, known, messages) : etrn_counted(s, known, messages);
}

/* --- the others ---------------------------------------------------------- */

static enum turn_state
cmd_ehlo(struct turn_session *s, size_t len, bool extended)
{
	if (len == 0)
		return turn_mistake(s, "501 5.5.4 Send your host name");
	if (!extended) {
		buf_printf(&s->out, "250 %s\r\n", s->conf->hostname);
		return TURN_READY;
	}
	buf_printf(&s->out, "250-%s\r\n250-ENHANCEDSTATUSCODES\r\n", s->conf->hostname);
	if (s->conf->tls && !s->encrypted)
		buf_puts(&s->out, "250-STARTTLS\r\n");
	if (turn_auth_offered(s))
		buf_puts(&s->out, "250-AUTH SCRAM-SHA-256 CRAM-MD5\r\n");
	if (s->users != NULL)
		buf_puts(&s->out, "250-ATRN\r\n");
	return turn_say(s, "250 ETRN", TURN_READY);
}

static enum turn_state
cmd_starttls(struct turn_session *s, size_t len, bool more)
{
	if (s->encrypted)
		return turn_mistake(s, "503 5.5.1 TLS is there already");
	if (!s->conf->tls)
		return turn_mistake(s, "502 5.5.1 TLS is not set up here");
	if (len > 0)
		return turn_mistake(s, "501 5.5.4 No argument allowed");
	if (more)	/* RFC 3207 6: who knows who sent it */
		return turn_cut(s, "503 5.5.0 Bytes after STARTTLS; closing");
	return turn_say(s, "220 2.0.0 Ready to start TLS", TURN_TLS);
}

static enum turn_state
cmd_quit(struct turn_session *s)
{
	return turn_say(s, "221 2.0.0 Bye", TURN_QUIT);
}

enum turn_state
turn_command(struct turn_session *s, const char *line, size_t len, bool more)
{
	const char *arg;
	size_t n;

	switch (wire_verb(line, len, &arg, &n)) {
	case VERB_EHLO:
		return cmd_ehlo(s, n, true);
	case VERB_HELO:
		return cmd_ehlo(s, n, false);
	case VERB_STARTTLS:
		return cmd_starttls(s, n, more);
	case VERB_AUTH:
		if (s->state == TURN_START)
			return turn_mistake(s, "503 5.5.1 Send EHLO first");
		return turn_auth(s, arg, n);
	case VERB_ETRN:
		return cmd_etrn(s, arg, n);
	case VERB_ATRN:
		return cmd_atrn(s, arg, n, more);
	case VERB_RSET:
	case VERB_NOOP:
		return turn_say(s, "250 2.0.0 OK", s->state);
	case VERB_VRFY:
		return turn_say(s, "252 2.0.0 Not verified", s->state);
	case VERB_HELP:
		return turn_say(s, "214 2.0.0 Commands: EHLO STARTTLS AUTH ETRN ATRN RSET NOOP QUIT HELP",
		    s->state);
	case VERB_QUIT:
		return cmd_quit(s);
	case VERB_MAIL:
	case VERB_RCPT:
	case VERB_DATA:
	case VERB_BDAT:
		return turn_mistake(s, "502 5.5.1 This port is for ETRN and ATRN");
	case VERB_LHLO:
	case VERB_EXPN:
	case VERB_XFORWARD:
		return turn_mistake(s, "502 5.5.1 Command not implemented");
	case VERB_UNKNOWN:
		break;
	}
	if (wire_is_http(line, len))
		return turn_cut(s, "554 5.5.1 This is no web server; closing");
	return turn_mistake(s, "500 5.5.2 Command not recognized");
}
