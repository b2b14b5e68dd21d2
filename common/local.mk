# What both halves and the command use.
noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = common/clock.c common/clock.h

# text, addresses, the wire, configuration, daemons
libcommon_a_SOURCES += common/buf.c common/buf.h common/endpoint.c common/endpoint.h \
	common/endpoint_listen.c common/envelope.c common/envelope.h common/log.c common/log.h \
	common/received.c common/utf8.c common/utf8.h
libcommon_a_SOURCES += common/addr.c common/addr.h common/conf.c common/conf.h common/conf_hostname.c \
	common/conf_keys.h common/conf_value.c common/daemon.c common/daemon.h common/daemon_notify.c
libcommon_a_SOURCES += common/wire.h

# rules, schedules, control protocol (client end)

COMMON_LIBS = libcommon.a $(SQLITE_LIBS) $(JANSSON_LIBS)
