/*
 * uid.c -- lets an ordinary user run a private Postfix.
 *
 * Postfix's master wants to start as root and each of its daemons wants to become
 * `mail_owner'. Preloaded into them, this pretends that both happened; mail_owner is
 * then the user himself, so that every file has the owner that Postfix expects. No
 * privilege is gained: the kernel still knows who we are.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/types.h>

#include <grp.h>
#include <unistd.h>

static uid_t real, effective;

uid_t
getuid(void)
{
	return real;
}

uid_t
geteuid(void)
{
	return effective;
}

int
setuid(uid_t uid)
{
	real = effective = uid;
	return 0;
}

int
seteuid(uid_t uid)
{
	effective = uid;
	return 0;
}

int
setgid(gid_t gid)
{
	(void)gid;
	return 0;
}

int
setegid(gid_t gid)
{
	(void)gid;
	return 0;
}

int
setgroups(size_t n, const gid_t *groups)
{
	(void)n;
	(void)groups;
	return 0;
}

int
initgroups(const char *user, gid_t gid)
{
	(void)user;
	(void)gid;
	return 0;
}

int
chown(const char *path, uid_t uid, gid_t gid)
{
	(void)path;
	(void)uid;
	(void)gid;
	return 0;
}

int
fchown(int fd, uid_t uid, gid_t gid)
{
	(void)fd;
	(void)uid;
	(void)gid;
	return 0;
}
