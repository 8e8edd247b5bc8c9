#include "daemon/store/removal/groups.h"

#include "daemon/store/disk/tickets.h"
#include "daemon/store/removal/mark.h"
#include "daemon/store/removal/victim.h"
#include "proto/base/cleanup.h"

/* Segments that are looked through, and closed, at once: while they are nothing in them
 * is reused. */
#define GROUP 8u

/* ---- a group of segments ------------------------------------------------------------
 */

struct group {
	struct segment *segments[GROUP]; /* pinned; ascending */
	bool was_appendable[GROUP];
	size_t count;
};

static void group_unpin(const struct collector_pass *pass, struct group *group)
{
	for (size_t i = 0; i < group->count; i++)
		segment_table_unpin(pass->store->segments, group->segments[i]);
	group->count = 0;
}

/* Those that are there; where damage is known none is. */
static void group_pin(const struct collector_pass *pass, const struct segment_id *ids,
		      size_t count, struct group *group)
{
	struct segment_table *table = pass->store->segments;
	for (size_t i = 0; i < count; i++) {
		struct segment *segment;
		struct error ignored;
		if (segment_table_pin(table, &ids[i], &segment, &ignored) < 0)
			continue;
		if (pass_is_stopped(pass, segment->namespace_id))
			segment_table_unpin(table, segment);
		else
			group->segments[group->count++] = segment;
	}
}

static int run_marks(struct collector_pass *pass, struct marks *marks,
		     struct error *error)
{
	marks->breathe = pass_breathe;
	marks->context = pass;
	marks->without = pass->without;
	marks->without_count = pass->options->dry_run ? pass->removed.layer_count : 0;
	int err = marks_run(marks, error);
	/* Layers of other namespaces do not name these segments. */
	for (size_t i = 0; i < marks->segment_count && err == ERR_DAMAGED; i++)
		pass_stop_for(pass, marks->segments[i].segment->namespace_id,
			      error->text);
	return err;
}

static bool is_victim(const struct collector_pass *pass, const struct mark_segment *of)
{
	return victim_is_dead(of) ||
	       victim_is_sparse(pass->store, of, pass->options->least_gain);
}

static void tell_deed(struct collector_pass *pass, const struct mark_segment *of,
		      bool dead, uint64_t stored)
{
	struct collector_report *report = pass->report;
	*(dead ? &report->removed : &report->compacted) += 1;
	report->freed += stored - of->bytes;
	pass_tell(pass, &(struct collector_finding){.deed = dead ? COLLECTOR_SEGMENT
								 : COLLECTOR_COMPACT,
						    .segment = of->segment->location,
						    .stored = stored,
						    .alive = of->bytes});
}

/* Leaves those of the group that are worth it, as far as a look from outside tells. */
static void choose(struct collector_pass *pass, const struct marks *marks,
		   struct group *group)
{
	struct group chosen = {0};
	for (size_t i = 0; i < group->count; i++) {
		const struct mark_segment *of = &marks->segments[i];
		bool victim = is_victim(pass, of);
		if (victim && pass->options->dry_run)
			tell_deed(pass, of, victim_is_dead(of),
				  victim_stored(pass->store, of));
		if (victim && !pass->options->dry_run)
			chosen.segments[chosen.count++] = group->segments[i];
		else
			segment_table_unpin(pass->store->segments, group->segments[i]);
	}
	*group = chosen;
}

/* ---- closing ------------------------------------------------------------------------
 */

/* Leases and closes; one that is being written to is looked at by the next pass. */
static void close_group(struct collector_pass *pass, struct group *group)
{
	struct segment_table *table = pass->store->segments;
	struct group closed = {0};
	for (size_t i = 0; i < group->count; i++) {
		struct segment *segment = group->segments[i];
		struct error ignored;
		if (segment_table_lease_pinned(table, segment, &ignored) < 0) {
			pass_add_dirty(pass->collector, &segment->id);
			segment_table_unpin(table, segment);
			pass->report->busy++;
			continue;
		}
		segment_table_close(table, segment);
		closed.was_appendable[closed.count] = segment->appendable;
		closed.segments[closed.count++] = segment;
	}
	*group = closed;
}

