-- schema.sql: queue.db, version 1. SPDX-License-Identifier: BSD-2-Clause
--
-- A message's id (51 bits, see store_id.c) is part of the ids of its recipients and chunks:
--   rcpt.id  = message.id << 10 | number of the recipient    (61 bits)
--   chunk.id = message.id << 12 | number of the chunk        (63 bits)
-- so they are one range of rowids, and no second index (nor a foreign key, which
-- would need one) has to be kept up for them. Later versions are steps of their own
-- in store_sqlite_open.c; this file never changes after a release.

CREATE TABLE message (
	id		INTEGER PRIMARY KEY,
	arrival		INTEGER NOT NULL,		-- wall seconds
	size		INTEGER NOT NULL CHECK (size >= 0),
	sender		TEXT NOT NULL,			-- '' is the null sender
	body		INTEGER NOT NULL,
	ret		INTEGER NOT NULL,
	smtputf8	INTEGER NOT NULL CHECK (smtputf8 IN (0, 1)),
	envid		TEXT,
	trace		TEXT,
	client_name	TEXT,
	client_addr	TEXT,
	client_port	TEXT,
	client_proto	TEXT,
	client_helo	TEXT,
	client_ident	TEXT,
	client_source	TEXT
);

CREATE TABLE rcpt (
	id		INTEGER PRIMARY KEY,
	domain		TEXT NOT NULL,			-- lower case
	state		INTEGER NOT NULL CHECK (state IN (0, 1, 2)),	-- queued, held, quarantined
	next_attempt	INTEGER NOT NULL,
	attempts	INTEGER NOT NULL DEFAULT 0,
	last_attempt	INTEGER NOT NULL DEFAULT 0,	-- 0: never
	notify		INTEGER NOT NULL DEFAULT 0,
	code		INTEGER NOT NULL DEFAULT 0,	-- of the last reply
	address		TEXT NOT NULL,
	orcpt		TEXT,
	dsn		TEXT,
	reply		TEXT,
	relay		TEXT
);

-- The oldest that is due in a domain (the rowid, so the message's age, is its last column),
-- and what waits by domain, without a look at the table.
CREATE INDEX rcpt_due ON rcpt (domain, state, next_attempt);

CREATE TABLE chunk (
	id		INTEGER PRIMARY KEY,
	data		BLOB NOT NULL
);

-- Large messages that are still coming in: chunk rows without a message row.
CREATE TABLE intake (
	id		INTEGER PRIMARY KEY
);

-- The custody ledger: how each recipient left the queue.
CREATE TABLE ledger (
	id		INTEGER PRIMARY KEY,
	message_id	INTEGER NOT NULL,
	queue_id	TEXT NOT NULL,
	arrival		INTEGER NOT NULL,
	ended		INTEGER NOT NULL,
	disposition	TEXT NOT NULL CHECK (disposition IN ('delivered', 'deleted')),
	sender		TEXT NOT NULL,
	recipient	TEXT NOT NULL,
	relay		TEXT,
	reply		TEXT,
	who		TEXT				-- the person or rule, if not the primary
);
CREATE INDEX ledger_message ON ledger (message_id);

-- Kept up in every transaction, so that counting costs nothing.
CREATE TABLE totals (
	id		INTEGER PRIMARY KEY CHECK (id = 1),
	messages	INTEGER NOT NULL CHECK (messages >= 0),
	bytes		INTEGER NOT NULL CHECK (bytes >= 0),
	recipients	INTEGER NOT NULL CHECK (recipients >= 0),
	held		INTEGER NOT NULL CHECK (held >= 0),
	quarantined	INTEGER NOT NULL CHECK (quarantined >= 0)
);
INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0);
