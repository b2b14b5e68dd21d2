# lmtp
if HAVE_CMOCKA
check_PROGRAMS += test/unit/t_header_scan test/unit/t_lmtp_session test/unit/t_lmtp_timing
TESTS += test/unit/t_header_scan test/unit/t_lmtp_session test/unit/t_lmtp_timing
test_unit_t_header_scan_SOURCES = test/unit/t_header_scan.c
test_unit_t_header_scan_LDADD = libqueue.a $(UNIT_LIBS)
test_unit_t_lmtp_session_SOURCES = test/unit/t_lmtp_session.c test/unit/lmtp_dialogue.c \
	test/unit/lmtp_dialogue.h
test_unit_t_lmtp_session_LDADD = libqueue.a $(UNIT_LIBS)
test_unit_t_lmtp_timing_SOURCES = test/unit/t_lmtp_timing.c
test_unit_t_lmtp_timing_LDADD = libqueue.a $(UNIT_LIBS)
endif
