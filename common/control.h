/*
 * control.h -- the protocol on the control socket, both ends.
 *
 * The client sends one JSON object on a line: {"cmd":"queue.list", …}. The
 * server answers with any number of JSON lines and a last one: {"ok":true, …} or
 * {"ok":false,"error":"…","exit":N} (N from sysexits.h). In between a line
 * {"data":N} is followed by N raw bytes (message content). One connection may
 * carry several commands, one after the other.
 *
 * Offline, with the daemon stopped, `holdfast-queued -o' serves one connection on the descriptor
 * CONTROL_OFFLINE_FD that it inherits: queue.count, queue.list, queue.show and queue.cat alone. If it
 * cannot, it answers with the last line before it was asked.
 *
 * Commands of holdfast-queued (arguments -> answer lines; DESIGN names what outsiders rely on):
 *   status         -> {version, pid, started, hostname, rules, store, messages, recipients, bytes,
 *                      held, quarantined, oldest, sessions, accepted, refused, bytes_accepted,
 *                      destinations, destinations_down, destinations_held}
 *   queue.count    -> {messages, recipients, bytes}
 *   queue.list     domain? state? sender? recipient? id?
 *                      -> one line a message, with postqueue -j's names; a recipient that may have
 *                      been delivered already has unsure:true
 *   queue.show     id  -> one line: the same and more (client, envid, smtputf8)
 *   queue.cat      id  -> data blocks: the message's bytes
 *   queue.hold, queue.release, queue.retry, queue.delete
 *                  id | domain | all:true, and state? sender? recipient?
 *                      -> {changed:N} (recipients)
 *   primary.list   destination?  -> one line a destination (its name, or a domain that goes there)
 *   primary.history destination?  -> one line an outage, newest first
 *   primary.release destination  -> ends the guard of one that is held
 *   ledger.show    id  -> one line a recipient that has left: queue_id, ended, disposition, sender,
 *                      recipient, relay, reply, who
 *   drill.begin    token (hexadecimal), seconds  -> the one message that bears it (ENVID
 *                      holdfast-drill-TOKEN, or sender drill+TOKEN@) is stored held, if it comes
 *                      in time; is it still held when the time is over, it is deleted
 *   drill.show     token  -> {state: announced or stored, queue_id, announced_ms, stored_ms}
 *   drill.end      token  -> it is forgotten; the message stays as it is
 *   flush          domain?  -> {changed:N}; deferred mail is due now, primaries that are down are
 *                      probed now
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef HOLDFAST_CONTROL_H
#define HOLDFAST_CONTROL_H

#include <jansson.h>
#include <stddef.h>

#define CONTROL_REQUEST_MAX	65536	/* octets of a request line */
#define CONTROL_OFFLINE_FD	3

/* The client's end: blocking, used by the command. */
struct control;
/* NULL: *why says what to do, errno is EACCES when not allowed. */
struct control	*control_connect(const char *path, char **why);
/*
 * The same with a holdfast-queued of our own, which opens the queue's files, answers what looks at
 * the queue, and ends with the connection (control_close() waits for it). program: its path.
 */
struct control	*control_offline(const char *program, const char *conf_path, char **why);
void		 control_close(struct control **);

/*
 * Sends the request (reference stolen), calls `line' for each answer line and
 * `data' for each piece of raw data (either may be NULL). Returns the last line
 * (caller's reference), or NULL with *why when the connection broke.
 */
json_t	*control_call(struct control *, json_t *request,
	    void (*line)(void *, json_t *), void (*data)(void *, const char *, size_t),
	    void *arg, char **why);

#endif
