# milter
noinst_LIBRARIES += libchecks.a
libchecks_a_SOURCES = milter/argv.c milter/argv.h milter/callbacks.c milter/callbacks.h \
	milter/check_dnsbl.c milter/check_helo.c milter/check_recipient.c milter/check_sender.c \
	milter/check_sender_domain.c milter/check_size.c milter/check_spoof.c milter/checks.c milter/checks.h \
	milter/counters.c milter/counters.h milter/host.c milter/host.h milter/message.c milter/message.h \
	milter/derived.c milter/derived.h milter/dnsbl.c milter/dnsbl.h milter/dnsbl_ask.c milter/dnsbl_ask.h \
	milter/engine.c milter/engine.h milter/handover.c milter/handover.h \
	milter/helo.c milter/helo.h milter/mail_domain.c milter/mail_domain.h milter/quote.c milter/quote.h \
	milter/lmtp_client.c milter/lmtp_client.h milter/pool.c milter/pool.h milter/service.c milter/service.h \
	milter/session.c milter/session.h milter/session_answer.c milter/session_message.c \
	milter/session_screen.c milter/session_private.h milter/trace.c milter/trace.h

# For checks that live outside of this tree.
pkginclude_HEADERS = milter/holdfast/check.h

sbin_PROGRAMS += holdfast-milter
holdfast_milter_SOURCES = milter/main.c
holdfast_milter_LDADD = libchecks.a $(COMMON_LIBS) $(MILTER_LIBS)
dist_man_MANS += packaging/man/holdfast-milter.8
