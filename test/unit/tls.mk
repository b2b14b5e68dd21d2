# TLS and connections
if HAVE_CMOCKA
tls_tests = test/unit/t_dane test/unit/t_smtp_io test/unit/t_tls
check_PROGRAMS += $(tls_tests)
TESTS += $(tls_tests)
test_unit_t_dane_SOURCES = test/unit/t_dane.c
test_unit_t_dane_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_smtp_io_SOURCES = test/unit/t_smtp_io.c test/unit/tls_lab.c test/unit/tls_lab.h
test_unit_t_smtp_io_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_tls_SOURCES = test/unit/t_tls.c test/unit/tls_lab.c test/unit/tls_lab.h
test_unit_t_tls_LDADD = $(CMOCKA_LIBS) $(QUEUE_LIBS)
endif
