# store
if HAVE_CMOCKA
store_tests = test/unit/t_store test/unit/t_store_apart test/unit/t_store_clock test/unit/t_store_fault test/unit/t_store_id \
	test/unit/t_store_large test/unit/t_store_migrate test/unit/t_store_note test/unit/t_store_operator \
	test/unit/t_store_refuse test/unit/t_store_settle
check_PROGRAMS += $(store_tests)
TESTS += $(store_tests)
store_lab = test/unit/store_lab.c test/unit/store_lab.h test/unit/store_vfs.c \
	test/unit/store_vfs.h
store_libs = $(CMOCKA_LIBS) $(QUEUE_LIBS)
test_unit_t_store_SOURCES = test/unit/t_store.c $(store_lab)
test_unit_t_store_LDADD = $(store_libs)
test_unit_t_store_apart_SOURCES = test/unit/t_store_apart.c $(store_lab)
test_unit_t_store_apart_LDADD = $(store_libs)
test_unit_t_store_clock_SOURCES = test/unit/t_store_clock.c $(store_lab)
test_unit_t_store_clock_LDADD = $(store_libs)
test_unit_t_store_fault_SOURCES = test/unit/t_store_fault.c $(store_lab)
test_unit_t_store_fault_LDADD = $(store_libs)
test_unit_t_store_id_SOURCES = test/unit/t_store_id.c
test_unit_t_store_id_LDADD = $(store_libs)
test_unit_t_store_large_SOURCES = test/unit/t_store_large.c $(store_lab)
test_unit_t_store_large_LDADD = $(store_libs)
test_unit_t_store_operator_SOURCES = test/unit/t_store_operator.c $(store_lab)
test_unit_t_store_operator_LDADD = $(store_libs)
test_unit_t_store_refuse_SOURCES = test/unit/t_store_refuse.c $(store_lab)
test_unit_t_store_refuse_LDADD = $(store_libs)
test_unit_t_store_migrate_SOURCES = test/unit/t_store_migrate.c $(store_lab)
test_unit_t_store_migrate_LDADD = $(store_libs)
test_unit_t_store_note_SOURCES = test/unit/t_store_note.c $(store_lab)
test_unit_t_store_note_LDADD = $(store_libs)
test_unit_t_store_settle_SOURCES = test/unit/t_store_settle.c $(store_lab)
test_unit_t_store_settle_LDADD = $(store_libs)
endif
