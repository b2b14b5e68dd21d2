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
--	query = SELECT name FROM relay_domain WHERE name = lower('%s')
--
--   transport_maps = proxy:sqlite:/etc/postfix/holdfast-transport.cf
--	query = SELECT 'lmtp:unix:holdfast/queued.sock' FROM relay_domain WHERE name = lower('%s')
--
-- The rollback journal and not WAL: Postfix and sqlite3 come and go beside the
-- daemons, and readers without write access to the folder must work.
--
-- Constraints bear sentences as names, because SQLite shows the name of the
-- constraint that refused a row. They say what SQL can say well; the daemons and
-- the command look closer, so that a file made when there were fewer of them is
-- as good, and one more is no new version.
--
-- Each change of a row is kept in table `history', whoever makes it; the program
-- adds the triggers that do so when it runs this file.
--
-- This is version 3. The program runs it in a transaction of its own, for a new
-- file and for one of an older version whose rows it carries over.
--
-- SPDX-License-Identifier: BSD-2-Clause

PRAGMA application_id = 0x48464452;	-- "HFDR"
PRAGMA user_version = 3;

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
			CHECK (typeof(list_time) = 'integer' AND list_time >= 0),
	-- How old an imported list may be before it refuses nobody for good: who is
	-- not in it gets 450 then. '' never. A list that was only edited has no age.
	list_max_age	TEXT NOT NULL DEFAULT '30d'
		CONSTRAINT "domain.list_max_age must be text"
			CHECK (typeof(list_max_age) = 'text')
);

-- Domains whose addresses are those of another domain: bob@alias is bob@domain.
CREATE TABLE alias_domain (
	-- The other name, written like domain.name; it has no row there.
	name		TEXT NOT NULL PRIMARY KEY
		CONSTRAINT "alias_domain.name must be lower case, without @, blanks or a dot at the end"
			CHECK (typeof(name) = 'text' AND name <> '' AND name = lower(name)
			    AND name NOT GLOB '*[@ ,]*' AND name NOT LIKE '%.'
			    AND length(name) <= 255),
	-- The domain that it stands for, no alias itself.
	domain		TEXT NOT NULL
		REFERENCES domain (name) ON UPDATE CASCADE ON DELETE CASCADE,
	-- For people: who asked for it, and why.
	note		TEXT NOT NULL DEFAULT ''
);

-- What the MTA relays.
CREATE VIEW relay_domain AS SELECT name FROM domain UNION SELECT name FROM alias_domain;

-- The valid recipients of domains with recipients = 'list' (and answers known
-- beforehand for 'verify'). postmaster@ is always valid (RFC 5321 4.5.1).
CREATE TABLE recipient (
	-- One with a row in `domain'.
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
	DELETE FROM pattern WHERE domain = old.name;
	DELETE FROM alias_domain WHERE domain = old.name;
END;
CREATE TRIGGER domain_renamed AFTER UPDATE OF name ON domain WHEN new.name <> old.name BEGIN
	UPDATE recipient SET domain = new.name WHERE domain = old.name;
	UPDATE pattern SET domain = new.name WHERE domain = old.name;
	UPDATE alias_domain SET domain = new.name WHERE domain = old.name;
END;

