# setup, doctor, drill
if HAVE_CMOCKA
setup_tests = test/unit/t_drill test/unit/t_setup test/unit/t_setup_postfix
check_PROGRAMS += $(setup_tests)
TESTS += $(setup_tests)
test_unit_t_setup_SOURCES = test/unit/t_setup.c
test_unit_t_setup_LDADD = $(CLI_LIBS) $(UNIT_LIBS)
test_unit_t_setup_postfix_SOURCES = test/unit/t_setup_postfix.c
test_unit_t_setup_postfix_LDADD = $(CLI_LIBS) $(UNIT_LIBS)
test_unit_t_drill_SOURCES = test/unit/t_drill.c
test_unit_t_drill_LDADD = libqueue.a $(CLI_LIBS) $(UNIT_LIBS) $(EVENT_LIBS)
endif
