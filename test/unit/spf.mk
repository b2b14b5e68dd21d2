# spf
if HAVE_CMOCKA
spf_tests = test/unit/t_authres test/unit/t_check_spf test/unit/t_session_spf test/unit/t_spf \
	test/unit/t_spf_dns test/unit/t_spf_proto test/unit/t_spf_record
check_PROGRAMS += $(spf_tests)
TESTS += $(spf_tests)
SPF_UNIT_LIBS = $(CMOCKA_LIBS) $(CHECKS_LIBS)
test_unit_t_authres_SOURCES = test/unit/t_authres.c test/unit/core.h
test_unit_t_authres_LDADD = $(SPF_UNIT_LIBS)
test_unit_t_check_spf_SOURCES = test/unit/t_check_spf.c test/unit/spf_fake.c test/unit/spf_fake.h $(CHECK_LAB)
test_unit_t_check_spf_LDADD = $(SPF_UNIT_LIBS)
test_unit_t_session_spf_SOURCES = test/unit/t_session_spf.c test/unit/spf_fake.c test/unit/spf_fake.h \
	test/unit/lmtp_sink.c test/unit/lmtp_sink.h test/unit/rulesdb.c test/unit/rulesdb.h test/unit/core.h
test_unit_t_session_spf_LDADD = $(SPF_UNIT_LIBS)
test_unit_t_spf_SOURCES = test/unit/t_spf.c test/unit/spf_fake.c test/unit/spf_fake.h test/unit/core.h
test_unit_t_spf_LDADD = $(SPF_UNIT_LIBS)
test_unit_t_spf_dns_SOURCES = test/unit/t_spf_dns.c test/unit/spf_zone.c test/unit/spf_zone.h test/unit/core.h
test_unit_t_spf_dns_LDADD = $(SPF_UNIT_LIBS)
test_unit_t_spf_proto_SOURCES = test/unit/t_spf_proto.c test/unit/core.h
test_unit_t_spf_proto_LDADD = $(SPF_UNIT_LIBS)
test_unit_t_spf_record_SOURCES = test/unit/t_spf_record.c test/unit/core.h
test_unit_t_spf_record_LDADD = $(SPF_UNIT_LIBS)
endif