-- Recipients by pattern, for domains with recipients = 'list', asked when the list
-- does not know the address. Those that reject are asked first.
CREATE TABLE pattern (
	-- One with a row in `domain'.
	domain		TEXT NOT NULL
		REFERENCES domain (name) ON UPDATE CASCADE ON DELETE CASCADE,
	-- A PCRE2 regular expression for the whole local part, case ignored.
	pattern		TEXT NOT NULL
		CONSTRAINT "pattern.pattern must not be empty"
			CHECK (typeof(pattern) = 'text' AND pattern <> ''),
	-- What is said of those that match.
	answer		TEXT NOT NULL DEFAULT 'accept'
		CONSTRAINT "pattern.answer must be accept or reject"
			CHECK (answer IN ('accept', 'reject')),
	-- For people: who asked for it, and why.
	note		TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (domain, pattern)
);

-- Settings. A row that is not there has its default; `holdfast rule list settings'
-- shows all with value, default and meaning. Those that begin with `global.' hold for
-- the whole system; of the others those that concern a recipient may have a scope.
CREATE TABLE setting (
	-- '' everywhere, a domain that is served here, or one address. The closest counts.
	scope		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "setting.scope must be lower case, without blanks"
			CHECK (typeof(scope) = 'text' AND scope = lower(scope)
			    AND scope NOT GLOB '*[ ,]*'),
	-- What is set; the part before the dot is its group.
	name		TEXT NOT NULL
		CONSTRAINT "setting.name must be one of the known settings"
			CHECK (name IN ('global.mode', 'global.probe_interval',
			    'global.probe_budget', 'global.concurrency',
			    'global.connection_messages', 'global.connection_time',
			    'global.message_rate', 'global.canary', 'global.canary_interval',
			    'global.hop_limit', 'global.bounce_rate',
			    'global.quarantine_lifetime', 'global.digest_hour',
			    'global.turn_delay', 'global.turn_rate', 'global.operator',
			    'global.ipv4_bits', 'global.ipv6_bits', 'lists.mode',
			    'limits.mode', 'limits.recipients', 'limits.lockout_time',
			    'limits.tarpit', 'limits.tarpit_at_once', 'limits.entries',
			    'helo.mode', 'helo.required', 'helo.syntax', 'helo.fqdn',
			    'helo.self', 'helo.rdns', 'sender.mode', 'sender.syntax',
			    'sender.fqdn', 'spoof.mode', 'spoof.verdict', 'recipient.mode',
			    'size.mode', 'sender_domain.mode', 'sender_domain.missing',
			    'sender_domain.null_mx', 'sender_domain.temperror', 'spf.mode',
			    'spf.fail', 'spf.softfail', 'spf.neutral', 'spf.none',
			    'spf.permerror', 'spf.temperror', 'spf.helo_fail', 'spf.header',
			    'dnsbl.mode', 'dnsbl.wait', 'dnsbl.pause', 'dnsbl.failures',
			    'plugin.mode', 'threshold.defer', 'threshold.reject',
			    'greylist.mode', 'greylist.score', 'greylist.delay',
			    'greylist.window', 'greylist.lifetime', 'greylist.passes',
			    'greylist.entries', 'header.mode', 'header.max_count',
			    'header.max_size', 'virus.mode', 'virus.clamd', 'virus.found',
			    'virus.on_fault', 'virus.max_size', 'virus.timeout', 'spam.mode',
			    'spam.spamd', 'spam.rspamd', 'spam.header', 'spam.on_fault',
			    'spam.max_size', 'spam.timeout', 'threshold.tag',
			    'threshold.quarantine', 'threshold.spam_defer',
			    'threshold.spam_reject')),
	-- As `holdfast rule set' takes it: a number, a time like 5m, a size like 512K, a word.
	value		TEXT NOT NULL
		CONSTRAINT "setting.value must be text"
			CHECK (typeof(value) = 'text')
		CONSTRAINT "setting.value of a mode must be off, shadow or enforce; of global.mode not off"
			CHECK (name NOT LIKE '%.mode' OR value IN ('shadow', 'enforce')
			    OR (value = 'off' AND name <> 'global.mode')),
	PRIMARY KEY (scope, name)
);

