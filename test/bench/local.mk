# test/bench, test/crash and the scenarios: run by packaging/test, shipped whole.
EXTRA_DIST += test/RESULTS.md test/run test/tsan test/bench/run test/crash/sweep test/lib test/it test/corpus

# The store alone; by hand, with a directory on the file system in question.
EXTRA_PROGRAMS += test/bench/bench_store
CLEANFILES += test/bench/bench_store
test_bench_bench_store_SOURCES = test/bench/bench_store.c
test_bench_bench_store_LDADD = $(QUEUE_LIBS)

# The milter's verdicts without an MTA; by hand, with a directory. test/tsan builds it with ThreadSanitizer.
EXTRA_PROGRAMS += test/bench/bench_screen
CLEANFILES += test/bench/bench_screen
test_bench_bench_screen_SOURCES = test/bench/bench_screen.c
test_bench_bench_screen_LDADD = $(CHECKS_LIBS)
