# Unit tests: one program a module, TAP by cmocka.
UNIT_LIBS = $(CMOCKA_LIBS) $(COMMON_LIBS)

include test/unit/core.mk
include test/unit/dns.mk
include test/unit/rules.mk
include test/unit/store.mk
include test/unit/lmtp.mk
include test/unit/deliver.mk
include test/unit/health.mk
include test/unit/smtp.mk
include test/unit/milter.mk
include test/unit/state.mk
include test/unit/content.mk
include test/unit/spf.mk
include test/unit/plugin.mk
include test/unit/screen_dns.mk
include test/unit/tls.mk
include test/unit/report.mk
include test/unit/turn.mk
include test/unit/setup.mk
