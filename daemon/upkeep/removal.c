#include "daemon/upkeep/removal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store/removal/collector.h"

#define EVERY_MS 600000u

void removal_init(struct removal_work *removal, const struct retention *beside)
{
	*removal = (struct removal_work){
		.store = beside->store,
		.log = beside->log,
		.collector = collector_new(beside->store),
		.on_worked = beside->on_worked,
		.on_done = beside->on_done,
		.context = beside->context,
	};
}

void removal_fini(struct removal_work *removal)
{
	collector_free(removal->collector);
}

/* ---- on its thread ---- */

static void tell(const struct removal_work *removal,
		 const struct collector_report *report)
{
	if (report->layers || report->removed || report->compacted)
		log_line(removal->log, LOG_INFO, "removal",
			 "%" PRIu64 " layers given up, %" PRIu64
			 " segments removed, %" PRIu64 " compacted: %" PRIu64
			 " bytes are free again",
			 report->layers, report->removed, report->compacted,
			 report->freed);
}

static void count(struct removal_totals *totals, const struct collector_report *report)
{
	totals->passes++;
	totals->layers += report->layers;
	totals->removed += report->removed;
	totals->compacted += report->compacted;
	totals->freed += report->freed;
	totals->stopped = report->stopped.code != 0;
}

/* Said once, and again when it is something else. */
static void tell_damage(struct removal_work *removal, const struct error *stopped)
{
	const char *text = stopped->code ? stopped->text : "";
	if (*text && strcmp(text, removal->told) != 0)
		log_line(removal->log, LOG_WARNING, "removal", "%s", text);
	(void)snprintf(removal->told, sizeof(removal->told), "%s", text);
}

static void work(void *context)
{
	struct removal_work *removal = context;
	const struct collector_options options = {.wait_ms = COLLECTOR_WAIT_MS,
						  .least_gain = COLLECTOR_LEAST_GAIN};
	struct collector_report report;
	struct error error = {0};
	int err = collector_run(removal->collector, &options, &report, &error);
	tell(removal, &report);
	count(&removal->totals, &report);
	tell_damage(removal, &report.stopped);
	/* What is in its way for a while is not worth a line. */
	if (err && err != ERR_INTERRUPTED && err != ERR_BUSY)
		log_line(removal->log, LOG_WARNING, "removal", "%s", error.text);
	atomic_store(&removal->worked, true);
	removal->on_worked(removal->context);
}

/* ---- on the loop's ---- */

void removal_tick(struct removal_work *removal, uv_loop_t *loop)
{
	uint64_t now_ms = uv_now(loop);
	bool is_due = removal->asked ||
		      (removal->begun_ms > 0 && now_ms - removal->begun_ms >= EVERY_MS);
	if (removal->begun_ms == 0)
		removal->begun_ms = now_ms;
	if (!is_due || removal->running || store_refusal(removal->store)->code)
		return;
	removal->begun_ms = now_ms;
	removal->asked = false;
	atomic_store(&removal->worked, false);
	int number = uv_thread_create(&removal->thread, work, removal);
	removal->running = number == 0;
	if (number)
		log_line(removal->log, LOG_WARNING, "removal",
			 "no thread for it could be started: %s", uv_strerror(number));
}

void removal_ask(struct removal_work *removal)
{
	removal->asked = true;
}

void removal_settle(struct removal_work *removal)
{
	if (!removal->running || !atomic_load(&removal->worked))
		return;
	(void)uv_thread_join(&removal->thread);
	removal->running = false;
	removal->on_done(removal->context);
}

void removal_stop(struct removal_work *removal)
{
	collector_stop(removal->collector);
}
