/*
 * deliver_private.h -- what the deliver*.c files share; nobody else includes it.
 *
 *	deliver.c		the interface: life, kicks, flush, drain
 *	deliver_route.c		which domain goes where: the tables, made from the rules
 *	deliver_lease.c		jobs from the store, and their order
 *	deliver_caps.c		how much of everything one destination may have
 *	deliver_health.c	what outcomes do to a destination; probes; its log lines
 *	deliver_guard.c		the first messages after an outage: believed or held
 *	deliver_outage.c	what is remembered of destinations and their outages
 *	deliver_session.c	one SMTP session: client, sockets, body
 *	deliver_turn.c		a destination that has called us (ATRN)
 *	deliver_connect.c	hosts, addresses, the next one
 *	deliver_tls.c		which TLS a connection needs
 *	deliver_host.c		the hosts of a destination, and their order
 *	deliver_settle.c	verdicts to settlements and log lines
 *	deliver_bounce.c	reports to senders
 *	deliver_aged.c		warnings, and the end of the lifetime
 *	deliver_suspect.c	messages that break connections
 *	deliver_clock.c		due times, the sweeper, clock jumps
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_DELIVER_PRIVATE_H
#define HOLDFAST_DELIVER_PRIVATE_H

#include <event2/event.h>
#include <sys/queue.h>

#include "common/dns.h"
#include "common/rules.h"
#include "queued/deliver.h"
#include "queued/destination.h"
#include "queued/dsn.h"
#include "queued/mx_lookup.h"
#include "queued/pace.h"
#include "queued/resolve.h"
#include "queued/smtp_client.h"
#include "queued/smtp_io.h"
#include "queued/store.h"
#include "queued/tls.h"

#define DELIVER_LEASED_MAX	2000u		/* jobs out of the store, settling ones included */
#define DELIVER_UNSETTLED_MAX	256u		/* delivered, not yet durable: bounds duplicates after a crash */
#define DELIVER_READY_MAX	256u		/* jobs that wait for a session, per destination */
#define DELIVER_BATCH_MAX	128u		/* jobs of one lease */
#define DELIVER_BYTES_MAX	(16u << 20)	/* bodies of jobs in memory */
#define DELIVER_IDLE		2u		/* s an idle connection waits for more mail */
#define DELIVER_IDLE_MAX	30000		/* ms it waits for a message that is on its way from the store */
#define DELIVER_SWEEP		60		/* s between sweeps */
#define DELIVER_CLOCK_UNSURE	600000		/* ms: nothing expires so long after the clock was set */
#define DELIVER_FRESH		600000		/* ms: an outage of so short is probed before older ones */
#define DELIVER_WORKING		60000		/* ms: a session that got somewhere so lately counts */
#define DELIVER_PROBE_CONNECT	5u		/* s: a probe that is not connected by then is repeated */
#define DELIVER_PROBE_GREETING	30u		/* s: … and not greeted */
#define DELIVER_WAKE_MIN	30000		/* ms: an outage after which deferred mail is due at once */
#define DELIVER_HOST_BAD	60000		/* ms: a failed host is tried after the others */
#define DELIVER_HOST_PLAIN	600000		/* ms: no TLS after a failed opportunistic handshake */
#define DELIVER_TRACE_BOUNCE	"bounce"	/* trace of a report that something failed */
#define DELIVER_HOST_GOOD	3600000		/* ms: the address that worked is tried first */
#define DELIVER_SUSPECTS	256		/* messages remembered as in flight when a connection broke */
#define DELIVER_SUSPECT_MAX	3u		/* … so often in a row: then it waits its turn */

