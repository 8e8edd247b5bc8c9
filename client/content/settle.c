#include "client/content/settle.h"

#include <stdlib.h>

/* So that a write from now on changes the change time, where that is not kept in whole
 * seconds. Who waited for one file has mostly waited for all. */
static int wait_for_clock(struct flow *flow, const struct stamp *stamp,
			  struct error *error)
{
	if (stamp_is_settled(stamp))
		return 0;
	(void)stamp_settle(stamp, flow->wake_fd, STAMP_SETTLE_MS_MAX);
	return flow_check(flow, error);
}

static void visit_again(struct reading *reading, const struct revisit *revisit)
{
	flow_lock(reading->flow);
	reading_revisit_locked(reading, &(struct revisit){
						.entry = revisit->entry,
						.attempt = revisit->attempt + 1,
					});
	flow_unlock(reading->flow);
}

/* Where the change time still proves nothing, the stat record does not get it. */
static int look_again(struct source *source, const struct revisit *revisit,
		      struct error *error)
{
	struct reading *reading = source->reading;
	const struct entry *entry = tree_entry(reading->tree, revisit->entry);
	int err = wait_for_clock(reading->flow, &revisit->state.stamp, error);
	if (err == 0 && !entry->is_known) {
		visit_again(reading, revisit);
		return 0;
	}
	if (err == 0)
		err = source_open(source, revisit->entry, revisit->attempt, error);
	if (err < 0 || !source_is_open(source))
		return err;
	bool same = source_state_equal(&source->file.state, &revisit->state);
	bool may_grow = reading->if_changed == IF_CHANGED_PREFIX &&
			revisit->attempt == READ_AGAIN_MAX;
	int matches = same || may_grow ? source_matches(source, entry_units(entry),
							entry->unit_count, error)
				       : 0;
	if (same && matches > 0 && !source->file.racy)
		source_trust(source);
	source_close(source);
	if (matches != 0)
		return matches < 0 ? matches : 0;
	if (revisit->attempt == READ_AGAIN_MAX)
		return reading_give_up(reading, revisit->entry, error);
	visit_again(reading, revisit);
	return 0;
}

int settle_racy(struct source *source, struct error *error)
{
	struct reading *reading = source->reading;
	struct revisit_list list = reading->racy;
	reading->racy = (struct revisit_list){0};
	int err = 0;
	for (size_t i = 0; err == 0 && i < list.count; i++) {
		err = look_again(source, &list.items[i], error);
		if (err < 0 && reading_put_aside(reading, error))
			err = 0;
		source_close(source);
	}
	free(list.items);
	return err;
}
