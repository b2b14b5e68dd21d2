# milter
noinst_LIBRARIES += libchecks.a
libchecks_a_SOURCES = milter/argv.c milter/argv.h milter/callbacks.c milter/callbacks.h \
	milter/check_greylist.c milter/check_limits.c milter/check_limits.h milter/check_lists.c \
	milter/check_lists.h milter/check_recipient.c milter/check_size.c milter/checks.c milter/checks.h \
	milter/counters.c milter/counters.h milter/host.c milter/host.h milter/message.c milter/message.h \
	milter/derived.c milter/derived.h \
	milter/engine.c milter/engine.h milter/greylist.c milter/greylist.h milter/handover.c \
	milter/handover.h milter/limits.c milter/limits.h milter/limits_rows.c milter/limits_rows.h \
	milter/memory.c milter/memory.h \
	milter/lmtp_client.c milter/lmtp_client.h milter/service.c milter/service.h \
	milter/session.c milter/session.h milter/session_answer.c milter/session_message.c \
	milter/session_screen.c milter/session_private.h milter/state.c milter/state.h \
	milter/state_batch.c milter/state_batch.h milter/state_db.c milter/state_db.h milter/trace.c milter/trace.h

# For checks that live outside of this tree.
pkginclude_HEADERS = milter/holdfast/check.h

sbin_PROGRAMS += holdfast-milter
holdfast_milter_SOURCES = milter/main.c
holdfast_milter_LDADD = libchecks.a $(COMMON_LIBS) $(MILTER_LIBS) $(OPENSSL_LIBS)
dist_man_MANS += packaging/man/holdfast-milter.8