/* One domain with mail or a rule. */
struct deliver_domain {
	struct deliver		*d;
	char			*name;
	struct deliver_dest	*dest;		/* NULL: no rule names the domain */
	struct deliver_dest	*turn;		/* has called us and fetches this mail; NULL none */
	struct schedule		 schedule;	/* as the rules have it now */
	struct job		*ready, **ready_tail;
	size_t			 nready;
	bool			 hungry;	/* the store may have due mail */
	bool			 leasing;	/* a lease is out */
	bool			 again;		/* hungry again while it was */
	struct deliver_dest	*asked_by;	/* … for which destination (NULL: gone) */
	unsigned		 asked;		/* … and how many jobs */
	bool			 reported;	/* "no rule" was said */
	bool			 put_off;	/* mail whose 5xx was not believed waits for another try */
	unsigned		 concurrency, message_rate;	/* by its rule; 0: the settings' */
	int64_t			 next_due;	/* wall s of what is deferred; 0 nothing known */
	int64_t			 oldest, oldest_unwarned;	/* no mail arrived earlier; wall s, 0 none */
	unsigned		 ended_tick, warned_tick;	/* deliver_aged.c looked last */
	bool			 in_ready, in_hungry;	/* which lists of dest */
	TAILQ_ENTRY(deliver_domain) all, of_dest, ready_link, hungry_link;
};
TAILQ_HEAD(deliver_domains, deliver_domain);

/* Sessions hold references: the list of a destination changes with the MX records. */
struct deliver_host {
	char			*name;
	uint16_t		 port;
	unsigned		 preference;	/* lower first */
	unsigned		 refs;
	struct resolve_list	 addrs;
	int64_t			 fresh_until;	/* mono ms: of addrs; 0 never resolved */
	struct resolve_addr	 good;		/* the one that worked; len 0 none */
	int64_t			 good_until;
	int64_t			 bad_until, plain_until;	/* mono ms */
	struct tls_session	*tls;
	bool			 no_tlsa;	/* said so */
	bool			 no_xclient;	/* said so */
};

TAILQ_HEAD(deliver_sessions, deliver_session);

/* The present or last outage of a destination, as its row in the store. */
struct deliver_outage {
	int64_t			 from;		/* wall s; 0: none */
	int64_t			 until, first_delivery, drained;	/* 0: not yet */
	uint64_t		 messages, delivered;
	bool			 held;
	bool			 seen;		/* the store's newest row was taken */
	bool			 over;		/* drained: here only until the store has counted `messages' */
	char			*reason;
};

/* One destination: hosts that are tried in order, and the domains that go there. */
struct deliver_dest {
	struct deliver		*d;
	char			*name;
	enum rules_tls		 tls;
	char			*tls_name, *tls_ca, *tls_pin;	/* as in rules_route */
	bool			 mx_insecure;	/* the hosts come from an MX answer that is not validated */
	enum rules_client	 client;	/* how it is told who the client was */
	bool			 relay;		/* bounce_relay: queued's own mail, no guard */
	struct deliver_turn	*turn;		/* it has called us: one session, no probes */
	enum rules_route_kind	 kind;
	char			*mx;		/* ROUTE_MX: whose MX */
	bool			 derived;	/* … and only because its MX names us */
	uint16_t		 mx_port;
	int64_t			 mx_fresh_until;	/* mono ms: of the hosts; 0 never looked up */
	bool			 mx_stale;	/* the DNS fails; this was said */
	struct resolve_addr	 source4, source6;	/* to connect from; len 0 any */
	struct deliver_host    **host;
	size_t			 nhosts;
	struct destination	 health;
	char			*reason;	/* last failure; "" none */
	int64_t			 since;		/* wall s of the present state */
	int64_t			 failed_at;	/* wall s: the last try that failed; 0 none */

	struct deliver_domains	 domains;
	size_t			 ndomains;
	struct deliver_domains	 ready;		/* with jobs, in turn */
	struct deliver_domains	 hungry;	/* to ask the store about, in turn */
	size_t			 nready;	/* jobs */
	unsigned		 asked;		/* jobs asked for in leases that are out */

