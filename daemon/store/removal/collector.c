#include "daemon/store/removal/collector.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/disk/tickets.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/removal/groups.h"
#include "daemon/store/removal/pass.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/segment/table.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* Workflows, or layers that were ended, that are given up in one transaction. */
#define SLICE 32u

struct collector *collector_new(struct store *store)
{
	struct collector *collector = must_calloc(1, sizeof(*collector));
	collector->store = store;
	return collector;
}

void collector_free(struct collector *collector)
{
	if (!collector)
		return;
	free(collector->dirty.at);
	free(collector);
}

void collector_stop(struct collector *collector)
{
	atomic_store(&collector->stop, true);
	tickets_wake(collector->store->tickets);
}

/* ---- layers ----------------------------------------------------------------------- */

static void tell_layers(struct collector_pass *pass, size_t from)
{
	for (size_t i = from; i < pass->removed.layer_count; i++)
		pass_tell(pass,
			  &(struct collector_finding){.deed = COLLECTOR_LAYER,
						      .layer = &pass->removed.layers[i]});
}

static int apply(struct collector_pass *pass, const struct removal_candidates *slice,
		 struct error *error)
{
	size_t before = pass->removed.layer_count;
	int err = removal_apply(pass->store->catalogue, slice, pass->options->wait_ms,
				pass->options->dry_run, &pass->removed, error);
	if (err)
		return health_fail_if_broken(&pass->store->health, error);
	tell_layers(pass, before);
	return 0;
}

static int apply_slices(struct collector_pass *pass, const struct removal_candidates *all,
			struct error *error)
{
	int err = 0;
	for (size_t i = 0; i < all->workflow_count && !err; i += SLICE) {
		size_t left = all->workflow_count - i;
		struct removal_candidates slice = {.workflows = all->workflows + i,
						   .workflow_count =
							   left < SLICE ? left : SLICE};
		err = pass_breathe(pass) ? apply(pass, &slice, error)
					 : pass_interrupted(error);
	}
	for (size_t i = 0; i < all->layer_count && !err; i += SLICE) {
		size_t left = all->layer_count - i;
		struct removal_candidates slice = {.layers = all->layers + i,
						   .layer_count = left < SLICE ? left
									       : SLICE};
		err = pass_breathe(pass) ? apply(pass, &slice, error)
					 : pass_interrupted(error);
	}
	return err;
}

/* What is listed is hidden already; whoever may have been shown it has ended before it
 * goes. A dry run needs all of it in one transaction, which is undone: what an earlier
 * workflow leaves to a later one goes with that. */
static int give_up_layers(struct collector_pass *pass, struct error *error)
{
	struct removal_candidates candidates AUTO(removal_candidates_fini) = {0};
	int err = removal_list(pass->store->catalogue, pass->options->wait_ms,
			       &candidates, error);
	if (err || (candidates.workflow_count == 0 && candidates.layer_count == 0))
		return err;
	if (pass->options->dry_run)
		err = apply(pass, &candidates, error);
	else if (!tickets_wait(pass->store->tickets, &pass->collector->stop))
		err = pass_interrupted(error);
	else
		err = apply_slices(pass, &candidates, error);
	pass->report->workflows = pass->removed.workflows;
	pass->report->layers = pass->removed.layer_count;
	return err;
}

/* ---- which segments ---------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
	return segment_id_compare(a, b);
}

/* Ascending, each once. */
static void settle_dirty(struct collector *collector)
{
	struct ids *dirty = &collector->dirty;
	if (dirty->count > 1)
		qsort(dirty->at, dirty->count, sizeof(*dirty->at), compare_ids);
	size_t kept = 0;
	for (size_t i = 0; i < dirty->count; i++)
		if (kept == 0 || !segment_id_equal(&dirty->at[kept - 1], &dirty->at[i]))
			dirty->at[kept++] = dirty->at[i];
	dirty->count = kept;
}

static void find_dirty(struct collector_pass *pass)
{
	struct collector *collector = pass->collector;
	size_t count = 0;
	struct segment_row *rows AUTO_FREE = NULL;
	if (!collector->begun)
		rows = segment_table_rows(pass->store->segments, &count);
	for (size_t i = 0; i < count; i++)
		pass_add_dirty(collector, &rows[i].id);
	for (size_t i = 0; i < pass->removed.segment_count; i++)
		pass_add_dirty(collector, &pass->removed.segments[i]);
	collector->begun = true;
	settle_dirty(collector);
}

/* ---- damage ------------------------------------------------------------------------ */

static void find_damage(struct collector_pass *pass)
{
	size_t count;
	struct segment_row *rows AUTO_FREE =
		segment_table_rows(pass->store->segments, &count);
	for (size_t i = 0; i < count; i++) {
		char text[128];
		bool marked = damage_is_in(pass->store->damage, &rows[i].id);
		if (!marked && rows[i].state != SEGMENT_DAMAGED)
			continue;
		(void)snprintf(text, sizeof(text), "segment `%s`: %s", rows[i].location,
			       marked ? "frames of it are damaged"
				      : "bytes are missing from it");
		pass_stop_for(pass, rows[i].namespace_id, text);
	}
}

/* ---- a pass -------------------------------------------------------------------------
 */

static int compare_numbers(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

static void leave_out_removed(struct collector_pass *pass)
{
	size_t count = pass->removed.layer_count;
	pass->without = must_calloc(count + 1, sizeof(*pass->without));
	for (size_t i = 0; i < count; i++)
		pass->without[i] = pass->removed.layers[i].id;
	if (count > 1)
		qsort(pass->without, count, sizeof(*pass->without), compare_numbers);
}

static int run(struct collector_pass *pass, struct error *error)
{
	struct store *store = pass->store;
	int err = pass->options->dry_run ? 0
					 : health_check_writable(&store->health, error);
	if (!err && !index_rebuild_is_done(store->rebuild))
		err = error_set(error, ERR_BUSY, "the unit index is being rebuilt");
	if (err)
		return err;
	find_damage(pass);
	err = give_up_layers(pass, error);
	if (err && err != ERR_NO_ROOM)
		return err;
	leave_out_removed(pass);
	find_dirty(pass);
	struct ids ids = pass->collector->dirty;
	pass->collector->dirty = (struct ids){0};
	struct error why = {0};
	int then = groups_run(pass, &ids, &why);
	if (pass->options->dry_run)
		pass->collector->dirty = ids;
	else
		free(ids.at);
	if (then && !err)
		*error = why;
	return err ? err : then;
}

int collector_run(struct collector *collector, const struct collector_options *options,
		  struct collector_report *ret_report, struct error *error)
{
	*ret_report = (struct collector_report){0};
	struct collector_pass pass AUTO(pass_fini) = {
		.collector = collector,
		.store = collector->store,
		.options = options,
		.report = ret_report,
	};
	return run(&pass, error);
}
