# test/spf: the published test suite of RFC 7208 and what it is run with (test/it/spf_suite.py).
EXTRA_DIST += test/spf/deviations
noinst_PROGRAMS += test/spf/spf_query
test_spf_spf_query_SOURCES = test/spf/spf_query.c
test_spf_spf_query_LDADD = $(CHECKS_LIBS)
