/*
 * What stat says of one path, and when it proves something.
 *
 * A clock that stamps files moves in grains. Two grains after a file's change time, and
 * no sooner, every further write gives it another change time: from then on its bytes are
 * what the stamp stands for. Before that, a write may leave the stamp as it is.
 *
 * This kernel's own file systems take their times from CLOCK_REALTIME_COARSE, whose grain
 * is its resolution. A time without nanoseconds is taken for that of a file system which
 * counts in steps of two seconds, as the coarsest do.
 */
#ifndef BATON_CLIENT_FILES_STAMP_H
#define BATON_CLIENT_FILES_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "proto/manifest/manifest.h"

struct stamp {
	uint64_t inode;
	struct row_time modified;
	int64_t changed_ns; /* since 1970; wraps for times that no clock shows */
};

struct stamp stamp_of(const struct stat *status);
bool stamp_equal(const struct stamp *a, const struct stamp *b);

/* Whether a write at this moment would change the stamp. Then what is read from now on
 * is what the stamp stands for. */
bool stamp_is_settled(const struct stamp *stamp);
/* How long it may be worth to wait until a stamp is settled: some ticks of the clock,
 * which may jump. */
#define STAMP_SETTLE_MS_MAX 50
/* Waits until the stamp is settled, at most max_ms; if it would take longer, it does not
 * wait at all. Returns whether it is settled. The wait ends when wake_fd is readable;
 * -1: nothing wakes it. */
bool stamp_settle(const struct stamp *stamp, int wake_fd, int most_ms);

int64_t stamp_now_ns(clockid_t clock);

#endif
