-- rules_v1.sql -- what a rules.db of version 1 held, moved aside and back.
--
-- The lines up to the mark run before rules.sql, the others after it, all in
-- one transaction with foreign keys off. An upgraded file thus has the very
-- schema of a new one, comments included. No column of version 1 went away.
--
-- SPDX-License-Identifier: BSD-2-Clause

CREATE TEMP TABLE v1_schedule AS SELECT name, steps, jitter, lifetime FROM main.schedule;
CREATE TEMP TABLE v1_domain AS SELECT name, primaries, recipients, schedule, tls, size_limit,
	case_sensitive, delimiter, catch_all, list_time FROM main.domain;
CREATE TEMP TABLE v1_recipient AS SELECT domain, local_part FROM main.recipient;
CREATE TEMP TABLE v1_setting AS SELECT name, value FROM main.setting;
DROP TABLE main.recipient;
DROP TABLE main.domain;
DROP TABLE main.schedule;
DROP TABLE main.setting;
-- ---- rules.sql ----
DELETE FROM main.schedule;
INSERT INTO main.schedule (name, steps, jitter, lifetime) SELECT * FROM temp.v1_schedule;
INSERT INTO main.domain (name, primaries, recipients, schedule, tls, size_limit, case_sensitive,
	delimiter, catch_all, list_time) SELECT * FROM temp.v1_domain;
INSERT INTO main.recipient (domain, local_part) SELECT * FROM temp.v1_recipient;
INSERT INTO main.setting (name, value) SELECT * FROM temp.v1_setting;
DROP TABLE temp.v1_schedule;
DROP TABLE temp.v1_domain;
DROP TABLE temp.v1_recipient;
DROP TABLE temp.v1_setting;
