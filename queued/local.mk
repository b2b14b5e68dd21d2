# queued: everything but its main is a library, so that tests link what ships.
noinst_LIBRARIES += libqueue.a
libqueue_a_SOURCES =
QUEUE_LIBS = libqueue.a $(COMMON_LIBS) $(EVENT_LIBS)

# store
libqueue_a_SOURCES += queued/store.h queued/store_id.c queued/store_id.h queued/store_job.c

# lmtp
libqueue_a_SOURCES += queued/header_scan.c queued/header_scan.h \
	queued/lmtp_command.c queued/lmtp_conn.c queued/lmtp_conn.h \
	queued/lmtp_message.c queued/lmtp_message.h queued/lmtp_reply.c queued/lmtp_reply.h \
	queued/lmtp_server.c queued/lmtp_server.h queued/lmtp_session.c queued/lmtp_session.h \
	queued/lmtp_state.h queued/lmtp_timing.c

# deliver
