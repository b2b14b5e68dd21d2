# queued: everything but its main is a library, so that tests link what ships.
noinst_LIBRARIES += libqueue.a
libqueue_a_SOURCES =
QUEUE_LIBS = libqueue.a $(COMMON_LIBS) $(EVENT_LIBS) $(OPENSSL_LIBS)

# store
libqueue_a_SOURCES += queued/store.c queued/store.h queued/store_id.c queued/store_id.h \
	queued/store_job.c queued/store_note.c queued/store_operator.c queued/store_intake.c queued/store_intake.h \
	queued/store_request.c queued/store_request.h \
	queued/store_thread.c queued/store_thread.h queued/store_work.c queued/store_work.h \
	queued/store_work_read.c \
	queued/store_lease.c queued/store_lease.h queued/store_engine.h \
	queued/store_sql.c queued/store_sql.h queued/store_sqlite.c queued/store_sqlite.h \
	queued/store_sqlite_file.c queued/store_sqlite_open.c queued/store_sqlite_write.c \
	queued/store_sqlite_change.c queued/store_sqlite_read.c queued/store_sqlite_list.c \
	queued/store_sqlite_idle.c queued/store_sqlite_room.c \
	queued/store_sqlite_clock.c queued/store_sqlite_lease.c queued/store_sqlite_note.c \
	queued/store_sqlite_quarantine.c queued/store_sqlite_copy.c
nodist_libqueue_a_SOURCES = queued/schema.inc
store_schema = queued/schema.sql queued/schema_2.sql
EXTRA_DIST += $(store_schema)
BUILT_SOURCES += queued/schema.inc
CLEANFILES += queued/schema.inc
queued/store_sqlite_open.$(OBJEXT): queued/schema.inc
queued/schema.inc: $(srcdir)/queued/schema.sql $(srcdir)/queued/schema_2.sql
	$(AM_V_GEN)$(MKDIR_P) queued && for f in $(store_schema); do \
	  $(SQL_TO_C) $(srcdir)/$$f && echo ,; done >$@.tmp && mv $@.tmp $@

# drills
libqueue_a_SOURCES += queued/drill.c queued/drill.h

# lmtp
libqueue_a_SOURCES += queued/header_scan.c queued/header_scan.h \
	queued/lmtp_command.c queued/lmtp_conn.c queued/lmtp_conn.h \
	queued/lmtp_message.c queued/lmtp_message.h queued/lmtp_reply.c queued/lmtp_reply.h \
	queued/lmtp_server.c queued/lmtp_server.h queued/lmtp_session.c queued/lmtp_session.h \
	queued/lmtp_state.h queued/lmtp_timing.c

# deliver
libqueue_a_SOURCES += queued/deliver.c queued/deliver.h queued/deliver_clock.c \
	queued/deliver_connect.c queued/deliver_guard.c queued/deliver_health.c \
	queued/deliver_lease.c queued/deliver_private.h \
	queued/deliver_host.c queued/deliver_route.c queued/deliver_session.c queued/deliver_settle.c \
	queued/deliver_suspect.c queued/deliver_tls.c queued/destination.c queued/destination.h \
	queued/mx_lookup.c queued/mx_lookup.h queued/outcome.c queued/outcome.h queued/resolve.c \
	queued/resolve.h queued/route_mx.c queued/route_mx.h queued/smtp_client.c \
	queued/smtp_client.h queued/smtp_machine.h queued/smtp_opening.c queued/smtp_state.c \
	queued/smtp_transaction.c queued/smtp_verdict.c queued/smtp_xclient.c

# what a destination may have, and what is remembered of it
libqueue_a_SOURCES += queued/deliver_caps.c queued/deliver_outage.c \
	queued/pace.c queued/pace.h

# connections
libqueue_a_SOURCES += queued/dane.c queued/dane.h queued/smtp_io.c queued/smtp_io.h queued/smtp_io_bytes.c \
	queued/smtp_io_private.h queued/tls.c queued/tls.h queued/tls_client.c queued/tls_dane.c \
	queued/tls_private.h queued/tls_server.c queued/tls_verify.c

# reports to senders and to the operator
libqueue_a_SOURCES += queued/bounce_rate.c queued/bounce_rate.h queued/deliver_aged.c queued/deliver_bounce.c \
	queued/deliver_quarantine.c queued/digest.c queued/digest.h queued/dsn.c queued/dsn.h queued/dsn_text.c queued/dsn_text.h

# turn
libqueue_a_SOURCES += queued/deliver_turn.c queued/turn_auth.c queued/turn_command.c \
	queued/turn_bytes.c queued/turn_conn.c queued/turn_conn.h queued/turn_conn_private.h \
	queued/turn_ops.c queued/turn_rate.c queued/turn_rate.h queued/turn_sasl.c queued/turn_sasl.h \
	queued/turn_server.c queued/turn_server.h queued/turn_session.c queued/turn_session.h \
	queued/turn_state.h queued/turn_users.c queued/turn_users.h

# the service manager
libqueue_a_SOURCES += queued/heartbeat.c queued/heartbeat.h

# the daemon
sbin_PROGRAMS += holdfast-queued
holdfast_queued_SOURCES = queued/main.c queued/control_server.c queued/control_server.h \
	queued/control_request.h queued/control_drill.c queued/control_primary.c queued/control_queue.c \
	queued/control_status.c
holdfast_queued_LDADD = $(QUEUE_LIBS)
dist_man_MANS += packaging/man/holdfast-queued.8
