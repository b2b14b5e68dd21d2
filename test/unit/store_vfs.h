/*
 * store_vfs.h -- an operating system below SQLite that counts and fails.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TEST_STORE_VFS_H
#define TEST_STORE_VFS_H

#include <stdbool.h>

/* Registers it as SQLite's default, on top of the real one. Once is enough. */
void	vfs_install(void);

enum vfs_file { VFS_DB, VFS_WAL };

unsigned vfs_syncs(enum vfs_file);		/* since the start */
/* The next n syncs or writes (-1: all) of such a file fail with this SQLite result; 0 stops it. */
void	vfs_fail_sync(enum vfs_file, int n, int rc);
void	vfs_fail_write(enum vfs_file, int n, int rc);
/* The same after so many have gone well. */
void	vfs_fail_sync_after(enum vfs_file, int pass, int n, int rc);
/* The process ends with this status at its n-th write, cut or sync from now on (before it). */
void	vfs_die_at(int n, int status);
/* The next sync of the log waits at the gate until it is opened again. */
void	vfs_gate_close(void);
void	vfs_gate_wait(void);			/* until somebody stands there */
void	vfs_gate_open(void);

#endif
