# rules
if HAVE_CMOCKA
rules_tests = test/unit/t_schedule test/unit/t_pattern test/unit/t_rules test/unit/t_rules_refuse \
	test/unit/t_rules_route test/unit/t_rules_policy test/unit/t_rules_screen \
	test/unit/t_rules_recipient test/unit/t_rules_scope test/unit/t_rules_upgrade test/unit/t_rules_edit \
	test/unit/t_rules_edit_row test/unit/t_rules_history test/unit/t_rules_file \
	test/unit/t_control test/unit/t_import test/unit/t_cli test/unit/t_cli_rules \
	test/unit/t_cli_explain
check_PROGRAMS += $(rules_tests)
TESTS += $(rules_tests)
test_unit_t_schedule_SOURCES = test/unit/t_schedule.c
test_unit_t_schedule_LDADD = $(UNIT_LIBS)
test_unit_t_pattern_SOURCES = test/unit/t_pattern.c test/unit/core.h
test_unit_t_pattern_LDADD = $(UNIT_LIBS)
test_unit_t_rules_SOURCES = test/unit/t_rules.c test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_LDADD = $(UNIT_LIBS)
test_unit_t_rules_refuse_SOURCES = test/unit/t_rules_refuse.c test/unit/core.h \
	test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_refuse_LDADD = $(UNIT_LIBS)
test_unit_t_rules_policy_SOURCES = test/unit/t_rules_policy.c test/unit/core.h \
	test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_policy_LDADD = $(UNIT_LIBS)
test_unit_t_rules_screen_SOURCES = test/unit/t_rules_screen.c test/unit/core.h \
	test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_screen_LDADD = $(UNIT_LIBS)
test_unit_t_rules_scope_SOURCES = test/unit/t_rules_scope.c test/unit/core.h \
	test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_scope_LDADD = $(UNIT_LIBS)
test_unit_t_rules_recipient_SOURCES = test/unit/t_rules_recipient.c test/unit/core.h \
	test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_recipient_LDADD = $(UNIT_LIBS)
test_unit_t_rules_history_SOURCES = test/unit/t_rules_history.c test/unit/core.h \
	test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_history_LDADD = $(UNIT_LIBS)
test_unit_t_rules_file_SOURCES = test/unit/t_rules_file.c test/unit/core.h \
	test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_file_LDADD = $(UNIT_LIBS)
test_unit_t_rules_route_SOURCES = test/unit/t_rules_route.c
test_unit_t_rules_route_LDADD = $(UNIT_LIBS)
EXTRA_DIST += test/unit/rules_v1.sql test/unit/rules_v2.sql
test_unit_t_rules_upgrade_SOURCES = test/unit/t_rules_upgrade.c test/unit/rulesdb.c \
	test/unit/rulesdb.h
test_unit_t_rules_upgrade_LDADD = $(UNIT_LIBS)
test_unit_t_rules_edit_row_SOURCES = test/unit/t_rules_edit_row.c test/unit/rulesdb.c \
	test/unit/rulesdb.h
test_unit_t_rules_edit_row_LDADD = $(UNIT_LIBS)
test_unit_t_cli_rules_SOURCES = test/unit/t_cli_rules.c
test_unit_t_cli_rules_LDADD = $(CLI_LIBS) $(UNIT_LIBS)
test_unit_t_rules_edit_SOURCES = test/unit/t_rules_edit.c test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_edit_LDADD = $(UNIT_LIBS)
test_unit_t_control_SOURCES = test/unit/t_control.c test/unit/player.c test/unit/player.h
test_unit_t_control_LDADD = $(UNIT_LIBS)
test_unit_t_import_SOURCES = test/unit/t_import.c
test_unit_t_import_LDADD = $(UNIT_LIBS)
test_unit_t_cli_SOURCES = test/unit/t_cli.c test/unit/cli_run.c test/unit/cli_run.h \
	test/unit/player.c test/unit/player.h test/unit/core.h
test_unit_t_cli_LDADD = $(CLI_LIBS) $(UNIT_LIBS)
test_unit_t_cli_explain_SOURCES = test/unit/t_cli_explain.c test/unit/cli_run.c test/unit/cli_run.h \
	test/unit/rulesdb.c test/unit/rulesdb.h test/unit/core.h
test_unit_t_cli_explain_LDADD = $(CLI_LIBS) $(UNIT_LIBS)
endif

# the command itself, by a script
TEST_LOG_DRIVER = $(LOG_DRIVER)
dist_check_SCRIPTS += test/unit/cli.test
TESTS += test/unit/cli.test
