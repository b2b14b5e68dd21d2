# packaging
EXTRA_DIST += packaging/prepare.sh packaging/run packaging/test packaging/demo.py .ci/run
# For the primary.
EXTRA_DIST += packaging/postfix/mx-backup.cf packaging/postfix/primary-xclient.cf packaging/rspamd/external_relay.conf
# For the MTA.
EXTRA_DIST += packaging/sendmail/holdfast.m4
# For checks that live outside of this tree: what they need to be built, and two to learn from.
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = packaging/holdfast.pc
EXTRA_DIST += packaging/example-check/Makefile packaging/example-check/body_word.c \
	packaging/example-check/helo_suffix.c

# Packages, made by build-deb and build-rpm.
EXTRA_DIST += packaging/build-deb packaging/build-rpm packaging/test-deb packaging/test-rpm packaging/debian packaging/rpm packaging/selinux
EXTRA_DIST += doc/should-you-run-a-backup-mx.md

# For the primary: a script, so that it runs wherever mail does.
EXTRA_DIST += packaging/export/holdfast-export
dist_man_MANS += packaging/man/holdfast-export.1
nodist_bin_SCRIPTS = holdfast-export
CLEANFILES += holdfast-export
holdfast-export: packaging/export/holdfast-export Makefile
	$(AM_V_GEN)$(IN_TO_OUT) $(srcdir)/packaging/export/holdfast-export >$@.tmp && \
	    chmod 755 $@.tmp && mv $@.tmp $@

# --- the service manager -----------------------------------------------------
IN_TO_OUT = $(SED) -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@bindir[@]|$(bindir)|g' \
	-e 's|@sysconfdir[@]|$(sysconfdir)|g' -e 's|@localstatedir[@]|$(localstatedir)|g' \
	-e 's|@runstatedir[@]|$(runstatedir)|g' -e 's|@includedir[@]|$(includedir)|g' \
	-e 's|@prefix[@]|$(prefix)|g' -e 's|@VERSION[@]|$(VERSION)|g'
units = packaging/systemd/holdfast-queued.service packaging/systemd/holdfast-milter.service
made = $(units) packaging/sysusers.d/holdfast.conf packaging/tmpfiles.d/holdfast.conf
EXTRA_DIST += packaging/systemd/holdfast-queued.service.in packaging/systemd/holdfast-milter.service.in \
	packaging/sysusers.d/holdfast.conf.in packaging/tmpfiles.d/holdfast.conf.in
noinst_DATA = $(made)
CLEANFILES += $(made)
MAKE_IT = $(AM_V_GEN)$(MKDIR_P) $(@D) && $(IN_TO_OUT) $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@
packaging/systemd/holdfast-queued.service: packaging/systemd/holdfast-queued.service.in Makefile
	$(MAKE_IT)
packaging/systemd/holdfast-milter.service: packaging/systemd/holdfast-milter.service.in Makefile
	$(MAKE_IT)
packaging/sysusers.d/holdfast.conf: packaging/sysusers.d/holdfast.conf.in Makefile
	$(MAKE_IT)
packaging/tmpfiles.d/holdfast.conf: packaging/tmpfiles.d/holdfast.conf.in Makefile
	$(MAKE_IT)
if HAVE_systemdsystemunitdir
nodist_systemdsystemunit_DATA = $(units)
endif
if HAVE_sysusersdir
nodist_sysusers_DATA = packaging/sysusers.d/holdfast.conf
endif
if HAVE_tmpfilesdir
nodist_tmpfiles_DATA = packaging/tmpfiles.d/holdfast.conf
endif
dist_check_SCRIPTS += test/unit/units.test
TESTS += test/unit/units.test

# --- completion --------------------------------------------------------------
# By the command itself, so not when it is built for another machine.
if CAN_RUN
completions = packaging/completion/holdfast packaging/completion/_holdfast packaging/completion/holdfast.fish
noinst_DATA += $(completions)
CLEANFILES += $(completions)
packaging/completion/holdfast: holdfast$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./holdfast completion bash >$@.tmp && mv $@.tmp $@
packaging/completion/_holdfast: holdfast$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./holdfast completion zsh >$@.tmp && mv $@.tmp $@
packaging/completion/holdfast.fish: holdfast$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./holdfast completion fish >$@.tmp && mv $@.tmp $@
if HAVE_bashcompletiondir
nodist_bashcompletion_DATA = packaging/completion/holdfast
endif
if HAVE_zshcompletiondir
nodist_zshcompletion_DATA = packaging/completion/_holdfast
endif
if HAVE_fishcompletiondir
nodist_fishcompletion_DATA = packaging/completion/holdfast.fish
endif
endif
dist_check_SCRIPTS += test/unit/completion.test test/unit/packages.test
TESTS += test/unit/completion.test test/unit/packages.test
