-- rules.sql -- the schema of rules.db: what Holdfast is backup MX for.
--
-- The `holdfast' command writes this file; `sqlite3 /var/lib/holdfast/rules.db'
-- may as well. Both daemons notice a committed change within a second. They
-- take it whole or refuse it whole and say which row is wrong, in the log and
-- in `holdfast status'; the rules before it then stay in force.
--
-- Postfix can read the same tables (package postfix-sqlite), so that a domain
-- is written down once. A file each, `dbpath = /var/lib/holdfast/rules.db' and
-- then
--
--   relay_domains = proxy:sqlite:/etc/postfix/holdfast-domains.cf
--	query = SELECT name FROM domain WHERE name = lower('%s')
--
--   transport_maps = proxy:sqlite:/etc/postfix/holdfast-transport.cf
--	query = SELECT 'lmtp:unix:holdfast/queued.sock' FROM domain WHERE name = lower('%s')
--
-- The rollback journal and not WAL: Postfix and sqlite3 come and go beside the
-- daemons, and readers without write access to the folder must work.
--
-- Constraints bear sentences as names, because SQLite shows the name of the
-- constraint that refused a row.
--
-- This is version 2. The program runs it in a transaction of its own, for a new
-- file and for one of version 1 whose rows it carries over (rules_v1.sql).
--
-- SPDX-License-Identifier: BSD-2-Clause

PRAGMA application_id = 0x48464452;	-- "HFDR"
PRAGMA user_version = 2;

-- When a message that the primary itself deferred is tried again.
CREATE TABLE schedule (
	-- What `domain.schedule' names. The row `default' must be there.
	name		TEXT NOT NULL PRIMARY KEY
		CONSTRAINT "schedule.name must be lower case and not empty"
			CHECK (typeof(name) = 'text' AND name <> '' AND name = lower(name)),
	-- Waits after the first, second, ... attempt; the last repeats: '1m 5m 15m 30m 1h*'.
	steps		TEXT NOT NULL
		CONSTRAINT "schedule.steps must not be empty"
			CHECK (typeof(steps) = 'text' AND trim(steps) <> ''),
	-- Percent by which a wait may be shorter or longer, by chance.
	jitter		INTEGER NOT NULL DEFAULT 20
		CONSTRAINT "schedule.jitter must be a number from 0 to 50"
			CHECK (typeof(jitter) = 'integer' AND jitter BETWEEN 0 AND 50),
	-- How long a message may wait in all, like '28d' or '4w'.
	lifetime	TEXT NOT NULL DEFAULT '28d'
		CONSTRAINT "schedule.lifetime must not be empty"
			CHECK (trim(lifetime) <> ''),
	-- When the sender is told that his mail waits, like '4h'; '' never. It is told
	-- only to senders whose SPF passed, like a bounce.
	warn_after	TEXT NOT NULL DEFAULT ''
		CONSTRAINT "schedule.warn_after must be text"
			CHECK (typeof(warn_after) = 'text'),
	-- What becomes of a message when the lifetime is over: 'quarantine', 'bounce'
	-- (quarantine where a bounce is not allowed) or 'hold'.
	at_end		TEXT NOT NULL DEFAULT 'quarantine'
		CONSTRAINT "schedule.at_end must be quarantine, bounce or hold"
			CHECK (at_end IN ('quarantine', 'bounce', 'hold'))
);

INSERT INTO schedule (name, steps) VALUES ('default', '1m 5m 15m 30m 1h*');

