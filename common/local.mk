# What both halves and the command use.
noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = common/clock.c common/clock.h

# text, addresses, the wire, configuration, daemons

# rules, schedules, control protocol (client end)

COMMON_LIBS = libcommon.a $(SQLITE_LIBS) $(JANSSON_LIBS)
