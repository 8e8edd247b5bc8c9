#include "daemon/upkeep/retention.h"

#include <inttypes.h>

#include "proto/base/clock.h"

#define EVERY_MS 3600000u

void retention_run(const struct retention *retention)
{
	if (retention->time_ms == 0 || store_refusal(retention->store)->code)
		return;
	uint64_t count = 0;
	struct error error = {0};
	if (catalogue_expire(store_catalogue(retention->store),
			     clock_wall_ms() - (int64_t)retention->time_ms, &count,
			     &error))
		log_line(retention->log, LOG_WARNING, "retention", "%s", error.text);
	else if (count)
		log_line(retention->log, LOG_INFO, "retention", "%" PRIu64 " %s expired",
			 count, count == 1 ? "workflow" : "workflows");
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
	if (!due || retention->time_ms == 0 || retention->running)
		return;
	atomic_store(&retention->worked, false);
	int number = uv_thread_create(&retention->thread, work, retention);
	retention->running = number == 0;
	if (number)
		log_line(retention->log, LOG_WARNING, "retention",
			 "no thread for it could be started: %s", uv_strerror(number));
}