-- A domain that this host is backup MX for.
CREATE TABLE domain (
	-- Lower case, an IDN in its ASCII form (xn--...), no dot at the end.
	name		TEXT NOT NULL PRIMARY KEY
		CONSTRAINT "domain.name must be lower case, without @, blanks or a dot at the end"
			CHECK (typeof(name) = 'text' AND name <> '' AND name = lower(name)
			    AND name NOT GLOB '*[@ ,]*' AND name NOT LIKE '%.'
			    AND length(name) <= 255),
	-- Where its mail goes:
	--   HOST[:PORT],...	these hosts in this order; `+' for a comma joins hosts that
	--			share the load: a+b,c. An IPv6 address has brackets.
	--   mx[:NAME][:PORT]	the MX hosts of NAME (of the domain itself without one), but
	--			this host and what is no better than it (RFC 5321 5.1)
	--   turn			nowhere: the primary fetches its mail by ATRN (RFC 2645)
	-- The port is 25 if not given.
	primaries	TEXT NOT NULL
		CONSTRAINT "domain.primaries must not be empty"
			CHECK (typeof(primaries) = 'text' AND trim(primaries) <> ''),
	-- How a recipient is known: 'list' (table recipient), 'verify' (the primary
	-- is asked; this version does not and accepts who is not listed) or 'any'
	-- (not checked: such a host takes in mail that the primary refuses).
	recipients	TEXT NOT NULL DEFAULT 'list'
		CONSTRAINT "domain.recipients must be list, verify or any"
			CHECK (recipients IN ('list', 'verify', 'any')),
	-- Retry schedule of mail that the primary deferred.
	schedule	TEXT NOT NULL DEFAULT 'default'
		REFERENCES schedule (name) ON UPDATE CASCADE,
	-- TLS towards the primary: 'off'; 'may' where it is offered; 'verify' with a
	-- certificate of the right name from a known CA; 'pinned' with a known key;
	-- 'dane' with what the DNSSEC-signed TLSA records say (RFC 7672). The last three
	-- never fall back to less.
	tls		TEXT NOT NULL DEFAULT 'may'
		CONSTRAINT "domain.tls must be off, may, verify, pinned or dane"
			CHECK (tls IN ('off', 'may', 'verify', 'pinned', 'dane')),
	-- The name that the certificate must bear; '' the host's.
	tls_name	TEXT NOT NULL DEFAULT ''
		CONSTRAINT "domain.tls_name must be text"
			CHECK (typeof(tls_name) = 'text'),
	-- 'verify': file with the CAs that are believed; '' the system's.
	tls_ca		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "domain.tls_ca must be an absolute path or empty"
			CHECK (typeof(tls_ca) = 'text' AND (tls_ca = '' OR tls_ca GLOB '/*')),
	-- 'pinned': SHA-256 of the public key (SPKI) in hex; several apart by blanks.
	tls_pin		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "domain.tls_pin must be text, and is needed with tls = pinned"
			CHECK (typeof(tls_pin) = 'text' AND (tls <> 'pinned' OR trim(tls_pin) <> '')),
	-- Address to connect from: one of IPv4, one of IPv6, or both with a comma; '' any.
	source		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "domain.source must be text"
			CHECK (typeof(source) = 'text'),
	-- How the primary is told who the client was, if it offers that: 'none',
	-- 'xforward' (for its log) or 'xclient' (for its checks, too).
	client		TEXT NOT NULL DEFAULT 'xforward'
		CONSTRAINT "domain.client must be none, xforward or xclient"
			CHECK (client IN ('none', 'xforward', 'xclient')),
	-- Connections at once; 0: the setting. Of the domains of one destination the least counts.
	concurrency	INTEGER NOT NULL DEFAULT 0
		CONSTRAINT "domain.concurrency must be a number from 0 to 1000"
			CHECK (typeof(concurrency) = 'integer' AND concurrency BETWEEN 0 AND 1000),
	-- Messages a second; 0: the setting.
	message_rate	INTEGER NOT NULL DEFAULT 0
		CONSTRAINT "domain.message_rate must be a number from 0 to 1000000"
			CHECK (typeof(message_rate) = 'integer' AND message_rate BETWEEN 0 AND 1000000),
	-- Who is told when the primary refuses: 'spf-pass', senders whose SPF passed when
	-- the message came in, or 'never'. All else goes to quarantine.
	bounce		TEXT NOT NULL DEFAULT 'spf-pass'
		CONSTRAINT "domain.bounce must be spf-pass or never"
			CHECK (bounce IN ('spf-pass', 'never')),
	-- 1: add a Holdfast-Delivery: header that is the same at each attempt, so that
	-- the primary can tell a message that comes a second time.
	delivery_id	INTEGER NOT NULL DEFAULT 0
		CONSTRAINT "domain.delivery_id must be 0 or 1"
			CHECK (typeof(delivery_id) = 'integer' AND delivery_id IN (0, 1)),
	-- Largest message in bytes; 0: message_size_limit of holdfast.conf.
	size_limit	INTEGER NOT NULL DEFAULT 0
		CONSTRAINT "domain.size_limit must be a number of bytes, 0 or more"
			CHECK (typeof(size_limit) = 'integer' AND size_limit >= 0),
	-- 1: Bob@ and bob@ are two people (RFC 5321 2.4 allows it; hardly a server does it).
	case_sensitive	INTEGER NOT NULL DEFAULT 0
		CONSTRAINT "domain.case_sensitive must be 0 or 1"
			CHECK (typeof(case_sensitive) = 'integer' AND case_sensitive IN (0, 1)),
	-- Characters that start an extension: with '+', bob+news@ is known when bob@
	-- is. '' for none.
	delimiter	TEXT NOT NULL DEFAULT '+'
		CONSTRAINT "domain.delimiter must be up to 4 characters but @, quotes and blanks"
			CHECK (typeof(delimiter) = 'text' AND length(delimiter) <= 4
			    AND delimiter NOT GLOB '*[@ "]*'),
	-- '@': every local part is accepted. '': only those listed.
	catch_all	TEXT NOT NULL DEFAULT ''
		CONSTRAINT "domain.catch_all must be empty or @"
			CHECK (catch_all IN ('', '@')),
	-- When the recipient list was last imported (seconds since 1970); 0 never.
	-- A list that was never imported and has no row refuses nobody for good.
	list_time	INTEGER NOT NULL DEFAULT 0
		CONSTRAINT "domain.list_time must be a time in seconds, 0 or more"
			CHECK (typeof(list_time) = 'integer' AND list_time >= 0)
);

-- The valid recipients of domains with recipients = 'list' (and answers known
-- beforehand for 'verify'). postmaster@ is always valid (RFC 5321 4.5.1).
CREATE TABLE recipient (
	domain		TEXT NOT NULL
		REFERENCES domain (name) ON UPDATE CASCADE ON DELETE CASCADE,
	-- What stands before the @, unquoted; any case unless domain.case_sensitive.
	local_part	TEXT NOT NULL
		CONSTRAINT "recipient.local_part must be 1 to 64 bytes without an @"
			CHECK (typeof(local_part) = 'text' AND instr(local_part, '@') = 0
			    AND length(CAST(local_part AS BLOB)) BETWEEN 1 AND 64),
	PRIMARY KEY (domain, local_part)
) WITHOUT ROWID;

-- sqlite3 does not enforce foreign keys unless told to. These keep a domain's
-- recipients with it all the same.
CREATE TRIGGER domain_removed AFTER DELETE ON domain BEGIN
	DELETE FROM recipient WHERE domain = old.name;
END;
CREATE TRIGGER domain_renamed AFTER UPDATE OF name ON domain WHEN new.name <> old.name BEGIN
	UPDATE recipient SET domain = new.name WHERE domain = old.name;
END;

-- Settings for the whole system. A row that is not there has its default.
CREATE TABLE setting (
	-- probe_interval	between two probes of a primary that is down (2s)
	-- probe_budget		probes a second, all destinations together (200)
	-- concurrency		connections to one destination (20)
	-- connection_messages	messages over one connection (200)
	-- connection_time	age of a connection at which it is closed (5m)
	-- message_rate		messages a second to one destination; 0 no limit (0)
	-- canary		messages that must pass after an outage; 0 no guard (5)
	-- canary_interval	between two canaries of a destination that is held (1m)
	-- hop_limit		Received: lines beyond which a message loops (50)
	-- bounce_rate		bounces and warnings an hour to one sender domain (10)
	-- quarantine_lifetime	after which quarantined mail is deleted; 0 never (0)
	-- digest_hour		local hour of the daily digest of the quarantine; 24 none (6)
	-- turn_delay		before ETRN or a failed AUTH is answered (1s)
	-- turn_rate		ETRN and ATRN commands a minute and client address (10)
	-- operator		who gets the digest: an address or local part (postmaster)
	name		TEXT NOT NULL PRIMARY KEY
		CONSTRAINT "setting.name must be one of the known settings"
			CHECK (name IN ('probe_interval', 'probe_budget', 'concurrency',
			    'connection_messages', 'connection_time', 'message_rate', 'canary',
			    'canary_interval', 'hop_limit', 'bounce_rate', 'quarantine_lifetime',
			    'digest_hour', 'turn_delay', 'turn_rate', 'operator')),
	-- A number, for times with s, m, h, d or w.
	value		TEXT NOT NULL
		CONSTRAINT "setting.value must not be empty"
			CHECK (trim(value) <> '')
);

-- Where better MX hosts must lie for a domain without a row of its own to be
-- served because its MX names us. Empty: no domain is derived from the DNS.
CREATE TABLE mx_network (
	-- 192.0.2.0/24, 2001:db8::/32 or a single address.
	network		TEXT NOT NULL PRIMARY KEY
		CONSTRAINT "mx_network.network must not be empty"
			CHECK (typeof(network) = 'text' AND trim(network) <> ''),
	note		TEXT NOT NULL DEFAULT ''
);

-- Domains without a row of their own that are served always or never, whatever
-- their MX says.
CREATE TABLE mx_domain (
	name		TEXT NOT NULL PRIMARY KEY
		CONSTRAINT "mx_domain.name must be lower case, without @, blanks or a dot at the end"
			CHECK (typeof(name) = 'text' AND name <> '' AND name = lower(name)
			    AND name NOT GLOB '*[@ ,]*' AND name NOT LIKE '%.'
			    AND length(name) <= 255),
	serve		TEXT NOT NULL
		CONSTRAINT "mx_domain.serve must be always or never"
			CHECK (serve IN ('always', 'never')),
	note		TEXT NOT NULL DEFAULT ''
);

-- Clients that may ask for mail by ETRN. ATRN asks for a password instead.
CREATE TABLE turn_network (
	network		TEXT NOT NULL PRIMARY KEY
		CONSTRAINT "turn_network.network must not be empty"
			CHECK (typeof(network) = 'text' AND trim(network) <> ''),
	note		TEXT NOT NULL DEFAULT ''
);
