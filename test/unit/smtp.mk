# smtp: the machine that speaks to primaries
if HAVE_CMOCKA
smtp_tests = test/unit/t_smtp_client test/unit/t_smtp_xclient
check_PROGRAMS += $(smtp_tests)
TESTS += $(smtp_tests)
smtp_talk = test/unit/smtp_talk.c test/unit/smtp_talk.h
test_unit_t_smtp_client_SOURCES = test/unit/t_smtp_client.c $(smtp_talk)
test_unit_t_smtp_client_LDADD = libqueue.a $(UNIT_LIBS)
test_unit_t_smtp_xclient_SOURCES = test/unit/t_smtp_xclient.c $(smtp_talk)
test_unit_t_smtp_xclient_LDADD = libqueue.a $(UNIT_LIBS)
endif
