/*
 * doctor_sockets.c -- can the MTA use our sockets? Tried as the MTA: by its user, with
 * its groups alone, inside its chroot, speaking the protocol.
 *
 * "Permission denied" on the milter's socket is what users of milters meet most; as root
 * one never sees it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/doctor.h"
#include "common/cli/postfix.h"
#include "common/cli/setup_daemons.h"
#include "common/cli/talk.h"
#include "common/conf.h"

#define MILTER_VERSION	6
#define PACKET_MAX	4096

/* --- the milter protocol: option negotiation ------------------------------- */

/* 0, or -1 with *why: who listens there is no milter. */
static int
negotiate(struct talk *t, char **why)
{
	/* length, 'O', version, actions, protocol: all that an MTA may offer */
	static const unsigned char offer[17] = { 0, 0, 0, 13, 'O', 0, 0, 0, MILTER_VERSION,
		0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff };
	static const unsigned char quit[5] = { 0, 0, 0, 1, 'Q' };
	unsigned char head[5];
	uint32_t len;
	char rest[PACKET_MAX];

	if (talk_send(t, offer, sizeof(offer), why) == -1 ||
	    talk_read(t, head, sizeof(head), why) == -1)
		return -1;
	memcpy(&len, head, 4);
	len = ntohl(len);
	if (head[4] != 'O' || len < 13 || len > PACKET_MAX) {
		*why = xstrdup("it does not speak the milter protocol");
		return -1;
	}
	if (talk_read(t, rest, len - 1, why) == -1)
		return -1;
	free(*why);
	*why = NULL;
	(void)talk_send(t, quit, sizeof(quit), why);
	return 0;
}

static int
greet_lmtp(struct talk *t, char **why)
{
	struct wire_reply r = { .code = 0 };
	struct talk_offers o;
	int code = talk_reply(t, &r, why);

	if (code != -1 && code != 220)
		*why = xasprintf("it greets with %d %s", code, buf_str(&r.text));
	wire_reply_free(&r);
	return code == 220 ? talk_hello(t, "LHLO", "localhost", &o, why) : -1;
}

/* --- being the MTA ------------------------------------------------------- */

/* From here on this process is Postfix's. -1: said. */
static int
become_postfix(struct doctor *d, bool chrooted)
{
	const char *queue = postfix_expanded(d->postfix, "queue_directory");
	const struct passwd *pw = getpwnam(postfix_value(d->postfix, "mail_owner"));
	const char *why;
	char *fix;
	gid_t gid;

	if (geteuid() != 0) {
		doctor_say(d, DOCTOR_SKIP, NULL, "only root can try it as Postfix");
		return -1;
	}
	if (pw == NULL) {
		fix = xasprintf("getent passwd %s; postconf mail_owner; postfix check",
		    postfix_value(d->postfix, "mail_owner"));
		doctor_say(d, DOCTOR_FAIL, fix, "Postfix's user %s does not exist",
		    postfix_value(d->postfix, "mail_owner"));
		free(fix);
		return -1;
	}
	gid = pw->pw_gid;
	if (chdir(queue) == -1 || (chrooted && chroot(queue) == -1) || setgroups(1, &gid) == -1 ||
	    setresgid(gid, gid, gid) == -1 || setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1) {
		why = strerror(errno);
		fix = xasprintf("ls -ld %s; postfix check", queue);
		doctor_say(d, DOCTOR_FAIL, fix, "cannot become Postfix in %s: %s", queue, why);
		free(fix);
		return -1;
	}
	return 0;
}

/* The path as it is seen from there: "unix:x" is relative to the queue. */
static char *
seen_path(const struct doctor *d, const char *path, bool chrooted)
{
	const char *queue = postfix_expanded(d->postfix, "queue_directory");
	size_t len = strlen(queue);

	if (strncmp(path, queue, len) == 0 && path[len] == '/')
		return xstrdup(path + len + 1);
	return chrooted ? NULL : xstrdup(path);
}

static const char *
fix_for(const struct doctor *d, int err, const char *daemon)
{
	if (err == EACCES || err == EPERM)
		return d->mta == DOCTOR_POSTFIX ? "holdfast setup --yes"
						: "ls -ld /run/holdfast-mta/*";
	if (strcmp(daemon, "holdfast-milter") == 0)
		return setup_has_systemd() ? "systemctl restart " MILTER_UNIT : "holdfast-milter";
	return setup_has_systemd() ? "systemctl restart " QUEUED_UNIT : "holdfast-queued";
}

static void
try(struct doctor *d, const char *path, const char *shown, const char *who, const char *daemon,
    int (*speak)(struct talk *, char **))
{
	char *why = NULL;
	struct talk *t = talk_connect_unix(path, doctor_soon(d), &why);
	int err = errno;

	if (t == NULL)
		doctor_say(d, DOCTOR_FAIL, fix_for(d, err, daemon), "%s cannot connect to %s: %s",
		    who, shown, why);
	else if (speak(t, &why) == -1)
		doctor_say(d, DOCTOR_FAIL, fix_for(d, 0, daemon), "%s is connected to %s, but %s",
		    who, shown, why);
	else
		doctor_say(d, DOCTOR_OK, NULL, "%s can use %s", who, shown);
	talk_free(&t);
	free(why);
}

static void
try_as_postfix(struct doctor *d, const char *path, bool chrooted, const char *daemon,
    int (*speak)(struct talk *, char **))
{
	char *seen = seen_path(d, path, chrooted);

	if (seen == NULL)
		doctor_say(d, DOCTOR_FAIL, "holdfast setup --yes",
		    "Postfix is chrooted in %s and cannot see %s",
		    postfix_expanded(d->postfix, "queue_directory"), path);
	else if (become_postfix(d, chrooted) == 0)
		try(d, seen, path, chrooted ? "Postfix (its user, chrooted)" : "Postfix (its user)",
		    daemon, speak);
	free(seen);
}

/* Sendmail refuses a socket in a folder that others than its owner may write. */
static bool
is_safe_for_sendmail(struct doctor *d, const char *path)
{
	char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	struct stat st;
	bool safe = stat(dir, &st) == -1 || (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
	char *fix = xasprintf("chmod go-w %s", dir);

	if (!safe)
		doctor_say(d, DOCTOR_FAIL, fix,
		    "others may write in %s: Sendmail calls that unsafe and does not "
		    "start",
		    dir);
	free(fix);
	free(dir);
	return safe;
}

/* --- the checks ---------------------------------------------------------- */

static void
check_socket(struct doctor *d, const struct endpoint *e, const char *service, const char *daemon,
    int (*speak)(struct talk *, char **))
{
	bool chrooted = false;

	if (e->path == NULL) {
		doctor_say(d, DOCTOR_SKIP, NULL, "it is a TCP port: see check `daemons'");
		return;
	}
	if (d->mta == DOCTOR_SENDMAIL) {
		if (is_safe_for_sendmail(d, e->path))
			try(d, e->path, e->path, "Sendmail", daemon, speak);
		return;
	}
	if (strcmp(service, "smtpd") == 0)
		(void)postfix_listens(d->postfix, &chrooted);
	else
		chrooted = postfix_chrooted(d->postfix, service);
	try_as_postfix(d, e->path, chrooted, daemon, speak);
}

void
check_milter_socket(struct doctor *d)
{
	check_socket(d, &d->conf->milter_listen, "smtpd", "holdfast-milter", negotiate);
}

void
check_lmtp_socket(struct doctor *d)
{
	check_socket(d, &d->conf->lmtp_listen.v[0], "lmtp", "holdfast-queued", greet_lmtp);
}
