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
