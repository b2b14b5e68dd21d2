# test/bench, test/crash and the scenarios: run by packaging/test, shipped whole.
EXTRA_DIST += test/run test/bench/run test/crash/sweep test/lib test/it test/corpus
