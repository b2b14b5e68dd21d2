# common/cli: the `holdfast' command; all but main.c is a library, so that tests link it.
noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = common/cli/access.c common/cli/access.h common/cli/cli.c common/cli/cli.h \
	common/cli/commands.h common/cli/completion.c common/cli/conf_text.c common/cli/conf_text.h \
	common/cli/domain.c common/cli/domain.h common/cli/domain_show.c \
	common/cli/explain.c common/cli/flush.c common/cli/greylist.c common/cli/help.c common/cli/init.c common/cli/limits.c \
	common/cli/milter.c common/cli/milter.h common/cli/out.c common/cli/out.h \
	common/cli/primary.c common/cli/primary.h common/cli/primary_history.c \
	common/cli/queue.c common/cli/queue_list.c common/cli/recipient.c common/cli/recipient_explain.c \
	common/cli/rule.c common/cli/rule.h common/cli/rule_counters.c common/cli/rule_history.c common/cli/rule_list.c \
	common/cli/schedule.c common/cli/schedule.h common/cli/schedule_show.c common/cli/status.c \
	common/cli/table.c

# setup, doctor, drill
libcli_a_SOURCES += common/cli/file.c common/cli/file.h common/cli/plan.c common/cli/plan.h \
	common/cli/plan_apply.c common/cli/plan_show.c common/cli/postfix.c common/cli/postfix.h \
	common/cli/postfix_policy.c common/cli/proc.c common/cli/proc.h common/cli/record.c common/cli/record.h \
	common/cli/sendmail_text.c common/cli/setup.c common/cli/setup.h common/cli/setup_ask.c \
	common/cli/setup_daemons.c common/cli/setup_daemons.h common/cli/setup_holdfast.c \
	common/cli/setup_holdfast.h common/cli/setup_mta.c common/cli/setup_postfix.c common/cli/setup_postfix.h \
	common/cli/setup_postfix_plan.c common/cli/setup_rules.c common/cli/setup_rules.h \
	common/cli/setup_sendmail.c common/cli/setup_sendmail.h common/cli/setup_size.c common/cli/setup_undo.c \
	common/cli/words.c common/cli/words.h
libcli_a_SOURCES += common/cli/drill.c common/cli/drill.h common/cli/drill_queue.c common/cli/drill_send.c
libcli_a_SOURCES += common/cli/doctor.c common/cli/doctor.h common/cli/doctor_cert.c common/cli/doctor_cert.h \
	common/cli/doctor_disk.c common/cli/doctor_dns.c common/cli/doctor_dns.h common/cli/doctor_facts.c \
	common/cli/doctor_jobs.c common/cli/doctor_jobs.h common/cli/doctor_say.c \
	common/cli/doctor_mta.c common/cli/doctor_mx.c common/cli/doctor_name.c common/cli/doctor_own.c \
	common/cli/doctor_own.h common/cli/doctor_primary.c \
	common/cli/doctor_relay.c common/cli/doctor_self.c common/cli/doctor_sockets.c common/cli/doctor_state.c \
	common/cli/doctor_sts.c common/cli/doctor_table.c common/cli/doctor_tlsa.c common/cli/talk.c common/cli/talk.h \
	common/cli/talk_names.c common/cli/talk_private.h common/cli/talk_tls.c
nodist_libcli_a_SOURCES = common/cli/holdfast_conf.h common/cli/sendmail_m4.h
BUILT_SOURCES += common/cli/sendmail_m4.h
CLEANFILES += common/cli/sendmail_m4.h
common/cli/sendmail_text.$(OBJEXT): common/cli/sendmail_m4.h
common/cli/sendmail_m4.h: packaging/sendmail/holdfast.m4
	$(AM_V_GEN)$(MKDIR_P) common/cli && $(SQL_TO_C) $(srcdir)/packaging/sendmail/holdfast.m4 \
	    >$@.tmp && mv $@.tmp $@
EXTRA_DIST += common/cli/holdfast.conf
BUILT_SOURCES += common/cli/holdfast_conf.h
CLEANFILES += common/cli/holdfast_conf.h
common/cli/conf_text.$(OBJEXT): common/cli/holdfast_conf.h
common/cli/holdfast_conf.h: common/cli/holdfast.conf
	$(AM_V_GEN)$(MKDIR_P) common/cli && $(SQL_TO_C) $(srcdir)/common/cli/holdfast.conf \
	    >$@.tmp && mv $@.tmp $@

bin_PROGRAMS += holdfast
holdfast_SOURCES = common/cli/main.c
# `explain' is the milter's screening without a milter.
CLI_LIBS = libcli.a $(CHECKS_LIBS) $(OPENSSL_LIBS) $(CURL_LIBS)
holdfast_LDADD = $(CLI_LIBS)

dist_man_MANS += packaging/man/holdfast.1
