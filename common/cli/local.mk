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
nodist_libcli_a_SOURCES = common/cli/holdfast_conf.h
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
CLI_LIBS = libcli.a $(CHECKS_LIBS)
holdfast_LDADD = $(CLI_LIBS)

dist_man_MANS += packaging/man/holdfast.1
