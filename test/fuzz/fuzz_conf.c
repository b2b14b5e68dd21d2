/*
 * fuzz_conf.c -- holdfast.conf: taken whole, or refused with the file's name and a reason.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "test/fuzz/fuzz.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/conf.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct conf *c;
	char path[64], *why;

	if (fd == -1)
		fd = memfd_create("holdfast.conf", MFD_CLOEXEC);
	CHECK(fd != -1 && fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0);
	CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	c = conf_load(path, &why);
	CHECK((c == NULL) == (why != NULL));
	if (c == NULL) {
		CHECK(strncmp(why, path, strlen(path)) == 0 && strchr(why, '\n') == NULL);
	} else {
		CHECK(c->hostname != NULL && c->queue_db[0] == '/' && c->lmtp_listen.n > 0);
		CHECK(c->lmtp_sessions > 0 && c->message_size_limit >= 1024);
	}
	free(why);
	conf_free(&c);
	return 0;
}
