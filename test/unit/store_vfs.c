/*
 * store_vfs.c -- an operating system below SQLite that counts and fails.
 *
 * Its files have the methods of version 1 only: no shared memory, no mapping.
 * The store must do without them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "store_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

struct file {
	sqlite3_file	 base;
	enum vfs_file	 kind;
	sqlite3_file	*real;		/* behind this struct */
};

struct fault {
	int	pass, n, rc;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static unsigned syncs[2];
static struct fault fail_sync[2], fail_write[2];
static bool gate_closed, at_gate;
static int die_at, die_status;
static sqlite3_vfs *under;

static sqlite3_file *
real(sqlite3_file *f)
{
	return ((struct file *)f)->real;
}

/* With the mutex held. */
static void
live(void)
{
	if (die_at > 0 && --die_at == 0)
		_exit(die_status);
}

/* With the mutex held: the fault that strikes now, or SQLITE_OK. */
static int
strike(struct fault *f)
{
	if (f->n == 0 || (f->pass > 0 && f->pass-- > 0))
		return SQLITE_OK;
	if (f->n > 0)
		f->n--;
	return f->rc;
}

static int
file_sync(sqlite3_file *f, int flags)
{
	enum vfs_file kind = ((struct file *)f)->kind;
	int rc;

	pthread_mutex_lock(&mutex);
	live();
	syncs[kind]++;
	if (kind == VFS_WAL && gate_closed) {
		at_gate = true;
		pthread_cond_broadcast(&moved);
		while (gate_closed)
			pthread_cond_wait(&moved, &mutex);
		at_gate = false;
	}
	rc = strike(&fail_sync[kind]);
	pthread_mutex_unlock(&mutex);
	return rc != SQLITE_OK ? rc : real(f)->pMethods->xSync(real(f), flags);
}

static int
file_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
	int rc;

	pthread_mutex_lock(&mutex);
	live();
	rc = strike(&fail_write[((struct file *)f)->kind]);
	pthread_mutex_unlock(&mutex);
	return rc != SQLITE_OK ? rc : real(f)->pMethods->xWrite(real(f), data, n, at);
}

static int
file_close(sqlite3_file *f)
{
	return real(f)->pMethods->xClose(real(f));
}

static int
file_read(sqlite3_file *f, void *data, int n, sqlite3_int64 at)
{
	return real(f)->pMethods->xRead(real(f), data, n, at);
}

static int
file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	pthread_mutex_lock(&mutex);
	live();
	pthread_mutex_unlock(&mutex);
	return real(f)->pMethods->xTruncate(real(f), size);
}

static int
file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real(f)->pMethods->xFileSize(real(f), size);
}

static int
file_lock(sqlite3_file *f, int level)
{
	return real(f)->pMethods->xLock(real(f), level);
}

static int
file_unlock(sqlite3_file *f, int level)
{
	return real(f)->pMethods->xUnlock(real(f), level);
}

static int
file_reserved(sqlite3_file *f, int *yes)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), yes);
}

static int
file_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int
file_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int
file_device(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_device,
};

static int
vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct file *file = (struct file *)f;
	int rc;

	(void)vfs;
	file->real = (sqlite3_file *)(file + 1);
	file->kind = (flags & SQLITE_OPEN_WAL) != 0 ? VFS_WAL : VFS_DB;
	rc = under->xOpen(under, name, file->real, flags, out);
	f->pMethods = file->real->pMethods != NULL ? &methods : NULL;
	return rc;
}

void
vfs_install(void)
{
	static sqlite3_vfs vfs;

	if (under != NULL)
		return;
	under = sqlite3_vfs_find(NULL);
	vfs = *under;
	vfs.zName = "faulty";
	vfs.szOsFile = (int)sizeof(struct file) + under->szOsFile;
	vfs.xOpen = vfs_open;
	vfs.pNext = NULL;
	(void)sqlite3_vfs_register(&vfs, 1);
}

unsigned
vfs_syncs(enum vfs_file kind)
{
	unsigned n;

	pthread_mutex_lock(&mutex);
	n = syncs[kind];
	pthread_mutex_unlock(&mutex);
	return n;
}

static void
set(struct fault *f, int pass, int n, int rc)
{
	pthread_mutex_lock(&mutex);
	f->pass = pass;
	f->n = rc == SQLITE_OK ? 0 : n;
	f->rc = rc;
	pthread_mutex_unlock(&mutex);
}

void
vfs_fail_sync(enum vfs_file kind, int n, int rc)
{
	set(&fail_sync[kind], 0, n, rc);
}

void
vfs_fail_sync_after(enum vfs_file kind, int pass, int n, int rc)
{
	set(&fail_sync[kind], pass, n, rc);
}

void
vfs_fail_write(enum vfs_file kind, int n, int rc)
{
	set(&fail_write[kind], 0, n, rc);
}

void
vfs_die_at(int n, int status)
{
	pthread_mutex_lock(&mutex);
	die_at = n;
	die_status = status;
	pthread_mutex_unlock(&mutex);
}

void
vfs_gate_close(void)
{
	pthread_mutex_lock(&mutex);
	gate_closed = true;
	pthread_mutex_unlock(&mutex);
}

void
vfs_gate_wait(void)
{
	pthread_mutex_lock(&mutex);
	while (!at_gate)
		pthread_cond_wait(&moved, &mutex);
	pthread_mutex_unlock(&mutex);
}

void
vfs_gate_open(void)
{
	pthread_mutex_lock(&mutex);
	gate_closed = false;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&mutex);
}
