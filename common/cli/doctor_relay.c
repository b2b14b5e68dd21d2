/*
 * doctor_relay.c -- is this host an open relay?
 *
 * Tried on the running server, to a recipient nowhere near us, never with a message. The
 * trouble is to be a stranger: whoever connects from here has an address of this host, which many
 * set-ups let relay. So: as somebody else by XCLIENT where that is allowed; from an
 * address that is in no list of friends; else the configuration is judged. Sendmail's own rules
 * can be asked about any address (-bt).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/doctor.h"
#include "common/cli/postfix.h"
#include "common/cli/proc.h"
#include "common/cli/talk.h"
#include "common/conf.h"

#define STRANGER	"203.0.113.77"		/* RFC 5737: nobody */
#define FOREIGN		"doctor@relay-test.example.org"
#define SENDER		"doctor@relay-test.example.net"

/* --- networks ------------------------------------------------------------ */

static bool
bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
}

/* "[::1]/128", "127.0.0.0/8", "192.0.2.1" */
static bool
network_has(const char *text, const struct hosts_addr *a)
{
	char *net = xstrdup(text[0] == '[' ? text + 1 : text), *slash = strchr(net, '/'), *close;
	uint8_t addr[16];
	int family = strchr(net, ':') != NULL ? AF_INET6 : AF_INET;
	unsigned long bits = family == AF_INET ? 32 : 128;
	bool has = false;

	if (slash != NULL) {
		*slash = '\0';
		bits = strtoul(slash + 1, NULL, 10);
	}
	if ((close = strchr(net, ']')) != NULL)
		*close = '\0';
	if (family == a->family && inet_pton(family, net, addr) == 1 &&
	    bits <= (family == AF_INET ? 32 : 128))
		has = bits_equal(addr, a->addr, (unsigned)bits);
	free(net);
	return has;
}

bool
doctor_in_networks(const char *networks, const struct hosts_addr *a)
{
	struct words w;
	bool in = false;

	words_split(&w, networks);
	for (size_t i = 0; i < w.n; i++) {
		bool not = w.v[i][0] == '!';

		if (network_has(w.v[i] + not, a)) {
			in = !not;
			break;	/* the first that matches counts */
		}
	}
	words_clear(&w);
	return in;
}

/* An address of this host that is no friend. */
static bool
find_stranger(const char *networks, struct hosts_addr *a)
{
	struct ifaddrs *list = NULL, *i;
	bool found = false;

	if (getifaddrs(&list) == -1)
		return false;
	for (i = list; i != NULL && !found; i = i->ifa_next) {
		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET)
			continue;
		memset(a, 0, sizeof(*a));
		a->family = AF_INET;
		memcpy(
		    a->addr, &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr, 4);
		found = !doctor_in_networks(networks, a);
	}
	freeifaddrs(list);
	return found;
}

/* --- trying it ----------------------------------------------------------- */

static const char *
close_it(const struct doctor *d)
{
	const char *why = NULL;

	if (postfix_relay_guard(d->postfix, &why) == GUARD_OPEN &&
	    strstr(why, "mynetworks") != NULL)
		return "postconf -e 'mynetworks = 127.0.0.0/8 [::1]/128' && postfix reload";
	return "postconf -e 'smtpd_relay_restrictions = permit_mynetworks, "
	       "permit_sasl_authenticated, "
	       "reject_unauth_destination' && postfix reload";
}

static void
judge(struct doctor *d, int code, const struct wire_reply *r, const char *as)
{
	if (code / 100 == 2)
		doctor_say(d, DOCTOR_FAIL, close_it(d),
		    "OPEN RELAY: a stranger (%s) may send to %s", as, FOREIGN);
	else
		doctor_say(d, DOCTOR_OK, NULL,
		    "a stranger (%s) who wants to send elsewhere hears %d %.60s", as, code,
		    buf_str(&r->text));
}

/* MAIL and RCPT; the code that decides, -1: the connection broke. */
static int
rcpt_elsewhere(struct talk *t, struct wire_reply *r, char **why)
{
	int code = talk_command(t, r, why, "MAIL FROM:<%s>", SENDER);

	return code / 100 == 2 ? talk_command(t, r, why, "RCPT TO:<%s>", FOREIGN) : code;
}

