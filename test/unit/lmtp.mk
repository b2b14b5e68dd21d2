# lmtp
if HAVE_CMOCKA
lmtp_tests = test/unit/t_header_scan test/unit/t_lmtp_server test/unit/t_lmtp_session \
	test/unit/t_lmtp_store test/unit/t_lmtp_timing
check_PROGRAMS += $(lmtp_tests)
TESTS += $(lmtp_tests)
test_unit_t_header_scan_SOURCES = test/unit/t_header_scan.c
test_unit_t_header_scan_LDADD = libqueue.a $(UNIT_LIBS)
lmtp_world = test/unit/lmtp_world.c test/unit/lmtp_world.h
test_unit_t_lmtp_server_SOURCES = test/unit/t_lmtp_server.c $(lmtp_world) \
	test/unit/store_fake.c test/unit/store_fake.h
test_unit_t_lmtp_server_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_lmtp_session_SOURCES = test/unit/t_lmtp_session.c test/unit/lmtp_dialogue.c \
	test/unit/lmtp_dialogue.h
test_unit_t_lmtp_session_LDADD = libqueue.a $(UNIT_LIBS)
test_unit_t_lmtp_store_SOURCES = test/unit/t_lmtp_store.c $(lmtp_world)
test_unit_t_lmtp_store_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_lmtp_timing_SOURCES = test/unit/t_lmtp_timing.c
test_unit_t_lmtp_timing_LDADD = libqueue.a $(UNIT_LIBS)
endif
