# checks from outside, explain
if HAVE_CMOCKA
plugin_tests = test/unit/t_plugin test/unit/t_screen test/unit/t_explain test/unit/t_message_file \
	test/unit/t_counters test/unit/t_host
check_PROGRAMS += $(plugin_tests)
TESTS += $(plugin_tests)

# One source, compiled once for each kind, as an administrator would: only the header is ours.
PLUGIN_KINDS = GOOD BODY CHEAP ABI SYMBOL CRASH HANG EXIT UNLOAD MISSING NONAME WILDNAME BADNAME LONGNAME \
	TAKENNAME WORD COST FAULT HOOKLESS WILDHOOK RUBBISH
EXTRA_DIST += test/unit/plugin_object.c
CLEANFILES += test/unit/plugins/*.so test/unit/plugins/made
test/unit/plugins/made: $(srcdir)/test/unit/plugin_object.c $(srcdir)/milter/holdfast/check.h
	$(AM_V_GEN)$(MKDIR_P) test/unit/plugins && for k in $(PLUGIN_KINDS); do \
		$(CC) -I$(srcdir)/milter -g -O -fPIC -shared -DKIND_$$k -o test/unit/plugins/$$k.so \
		    $(srcdir)/test/unit/plugin_object.c || exit 1; done && touch $@

test_unit_t_plugin_SOURCES = test/unit/t_plugin.c test/unit/capture.h test/unit/core.h \
	test/unit/plugin_lab.h
test_unit_t_plugin_LDADD = $(MILTER_UNIT_LIBS)
EXTRA_test_unit_t_plugin_DEPENDENCIES = test/unit/plugins/made
test_unit_t_screen_SOURCES = test/unit/t_screen.c test/unit/capture.h test/unit/core.h \
	test/unit/lmtp_sink.c test/unit/lmtp_sink.h test/unit/plugin_lab.h test/unit/rulesdb.c \
	test/unit/rulesdb.h
test_unit_t_screen_LDADD = $(MILTER_UNIT_LIBS)
EXTRA_test_unit_t_screen_DEPENDENCIES = test/unit/plugins/made
test_unit_t_explain_SOURCES = test/unit/t_explain.c test/unit/capture.h test/unit/core.h test/unit/plugin_lab.h \
	test/unit/rulesdb.c test/unit/rulesdb.h test/unit/spf_fake.c test/unit/spf_fake.h
test_unit_t_explain_LDADD = $(MILTER_UNIT_LIBS)
EXTRA_test_unit_t_explain_DEPENDENCIES = test/unit/plugins/made
test_unit_t_message_file_SOURCES = test/unit/t_message_file.c test/unit/core.h
test_unit_t_message_file_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_counters_SOURCES = test/unit/t_counters.c test/unit/core.h
test_unit_t_counters_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_host_SOURCES = test/unit/t_host.c test/unit/core.h
test_unit_t_host_LDADD = $(MILTER_UNIT_LIBS)
endif
