# a message file, for `holdfast explain'
check_PROGRAMS += test/fuzz/replay_explain
TESTS += test/fuzz/replay_explain
test_fuzz_replay_explain_SOURCES = test/fuzz/fuzz_explain.c $(replay_source)
test_fuzz_replay_explain_LDADD = $(CHECKS_LIBS)
if FUZZERS
noinst_PROGRAMS += test/fuzz/fuzz_explain
test_fuzz_fuzz_explain_SOURCES = test/fuzz/fuzz_explain.c test/fuzz/fuzz.h
test_fuzz_fuzz_explain_LDADD = $(CHECKS_LIBS)
test_fuzz_fuzz_explain_LDFLAGS = $(fuzz_ldflags)
endif