-- Exceptions and refusals by name. Among rows that match, the more special counts: an
-- address before its domain, a small network before a large one.
CREATE TABLE list (
	-- 'allow' skips the checks named in `checks' and no other; 'deny' refuses (550),
	-- 'defer' puts off (450).
	action		TEXT NOT NULL
		CONSTRAINT "list.action must be allow, deny or defer"
			CHECK (action IN ('allow', 'deny', 'defer')),
	-- What of the transaction is compared: the client's address or verified name, its
	-- HELO, the sender, the sender's domain, or the recipient.
	field		TEXT NOT NULL
		CONSTRAINT "list.field must be client, client_name, helo, sender, sender_domain or recipient"
			CHECK (field IN ('client', 'client_name', 'helo', 'sender',
			    'sender_domain', 'recipient')),
	-- A network for `client'; else lower case, and for names '.example.test' stands for
	-- the domain and all below it. '<>' is the empty sender.
	value		TEXT NOT NULL
		CONSTRAINT "list.value must not be empty"
			CHECK (typeof(value) = 'text' AND trim(value) <> ''),
	-- The recipients for which it holds: '' all, a domain, or an address.
	scope		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "list.scope must be lower case, without blanks"
			CHECK (typeof(scope) = 'text' AND scope = lower(scope)
			    AND scope NOT GLOB '*[ ,]*'),
	-- 'allow': what is skipped, apart by blanks: limits helo sender spoof sender_domain
	-- spf dnsbl plugin greylist header virus spam. Never the recipient.
	checks		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "list.checks must say what `allow' skips, and goes with nothing else"
			CHECK (typeof(checks) = 'text' AND (action = 'allow') = (trim(checks) <> '')),
	-- The last day on which it holds, '2026-12-31'; '' for ever.
	expires		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "list.expires must be a day like 2026-12-31 or empty"
			CHECK (expires = '' OR (expires GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'
			    AND date(expires, '+0 days') IS expires)),
	-- 'shadow' logs and counts, and changes nothing.
	mode		TEXT NOT NULL DEFAULT 'enforce'
		CONSTRAINT "list.mode must be off, shadow or enforce"
			CHECK (mode IN ('off', 'shadow', 'enforce')),
	-- For people: who asked for it, and why.
	note		TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (action, field, value, scope)
);

INSERT INTO list (action, field, value, checks, note) VALUES
	('allow', 'client', '127.0.0.0/8', 'limits helo sender spoof sender_domain spf dnsbl greylist',
	    'this host'),
	('allow', 'client', '::1', 'limits helo sender spoof sender_domain spf dnsbl greylist',
	    'this host');

