/*
 * conf.h -- holdfast.conf: `key = value', `#' comments. holdfast.conf(5).
 *
 * One table in conf.c names each key with its type, default and bounds. An
 * unknown or doubled key, a bad value, a relative path, a byte order mark, a
 * file that others may write: conf_load() refuses the whole file and says
 * "file:line: reason" (programs then exit with EX_CONFIG, 78).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CONF_H
#define HOLDFAST_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/endpoint.h"

#define CONF_DEFAULT_PATH	SYSCONFDIR "/holdfast/holdfast.conf"

enum conf_queued_down { QUEUED_DOWN_PASS, QUEUED_DOWN_TEMPFAIL };
enum conf_handover { HANDOVER_MILTER, HANDOVER_LMTP };

struct conf {
	/* names and users */
	char	*hostname;		/* default: this host's name */
	char	*queue_user;
	char	*milter_user;
	/* files */
	char	*rules_db;
	char	*state_db;
	char	*queue_db;
	char	*checks_dir;		/* of checks from outside; "": none */
	char	*store;			/* "sqlite" */
	/* sockets */
	struct endpoint		milter_listen;
	struct endpoint_list	lmtp_listen;
	char	*control_socket;
	char	*http_listen;		/* "" is off; read by later parts */
	char	*turn_listen;
	char	*turn_tls_cert, *turn_tls_key;	/* PEM files; "": no STARTTLS, so no AUTH */
	char	*turn_users;		/* file of who may ATRN; "": nobody */
	char	*resolver;
	char	*dnssec_anchor;		/* file; "": nothing is secure, so no DANE */
	char	*bounce_relay;
	/* behaviour; intervals in seconds, sizes in bytes */
	enum conf_handover	handover;
	enum conf_queued_down	on_queued_down;
	uint64_t message_size_limit;	/* bytes; default 100M, at most 1G (chunk numbering) */
	uint64_t queue_reserve;		/* free bytes below which intake says 452 4.3.1; default 64M */
	unsigned lmtp_sessions;		/* at once, all listeners; default 512 */
	unsigned lmtp_timeout;		/* one command or data block; 300 */
	unsigned lmtp_session_time;	/* a whole session; 3600 */
	/* sending, RFC 5321 4.5.3.2 */
	unsigned smtp_connect_timeout;	/* 30 */
	unsigned smtp_greeting_timeout;	/* banner and EHLO; 300 */
	unsigned smtp_tls_timeout;	/* handshake; 60 */
	unsigned smtp_mail_timeout;	/* 300 */
	unsigned smtp_rcpt_timeout;	/* 300 */
	unsigned smtp_data_timeout;	/* DATA to 354; 120 */
	unsigned smtp_block_timeout;	/* a data block; 180 */
	unsigned smtp_final_timeout;	/* final dot to reply; 600 */
	unsigned smtp_quit_timeout;	/* 5 */
	unsigned shutdown_timeout;	/* SIGTERM: finish what is in flight; 30 */
	unsigned ledger_retention;	/* custody ledger rows; 30d */
};

/* NULL and *why (malloc'd, "file:line: reason") on any fault. */
struct conf	*conf_load(const char *path, char **why);
void		 conf_free(struct conf **);

/* Building blocks, shared with the rules: "90", "30s", "5m", "1h", "4w"; "100", "64K", "10M", "1G". */
int	conf_parse_interval(const char *, unsigned *seconds);
int	conf_parse_size(const char *, uint64_t *bytes);

#endif