	struct deliver_sessions	 sessions;
	unsigned		 nsessions;
	struct deliver_sessions	 idle;		/* ready, without a job */
	unsigned		 nopening;	/* not ready yet */
	unsigned		 nbusy;		/* with a job */

	unsigned		 concurrency;	/* connections: the least of its domains' */
	unsigned		 message_rate;	/* a second: the least of its domains'; 0 no bound */
	struct bucket		 bucket;	/* … to keep it */
	struct pace		 pace;		/* what it took lately */

	struct event		*timer;		/* the next probe, canary or message */
	bool			 starved;	/* waits for a place under the common bounds */
	TAILQ_ENTRY(deliver_dest) all, starved_link;

	/* The last outage, for the log. */
	int64_t			 down_at, up_at;	/* mono ms; 0 none, not yet */
	bool			 woken;		/* its deferred mail was made due */
	bool			 put_off;	/* one of its domains has such mail */
	char			*refusal;	/* the last 5xx in words; NULL none */
	uint64_t		 drained;	/* messages since it went down */
	struct deliver_outage	 outage;
	bool			 unknown;	/* not tried since we started */
	bool			 remembered;	/* it has a row in the store */
	bool			 count;		/* wants to know what waits */
	uint64_t		 messages;	/* … counted so far */
};
TAILQ_HEAD(deliver_dests, deliver_dest);

struct deliver_session {
	struct deliver_dest	*dest;
	TAILQ_ENTRY(deliver_session) link, idle_link;
	bool			 is_idle;
	bool			 probe;
	struct mx_lookup	*mx;
	struct resolve_query	*query;
	struct smtp_io		*io;
	struct smtp_client	*client;
	struct deliver_host	*at;		/* being tried or used; a reference */
	size_t			 addr;		/* … the how manyth of its addresses */
	struct deliver_host    **plan;		/* what to try in turn; references */
	size_t			 nplan, tried;
	enum rules_tls		 tls;		/* of this connection: dane may have become may */
	struct deliver_dane	*dane;		/* what the DNS says of it */
	bool			 plain;		/* no TLS this time */
	bool			 ready;		/* was SMTP_READY once */
	bool			 stirred;	/* a reply came since the last step */
	char			*relay;		/* "host[addr]:port" */
	int64_t			 opened, progress;	/* mono ms */

	struct job		*job;
	int64_t			 started;	/* mono ms: the job's turn */
	unsigned		 seq;		/* next chunk of a large body */
	bool			 reading;	/* a chunk is on its way */
	bool			 hurried;	/* the operator said "now" meanwhile */
	unsigned		 sent;		/* messages on this connection */
};

struct deliver_suspect {
	int64_t			 message_id;
	unsigned		 broken;	/* connections that broke with it */
};

/* What a recipient's sender is to be told. */
struct deliver_notice {
	enum dsn_action		 action;
	const char		*said;		/* the peer's own words, "550 5.1.1 …"; NULL none; lent */
};
TAILQ_HEAD(deliver_bounces, deliver_bounce);

struct deliver {
	struct event_base	*base;
	struct store		*store;
	const struct conf	*conf;
	struct ruleset		*rules;
	struct rules_domain	*relay_rule;	/* for ENVELOPE_RELAY, from the configuration */
	struct dns		*dns;		/* validates: TLSA, and what DANE builds on */
	struct resolve		*resolve;
	struct tls_client	*tls;

	void			*domain_tree, *dest_tree;	/* tsearch(3), by name */
	struct deliver_domains	 domains;
	struct deliver_dests	 dests;
	struct deliver_dests	 starved;
	unsigned		 ndown;
	unsigned		 nfresh;	/* … of these for less than DELIVER_FRESH, counted each minute */
	unsigned		 unused;	/* destinations without a domain */

