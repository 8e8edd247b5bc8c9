#include "daemon/store/check/check.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/check/state.h"
#include "daemon/store/index/index.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/segment.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"

/* Labels in one sentence. */
#define LAYERS_NAMED 20u

/* ---- findings ----------------------------------------------------------------- */

struct finding *check_found(struct check *check, const char *sentence)
{
	array_make_room(check->findings, check->count, check->room);
	struct finding *finding = &check->findings[check->count++];
	*finding = (struct finding){.sentence = must_strdup(sentence)};
	return finding;
}

void check_found_at(struct check *check, const struct segment_id *segment,
		    uint64_t offset, const char *sentence)
{
	struct finding *finding = check_found(check, sentence);
	finding->has_place = true;
	finding->segment = *segment;
	finding->offset = offset;
}

void check_found_segment(struct check *check, const struct segment_id *segment,
			 const char *sentence)
{
	check_found_at(check, segment, 0, sentence);
	check->findings[check->count - 1].whole_segment = true;
}

void finding_touches(struct finding *finding, const struct check_label *label, bool whole)
{
	finding->hurts = finding->hurts || !whole;
	if (finding->latest_layer == label->layer_id)
		return;
	finding->latest_layer = label->layer_id;
	finding->layer_count++;
	if (finding->layer_count > LAYERS_NAMED)
		return;
	if (finding->layers.len > 0)
		buffer_put(&finding->layers, ", ", 2);
	buffer_put(&finding->layers, label->text, strlen(label->text));
}

bool check_touch(struct check *check, const struct check_label *label,
		 const struct segment_id *segment, uint64_t offset, bool whole)
{
	bool touched = false;
	for (size_t i = 0; i < check->count; i++) {
		struct finding *finding = &check->findings[i];
		if (!finding->has_place ||
		    !segment_id_equal(&finding->segment, segment) ||
		    (!finding->whole_segment && finding->offset != offset))
			continue;
		finding_touches(finding, label, whole);
		touched = true;
	}
	return touched;
}

bool check_touch_segment(struct check *check, const struct check_label *label,
			 const struct segment_id *segment)
{
	bool touched = false;
	for (size_t i = 0; i < check->count; i++) {
		struct finding *finding = &check->findings[i];
		if (!finding->has_place || !segment_id_equal(&finding->segment, segment))
			continue;
		finding_touches(finding, label, false);
		touched = true;
	}
	return touched;
}

/* Something is damaged, but no layer lacks it. */
static bool is_healed(const struct finding *finding)
{
	return finding->layer_count > 0 && !finding->hurts;
}

static void tell(const struct check *check, const struct finding *finding)
{
	const struct check_options *options = check->options;
	if (is_healed(finding) && !options->on_healed)
		return;
	struct buffer text AUTO(buffer_fini) = {0};
	buffer_put(&text, finding->sentence, strlen(finding->sentence));
	if (finding->layer_count > 0) {
		const char *touches = finding->layer_count == 1 ? "; touches layer "
								: "; touches layers ";
		buffer_put(&text, touches, strlen(touches));
		buffer_put(&text, finding->layers.at, finding->layers.len);
	} else if (finding->has_place) {
		static const char none[] = "; touches no layer";
		buffer_put(&text, none, sizeof none - 1);
	}
	if (finding->layer_count > LAYERS_NAMED) {
		char more[48];
		int len = snprintf(more, sizeof more, " and %zu more",
				   finding->layer_count - LAYERS_NAMED);
		buffer_put(&text, more, (size_t)len);
	}
	buffer_put_u8(&text, '\0');
	(is_healed(finding) ? options->on_healed : options->on_damage)(
		options->context, (const char *)text.at);
}

/* ---- the check ---------------------------------------------------------------- */

static void check_fini(struct check *check)
{
	for (size_t i = 0; i < check->count; i++) {
		free(check->findings[i].sentence);
		buffer_fini(&check->findings[i].layers);
	}
	free(check->findings);
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

/* With damage found, layers are read as sessions would read them once all of it is known:
 * with an index of what lies in sound frames. The store's own may be behind, or closed.
 */
static int index_copies(struct check *check, struct error *error)
{
	struct store *store = check->store;
	bool placed = false;
	for (size_t i = 0; i < check->count; i++) {
		const struct finding *finding = &check->findings[i];
		placed = placed || finding->has_place;
		if (finding->has_place && !finding->whole_segment)
			(void)damage_add(store->damage, &finding->segment,
					 finding->offset);
	}
	if (!placed)
		return 0;
	index_rebuild_wait(store->rebuild);
	int err = unit_index_open_scratch(&store->units, error);
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
		(void)check_found(check, error->text);
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
	struct unit_index *units = store->units;
	struct error ignored;
	int err = index_copies(check, error);
	if (!err)
		err = check_layers(check, error);
	if (store->units != units)
		(void)unit_index_close(store->units, &ignored);
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
		(void)check_found(&check, store->health.refusal.text);
	int err = catalogue_check(store->catalogue, error);
	if (err == ERR_DAMAGED)
		(void)check_found(&check, error->text);
	else if (err)
		return err;
	check_segments(&check);
	err = check_layers_with_copies(&check, error);
	if (err)
		return err;
	for (size_t i = 0; i < check.count; i++) {
		tell(&check, &check.findings[i]);
		check.figures.healed += is_healed(&check.findings[i]);
	}
	check.figures.damaged = check.count - check.figures.healed;
	*ret_figures = check.figures;
	return 0;
}
