-- schema_2.sql: queue.db, from version 1 to version 2. SPDX-License-Identifier: BSD-2-Clause
--
-- A new database takes this step too, right after schema.sql: there is one way to
-- a version, so the two cannot differ. Never changes after a release.

-- What SPF said of the sender when the message came in (RFC 7208 2.6); only 'pass' lets a
-- bounce out (P5). NULL: not known.
ALTER TABLE message ADD COLUMN spf TEXT;
-- Mail of our own: where it goes instead of the recipients' domains.
-- rcpt.domain is the same then.
ALTER TABLE message ADD COLUMN route TEXT;

-- The last attempt ended with a 5xx that was not believed.
ALTER TABLE rcpt ADD COLUMN refused INTEGER NOT NULL DEFAULT 0 CHECK (refused IN (0, 1));
-- An attempt may have delivered it: the connection died after the final dot (P4).
ALTER TABLE rcpt ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0 CHECK (unsure IN (0, 1));
-- The sender was told of the delay.
ALTER TABLE rcpt ADD COLUMN warned INTEGER NOT NULL DEFAULT 0 CHECK (warned IN (0, 1));

-- The oldest of a domain in a state (the rowid is its last column), due or not: for what
-- ages, and for one domain's listings and changes.
CREATE INDEX rcpt_age ON rcpt (domain, state);

-- More ways to leave. A CHECK cannot be changed, so the rows move. The index is filled on
-- the way: they come nearly in its order, and a sorter would want memory for all of them.
ALTER TABLE ledger RENAME TO ledger_1;
DROP INDEX ledger_message;
CREATE TABLE ledger (
	id		INTEGER PRIMARY KEY,
	message_id	INTEGER NOT NULL,
	queue_id	TEXT NOT NULL,
	arrival		INTEGER NOT NULL,
	ended		INTEGER NOT NULL,
	disposition	TEXT NOT NULL
			CHECK (disposition IN ('delivered', 'deleted', 'bounced', 'expired')),
	duplicate	INTEGER NOT NULL DEFAULT 0	-- delivered, and an attempt before may have too
			CHECK (duplicate IN (0, 1)),
	sender		TEXT NOT NULL,
	recipient	TEXT NOT NULL,
	relay		TEXT,
	reply		TEXT,
	who		TEXT				-- the person or rule, if not the primary
);
CREATE INDEX ledger_message ON ledger (message_id);
INSERT INTO ledger (id, message_id, queue_id, arrival, ended, disposition, sender, recipient, relay,
	reply, who)
	SELECT id, message_id, queue_id, arrival, ended, disposition, sender, recipient, relay, reply,
	who FROM ledger_1 ORDER BY id;
DROP TABLE ledger_1;

-- message.arrival, rcpt.next_attempt and rcpt.last_attempt are the queue's time:
-- wall seconds = queue's time + shift. When the wall clock is set, all of them move with
-- it by this one row, however many there are. (Of the ledger, of destinations and
-- outages the times are wall seconds: history does not move.)
CREATE TABLE clock (
	id		INTEGER PRIMARY KEY CHECK (id = 1),
	shift		INTEGER NOT NULL
);
INSERT INTO clock VALUES (1, 0);

-- Destinations that are not simply up.
CREATE TABLE destination (
	destination	TEXT PRIMARY KEY,		-- canonical text of the route
	held		INTEGER NOT NULL CHECK (held IN (0, 1)),	-- else it is down
	since		INTEGER NOT NULL,
	reason		TEXT NOT NULL
) WITHOUT ROWID;

-- Their outages. 0: not yet.
CREATE TABLE outage (
	destination	TEXT NOT NULL,
	began		INTEGER NOT NULL,
	until		INTEGER NOT NULL,		-- the primary answered again
	messages	INTEGER NOT NULL CHECK (messages >= 0),		-- held at `until'
	first_delivery	INTEGER NOT NULL,
	drained		INTEGER NOT NULL,		-- all of it was delivered
	delivered	INTEGER NOT NULL CHECK (delivered >= 0),	-- from `until' to `drained'
	held		INTEGER NOT NULL CHECK (held IN (0, 1)),	-- came back half on the way
	reason		TEXT NOT NULL,			-- that began it
	PRIMARY KEY (destination, began)
) WITHOUT ROWID;
CREATE INDEX outage_began ON outage (began);

-- What queued must remember beside mail, e.g. the day of the last digest.
CREATE TABLE note (
	name		TEXT PRIMARY KEY,
	value		TEXT NOT NULL
) WITHOUT ROWID;
