# test/fuzz: what strangers' bytes reach first.
#
# `make check' runs each target over its seeds (replay_NAME, TAP). To search for more:
#
#	./configure CC=clang --enable-fuzzers --enable-sanitizers=fuzzer-no-link,address,undefined
#	make
#	mkdir -p found && test/fuzz/fuzz_undot -max_total_time=60 found test/fuzz/corpus/undot
#
# A crash is written to a file; `test/fuzz/replay_undot FILE' shows it without libFuzzer. Put the
# file, made as small as possible, into the corpus together with the repair.
fuzz_replays = test/fuzz/replay_addr test/fuzz/replay_command test/fuzz/replay_conf \
	test/fuzz/replay_dnsbl test/fuzz/replay_dsn test/fuzz/replay_helo test/fuzz/replay_import \
	test/fuzz/replay_lmtp test/fuzz/replay_reply test/fuzz/replay_rules_file test/fuzz/replay_scan \
	test/fuzz/replay_smtp_client test/fuzz/replay_spf test/fuzz/replay_spf_proto test/fuzz/replay_undot
check_PROGRAMS += $(fuzz_replays)
TESTS += $(fuzz_replays)
EXTRA_DIST += test/fuzz/corpus

replay_source = test/fuzz/replay.c test/fuzz/fuzz.h
test_fuzz_replay_addr_SOURCES = test/fuzz/fuzz_addr.c $(replay_source)
test_fuzz_replay_addr_LDADD = $(COMMON_LIBS)
test_fuzz_replay_command_SOURCES = test/fuzz/fuzz_command.c $(replay_source)
test_fuzz_replay_command_LDADD = $(COMMON_LIBS)
test_fuzz_replay_conf_SOURCES = test/fuzz/fuzz_conf.c $(replay_source)
test_fuzz_replay_conf_LDADD = $(COMMON_LIBS)
test_fuzz_replay_dnsbl_SOURCES = test/fuzz/fuzz_dnsbl.c $(replay_source)
test_fuzz_replay_dnsbl_LDADD = libchecks.a $(COMMON_LIBS)
test_fuzz_replay_dsn_SOURCES = test/fuzz/fuzz_dsn.c $(replay_source)
test_fuzz_replay_dsn_LDADD = $(QUEUE_LIBS)
test_fuzz_replay_helo_SOURCES = test/fuzz/fuzz_helo.c $(replay_source)
test_fuzz_replay_helo_LDADD = libchecks.a $(COMMON_LIBS)
test_fuzz_replay_import_SOURCES = test/fuzz/fuzz_import.c $(replay_source)
test_fuzz_replay_import_LDADD = $(COMMON_LIBS)
test_fuzz_replay_lmtp_SOURCES = test/fuzz/fuzz_lmtp.c test/unit/lmtp_dialogue.c \
	test/unit/lmtp_dialogue.h $(replay_source)
test_fuzz_replay_lmtp_LDADD = $(QUEUE_LIBS)
test_fuzz_replay_reply_SOURCES = test/fuzz/fuzz_reply.c $(replay_source)
test_fuzz_replay_reply_LDADD = $(COMMON_LIBS)
test_fuzz_replay_rules_file_SOURCES = test/fuzz/fuzz_rules_file.c $(replay_source)
test_fuzz_replay_rules_file_LDADD = $(COMMON_LIBS)
test_fuzz_replay_scan_SOURCES = test/fuzz/fuzz_scan.c $(replay_source)
test_fuzz_replay_scan_LDADD = $(CHECKS_LIBS)
test_fuzz_replay_smtp_client_SOURCES = test/fuzz/fuzz_smtp_client.c $(replay_source)
test_fuzz_replay_smtp_client_LDADD = $(QUEUE_LIBS)
test_fuzz_replay_spf_SOURCES = test/fuzz/fuzz_spf.c $(replay_source)
test_fuzz_replay_spf_LDADD = $(CHECKS_LIBS)
test_fuzz_replay_spf_proto_SOURCES = test/fuzz/fuzz_spf_proto.c $(replay_source)
test_fuzz_replay_spf_proto_LDADD = $(CHECKS_LIBS)
test_fuzz_replay_undot_SOURCES = test/fuzz/fuzz_undot.c $(replay_source)
test_fuzz_replay_undot_LDADD = $(COMMON_LIBS)