	unsigned		 leased;	/* jobs that the store lent and has not got back durably */
	unsigned		 asked;		/* … and asked for */
	unsigned		 unsettled;	/* … and handed back, not yet durable */
	size_t			 bytes;		/* of bodies held */
	int64_t			 shed_at;	/* mono ms; see deliver_shed() */
	unsigned		 inflight;	/* sessions with a job */
	struct deliver_bounces	 bounces;	/* reports that are not durable yet */
	struct bounce_rate	*bounce_rate;
	struct deliver_aged	*aged;
	struct deliver_quarantine *quarantine;

	struct event		*wake, *sweeper, *reaper;
	int64_t			 wake_at;	/* wall s; 0 unarmed */
	int64_t			 clock_set;	/* mono ms: it jumped; 0 never */
	int64_t			 started;	/* wall s */
	bool			 counting;	/* the store is counting what waits */
	bool			 census_due;	/* the store could not be asked */
	bool			 begun;		/* it was, once */
	uint32_t		 noise;

	struct deliver_suspect	 suspect[DELIVER_SUSPECTS];
	size_t			 next_suspect;
	unsigned		 nsuspects;

	bool			 draining;
	struct event		*drain_timer;
	void			(*drained)(void *);
	void			*drained_arg;
};

/* deliver.c */
uint32_t deliver_noise(struct deliver *);
void	deliver_drain_check(struct deliver *);

/* deliver_route.c */
void	deliver_route_conf(struct deliver *);	/* after a new configuration: the relay */
void	deliver_route_all(struct deliver *);	/* after new rules */
struct deliver_domain *deliver_route_domain(struct deliver *, const char *name);	/* made if new */
struct deliver_dest *deliver_route_find(struct deliver *, const char *name);	/* by its name or a domain's; or NULL */
struct deliver_dest *deliver_route_dest(struct deliver *, const struct rules_domain *);	/* made if new */
void	deliver_route_again(struct deliver_domain *);	/* where do the rules, or an ATRN, say? */
void	deliver_route_report(struct deliver_domain *);	/* says once that no rule names it */
void	deliver_route_reap(struct deliver *);	/* soon: destinations that nothing needs go */
void	deliver_route_new(struct deliver *);
void	deliver_route_free(struct deliver *);

/* deliver_lease.c */
void	deliver_hungry(struct deliver_domain *);
/* Does whatever the state allows: leases, connects, starts messages. */
void	deliver_pump(struct deliver_dest *);
struct job *deliver_take(struct deliver_dest *);	/* the next job in turn; NULL: none now */
void	deliver_untake(struct deliver_dest *, struct job *);	/* it is the next one again */
void	deliver_put_back(struct deliver_domain *);	/* ready jobs return untried */
void	deliver_released(struct deliver *);		/* a bound has room again */

/* deliver_caps.c */
size_t	deliver_appetite(const struct deliver_dest *);	/* jobs it should have in hand or asked for */
size_t	deliver_room(const struct deliver_dest *);	/* … and may ask for now; 0: starved */
void	deliver_shed(const struct deliver_dest *wants);	/* others give back what they cannot use */
int64_t	deliver_rate_wait(const struct deliver_dest *);	/* ms until a message may go */
bool	deliver_rate_take(struct deliver_dest *);	/* one goes; false: the timer pumps when it may */
void	deliver_caps_joined(struct deliver_domain *);	/* it has a new destination */
void	deliver_caps_rules(struct deliver *);		/* after new rules, for all */

/* deliver_health.c */
void	deliver_outcome(struct deliver_dest *, const struct deliver_session *except,
	    enum outcome_dest, const char *reason);
void	deliver_idle(struct deliver_dest *);		/* nothing is due, nothing in flight */
void	deliver_probe_arm(struct deliver_dest *);
void	deliver_probe_ended(struct deliver_dest *);	/* a session did; if it was the probe, the next is due */
void	deliver_hurry(struct deliver_dest *);
void	deliver_stand_down(struct deliver_dest *);	/* ready jobs go back, idle sessions end */
bool	deliver_wake(struct deliver_dest *, const char *who);	/* all its deferred mail is due; false: none */
void	deliver_health_reason(struct deliver_dest *, const char *);	/* copied */
bool	deliver_is_fresh(const struct deliver_dest *);	/* down, and not for long */
void	deliver_health_new(struct deliver_dest *);
void	deliver_health_free(struct deliver_dest *);