-- Rate limits: token buckets. Of the rows with the same `what' and `per' the one with
-- the most special match counts.
CREATE TABLE limits (
	-- What is counted; `unknown' are recipients that do not exist, `spam' messages whose content was
	-- found to be spam or to carry a virus, by a milter that was asked earlier (spam.header) as well.
	what		TEXT NOT NULL
		CONSTRAINT "limits.what must be connections, messages, recipients, bytes, unknown or spam"
			CHECK (what IN ('connections', 'messages', 'recipients', 'bytes', 'unknown', 'spam')),
	-- Each of these has a bucket of its own; `network' is a client's /24 or /64.
	per		TEXT NOT NULL
		CONSTRAINT "limits.per must be client, network, sender, sender_domain, recipient, recipient_domain, helo or all"
			CHECK (per IN ('client', 'network', 'sender', 'sender_domain', 'recipient',
			    'recipient_domain', 'helo', 'all'))
		CONSTRAINT "limits.per of connections must be client, network or all: nothing else is known of them"
			CHECK (what <> 'connections' OR per IN ('client', 'network', 'all')),
	-- For whom: '' everybody, a network (client, network), a name or address; '.example.test'
	-- stands for a domain and all below it.
	match		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "limits.match must be empty with per = all: there is one bucket for all"
			CHECK (per <> 'all' OR match = ''),
	-- '20/1m'; bytes as '100M/1h'. 'none': no limit (an exception).
	rate		TEXT NOT NULL
		CONSTRAINT "limits.rate must be a number and a time like 20/1m, of bytes a size like 100M/1h, or none"
			CHECK (rate = 'none' OR (typeof(rate) = 'text' AND rate GLOB '[0-9]*/[0-9]*'
			    AND rate NOT GLOB '*/*/*'
			    AND rate NOT GLOB '*/*[^0-9]?*' AND rate NOT GLOB '*/*[^0-9smhdw]'
			    AND rate NOT GLOB '*[^0-9]?*/*' AND rate NOT GLOB '*[^0-9KMGTkmgt]/*'
			    AND (what = 'bytes' OR rate NOT GLOB '*[^0-9]*/*'))),
	-- How much may come at once; '' as much as the rate names.
	burst		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "limits.burst must be a number, of bytes a size like 100M, or empty"
			CHECK (burst = '' OR (burst GLOB '[0-9]*' AND burst NOT GLOB '*[^0-9]?*'
			    AND burst NOT GLOB '*[^0-9KMGTkmgt]'
			    AND (what = 'bytes' OR burst NOT GLOB '*[^0-9]*'))),
	-- Over it: 'defer' (450, or 421 for connections), 'reject' (550), 'delay' (the answer
	-- comes late), or 'lockout': everything from there is put off for lockout_time.
	action		TEXT NOT NULL DEFAULT 'defer'
		CONSTRAINT "limits.action must be defer, reject, delay or lockout"
			CHECK (action IN ('defer', 'reject', 'delay', 'lockout'))
		CONSTRAINT "limits.action can be lockout only with per = client or network"
			CHECK (action <> 'lockout' OR per IN ('client', 'network')),
	-- As list.mode.
	mode		TEXT NOT NULL DEFAULT 'enforce'
		CONSTRAINT "limits.mode must be off, shadow or enforce"
			CHECK (mode IN ('off', 'shadow', 'enforce')),
	-- For people: who asked for it, and why.
	note		TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (what, per, match)
);

INSERT INTO limits (what, per, rate, burst, action, mode, note) VALUES
	('connections', 'client', '10/1m', '20', 'defer', 'enforce', ''),
	('messages', 'client', '20/1m', '30', 'defer', 'enforce', ''),
	('recipients', 'client', '200/1m', '210', 'defer', 'enforce', ''),
	('unknown', 'client', '20/10m', '20', 'lockout', 'enforce', 'a dictionary attack'),
	('spam', 'client', '10/1h', '10', 'lockout', 'shadow', 'a source of spam; a relay or list may be one, too');

-- DNS lists of clients or names, asked in parallel.
CREATE TABLE dnsbl (
	-- The domain under which it answers.
	zone		TEXT NOT NULL
		CONSTRAINT "dnsbl.zone must be lower case, without blanks or a dot at the end"
			CHECK (typeof(zone) = 'text' AND zone <> '' AND zone = lower(zone)
			    AND zone NOT GLOB '*[@ ,]*' AND zone NOT LIKE '%.'),
	-- What is looked up there: the client's address, its verified name, its HELO, or the
	-- sender's domain.
	what		TEXT NOT NULL DEFAULT 'client'
		CONSTRAINT "dnsbl.what must be client, client_name, helo or sender_domain"
			CHECK (what IN ('client', 'client_name', 'helo', 'sender_domain')),
	-- The answers that count: '' any 127.0.0.0/8; '127.0.0.2 127.0.0.4-127.0.0.11'; or
	-- '127.0.0.0&2', a mask. 127.255.255.x are errors and never count.
	codes		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "dnsbl.codes must be text"
			CHECK (typeof(codes) = 'text'),
	-- What a listing means: points ('2.5', less than 0 for a list of the good),
	-- 'greylist', 'defer' or 'reject'.
	verdict		TEXT NOT NULL
		CONSTRAINT "dnsbl.verdict must be points, greylist, defer or reject"
			CHECK (trim(verdict) <> ''),
	-- As list.mode.
	mode		TEXT NOT NULL DEFAULT 'enforce'
		CONSTRAINT "dnsbl.mode must be off, shadow or enforce"
			CHECK (mode IN ('off', 'shadow', 'enforce')),
	-- For people: who asked for it, and why.
	note		TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (zone, what, codes)
);

-- Rules about headers, judged at the end of the message.
CREATE TABLE header (
	-- The header's name, in any case.
	name		TEXT NOT NULL
		CONSTRAINT "header.name must be lower case, without blanks or a colon"
			CHECK (typeof(name) = 'text' AND name <> '' AND name = lower(name)
			    AND name NOT GLOB '*[ :]*'),
	-- A PCRE2 regular expression, case ignored, for its unfolded value.
	pattern		TEXT NOT NULL
		CONSTRAINT "header.pattern must not be empty"
			CHECK (typeof(pattern) = 'text' AND pattern <> ''),
	-- The recipients for which it holds, as list.scope.
	scope		TEXT NOT NULL DEFAULT ''
		CONSTRAINT "header.scope must be lower case, without blanks"
			CHECK (typeof(scope) = 'text' AND scope = lower(scope)
			    AND scope NOT GLOB '*[ ,]*'),
	-- Points, 'tag', 'quarantine', 'defer' or 'reject'.
	verdict		TEXT NOT NULL
		CONSTRAINT "header.verdict must be points, tag, quarantine, defer or reject"
			CHECK (trim(verdict) <> ''),
	-- As list.mode.
	mode		TEXT NOT NULL DEFAULT 'enforce'
		CONSTRAINT "header.mode must be off, shadow or enforce"
			CHECK (mode IN ('off', 'shadow', 'enforce')),
	-- For people: who asked for it, and why.
	note		TEXT NOT NULL DEFAULT '',
	PRIMARY KEY (name, pattern, scope)
);

-- Where better MX hosts must lie for a domain without a row of its own to be
-- served because its MX names us. Empty: no domain is derived from the DNS.
CREATE TABLE mx_network (
	-- 192.0.2.0/24, 2001:db8::/32 or a single address.
	network		TEXT NOT NULL PRIMARY KEY
		CONSTRAINT "mx_network.network must not be empty"
			CHECK (typeof(network) = 'text' AND trim(network) <> ''),
	-- For people: who asked for it, and why.
	note		TEXT NOT NULL DEFAULT ''
);

-- Domains without a row of their own that are served always or never, whatever
-- their MX says.
CREATE TABLE mx_domain (
	-- Written like domain.name.
	name		TEXT NOT NULL PRIMARY KEY
		CONSTRAINT "mx_domain.name must be lower case, without @, blanks or a dot at the end"
			CHECK (typeof(name) = 'text' AND name <> '' AND name = lower(name)
			    AND name NOT GLOB '*[@ ,]*' AND name NOT LIKE '%.'
			    AND length(name) <= 255),
	-- 'always' or 'never'.
	serve		TEXT NOT NULL
		CONSTRAINT "mx_domain.serve must be always or never"
			CHECK (serve IN ('always', 'never')),
	-- For people: who asked for it, and why.
	note		TEXT NOT NULL DEFAULT ''
);

-- Clients that may ask for mail by ETRN. ATRN asks for a password instead.
CREATE TABLE turn_network (
	-- 192.0.2.0/24, 2001:db8::/32 or a single address.
	network		TEXT NOT NULL PRIMARY KEY
		CONSTRAINT "turn_network.network must not be empty"
			CHECK (typeof(network) = 'text' AND trim(network) <> ''),
	-- For people: who asked for it, and why.
	note		TEXT NOT NULL DEFAULT ''
);

-- Every change of the tables above but `recipient' (a list comes as a whole: one row an
-- import). `holdfast rule history' and `rule undo' read it.
CREATE TABLE history (
	-- The number that `rule undo' takes; none comes twice.
	id		INTEGER PRIMARY KEY AUTOINCREMENT,
	-- When, in seconds since 1970.
	time		INTEGER NOT NULL,
	-- From `editor'.
	who		TEXT NOT NULL,
	-- Changes made together have the same; NULL: made by itself.
	batch		INTEGER,
	-- The table that the row is in.
	tbl		TEXT NOT NULL,
	-- The row as a JSON object; NULL: it was not there.
	before		TEXT,
	-- The same of what it is since; NULL: it is gone.
	after		TEXT
);
CREATE INDEX history_batch ON history (batch);

-- Who is writing. `holdfast' says so for the length of its transaction.
CREATE TABLE editor (
	-- There is one row.
	id		INTEGER PRIMARY KEY CHECK (id = 1),
	-- 'sql' for whoever writes past the command.
	who		TEXT NOT NULL,
	-- The number of what is changed together; NULL outside such a transaction.
	batch		INTEGER
);
INSERT INTO editor VALUES (1, 'sql', NULL);
