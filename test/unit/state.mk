# what the milter remembers, and the checks that use it
if HAVE_CMOCKA
state_tests = test/unit/t_check_greylist test/unit/t_check_limits test/unit/t_check_lists \
	test/unit/t_greylist test/unit/t_limits test/unit/t_memory test/unit/t_state
check_PROGRAMS += $(state_tests)
TESTS += $(state_tests)
test_unit_t_check_greylist_SOURCES = test/unit/t_check_greylist.c test/unit/service_lab.c \
	test/unit/service_lab.h $(CHECK_LAB)
test_unit_t_check_greylist_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_check_limits_SOURCES = test/unit/t_check_limits.c test/unit/service_lab.c \
	test/unit/service_lab.h $(CHECK_LAB)
test_unit_t_check_limits_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_check_lists_SOURCES = test/unit/t_check_lists.c test/unit/service_lab.c \
	test/unit/service_lab.h $(CHECK_LAB)
test_unit_t_check_lists_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_greylist_SOURCES = test/unit/t_greylist.c
test_unit_t_greylist_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_limits_SOURCES = test/unit/t_limits.c
test_unit_t_limits_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_memory_SOURCES = test/unit/t_memory.c
test_unit_t_memory_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_state_SOURCES = test/unit/t_state.c test/unit/service_lab.c test/unit/service_lab.h \
	test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_state_LDADD = $(MILTER_UNIT_LIBS)
endif
