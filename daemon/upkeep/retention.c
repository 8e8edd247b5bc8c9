#include "daemon/upkeep/retention.h"

#include <inttypes.h>

#include "daemon/store/life/expiry.h"

#define EVERY_MS_MIN 1000u
#define EVERY_MS_MAX 3600000u
/* Of the shortest life. */
#define PASSES_IN_A_LIFE 20u

static const char *workflows(uint64_t count)
{
	return count == 1 ? "workflow" : "workflows";
}

static void tell(const struct log *log, const struct expiry *expiry)
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
	if (expiry->doubt.due)
		log_line(log, LOG_WARNING, "retention",
			 "nothing expires: it would be %" PRIu64 " of the %" PRIu64
			 " %s that had contact while the daemon ran for the last day, "
			 "which a wrong clock looks like; when it has run for a day more "
			 "they expire",
			 expiry->doubt.due, expiry->doubt.recent,
			 workflows(expiry->doubt.recent));
	if (expiry->count)
		log_line(log, LOG_INFO, "retention", "%" PRIu64 " %s expired",
			 expiry->count, workflows(expiry->count));
}

static uint64_t retention_ms(void *context, struct text namespace, enum tier tier)
{
	return terms_of(context, namespace, tier).retention_ms;
}

void retention_run(const struct retention *retention)
{
	if (store_refusal(retention->store)->code)
		return;
	const struct expiry_terms terms = {
		.retention_ms = retention_ms,
		.context = retention->terms,
		.shortest_ms = terms_shortest_retention(retention->terms),
	};
	struct expiry expiry;
	struct error error = {0};
	if (expiry_run(store_catalogue(retention->store), &terms, &expiry, &error))
		log_line(retention->log, LOG_WARNING, "retention", "%s", error.text);
	else
		tell(retention->log, &expiry);
}

void retention_rest(const struct retention *retention)
{
	struct error error = {0};
	if (!store_refusal(retention->store)->code &&
	    expiry_rest(store_catalogue(retention->store), &error))
		log_line(retention->log, LOG_WARNING, "retention", "%s", error.text);
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

static uint64_t every_ms(const struct retention *retention)
{
	uint64_t shortest_ms = terms_shortest_retention(retention->terms);
	uint64_t every_ms = shortest_ms / PASSES_IN_A_LIFE;
	if (shortest_ms == 0 || every_ms > EVERY_MS_MAX)
		return EVERY_MS_MAX;
	return every_ms < EVERY_MS_MIN ? EVERY_MS_MIN : every_ms;
}

void retention_tick(struct retention *retention, uv_loop_t *loop)
{
	uint64_t now_ms = uv_now(loop);
	bool is_due = retention->begun_ms > 0 &&
		      now_ms - retention->begun_ms >= every_ms(retention);
	if (retention->begun_ms == 0 || is_due)
		retention->begun_ms = now_ms;
	if (!is_due || retention->running)
		return;
	atomic_store(&retention->worked, false);
	int number = uv_thread_create(&retention->thread, work, retention);
	retention->running = number == 0;
	if (number)
		log_line(retention->log, LOG_WARNING, "retention",
			 "no thread for it could be started: %s", uv_strerror(number));
}
