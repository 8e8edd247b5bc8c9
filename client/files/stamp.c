#include "client/files/stamp.h"

#include <poll.h>

#define NANOSECONDS ((int64_t)1000000000)
/* Of a file system that counts whole seconds, or two of them: nothing tells which. */
#define GRAIN_WHOLE_NS (2 * NANOSECONDS)
/* Of the clock, should it not say. */
#define GRAIN_CLOCK_NS 4000000
#define GRAINS 2
#define MILLISECOND_NS 1000000

static int64_t nanoseconds_of(const struct timespec *time)
{
	return (int64_t)((uint64_t)time->tv_sec * (uint64_t)NANOSECONDS +
			 (uint64_t)time->tv_nsec);
}

int64_t stamp_now_ns(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return nanoseconds_of(&now);
}

struct stamp stamp_of(const struct stat *status)
{
	return (struct stamp){
		.inode = status->st_ino,
		.modified = {.seconds = status->st_mtim.tv_sec,
			     .nanoseconds = (uint32_t)status->st_mtim.tv_nsec},
		.changed_ns = nanoseconds_of(&status->st_ctim),
	};
}

bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->inode == b->inode && a->modified.seconds == b->modified.seconds &&
	       a->modified.nanoseconds == b->modified.nanoseconds &&
	       a->changed_ns == b->changed_ns;
}

static int64_t grains_ns(const struct stamp *stamp)
{
	struct timespec grain = {.tv_nsec = GRAIN_CLOCK_NS};
	if (stamp->changed_ns % NANOSECONDS == 0)
		return GRAINS * GRAIN_WHOLE_NS;
	(void)clock_getres(CLOCK_REALTIME_COARSE, &grain);
	return GRAINS * (int64_t)grain.tv_nsec;
}

static int64_t left_ns(const struct stamp *stamp)
{
	uint64_t age = (uint64_t)stamp_now_ns(CLOCK_REALTIME_COARSE) -
		       (uint64_t)stamp->changed_ns;
	return grains_ns(stamp) - (int64_t)age;
}

bool stamp_is_settled(const struct stamp *stamp)
{
	return left_ns(stamp) <= 0;
}

bool stamp_settle(const struct stamp *stamp, int wake_fd, int most_ms)
{
	struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
	int64_t left;
	while ((left = left_ns(stamp)) > 0) {
		int64_t wait_ms = left / MILLISECOND_NS + 1;
		if (wait_ms > most_ms || poll(&wake, 1, (int)wait_ms) != 0)
			return false;
		most_ms -= (int)wait_ms;
	}
	return true;
}
