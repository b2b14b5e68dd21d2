# rules
if HAVE_CMOCKA
rules_tests = test/unit/t_schedule test/unit/t_rules test/unit/t_rules_route \
	test/unit/t_rules_upgrade test/unit/t_rules_edit test/unit/t_rules_edit_row \
	test/unit/t_control test/unit/t_import test/unit/t_cli test/unit/t_cli_rules
check_PROGRAMS += $(rules_tests)
TESTS += $(rules_tests)
test_unit_t_schedule_SOURCES = test/unit/t_schedule.c
test_unit_t_schedule_LDADD = $(UNIT_LIBS)
test_unit_t_rules_SOURCES = test/unit/t_rules.c test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_LDADD = $(UNIT_LIBS)
test_unit_t_rules_route_SOURCES = test/unit/t_rules_route.c
test_unit_t_rules_route_LDADD = $(UNIT_LIBS)
EXTRA_DIST += test/unit/rules_v1.sql
test_unit_t_rules_upgrade_SOURCES = test/unit/t_rules_upgrade.c test/unit/rulesdb.c \
	test/unit/rulesdb.h
test_unit_t_rules_upgrade_LDADD = $(UNIT_LIBS)
test_unit_t_rules_edit_row_SOURCES = test/unit/t_rules_edit_row.c test/unit/rulesdb.c \
	test/unit/rulesdb.h
test_unit_t_rules_edit_row_LDADD = $(UNIT_LIBS)
test_unit_t_cli_rules_SOURCES = test/unit/t_cli_rules.c
test_unit_t_cli_rules_LDADD = $(CMOCKA_LIBS) $(CLI_LIBS)
test_unit_t_rules_edit_SOURCES = test/unit/t_rules_edit.c test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_rules_edit_LDADD = $(UNIT_LIBS)
test_unit_t_control_SOURCES = test/unit/t_control.c test/unit/player.c test/unit/player.h
test_unit_t_control_LDADD = $(UNIT_LIBS)
test_unit_t_import_SOURCES = test/unit/t_import.c
test_unit_t_import_LDADD = $(UNIT_LIBS)
test_unit_t_cli_SOURCES = test/unit/t_cli.c test/unit/player.c test/unit/player.h
test_unit_t_cli_LDADD = $(CMOCKA_LIBS) $(CLI_LIBS)
endif

# the command itself, by a script
TEST_LOG_DRIVER = $(LOG_DRIVER)
dist_check_SCRIPTS += test/unit/cli.test
TESTS += test/unit/cli.test
