# reports to senders and to the operator
if HAVE_CMOCKA
report_tests = test/unit/t_dsn test/unit/t_bounce test/unit/t_digest
check_PROGRAMS += $(report_tests)
TESTS += $(report_tests)
test_unit_t_dsn_SOURCES = test/unit/t_dsn.c
test_unit_t_dsn_LDADD = libqueue.a $(UNIT_LIBS)
test_unit_t_bounce_SOURCES = test/unit/t_bounce.c test/unit/deliver_store.c \
	test/unit/deliver_intake.c test/unit/deliver_intake.h test/unit/deliver_world.c \
	test/unit/deliver_world.h test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_bounce_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_digest_SOURCES = test/unit/t_digest.c test/unit/deliver_store.c \
	test/unit/deliver_intake.c test/unit/deliver_intake.h test/unit/deliver_world.c \
	test/unit/deliver_world.h test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_digest_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
endif