if FUZZERS
noinst_PROGRAMS += test/fuzz/fuzz_addr test/fuzz/fuzz_command test/fuzz/fuzz_conf test/fuzz/fuzz_dsn \
	test/fuzz/fuzz_import test/fuzz/fuzz_lmtp test/fuzz/fuzz_reply \
	test/fuzz/fuzz_rules_file test/fuzz/fuzz_scan test/fuzz/fuzz_smtp_client \
	test/fuzz/fuzz_spf test/fuzz/fuzz_spf_proto test/fuzz/fuzz_undot
noinst_PROGRAMS += test/fuzz/fuzz_addr test/fuzz/fuzz_command test/fuzz/fuzz_conf test/fuzz/fuzz_dnsbl \
	test/fuzz/fuzz_dsn test/fuzz/fuzz_helo test/fuzz/fuzz_import test/fuzz/fuzz_lmtp test/fuzz/fuzz_reply test/fuzz/fuzz_smtp_client \
	test/fuzz/fuzz_undot
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
test_fuzz_fuzz_addr_SOURCES = test/fuzz/fuzz_addr.c test/fuzz/fuzz.h
test_fuzz_fuzz_addr_LDADD = $(COMMON_LIBS)
test_fuzz_fuzz_addr_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_command_SOURCES = test/fuzz/fuzz_command.c test/fuzz/fuzz.h
test_fuzz_fuzz_command_LDADD = $(COMMON_LIBS)
test_fuzz_fuzz_command_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_conf_SOURCES = test/fuzz/fuzz_conf.c test/fuzz/fuzz.h
test_fuzz_fuzz_conf_LDADD = $(COMMON_LIBS)
test_fuzz_fuzz_conf_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_dnsbl_SOURCES = test/fuzz/fuzz_dnsbl.c test/fuzz/fuzz.h
test_fuzz_fuzz_dnsbl_LDADD = libchecks.a $(COMMON_LIBS)
test_fuzz_fuzz_dnsbl_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_dsn_SOURCES = test/fuzz/fuzz_dsn.c test/fuzz/fuzz.h
test_fuzz_fuzz_dsn_LDADD = $(QUEUE_LIBS)
test_fuzz_fuzz_dsn_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_helo_SOURCES = test/fuzz/fuzz_helo.c test/fuzz/fuzz.h
test_fuzz_fuzz_helo_LDADD = libchecks.a $(COMMON_LIBS)
test_fuzz_fuzz_helo_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_import_SOURCES = test/fuzz/fuzz_import.c test/fuzz/fuzz.h
test_fuzz_fuzz_import_LDADD = $(COMMON_LIBS)
test_fuzz_fuzz_import_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_lmtp_SOURCES = test/fuzz/fuzz_lmtp.c test/fuzz/fuzz.h \
	test/unit/lmtp_dialogue.c test/unit/lmtp_dialogue.h
test_fuzz_fuzz_lmtp_LDADD = $(QUEUE_LIBS)
test_fuzz_fuzz_lmtp_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_reply_SOURCES = test/fuzz/fuzz_reply.c test/fuzz/fuzz.h
test_fuzz_fuzz_reply_LDADD = $(COMMON_LIBS)
test_fuzz_fuzz_reply_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_rules_file_SOURCES = test/fuzz/fuzz_rules_file.c test/fuzz/fuzz.h
test_fuzz_fuzz_rules_file_LDADD = $(COMMON_LIBS)
test_fuzz_fuzz_rules_file_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_scan_SOURCES = test/fuzz/fuzz_scan.c test/fuzz/fuzz.h
test_fuzz_fuzz_scan_LDADD = $(CHECKS_LIBS)
test_fuzz_fuzz_scan_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_smtp_client_SOURCES = test/fuzz/fuzz_smtp_client.c test/fuzz/fuzz.h
test_fuzz_fuzz_smtp_client_LDADD = $(QUEUE_LIBS)
test_fuzz_fuzz_smtp_client_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_spf_SOURCES = test/fuzz/fuzz_spf.c test/fuzz/fuzz.h
test_fuzz_fuzz_spf_LDADD = $(CHECKS_LIBS)
test_fuzz_fuzz_spf_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_spf_proto_SOURCES = test/fuzz/fuzz_spf_proto.c test/fuzz/fuzz.h
test_fuzz_fuzz_spf_proto_LDADD = $(CHECKS_LIBS)
test_fuzz_fuzz_spf_proto_LDFLAGS = $(fuzz_ldflags)
test_fuzz_fuzz_undot_SOURCES = test/fuzz/fuzz_undot.c test/fuzz/fuzz.h
test_fuzz_fuzz_undot_LDADD = $(COMMON_LIBS)
test_fuzz_fuzz_undot_LDFLAGS = $(fuzz_ldflags)
endif

include test/fuzz/explain.mk
