/* What stat says, and when it proves something. */
#include <time.h>

#include "client/record/format.h"
#include "client/record/record.h"

#define NANOSECONDS 1000000000

/* Wraps for times that no clock shows. */
static int64_t nanoseconds_of(const struct timespec *time)
{
	return (int64_t)((uint64_t)time->tv_sec * NANOSECONDS + (uint64_t)time->tv_nsec);
}

int64_t record_now_ns(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return nanoseconds_of(&now);
}

struct record_stamp record_stamp_of(const struct stat *status)
{
	return (struct record_stamp){
		.inode = status->st_ino,
		.modified = {.seconds = status->st_mtim.tv_sec,
			     .nanoseconds = (uint32_t)status->st_mtim.tv_nsec},
		.changed_ns = nanoseconds_of(&status->st_ctim),
	};
}

bool record_stamp_equal(const struct record_stamp *a, const struct record_stamp *b)
{
	return a->inode == b->inode && a->modified.seconds == b->modified.seconds &&
	       a->modified.nanoseconds == b->modified.nanoseconds &&
	       a->changed_ns == b->changed_ns;
}

/* Two ticks of the clock that stamps files; two seconds and more where a file system
 * keeps whole ones. */
static int64_t grains_ns(const struct record_stamp *stamp)
{
	struct timespec grain = {.tv_nsec = 4000000};
	if (stamp->changed_ns % NANOSECONDS == 0)
		return 2 * (int64_t)NANOSECONDS;
	(void)clock_getres(CLOCK_REALTIME_COARSE, &grain);
	return 2 * (int64_t)grain.tv_nsec;
}

static int64_t age_ns(const struct record_stamp *stamp)
{
	return (int64_t)((uint64_t)record_now_ns(CLOCK_REALTIME_COARSE) -
			 (uint64_t)stamp->changed_ns);
}

bool record_is_settled(const struct record_stamp *stamp)
{
	return age_ns(stamp) > grains_ns(stamp);
}

int record_settle_ms(const struct record_stamp *stamp)
{
	int64_t left = grains_ns(stamp) - age_ns(stamp);
	if (left < 0) /* as record_is_settled() */
		return 0;
	return (int)((left < 2 * (int64_t)NANOSECONDS ? left : 2 * (int64_t)NANOSECONDS) /
			     1000000 +
		     1);
}

bool record_entry_holds(const struct record *record, const struct record_entry *entry,
			const struct stat *status)
{
	static const mode_t types[] = {0, S_IFREG, S_IFDIR, S_IFLNK};
	struct record_stamp now = record_stamp_of(status);
	return entry->trusted && (status->st_mode & S_IFMT) == types[entry->type] &&
	       (status->st_mode & 07777) == entry->mode &&
	       status->st_dev == record_device(record) &&
	       (entry->type != ROW_FILE || (uint64_t)status->st_size == entry->size) &&
	       record_stamp_equal(&now, &entry->stamp);
}
