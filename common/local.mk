# What both halves and the command use.
noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = common/clock.c common/clock.h

# text, addresses, the wire, configuration, daemons
libcommon_a_SOURCES += common/buf.c common/buf.h common/endpoint.c common/endpoint.h \
	common/endpoint_listen.c common/envelope.c common/envelope.h common/log.c common/log.h \
	common/received.c common/utf8.c common/utf8.h
libcommon_a_SOURCES += common/addr.c common/addr.h common/conf.c common/conf.h common/conf_hostname.c \
	common/conf_keys.h common/conf_value.c common/daemon.c common/daemon.h common/daemon_notify.c \
	common/dns.c common/dns.h common/dns_cache.c common/dns_loop.c common/dns_private.h common/dns_rdata.c \
	common/dns_wait.c \
	common/hosts.c common/hosts.h common/idn.c common/idn.h
libcommon_a_SOURCES += common/wire.h common/wire_command.c common/wire_data.c common/wire_format.c \
	common/wire_line.c common/wire_params.c common/wire_reply.c common/wire_xforward.c \
	common/wire_xtext.c

# rules, schedules, control protocol (client end)
libcommon_a_SOURCES += common/control.c common/control.h common/csv.c common/csv.h common/import.c \
	common/import.h common/pattern.c common/pattern.h common/schedule.c common/schedule.h \
	common/rules.c common/rules.h common/rules_add.c common/rules_answer.c common/rules_answer.h common/rules_canon.c common/rules_edit.c \
	common/rules_edit.h common/rules_edit_db.c common/rules_edit_db.h common/rules_edit_kind.c \
	common/rules_edit_row.c common/rules_file.c common/rules_file.h common/rules_file_import.c \
	common/rules_file_table.h common/rules_file_words.c common/rules_history.c \
	common/rules_history.h common/rules_kind.c common/rules_kind.h common/rules_network.c \
	common/rules_network.h common/rules_policy.c common/rules_policy.h common/rules_read.c \
	common/rules_read.h common/rules_route.c common/rules_route.h common/rules_row.c \
	common/rules_row.h common/rules_row_domain.c common/rules_scope.c common/rules_screen.c \
	common/rules_screen.h common/rules_setting.c common/rules_setting.h common/rules_text.c \
	common/rules_text.h common/rules_upgrade.c common/rules_values.c common/ruleset.c
libcommon_a_SOURCES += common/state_read.c common/state_read.h
nodist_libcommon_a_SOURCES = common/rules_sql.h common/state_sql.h
EXTRA_DIST += common/rules.sql common/state.sql
BUILT_SOURCES += common/rules_sql.h common/state_sql.h
CLEANFILES += common/rules_sql.h common/state_sql.h
common/rules_edit_db.$(OBJEXT): common/rules_sql.h
common/rules_sql.h: common/rules.sql
	$(AM_V_GEN)$(MKDIR_P) common && $(SQL_TO_C) $(srcdir)/common/rules.sql >$@.tmp && mv $@.tmp $@
common/state_read.$(OBJEXT): common/state_sql.h
common/state_sql.h: common/state.sql
	$(AM_V_GEN)$(MKDIR_P) common && $(SQL_TO_C) $(srcdir)/common/state.sql >$@.tmp && mv $@.tmp $@

dist_man_MANS += packaging/man/holdfast.conf.5

COMMON_LIBS = libcommon.a $(SQLITE_LIBS) $(JANSSON_LIBS) $(PCRE2_LIBS) $(UNBOUND_LIBS) $(IDN2_LIBS)
