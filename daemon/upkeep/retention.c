#include "daemon/upkeep/retention.h"

#include <inttypes.h>

#define EVERY_MS 3600000u

static const char *workflows(uint64_t count)
{
	return count == 1 ? "workflow" : "workflows";
}

static void tell(const struct log *log, const struct catalogue_expiry *expiry)
{
	if (expiry->begun)
		log_line(log, LOG_INFO, "retention",
			 "the time of %" PRIu64 " %s begins now: from now on it goes on "
			 "with this machine, not with its wall clock",
			 expiry->begun, workflows(expiry->begun));
	if (expiry->off_ms)
		log_line(log, LOG_INFO, "retention",
			 "this machine was off for %" PRIu64 " minutes, which count",
			 expiry->off_ms / 60000);
	if (expiry->count)
		log_line(log, LOG_INFO, "retention", "%" PRIu64 " %s expired",
			 expiry->count, workflows(expiry->count));
}

void retention_run(const struct retention *retention)
{
	if (store_refusal(retention->store)->code)
		return;
	struct catalogue_expiry expiry;
	struct error error = {0};
	if (catalogue_expire(store_catalogue(retention->store),
			     (int64_t)retention->time_ms, &expiry, &error))
		log_line(retention->log, LOG_WARNING, "retention", "%s", error.text);
	else
		tell(retention->log, &expiry);
}

static void work(void *context)
{
	struct retention *retention = context;
	retention_run(retention);
	atomic_store(&retention->worked, true);
	retention->on_worked(retention->context);
}

void retention_settle(struct retention *retention)
{
	if (!retention->running || !atomic_load(&retention->worked))
		return;
	(void)uv_thread_join(&retention->thread);
	retention->running = false;
	retention->on_done(retention->context);
}

void retention_tick(struct retention *retention, uv_loop_t *loop)
{
	uint64_t now_ms = uv_now(loop);
	bool due = retention->due_ms > 0 && now_ms >= retention->due_ms;
	if (retention->due_ms == 0 || due)
		retention->due_ms = now_ms + EVERY_MS;
	if (!due || retention->running)
		return;
	atomic_store(&retention->worked, false);
	int number = uv_thread_create(&retention->thread, work, retention);
	retention->running = number == 0;
	if (number)
		log_line(retention->log, LOG_WARNING, "retention",
			 "no thread for it could be started: %s", uv_strerror(number));
}
