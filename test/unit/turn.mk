# turn
if HAVE_CMOCKA
turn_tests = test/unit/t_turn_deliver test/unit/t_turn_rate test/unit/t_turn_sasl \
	test/unit/t_turn_session test/unit/t_turn_users
check_PROGRAMS += $(turn_tests)
TESTS += $(turn_tests)
turn_dialogue = test/unit/turn_dialogue.c test/unit/turn_dialogue.h
test_unit_t_turn_deliver_SOURCES = test/unit/t_turn_deliver.c test/unit/deliver_store.c \
	test/unit/deliver_intake.c test/unit/deliver_intake.h test/unit/deliver_world.c \
	test/unit/deliver_world.h test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_turn_deliver_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_turn_rate_SOURCES = test/unit/t_turn_rate.c
test_unit_t_turn_rate_LDADD = libqueue.a $(UNIT_LIBS)
test_unit_t_turn_sasl_SOURCES = test/unit/t_turn_sasl.c $(turn_dialogue)
test_unit_t_turn_sasl_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_turn_session_SOURCES = test/unit/t_turn_session.c $(turn_dialogue)
test_unit_t_turn_session_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_turn_users_SOURCES = test/unit/t_turn_users.c
test_unit_t_turn_users_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
endif