/* As a stranger that XCLIENT makes up. false: that is not allowed here. */
static bool
try_xclient(struct doctor *d, struct talk *t, const struct talk_offers *o)
{
	struct wire_reply r = { .code = 0 };
	struct talk_offers again;
	char *why = NULL;
	int code;
	bool tried = false;

	if ((o->xclient & WIRE_CLIENT_ADDR) == 0)
		return false;
	code = talk_command(t, &r, &why, "XCLIENT ADDR=%s%s", STRANGER,
	    (o->xclient & WIRE_CLIENT_NAME) != 0 ? " NAME=[UNAVAILABLE]" : "");
	if (code == 220 && talk_hello(t, "EHLO", "relay-test.example.net", &again, &why) == 0 &&
	    (code = rcpt_elsewhere(t, &r, &why)) != -1) {
		judge(d, code, &r, STRANGER ", by XCLIENT");
		tried = true;
	}
	free(why);
	wire_reply_free(&r);
	return tried;
}

static struct talk *
open_smtp(struct doctor *d, const struct hosts_addr *a, struct talk_offers *o)
{
	char *why = NULL;
	struct talk *t = talk_connect(a, 25, doctor_soon(d), &why);
	struct wire_reply r = { .code = 0 };

	if (t != NULL && (talk_reply(t, &r, &why) != 220 ||
	    talk_hello(t, "EHLO", d->conf->hostname, o, &why) == -1))
		talk_free(&t);
	wire_reply_free(&r);
	free(why);
	return t;
}

static bool
try_from_outside(struct doctor *d, const char *networks)
{
	struct wire_reply r = { .code = 0 };
	struct talk_offers o;
	struct hosts_addr a;
	struct talk *t;
	char *why = NULL;
	bool tried = false;
	int code;

	/* Connected to its own address, this host comes from that address. */
	if (!find_stranger(networks, &a) || (t = open_smtp(d, &a, &o)) == NULL)
		return false;
	if ((code = rcpt_elsewhere(t, &r, &why)) != -1) {
		judge(d, code, &r, talk_address_text(&a));
		tried = true;
	}
	talk_quit(&t);
	wire_reply_free(&r);
	free(why);
	return tried;
}

/* --- Sendmail's rules ----------------------------------------------------- */

static void
ask_sendmail(struct doctor *d)
{
	static const char script[] =
	    ".D{client_addr}" STRANGER "\n.D{client_name}[" STRANGER "]\n"
	    ".D{client_resolve}OK\n.D{client_ptr}[" STRANGER "]\n.D{client_flags}\n"
	    "Basic_check_relay " STRANGER "\nRelay_ok x\ncheck_relay x\nBasic_check_rcpt " FOREIGN
	    "\n";
	char *cf = xasprintf("-C%s/sendmail.cf", d->mta_dir);
	const char *argv[] = { "sendmail", "-bt", "-d0", cf, NULL };
	struct proc p = {.argv = argv, .input = script, .input_len = strlen(script), .seconds = 8};
	const char *at;

	argv[2] = cf;
	argv[3] = NULL;
	(void)proc_run(&p);
	at = strstr(buf_str(&p.out), "Basic_check_rcpt returns:");
	if (at == NULL)
		doctor_say(d, DOCTOR_SKIP, NULL, "sendmail -bt does not say: %s",
		    p.why != NULL ? p.why : "");
	else if (strstr(at, "error") != NULL)
		doctor_say(
		    d, DOCTOR_OK, NULL, "its rules refuse a stranger who wants to send elsewhere");
	else
		doctor_say(d, DOCTOR_FAIL,
		    "look for Connect: lines with RELAY in the access table, and for "
		    "promiscuous_relay in sendmail.mc",
		    "OPEN RELAY: its rules let a stranger send to %s", FOREIGN);
	proc_clear(&p);
	free(cf);
}

void
check_relay(struct doctor *d)
{
	static const struct hosts_addr loopback = { AF_INET, { 127, 0, 0, 1 } };
	const char *networks, *why = NULL;
	struct talk_offers o;
	struct talk *t;
	bool tried;

	if (d->mta == DOCTOR_SENDMAIL) {
		ask_sendmail(d);
		return;
	}
	networks = postfix_expanded(d->postfix, "mynetworks");
	t = open_smtp(d, &loopback, &o);
	tried = t != NULL && try_xclient(d, t, &o);
	talk_quit(&t);
	if (tried || try_from_outside(d, networks))
		return;
	switch (postfix_relay_guard(d->postfix, &why)) {
	case GUARD_GOOD:
		doctor_say(d, DOCTOR_OK, NULL,
		    "by its configuration; it could not be tried, since all addresses "
		    "of this host are in mynetworks, or it does not answer");
		break;
	case GUARD_NONE:
	case GUARD_OPEN:
		doctor_say(d, DOCTOR_FAIL, close_it(d), "OPEN RELAY by its configuration: %s", why);
		break;
	}
}
