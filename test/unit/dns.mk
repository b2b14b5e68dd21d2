# dns
if HAVE_CMOCKA
dns_tests = test/unit/t_derived test/unit/t_dns test/unit/t_dns_cache test/unit/t_route_mx
check_PROGRAMS += $(dns_tests)
TESTS += $(dns_tests)
test_unit_t_dns_SOURCES = test/unit/t_dns.c test/unit/dns_server.c test/unit/dns_server.h \
	test/unit/core.h
test_unit_t_dns_LDADD = $(UNIT_LIBS) $(EVENT_LIBS)
test_unit_t_route_mx_SOURCES = test/unit/t_route_mx.c test/unit/core.h
test_unit_t_route_mx_LDADD = libqueue.a $(UNIT_LIBS)
test_unit_t_dns_cache_SOURCES = test/unit/t_dns_cache.c
test_unit_t_dns_cache_LDADD = $(UNIT_LIBS)
test_unit_t_derived_SOURCES = test/unit/t_derived.c test/unit/dns_server.c \
	test/unit/dns_server.h test/unit/rulesdb.c test/unit/rulesdb.h
test_unit_t_derived_LDADD = $(CMOCKA_LIBS) $(CHECKS_LIBS)
endif
