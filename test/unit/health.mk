# the health of destinations
if HAVE_CMOCKA
health_tests = test/unit/t_deliver_guard test/unit/t_deliver_outage test/unit/t_pace
check_PROGRAMS += $(health_tests)
TESTS += $(health_tests)
test_unit_t_deliver_guard_SOURCES = test/unit/t_deliver_guard.c \
	test/unit/deliver_store.c test/unit/deliver_intake.c test/unit/deliver_intake.h \
	test/unit/deliver_world.c test/unit/deliver_world.h test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_deliver_guard_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_deliver_outage_SOURCES = test/unit/t_deliver_outage.c \
	test/unit/deliver_store.c test/unit/deliver_intake.c test/unit/deliver_intake.h \
	test/unit/deliver_world.c test/unit/deliver_world.h test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_deliver_outage_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_pace_SOURCES = test/unit/t_pace.c
test_unit_t_pace_LDADD = libqueue.a $(UNIT_LIBS)
endif
