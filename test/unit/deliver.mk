# deliver
if HAVE_CMOCKA
deliver_tests = test/unit/t_deliver test/unit/t_destination test/unit/t_outcome
check_PROGRAMS += $(deliver_tests)
TESTS += $(deliver_tests)
test_unit_t_deliver_SOURCES = test/unit/t_deliver.c test/unit/deliver_store.c test/unit/deliver_intake.c test/unit/deliver_intake.h \
	test/unit/deliver_world.c test/unit/deliver_world.h test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_deliver_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_destination_SOURCES = test/unit/t_destination.c
test_unit_t_destination_LDADD = libqueue.a $(UNIT_LIBS)
test_unit_t_outcome_SOURCES = test/unit/t_outcome.c
test_unit_t_outcome_LDADD = libqueue.a $(UNIT_LIBS)
endif
