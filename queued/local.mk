# queued: everything but its main is a library, so that tests link what ships.
noinst_LIBRARIES += libqueue.a
libqueue_a_SOURCES =
QUEUE_LIBS = libqueue.a $(COMMON_LIBS) $(EVENT_LIBS)

# store
libqueue_a_SOURCES += queued/store.h queued/store_id.c queued/store_id.h queued/store_job.c

# lmtp

# deliver
