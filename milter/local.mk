# milter
noinst_LIBRARIES += libchecks.a
libchecks_a_SOURCES = milter/argv.c milter/argv.h milter/authres.c milter/authres.h \
	milter/callbacks.c milter/callbacks.h milter/check_dnsbl.c milter/check_greylist.c \
	milter/check_header.c milter/check_helo.c milter/check_limits.c milter/check_limits.h \
	milter/check_lists.c milter/check_lists.h milter/check_recipient.c milter/check_sender.c \
	milter/check_sender_domain.c milter/check_size.c milter/check_spam.c milter/check_spf.c \
	milter/check_spf.h milter/check_spoof.c milter/check_virus.c milter/checks.c \
	milter/checks.h milter/complaints.c milter/complaints.h milter/counters.c \
	milter/counters.h milter/derived.c milter/derived.h milter/dial.c milter/dial.h milter/dnsbl.c milter/dnsbl.h \
	milter/dnsbl_ask.c milter/dnsbl_ask.h milter/engine.c milter/engine.h milter/explain.c \
	milter/explain.h milter/explain_client.c milter/explain_message.c milter/greylist.c milter/greylist.h milter/handover.c \
	milter/handover.h milter/helo.c milter/helo.h milter/host.c milter/host.h \
	milter/limits.c milter/limits.h milter/limits_rows.c milter/limits_rows.h \
	milter/lmtp_client.c milter/lmtp_client.h milter/mail_domain.c milter/mail_domain.h \
	milter/memory.c milter/memory.h \
	milter/message.c milter/message.h milter/plugin.c milter/plugin.h milter/plugin_try.c \
	milter/pool.c milter/pool.h milter/quote.c milter/quote.h milter/service.c \
	milter/service.h \
	milter/session.c milter/session.h milter/session_answer.c milter/session_message.c \
	milter/session_screen.c milter/session_private.h milter/state.c milter/state.h \
	milter/state_batch.c milter/state_batch.h milter/state_db.c milter/state_db.h milter/trace.c milter/trace.h
# content scanners
libchecks_a_SOURCES += milter/scan.c milter/scan.h milter/scan_check.c milter/scan_check.h \
	milter/scan_clamd.c milter/scan_io.c milter/scan_io.h milter/scan_rspamd.c milter/scan_spamd.c
# SPF: our side, the process that evaluates, the DNS for libspf2
libchecks_a_SOURCES += milter/spf.c milter/spf.h milter/spf_budget.c milter/spf_budget.h milter/spf_child.c \
	milter/spf_dns.c milter/spf_dns.h milter/spf_eval.c milter/spf_eval.h milter/spf_lib.h milter/spf_macro.c \
	milter/spf_macro.h milter/spf_private.h milter/spf_proto.c milter/spf_proto.h milter/spf_rdata.c \
	milter/spf_rdata.h milter/spf_record.c milter/spf_record.h
CHECKS_LIBS = libchecks.a $(COMMON_LIBS) $(CURL_LIBS) $(MILTER_LIBS) $(OPENSSL_LIBS) $(SPF_LIBS)

# For checks that live outside of this tree.
pkginclude_HEADERS = milter/holdfast/check.h

sbin_PROGRAMS += holdfast-milter
holdfast_milter_SOURCES = milter/main.c
holdfast_milter_LDADD = $(CHECKS_LIBS)
dist_man_MANS += packaging/man/holdfast-milter.8
