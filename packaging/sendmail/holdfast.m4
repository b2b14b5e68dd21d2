dnl SPDX-License-Identifier: BSD-2-Clause
dnl holdfast.m4 -- Sendmail in front of Holdfast. In sendmail.mc, behind the last MAILER():
dnl
dnl	include(`/etc/mail/holdfast.m4')dnl
dnl
dnl (`holdfast setup' writes both.) Before it, if they are elsewhere:
dnl define(`HOLDFAST_MILTER', `unix:/run/holdfast-mta/milter/milter.sock'),
dnl define(`HOLDFAST_QUEUED', `/run/holdfast-mta/queued/queued.sock') and
dnl define(`HOLDFAST_DOMAINS', `/etc/mail/holdfast-domains'), a file with the domains, one a line.
dnl
dnl F=T is essential: without it Sendmail accepts mail unscreened while the milter is away.
dnl The mailer is the way around the milter: it brings what Sendmail has kept. Of its flags, z is
dnl LMTP, k lets it greet a server of our own name, and D, F and M are missing, for Sendmail must
dnl not add headers.
divert(-1)
ifdef(`HOLDFAST_MILTER',, `define(`HOLDFAST_MILTER', `unix:/run/holdfast-mta/milter/milter.sock')')
ifdef(`HOLDFAST_QUEUED',, `define(`HOLDFAST_QUEUED', `/run/holdfast-mta/queued/queued.sock')')
ifdef(`HOLDFAST_DOMAINS',, `define(`HOLDFAST_DOMAINS', `/etc/mail/holdfast-domains')')
divert(0)dnl
RELAY_DOMAIN_FILE(HOLDFAST_DOMAINS)dnl
INPUT_MAIL_FILTER(`holdfast', `S=HOLDFAST_MILTER, F=T, T=C:30s;S:30s;R:30s;E:5m')dnl
LOCAL_CONFIG
F{HoldfastDomains}HOLDFAST_DOMAINS

LOCAL_RULE_0
R$* <@ $={HoldfastDomains} . > $*	$#holdfast $@ localhost $: $1 <@ $2 . > $3
R$* <@ $={HoldfastDomains} > $*		$#holdfast $@ localhost $: $1 <@ $2 > $3

MAILER_DEFINITIONS
Mholdfast,	P=[IPC], F=muXzk8, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP/HdrFromSMTP, E=\r\n,
		L=0, T=DNS/RFC822/SMTP, A=FILE HOLDFAST_QUEUED
divert(0)dnl