void	deliver_health_restore(struct deliver_dest *, int64_t probe_after);	/* DOWN or HELD as it was */
void	deliver_health_unknown(struct deliver_dest *, int64_t probe_after);	/* probed first */

/* deliver_outage.c */
void	deliver_remember(struct deliver_dest *);	/* down and held survive a restart */
void	deliver_outage_began(struct deliver_dest *);
void	deliver_outage_answered(struct deliver_dest *);
void	deliver_outage_delivered(struct deliver_dest *);	/* a message */
void	deliver_outage_held(struct deliver_dest *);
void	deliver_outage_drained(struct deliver_dest *);
void	deliver_outage_load(struct deliver *);	/* after the first census: what was remembered; then it begins */
void	deliver_outage_free(struct deliver_dest *);

/* deliver_guard.c */
/* What one message's recipients said together. */
struct deliver_judgement {
	enum outcome_dest	 best;
	unsigned		 delivered, refused;	/* recipients; refused: 5xx to them or to the message */
	bool			 refused_known;		/* … one of them is on the list */
};
/* Is a 5xx of this destination not believed at present? */
bool	deliver_on_trial(const struct deliver_dest *);
/* s->job was judged: tells the health, ends or fails the trial. Before the job is given back. */
void	deliver_judge(struct deliver_session *, const struct deliver_judgement *);
void	deliver_judge_idle(struct deliver_dest *);	/* nothing is due */
bool	deliver_known(const struct deliver *, const char *address);	/* a recipient of the list */
int64_t	deliver_canary_interval(const struct deliver_dest *);	/* ms: how long a refused message waits */
void	deliver_guard_restore(struct deliver_dest *);	/* it was HELD when we were stopped */
void	deliver_guard_rules(struct deliver_dest *);	/* after new rules */

/* deliver_session.c */
void	deliver_session_open(struct deliver_dest *, bool probe);
void	deliver_session_adopt(struct deliver_dest *, struct smtp_io **, const char *relay);
bool	deliver_session_next(struct deliver_session *);	/* takes a job; false: none, it is idle */
void	deliver_session_quit(struct deliver_session *);	/* an idle one */
void	deliver_session_close(struct deliver_session *);	/* the connection, not the session */
void	deliver_session_end(struct deliver_session *);	/* gone; the next may start */
char	*deliver_session_reason(const struct deliver_session *, const struct smtp_verdict *);
extern const struct smtp_io_handlers deliver_session_handlers;
void	deliver_session_cut(struct deliver_session **, const char *why);

/* deliver_turn.c */
void	deliver_turn_idle(struct deliver_dest *);	/* nothing is left for it */
void	deliver_turn_ended(struct deliver_dest *);	/* its session is gone */

/* deliver_connect.c */
void	deliver_connect_start(struct deliver_session *);
void	deliver_connect_refused(struct deliver_session *);	/* the machine closed before it was ready */
void	deliver_connect_resolve(struct deliver_session *);	/* its TLS is known: on to its addresses */
void	deliver_connect_unusable(struct deliver_session *, const char *reason);	/* the host, all addresses */
void	deliver_connect_works(struct deliver_session *);	/* it is ready: this host and address do */
void	deliver_connect_cancel(struct deliver_session *);	/* no look-up calls back any more */
void	deliver_connect_free(struct deliver_session *);		/* … and its hosts are given back */

