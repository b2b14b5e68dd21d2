# packaging
EXTRA_DIST += packaging/prepare.sh packaging/run packaging/test packaging/demo.py .ci/run
# For the primary.
EXTRA_DIST += packaging/postfix/mx-backup.cf packaging/postfix/primary-xclient.cf packaging/rspamd/external_relay.conf
# For the MTA.
EXTRA_DIST += packaging/sendmail/holdfast.m4
