#include "client/connection/retry.h"

#include <poll.h>
#include <time.h>

#include "client/terminal/interrupts.h"
#include "proto/base/cleanup.h"
#include "proto/base/clock.h"
#include "proto/message/message.h"

#define RETRY_FIRST_MS 100u
#define RETRY_MAX_MS 5000u
#define RETRY_DOUBLINGS 6u
/* Tries of what keeps its progress, the first included: if the daemon dies each time,
 * more of them do not help. */
#define TRIES_MAX 10u

bool retry_may_help(int code)
{
	return code == ERR_LOST || code == ERR_BUSY || code == ERR_SHUTDOWN ||
	       code == ERR_UNREACHABLE || code == ERR_TIMEOUT;
}

/* Between half and all of pause_ms. */
static uint32_t spread(uint32_t pause_ms)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return pause_ms / 2 + (uint32_t)now.tv_nsec / 1000 % (pause_ms / 2 + 1);
}

uint32_t retry_pause_ms(struct link *link, unsigned try)
{
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_error refusal;
	if (link_last_error(link, &memory, &refusal) && refusal.retry_ms > 0)
		return refusal.retry_ms < RETRY_MAX_MS ? (uint32_t)refusal.retry_ms
						       : RETRY_MAX_MS;
	uint32_t pause_ms = RETRY_FIRST_MS
			    << (try < RETRY_DOUBLINGS ? try : RETRY_DOUBLINGS);
	return spread(pause_ms < RETRY_MAX_MS ? pause_ms : RETRY_MAX_MS);
}

int retry_wait(uint32_t pause_ms, struct error *error)
{
	uint64_t until = clock_now_ms() + pause_ms;
	struct pollfd wake = {.fd = interrupts_fd(), .events = POLLIN};
	for (uint64_t now = clock_now_ms(); now < until; now = clock_now_ms()) {
		if (poll(&wake, 1, (int)(until - now)) > 0)
			break;
	}
	if (wake.revents)
		return error_set(error, ERR_INTERRUPTED,
				 "interrupted while waiting for the daemon");
	return 0;
}

static bool is_in_time(struct retry *retry)
{
	if (retry->until_ms == 0)
		retry->until_ms = clock_now_ms() + (uint64_t)retry->timeout_ms;
	return clock_now_ms() + retry->pause_ms < retry->until_ms;
}

bool retry_goes_on(struct retry *retry, struct link *link, int code)
{
	bool is_first = retry->failures == 0;
	retry->pause_ms = retry_pause_ms(link, retry->failures++);
	/* connection_open() has already waited for one to come */
	if (!retry_may_help(code) || (is_first && code == ERR_UNREACHABLE))
		return false;
	if (retry->keeps_progress && code != ERR_BUSY)
		return retry->failures < TRIES_MAX;
	return is_in_time(retry);
}