/* deliver_host.c */
void	deliver_host_list(struct deliver_dest *, const struct rules_route *);
void	deliver_host_mx(struct deliver_dest *, const struct mx_answer *);	/* takes over what is left of an MX */
void	deliver_host_clear(struct deliver_dest *);
struct deliver_host *deliver_host_ref(struct deliver_host *);
void	deliver_host_unref(struct deliver_host **);
/* The hosts in the order of one session: references in an array that the caller frees. */
struct deliver_host **deliver_host_plan(struct deliver_dest *, size_t *n);
/* The i-th address to try: the one that worked last comes first. */
const struct resolve_addr *deliver_host_addr(const struct deliver_host *, size_t i, int64_t now);

/* deliver_tls.c */
/* Sets s->tls for this host. False: later, by deliver_connect_resolve() or _unusable(). */
bool	deliver_tls_start(struct deliver_session *);
bool	deliver_tls_plain(const struct deliver_session *);	/* not even to be tried? */
/* The opening failed. True: once more, in the clear. */
bool	deliver_tls_fall_back(struct deliver_session *, const struct smtp_verdict *);
bool	deliver_tls_handshake(struct deliver_session *);	/* as smtp_io_starttls() */
void	deliver_tls_close(struct deliver_session *);

/* deliver_settle.c */
/* Ends s->job by its verdicts. False: some recipients go in a following transaction first. */
bool	deliver_settle(struct deliver_session *);
void	deliver_untried(struct deliver *, struct job **);	/* the job goes back as it was */

void	deliver_give_back(struct deliver *, struct job **, const struct settle *);

/* deliver_bounce.c */
void	deliver_bounce_new(struct deliver *);
void	deliver_bounce_free(struct deliver *);
/* P5: may the sender be told of this recipient's NOTIFY_FAILURE, NOTIFY_DELAY or NOTIFY_SUCCESS? */
bool	deliver_may_notify(const struct deliver *, const struct job *, const struct rcpt *,
	    unsigned what);
/* One message's question to bounce_rate, asked once. Zeroed at first. */
struct deliver_leave {
	bool	asked, admitted;
};
/* … and has the sender's domain a report left? */
bool	deliver_tellable(struct deliver *, const struct job *, size_t rcpt, unsigned what,
	    struct deliver_leave *);
/* What becomes of a recipient that is given up: BOUNCED (then it needs a notice), QUARANTINE, HOLD or EXPIRED. */
enum settle_what deliver_end(struct deliver *, const struct job *, size_t rcpt, enum schedule_end,
	    struct deliver_leave *);
/* One report of all recipients that have a notice; durable, then the job is settled with v (copied). */
void	deliver_bounce(struct deliver *, struct job **, const struct settle *v,
	    const struct deliver_notice *);

/* deliver_suspect.c */
/* A connection broke in the middle of this message. True: so often in a row that it must step back. */
bool	deliver_suspect_broke(struct deliver *, int64_t message_id);
void	deliver_suspect_clear(struct deliver *, int64_t message_id);

/* deliver_aged.c */
void	deliver_aged_new(struct deliver *);
void	deliver_aged_free(struct deliver *);
void	deliver_aged_look(struct deliver *);	/* as each minute */
void	deliver_aged_seen(struct deliver_domain *, int64_t arrival);	/* mail that came then waits */

/* deliver_quarantine.c */
void	deliver_quarantine_new(struct deliver *);
void	deliver_quarantine_free(struct deliver *);
void	deliver_quarantine_look(struct deliver *);	/* as each minute */

/* deliver_clock.c */
/* Looks whether the clock was set, and moves all due times with it. */
void	deliver_clock_look(struct deliver *);
/* Was the clock set lately? Then ages are in doubt, and nothing may end by them. */
bool	deliver_clock_unsure(struct deliver *);
void	deliver_due(struct deliver_domain *, int64_t wall);	/* deferred until then */
void	deliver_census(struct deliver *);	/* asks the store which domains wait */
void	deliver_clock_start(struct deliver *);
void	deliver_clock_stop(struct deliver *);

#endif
