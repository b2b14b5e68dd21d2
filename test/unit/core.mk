# core
if HAVE_CMOCKA
core_tests = test/unit/t_addr \
	test/unit/t_buf \
	test/unit/t_conf \
	test/unit/t_daemon \
	test/unit/t_endpoint \
	test/unit/t_envelope \
	test/unit/t_log \
	test/unit/t_wire_data \
	test/unit/t_wire_line \
	test/unit/t_wire_params \
	test/unit/t_wire_reply \
	test/unit/t_wire_xforward
check_PROGRAMS += $(core_tests)
TESTS += $(core_tests)
test_unit_t_addr_SOURCES = test/unit/t_addr.c test/unit/core.h
test_unit_t_addr_LDADD = $(UNIT_LIBS)
test_unit_t_buf_SOURCES = test/unit/t_buf.c test/unit/core.h
test_unit_t_buf_LDADD = $(UNIT_LIBS)
test_unit_t_conf_SOURCES = test/unit/t_conf.c test/unit/core.h
test_unit_t_conf_LDADD = $(UNIT_LIBS)
test_unit_t_daemon_SOURCES = test/unit/t_daemon.c test/unit/core.h
test_unit_t_daemon_LDADD = $(UNIT_LIBS)
test_unit_t_endpoint_SOURCES = test/unit/t_endpoint.c test/unit/core.h
test_unit_t_endpoint_LDADD = $(UNIT_LIBS)
test_unit_t_envelope_SOURCES = test/unit/t_envelope.c test/unit/core.h
test_unit_t_envelope_LDADD = $(UNIT_LIBS)
test_unit_t_log_SOURCES = test/unit/t_log.c test/unit/core.h
test_unit_t_log_LDADD = $(UNIT_LIBS)
test_unit_t_wire_data_SOURCES = test/unit/t_wire_data.c test/unit/core.h
test_unit_t_wire_data_LDADD = $(UNIT_LIBS)
test_unit_t_wire_line_SOURCES = test/unit/t_wire_line.c test/unit/core.h
test_unit_t_wire_line_LDADD = $(UNIT_LIBS)
test_unit_t_wire_params_SOURCES = test/unit/t_wire_params.c test/unit/core.h
test_unit_t_wire_params_LDADD = $(UNIT_LIBS)
test_unit_t_wire_reply_SOURCES = test/unit/t_wire_reply.c test/unit/core.h
test_unit_t_wire_reply_LDADD = $(UNIT_LIBS)
test_unit_t_wire_xforward_SOURCES = test/unit/t_wire_xforward.c test/unit/core.h
test_unit_t_wire_xforward_LDADD = $(UNIT_LIBS)
endif
