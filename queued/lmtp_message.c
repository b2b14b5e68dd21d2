/*
 * lmtp_message.c -- one message on its way from a session into the store.
 *
 * Measures what passes and refuses what is over a limit, at once: the store
 * forgets the message, the rest is thrown away, so that the client, who will
 * not listen before its data is out, hears the reason. A client that goes on
 * for ever is told apart by lmtp_message_endless().
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/lmtp_message.h"

#include <assert.h>

const char *
lmtp_message_begin(struct lmtp_message *m)
{
	assert(!m->open);
	m->fault = REPLY_NONE;
	m->received = m->stored = 0;
	m->paused = false;
	header_scan_init(&m->header);
	m->open = true;
	return m->ops->begin(m->arg);
}

void
lmtp_message_prepend(struct lmtp_message *m, const char *data, size_t len)
{
	m->stored += len;
	if (!m->ops->write(m->arg, data, len))
		m->paused = true;
}

/*
 * The header is looked at only as far as it and the message may go, so that
 * of two faults the earlier one counts, however the data is cut into pieces.
 */
static enum lmtp_reply
over_limit(struct lmtp_message *m, const char *data, size_t len, const struct lmtp_config *conf)
{
	unsigned hops = conf->hop_limit != 0 ? conf->hop_limit : LMTP_HOPS_MAX;
	uint64_t room = conf->size_limit - m->received;
	size_t n = len < room ? len : (size_t)room;

	m->received += len;
	if (n > LMTP_HEADER_MAX + 1 - m->header.bytes)
		n = LMTP_HEADER_MAX + 1 - m->header.bytes;
	header_scan(&m->header, conf->hostname, data, n);
	if (m->header.own > LMTP_OWN_MAX)
		return REPLY_LOOP;
	if (m->header.hops > hops)
		return REPLY_HOPS;
	if (m->header.bytes > LMTP_HEADER_MAX)
		return REPLY_HEADER;
	return m->received > conf->size_limit ? REPLY_SIZE : REPLY_NONE;
}

void
lmtp_message_bytes(struct lmtp_message *m, const char *data, size_t len,
    const struct lmtp_config *conf)
{
	if (len == 0)
		return;
	if (m->fault != REPLY_NONE) {
		m->received += len;
		return;
	}
	m->fault = over_limit(m, data, len, conf);
	if (m->fault != REPLY_NONE)
		lmtp_message_drop(m);
	else
		lmtp_message_prepend(m, data, len);
}

bool
lmtp_message_endless(const struct lmtp_message *m, uint64_t size_limit)
{
	uint64_t more = size_limit < LMTP_SWALLOW_MAX ? size_limit : LMTP_SWALLOW_MAX;

	return m->fault != REPLY_NONE && m->received > size_limit + more;
}

void
lmtp_message_commit(struct lmtp_message *m, const struct envelope *env)
{
	assert(m->open && m->fault == REPLY_NONE);
	m->open = false;
	m->ops->commit(m->arg, env);
}

void
lmtp_message_drop(struct lmtp_message *m)
{
	if (m->open)
		m->ops->abort(m->arg);
	m->open = false;
	m->paused = false;
}