/* Ends the lease of one that stays. */
static void open_again(struct collector_pass *pass, const struct group *group, size_t i)
{
	struct segment_table *table = pass->store->segments;
	segment_table_reopen(table, group->segments[i]);
	segment_table_return(table, group->segments[i], group->was_appendable[i]);
}

/* 1: the lease is over. */
static int act(struct collector_pass *pass, const struct mark_segment *of,
	       struct error *error)
{
	struct store *store = pass->store;
	if (!is_victim(pass, of) || pass_is_stopped(pass, of->segment->namespace_id))
		return 0;
	bool dead = victim_is_dead(of);
	uint64_t stored = victim_stored(store, of);
	int err = dead ? victim_remove(store, of, error)
		       : victim_compact(store, of, error);
	if (err == ERR_DAMAGED)
		pass_stop_for(pass, of->segment->namespace_id, error->text);
	if (!err)
		tell_deed(pass, of, dead, stored);
	return err ? err : dead;
}

/* What fails for want of room fails alone: others may need none, and give some back. */
static bool goes_on(int err)
{
	return err >= 0 || err == ERR_DAMAGED || err == ERR_NO_ROOM;
}

static int act_on_group(struct collector_pass *pass, const struct marks *marks,
			const struct group *group, struct error *error)
{
	int first = 0;
	for (size_t i = 0; i < group->count; i++) {
		struct error why = {0};
		int done = goes_on(first) ? act(pass, &marks->segments[i], &why) : 0;
		if (done != 1)
			open_again(pass, group, i);
		if (done < 0)
			pass_add_dirty(pass->collector, &group->segments[i]->id);
		if (done >= 0 || done == ERR_DAMAGED || first < 0)
			continue;
		first = done;
		*error = why;
	}
	return first;
}

static int mark_again_and_act(struct collector_pass *pass, const struct group *group,
			      struct error *error)
{
	struct marks marks AUTO(marks_fini) = {0};
	marks_init(&marks, pass->store, group->segments, group->count);
	int err = tickets_wait(pass->store->tickets, &pass->collector->stop)
			  ? run_marks(pass, &marks, error)
			  : pass_interrupted(error);
	if (!err)
		return act_on_group(pass, &marks, group, error);
	for (size_t i = 0; i < group->count; i++) {
		pass_add_dirty(pass->collector, &group->segments[i]->id);
		open_again(pass, group, i);
	}
	return err;
}

/* Marks as they are now, and what looks worth it again when nobody can come by it. */
static int run_group(struct collector_pass *pass, struct group *group,
		     struct error *error)
{
	if (group->count == 0)
		return 0;
	struct marks marks AUTO(marks_fini) = {0};
	marks_init(&marks, pass->store, group->segments, group->count);
	int err = run_marks(pass, &marks, error);
	if (err) {
		for (size_t i = 0; i < group->count; i++)
			pass_add_dirty(pass->collector, &group->segments[i]->id);
		return err;
	}
	choose(pass, &marks, group);
	close_group(pass, group);
	return group->count > 0 ? mark_again_and_act(pass, group, error) : 0;
}

/* ---- all of them --------------------------------------------------------------------
 */

int groups_run(struct collector_pass *pass, const struct ids *ids, struct error *error)
{
	int first = 0;
	for (size_t i = 0; i < ids->count && goes_on(first); i += GROUP) {
		size_t left = ids->count - i;
		struct group group = {0};
		struct error why = {0};
		group_pin(pass, ids->at + i, left < GROUP ? left : GROUP, &group);
		int err = run_group(pass, &group, &why);
		group_unpin(pass, &group);
		if (err == 0 || err == ERR_DAMAGED || first < 0)
			continue;
		first = err;
		*error = why;
	}
	return first;
}
