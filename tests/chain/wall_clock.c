/* Preloaded, it moves the wall clock of one process by the seconds (a double) in the file EVSED_TEST_WALL_CLOCK names.
 * The monotonic clock and every sleep are left alone, which Debian's libfaketime 0.9.10 does not manage:
 * it makes clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME) fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static double offset_s(void)
{
	static volatile double *shared;

	if (!shared) {
		const char *path = getenv("EVSED_TEST_WALL_CLOCK");
		int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
		void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(double), PROT_READ, MAP_SHARED, fd, 0);

		if (fd >= 0)
			close(fd);
		if (map == MAP_FAILED)
			return 0.0;
		shared = map;
	}
	return *shared;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	int result;

	if (!real)
		real = dlsym(RTLD_NEXT, "clock_gettime");
	result = real(clock, now);
	if (result == 0 && clock == CLOCK_REALTIME)
		now->tv_sec += (time_t)offset_s();
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &exact);
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *told)
{
	struct timespec exact;

	clock_gettime(CLOCK_REALTIME, &exact);
	if (told)
		*told = exact.tv_sec;
	return exact.tv_sec;
}
