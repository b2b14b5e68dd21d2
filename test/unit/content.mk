# content: header rules, scanners, messages kept to be looked at
if HAVE_CMOCKA
content_tests = test/unit/t_check_content test/unit/t_complaints test/unit/t_message test/unit/t_scan \
	test/unit/t_session_content
check_PROGRAMS += $(content_tests)
TESTS += $(content_tests)
SCAN_PEER = test/unit/scan_peer.c test/unit/scan_peer.h
test_unit_t_check_content_SOURCES = test/unit/t_check_content.c $(CHECK_LAB) $(SCAN_PEER)
test_unit_t_check_content_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_complaints_SOURCES = test/unit/t_complaints.c
test_unit_t_complaints_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_message_SOURCES = test/unit/t_message.c
test_unit_t_message_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_scan_SOURCES = test/unit/t_scan.c $(SCAN_PEER)
test_unit_t_scan_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_session_content_SOURCES = test/unit/t_session_content.c test/unit/lmtp_sink.c \
	test/unit/lmtp_sink.h test/unit/rulesdb.c test/unit/rulesdb.h $(SCAN_PEER)
test_unit_t_session_content_LDADD = $(MILTER_UNIT_LIBS)
endif
