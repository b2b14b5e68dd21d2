/*
 * faketime.c -- clocks that a test moves, for a program with threads.
 *
 * Preloaded. HOLDFAST_CLOCK names a file with two 64-bit numbers: what is added to the
 * wall clock and to the monotonic ones, in seconds. Whoever writes there moves the time of the
 * program at once, and no reader sees half of it. (libfaketime reads its file
 * into static variables without a lock: with two threads the real time shines through
 * now and then, which to us is a clock that was set twice.)
 *
 * A wait for a condition ends by the real clock, so moving the time does not shorten it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;	/* [0] wall, [1] monotonic; NULL: none */

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv("HOLDFAST_CLOCK");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p = fd != -1 ? mmap(NULL, 2 * sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (p == MAP_FAILED)
		abort();
	(void)close(fd);
	offset = p;
}

int
clock_gettime(clockid_t which, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, which, ts);

	if (rc != 0 || offset == NULL)
		return rc;
	if (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)
		ts->tv_sec += offset[0];
	else if (which == CLOCK_MONOTONIC || which == CLOCK_MONOTONIC_COARSE ||
	    which == CLOCK_MONOTONIC_RAW || which == CLOCK_BOOTTIME)
		ts->tv_sec += offset[1];
	return 0;
}

time_t
time(time_t *out)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (out != NULL)
		*out = ts.tv_sec;
	return ts.tv_sec;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

/* All of the program's conditions go by the monotonic clock. */
int
pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m,
    const struct timespec *restrict until)
{
	struct timespec real = *until;

	real.tv_sec -= offset != NULL ? offset[1] : 0;
	return pthread_cond_clockwait(c, m, CLOCK_MONOTONIC, &real);
}
