#include "daemon/store/removal/pass.h"

#include <stdlib.h>

#include "daemon/store/disk/tickets.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* Between two steps, at most, while others use the store. */
#define PAUSE_MS 20u

void pass_fini(struct collector_pass *pass)
{
	removed_fini(&pass->removed);
	free(pass->without);
	free(pass->damaged.ids);
}

bool pass_breathe(void *context)
{
	const struct collector_pass *pass = context;
	const struct collector *collector = pass->collector;
	tickets_wait_idle(pass->store->tickets, PAUSE_MS, &collector->stop);
	return !atomic_load(&collector->stop);
}

int pass_interrupted(struct error *error)
{
	return error_set(error, ERR_INTERRUPTED, "removal was stopped");
}

void pass_tell(const struct collector_pass *pass, const struct collector_finding *finding)
{
	if (pass->options->on_finding)
		pass->options->on_finding(pass->options->context, finding);
}

void pass_add_dirty(struct collector *collector, const struct segment_id *id)
{
	struct ids *dirty = &collector->dirty;
	array_make_room(dirty->at, dirty->count, dirty->room);
	dirty->at[dirty->count++] = *id;
}

bool pass_is_stopped(const struct collector_pass *pass, int64_t namespace_id)
{
	for (size_t i = 0; i < pass->damaged.count; i++)
		if (pass->damaged.ids[i] == namespace_id)
			return true;
	return false;
}

/* Nothing more is removed in that namespace. */
void pass_stop_for(struct collector_pass *pass, int64_t namespace_id, const char *why)
{
	struct namespaces *damaged = &pass->damaged;
	if (pass_is_stopped(pass, namespace_id))
		return;
	array_make_room(damaged->ids, damaged->count, damaged->room);
	damaged->ids[damaged->count++] = namespace_id;
	if (pass->report->stopped.code == 0)
		(void)error_set(&pass->report->stopped, ERR_DAMAGED,
				"nothing is removed where damage is known: %s", why);
}
