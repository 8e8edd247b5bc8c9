#include "daemon/store/check/check.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/check/state.h"
#include "daemon/store/index/index.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/segment.h"
#include "proto/base/cleanup.h"

static void check_fini(struct check *check)
{
	findings_fini(&check->findings);
	segment_reader_fini(&check->reader);
	segment_reader_fini(&check->blocks);
	segment_reader_fini(&check->heads);
}

static void check_segments(struct check *check)
{
	struct segment_table *table = check->store->segments;
	struct segment_row *rows AUTO_FREE =
		segment_table_rows(table, &check->figures.segments);
	for (size_t i = 0; i < check->figures.segments; i++)
		check->total += rows[i].vouched;
	uint64_t before = 0;
	for (size_t i = 0; i < check->figures.segments; i++) {
		check_segment(check, &rows[i]);
		before += rows[i].vouched;
		check->done = before;
		if (check->options->on_progress)
			check->options->on_progress(check->options->context, check->done,
						    check->total);
	}
}

/* A store that has forgotten changes nothing, not even this. */
static int keep_marks(struct check *check, struct error *error)
{
	const struct store *store = check->store;
	if (store->health.refusal.code)
		check->figures.unmarked = 0;
	if (!check->options->mark || check->figures.unmarked == 0)
		return 0;
	return damage_keep(store->damage, error);
}

/* With damage found, layers are read as sessions would read them once all of it is known:
 * with an index of what lies in sound frames. The store's own index may lack some, or be
 * closed. */
static int index_copies(struct check *check, struct error *error)
{
	struct store *store = check->store;
	bool placed = false;
	for (size_t i = 0; i < check->findings.count; i++) {
		const struct finding *finding = &check->findings.at[i];
		placed = placed || finding->has_place;
		if (finding->has_place && !finding->whole_segment)
			check->figures.unmarked += damage_add(
				store->damage, &finding->segment, finding->offset);
	}
	if (!placed)
		return 0;
	int kept = keep_marks(check, error);
	if (kept)
		return kept;
	index_rebuild_wait(store->rebuild);
	int err = index_open_scratch(&store->units, error);
	if (!err)
		index_rebuild_run(store);
	return err;
}

static int check_layers(struct check *check, struct error *error)
{
	int64_t *ids AUTO_FREE = NULL;
	size_t count;
	int err = catalogue_layer_ids(check->store->catalogue, &ids, &count, error);
	if (err == ERR_DAMAGED) {
		(void)findings_add(&check->findings, error->text);
		return 0;
	}
	if (err)
		return err;
	check->figures.layers = count;
	for (size_t i = 0; i < count; i++)
		check_layer(check, ids[i]);
	return 0;
}

static int check_layers_with_copies(struct check *check, struct error *error)
{
	struct store *store = check->store;
	struct index *units = store->units;
	struct error ignored;
	int err = index_copies(check, error);
	if (!err)
		err = check_layers(check, error);
	if (store->units != units)
		(void)index_close(store->units, &ignored);
	store->units = units;
	return err;
}

int check_store(struct store *store, const struct check_options *options,
		struct check_figures *ret_figures, struct error *error)
{
	struct check check AUTO(check_fini) = {.store = store, .options = options};
	segment_reader_init(&check.reader, store->io);
	segment_reader_init(&check.blocks, store->io);
	segment_reader_init(&check.heads, store->io);
	if (store->health.refusal.code)
		(void)findings_add(&check.findings, store->health.refusal.text);
	int err = catalogue_check(store->catalogue, error);
	if (err == ERR_DAMAGED)
		(void)findings_add(&check.findings, error->text);
	else if (err)
		return err;
	check_segments(&check);
	err = check_layers_with_copies(&check, error);
	if (err)
		return err;
	check.figures.healed = findings_tell(&check.findings, options);
	check.figures.damaged = check.findings.count - check.figures.healed;
	*ret_figures = check.figures;
	return 0;
}
