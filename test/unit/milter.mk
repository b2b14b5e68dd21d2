# milter
if HAVE_CMOCKA
milter_tests = test/unit/t_argv test/unit/t_checks test/unit/t_engine test/unit/t_handover \
	test/unit/t_session
check_PROGRAMS += $(milter_tests)
TESTS += $(milter_tests)
MILTER_UNIT_LIBS = $(CMOCKA_LIBS) $(CHECKS_LIBS)
test_unit_t_argv_SOURCES = test/unit/t_argv.c
test_unit_t_argv_LDADD = $(MILTER_UNIT_LIBS)
# For the tests of checks: what one needs around it.
CHECK_LAB = test/unit/check_lab.c test/unit/check_lab.h test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_checks_SOURCES = test/unit/t_checks.c $(CHECK_LAB)
test_unit_t_checks_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_engine_SOURCES = test/unit/t_engine.c
test_unit_t_engine_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_handover_SOURCES = test/unit/t_handover.c test/unit/lmtp_sink.c test/unit/lmtp_sink.h
test_unit_t_handover_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_session_SOURCES = test/unit/t_session.c test/unit/lmtp_sink.c test/unit/lmtp_sink.h \
	test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_session_LDADD = $(MILTER_UNIT_LIBS)
endif
