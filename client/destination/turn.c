#include "client/destination/turn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include "client/terminal/interrupts.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"

#define PAUSE_MS 10
/* Of less nobody needs to hear. */
#define SAID_AFTER_MS 1000u

/* Whether an attach that lives has something staged in DIR. */
static bool has_stage(int directory_fd)
{
	int own AUTO_FD = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream AUTO_DIR = own < 0 ? NULL : fdopendir(own);
	if (!stream)
		return false;
	(void)take_fd(&own);
	const struct dirent *found;
	while ((found = readdir(stream)) != NULL)
		if (stage_is_in_use(directory_fd, found->d_name))
			return true;
	return false;
}

static int pause_or_end(struct error *error)
{
	struct pollfd wake = {.fd = interrupts_fd(), .events = POLLIN};
	return poll(&wake, 1, PAUSE_MS) > 0
		       ? error_set(error, ERR_INTERRUPTED,
				   "interrupted while waiting for another attach")
		       : 0;
}

static int cannot_wait(const struct destination *dest, struct error *error)
{
	return error_set(
		error, ERR_LOCAL,
		"`%s`: something that is not seen to be an attach holds its lock "
		"(flock); let it go, or wait longer with --timeout",
		dest->places.shown);
}

/* 1: it is ours; 0: it is another's; -1: there is no such lock. */
static int try_take(int directory_fd)
{
	if (flock(directory_fd, LOCK_EX | LOCK_NB) == 0)
		return 1;
	return errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
}

int turn_take(struct destination *dest, int directory_fd, struct error *error)
{
	uint64_t since_ms = clock_now_ms(), seen_ms = since_ms;
	bool is_said = false;
	int taken, err = 0;
	while ((taken = try_take(directory_fd)) == 0 && !err) {
		uint64_t now_ms = clock_now_ms();
		if (has_stage(directory_fd))
			seen_ms = now_ms;
		if (now_ms - since_ms >= SAID_AFTER_MS && !is_said) {
			destination_note(dest, "`%s`: waiting for another attach into it",
					 dest->places.shown);
			is_said = true;
		}
		err = now_ms - seen_ms > dest->options.turn_wait_ms
			      ? cannot_wait(dest, error)
			      : pause_or_end(error);
	}
	if (taken < 0)
		dest->options.look_again = true;
	return err;
}
