-- state.sql -- the schema of state.db: what the milter remembers of those who came.
--
-- holdfast-milter is the only writer. It keeps all of this in memory, writes what has changed about
-- once a second, and reads it at its start. Others may look at any time, with the `holdfast' command or
--
--	sqlite3 -readonly /var/lib/holdfast/state.db
--
-- A milter that has no use for the file as it is (damaged) renames it and begins a new one. Removing it while
-- the milter is stopped loses what is in it and nothing else: clients come for the first time again.
--
-- Records are found by `key', the first 16 bytes of the SHA-256 of the texts beside it with LF between them; so
-- the milter need not keep the texts. Those of a record may be NULL when very many came in one second.
-- `until' is in microseconds since 1970: from then on it is as if there were no such row, and it is
-- removed soon. Other times are in seconds.
--
-- This is version 1. SPDX-License-Identifier: BSD-2-Clause

PRAGMA application_id = 0x48465354;	-- "HFST"
PRAGMA user_version = 1;

-- How the milter is: started, pid, version, updated (its pulse), stopped (0 while it runs), rules ("ok", or why
-- a change of the rules is refused).
CREATE TABLE status (
	name		TEXT NOT NULL PRIMARY KEY,
	value		TEXT NOT NULL
) WITHOUT ROWID;

-- How often each check (`check spf') and each rule (`list deny client 192.0.2.0/24') was asked, hit, or
-- would have hit but for shadow mode.
CREATE TABLE counter (
	name		TEXT NOT NULL PRIMARY KEY,
	seen		INTEGER NOT NULL,
	hit		INTEGER NOT NULL,
	would		INTEGER NOT NULL,
	updated		INTEGER NOT NULL
) WITHOUT ROWID;

-- What rate limits have counted: until is when the bucket is full again. per ends in ` (shadow)' for what is
-- only watched.
CREATE TABLE bucket (
	key		BLOB NOT NULL PRIMARY KEY,
	what		TEXT,
	per		TEXT,
	value		TEXT,
	until		INTEGER NOT NULL,
	updated		INTEGER NOT NULL
) WITHOUT ROWID;

-- Clients and networks that are locked out. what: the number of what was too much (rules_screen.h).
CREATE TABLE lockout (
	key		BLOB NOT NULL PRIMARY KEY,
	client		TEXT,
	since		INTEGER NOT NULL,		-- microseconds
	what		INTEGER NOT NULL,
	until		INTEGER NOT NULL,
	updated		INTEGER NOT NULL
) WITHOUT ROWID;

-- The greylist: who came, when first, when it last passed (0: not yet), and how often it has passed.
CREATE TABLE greylist (
	key		BLOB NOT NULL PRIMARY KEY,
	network		TEXT,
	sender		TEXT,
	recipient	TEXT,
	since		INTEGER NOT NULL,
	last		INTEGER NOT NULL,
	passes		INTEGER NOT NULL,
	until		INTEGER NOT NULL,
	updated		INTEGER NOT NULL
) WITHOUT ROWID;

-- How many messages of a network have passed the greylist; enough of them free it.
CREATE TABLE greylist_network (
	key		BLOB NOT NULL PRIMARY KEY,
	network		TEXT,
	since		INTEGER NOT NULL,
	last		INTEGER NOT NULL,
	passes		INTEGER NOT NULL,
	until		INTEGER NOT NULL,
	updated		INTEGER NOT NULL
) WITHOUT ROWID;
