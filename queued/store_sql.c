/*
 * store_sql.c -- the registry of the SQLite engine's statements.
 *
 * All values are bound parameters. NOT INDEXED keeps the planner on the range
 * of rowids that a message's recipients are; INDEXED BY says which of the two indexes
 * on rcpt a statement needs, whatever the planner thinks.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "queued/store_sql.h"

/* ?4: due after; ?5: domain, ?6: address, ?7: sender, or NULL; ?8, ?9: arrival from, to; ?12: last attempt until. */
#define CHANGE_IS_MEANT \
	"(?3 >> state) & 1 AND next_attempt > ?4 AND (?5 IS NULL OR domain = ?5)" \
	" AND last_attempt <= ?12 AND (?6 IS NULL OR address = ?6 COLLATE NOCASE)" \
	" AND EXISTS (SELECT 1 FROM message WHERE message.id = rcpt.id >> 10" \
	" AND (?7 IS NULL OR sender = ?7 COLLATE NOCASE) AND arrival BETWEEN ?8 AND ?9)"

const char *const store_sql[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",

	[SQL_MESSAGE_ADD] =
	    "INSERT INTO message (id, arrival, size, sender, body, ret, smtputf8, envid, trace,"
	    " client_name, client_addr, client_port, client_proto, client_helo, client_ident,"
	    " client_source, spf, route)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
	[SQL_MESSAGE_DELETE] = "DELETE FROM message WHERE id = ?1",
	[SQL_RCPT_ADD] =
	    "INSERT INTO rcpt (id, domain, state, next_attempt, notify, address, orcpt, reply)"
	    " VALUES (?1, ?2, ?7, ?3, ?4, ?5, ?6, ?8)",
	[SQL_RCPT_DELETE] = "DELETE FROM rcpt WHERE id = ?1 AND state = ?2",
	[SQL_RCPT_ATTEMPTED] =
	    "UPDATE rcpt SET state = ?2, next_attempt = coalesce(?3, next_attempt),"
	    " attempts = attempts + ?9, last_attempt = ?4, code = ?5, dsn = ?6, reply = ?7,"
	    " relay = ?8, refused = ?10, unsure = max(unsure, ?11) WHERE id = ?1 AND state = 0",
	[SQL_RCPT_STATE] =
	    "UPDATE rcpt SET state = ?2, next_attempt = coalesce(?3, next_attempt) WHERE id = ?1",
	[SQL_RCPT_RELEASE] =
	    "UPDATE rcpt SET state = 0, next_attempt = ?2, refused = 0, unsure = 0 WHERE id = ?1",
	[SQL_RCPT_WARNED] = "UPDATE rcpt SET warned = 1 WHERE id = ?1",
	[SQL_CHUNK_ADD] = "INSERT INTO chunk (id, data) VALUES (?1, ?2)",
	[SQL_CHUNK_DELETE] = "DELETE FROM chunk WHERE id BETWEEN ?1 AND ?2",
	[SQL_CHUNK_DROP] =
	    "DELETE FROM chunk WHERE id IN"
	    " (SELECT id FROM chunk WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)",
	[SQL_INTAKE_ADD] = "INSERT OR IGNORE INTO intake (id) VALUES (?1)",
	[SQL_INTAKE_DELETE] = "DELETE FROM intake WHERE id = ?1",
	[SQL_LEDGER_ADD] =
	    "INSERT INTO ledger (message_id, queue_id, arrival, ended, disposition, sender,"
	    " recipient, relay, reply, who, duplicate)"
	    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[SQL_TOTALS_ADD] =
	    "UPDATE totals SET messages = messages + ?1, bytes = bytes + ?2,"
	    " recipients = recipients + ?3, held = held + ?4, quarantined = quarantined + ?5"
	    " WHERE id = 1",
	[SQL_CLOCK_ADD] = "UPDATE clock SET shift = shift + ?1 WHERE id = 1",
	[SQL_DESTINATION_PUT] =
	    "INSERT OR REPLACE INTO destination (destination, held, since, reason)"
	    " VALUES (?1, ?2, ?3, ?4)",
	[SQL_DESTINATION_DELETE] = "DELETE FROM destination WHERE destination = ?1",
	[SQL_OUTAGE_PUT] =
	    "INSERT OR REPLACE INTO outage (destination, began, until, messages, first_delivery,"
	    " drained, delivered, held, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[SQL_NOTE_PUT] = "INSERT OR REPLACE INTO note (name, value) VALUES (?1, ?2)",
	[SQL_NOTE_DELETE] = "DELETE FROM note WHERE name = ?1",
	[SQL_CLAMP] =
	    "UPDATE rcpt INDEXED BY rcpt_due SET next_attempt = ?3"
	    " WHERE domain = ?1 AND state = 0 AND next_attempt > ?2",

	[SQL_MESSAGE_GET] =
	    "SELECT arrival, size, sender, body, ret, smtputf8, envid, trace, client_name,"
	    " client_addr, client_port, client_proto, client_helo, client_ident, client_source,"
	    " spf, route FROM message WHERE id = ?1",
	[SQL_RCPT_ANY] = "SELECT 1 FROM rcpt NOT INDEXED WHERE id BETWEEN ?1 AND ?2 LIMIT 1",
	[SQL_CHUNK_GET] = "SELECT data FROM chunk WHERE id = ?1",
	/* length() of a stored blob reads its header alone. */
	[SQL_CHUNK_SIZE] =
	    "SELECT count(*), coalesce(sum(length(data)), 0) FROM chunk WHERE id BETWEEN ?1 AND ?2",
	/* rcpt_due alone, in its order. */
	[SQL_LEASE_SCAN] =
	    "SELECT id, next_attempt FROM rcpt INDEXED BY rcpt_due WHERE domain = ?1 AND state = 0"
	    " ORDER BY next_attempt, id",
	[SQL_LEASE_RCPT] =
	    "SELECT id, address, orcpt, notify, attempts, refused, unsure, warned FROM rcpt NOT INDEXED"
	    " WHERE id BETWEEN ?1 AND ?2 AND domain = ?3 AND state = 0"
	    " AND (next_attempt <= ?4 OR next_attempt > ?5)"
	    " ORDER BY id",
	/* rcpt_age, in its order; the table only to see what was warned of. */
	[SQL_AGED_SCAN] =
	    "SELECT id FROM rcpt INDEXED BY rcpt_age WHERE domain = ?1 AND state = 0"
	    " AND (NOT ?2 OR NOT warned) ORDER BY id",
	[SQL_AGED_RCPT] =
	    "SELECT id, address, orcpt, notify, attempts, refused, unsure, warned FROM rcpt NOT INDEXED"
	    " WHERE id BETWEEN ?1 AND ?2 AND domain = ?3 AND state = 0 AND (NOT ?4 OR NOT warned)"
	    " ORDER BY id",
	/*
	 * rcpt_due alone, but for recipients after a message's first one: those ask
	 * whether their message was counted already. Exact, without a set of all messages.
	 */
	[SQL_DOMAINS] =
	    "SELECT domain, state, count(*), min(next_attempt), min(id) >> 10,"
	    " sum(CASE WHEN id & 1023 = 0 THEN 1 ELSE"	/* OR would ask in any case */
	    " NOT EXISTS (SELECT 1 FROM rcpt AS p NOT INDEXED WHERE p.id >= r.id & ~1023"
	    " AND p.id < r.id AND p.domain = r.domain AND p.state = r.state) END)"
	    " FROM rcpt AS r INDEXED BY rcpt_due GROUP BY domain, state",
	[SQL_DOMAIN_AFTER] = "SELECT min(domain) FROM rcpt WHERE domain > ?1",
	[SQL_TOTALS_GET] =
	    "SELECT messages, bytes, recipients, held, quarantined FROM totals WHERE id = 1",
	/* All messages in a range, and whether each is meant. */
	[SQL_LIST_SCAN] =
	    "SELECT id, (?3 IS NULL OR sender = ?3 COLLATE NOCASE) AND arrival BETWEEN ?4 AND ?5"
	    " AND ((?6 IS NULL AND ?7 IS NULL AND ?8 < 0) OR EXISTS (SELECT 1 FROM rcpt NOT INDEXED"
	    " WHERE rcpt.id BETWEEN message.id << 10 AND message.id << 10 | 1023"
	    " AND (?6 IS NULL OR domain = ?6) AND (?7 IS NULL OR address = ?7 COLLATE NOCASE)"
	    " AND (?8 < 0 OR state = ?8)))"
	    " FROM message WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?9",
	/* The next message of a domain in a state. */
	[SQL_LIST_NEXT] =
	    "SELECT id >> 10 FROM rcpt INDEXED BY rcpt_age"
	    " WHERE domain = ?1 AND state = ?2 AND id > ?3 ORDER BY id LIMIT 1",
	[SQL_LIST_RCPT] =
	    "SELECT domain, address, state, attempts, next_attempt, last_attempt, code, dsn, reply,"
	    " relay, orcpt, notify, unsure FROM rcpt NOT INDEXED"
	    " WHERE id BETWEEN ?1 AND ?2 AND (?3 IS NULL OR domain = ?3)"
	    " AND (?4 IS NULL OR address = ?4 COLLATE NOCASE) ORDER BY id",
	/* All recipients in a range, and whether each is meant; ?3 is a set of states, one bit each. */
	[SQL_CHANGE_SCAN] =
	    "SELECT id, domain, state, address, (" CHANGE_IS_MEANT ") FROM rcpt NOT INDEXED"
	    " WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?10",
	/* The same of a domain that are in the state ?11, by rcpt_age. */
	[SQL_CHANGE_DOMAIN] =
	    "SELECT id, domain, state, address, (" CHANGE_IS_MEANT ") FROM rcpt INDEXED BY rcpt_age"
	    " WHERE domain = ?5 AND state = ?11 AND id > ?1 AND id <= ?2 ORDER BY id LIMIT ?10",
	[SQL_QUARANTINE] =
	    "SELECT r.id, size, arrival FROM rcpt AS r INDEXED BY rcpt_age"
	    " CROSS JOIN message AS m ON m.id = r.id >> 10"
	    " WHERE domain = ?1 AND state = 2 ORDER BY r.id",
	[SQL_QUARANTINE_NEWEST] =
	    "SELECT m.id, arrival, sender, address, code, dsn, reply, relay"
	    " FROM rcpt AS r INDEXED BY rcpt_age CROSS JOIN message AS m ON m.id = r.id >> 10"
	    " WHERE domain = ?1 AND state = 2 ORDER BY r.id DESC LIMIT ?2",
	[SQL_CLOCK_GET] = "SELECT shift FROM clock WHERE id = 1",
	[SQL_DESTINATIONS] =
	    "SELECT destination, held, since, reason FROM destination ORDER BY destination",
	[SQL_OUTAGES] =
	    "SELECT destination, began, until, messages, first_delivery, drained, delivered, held,"
	    " reason FROM outage ORDER BY began DESC, destination DESC LIMIT ?1",
	[SQL_OUTAGES_OF] =
	    "SELECT destination, began, until, messages, first_delivery, drained, delivered, held,"
	    " reason FROM outage WHERE destination = ?2 ORDER BY began DESC LIMIT ?1",
	[SQL_NOTE_GET] = "SELECT value FROM note WHERE name = ?1",
	[SQL_LEDGER_OF] =
	    "SELECT queue_id, ended, disposition, sender, recipient, relay, reply, who"
	    " FROM ledger WHERE message_id = ?1 ORDER BY id",
	[SQL_LAST_ID] =
	    "SELECT max((SELECT coalesce(max(id), 0) FROM message),"
	    " (SELECT coalesce(max(message_id), 0) FROM ledger),"
	    " (SELECT coalesce(max(id), 0) FROM intake))",
	[SQL_NEWEST] = "SELECT coalesce(max(id), 0) FROM message",

	[SQL_INTAKE_OLDEST] = "SELECT id FROM intake WHERE id <= ?1 ORDER BY id LIMIT 1",
	[SQL_LEDGER_OLDEST] = "SELECT ended FROM ledger ORDER BY id LIMIT 1",
	[SQL_LEDGER_PRUNE] =
	    "DELETE FROM ledger WHERE id IN"
	    " (SELECT id FROM ledger ORDER BY id LIMIT ?2) AND ended < ?1",
	/* Too old, or too many; of these the ones that ended longest ago. */
	[SQL_OUTAGE_PRUNE] =
	    "DELETE FROM outage WHERE (until <> 0 AND max(until, drained) < ?1)"
	    " OR (destination, began) IN (SELECT destination, began FROM outage"
	    " ORDER BY until = 0 DESC, began DESC LIMIT -1 OFFSET ?2)",
	[SQL_PAGE_COUNT] = "PRAGMA page_count",
	[SQL_FREE_COUNT] = "PRAGMA freelist_count",
	[SQL_VACUUM] = "PRAGMA incremental_vacuum(256)",
};
