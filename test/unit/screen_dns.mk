# checks of HELO, sender and DNS lists
if HAVE_CMOCKA
screen_dns_tests = test/unit/t_dnsbl test/unit/t_helo test/unit/t_idn test/unit/t_pool \
	test/unit/t_sender
check_PROGRAMS += $(screen_dns_tests)
TESTS += $(screen_dns_tests)
DNS_LAB = test/unit/dns_lab.c test/unit/dns_lab.h test/unit/dns_server.c test/unit/dns_server.h \
	test/unit/core.h $(CHECK_LAB)
test_unit_t_dnsbl_SOURCES = test/unit/t_dnsbl.c $(DNS_LAB)
test_unit_t_dnsbl_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_helo_SOURCES = test/unit/t_helo.c test/unit/core.h $(CHECK_LAB)
test_unit_t_helo_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_idn_SOURCES = test/unit/t_idn.c test/unit/core.h
test_unit_t_idn_LDADD = $(UNIT_LIBS)
test_unit_t_pool_SOURCES = test/unit/t_pool.c test/unit/core.h
test_unit_t_pool_LDADD = $(MILTER_UNIT_LIBS)
test_unit_t_sender_SOURCES = test/unit/t_sender.c $(DNS_LAB)
test_unit_t_sender_LDADD = $(MILTER_UNIT_LIBS)
endif
