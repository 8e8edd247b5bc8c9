/* Files that the stat record knows: their units are taken from it, unread. Units of the
 * base are cited as they are; others are asked about like any, and read if the daemon
 * lacks them. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/upload/internal.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Lacked units in one answer before it says something about the rest. */
#define JUDGE_UNITS 64u

/* ---- before the walk ---- */

static int compare_digests(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

static void sort_base(struct upload *upload, const struct root *base)
{
	upload->base_pieces =
		must_calloc(base->piece_count + 1, sizeof *upload->base_pieces);
	for (size_t i = 0; i < base->piece_count; i++)
		upload->base_pieces[i] = base->pieces[i].name.sha;
	upload->base_piece_count = base->piece_count;
	qsort(upload->base_pieces, base->piece_count, sizeof *upload->base_pieces,
	      compare_digests);
}

bool upload_base_has(const struct upload *upload, const struct unit_name *piece)
{
	return upload->base_piece_count > 0 &&
	       bsearch(&piece->sha, upload->base_pieces, upload->base_piece_count,
		       sizeof *upload->base_pieces, compare_digests);
}

/* Finding a PATH reads its siblings in the record: from so many on, looking at all that
 * is recorded is cheaper. */
#define SCOUT_PATHS_MAX 32u

/* Only what the PATHs lead to; with globs that may be anywhere. */
static void scout_paths(struct upload *upload)
{
	const struct selection *selection = upload->request->selection;
	struct record_scout *scout = &upload->scout;
	uint32_t done = 0;
	if (selection->glob_count > 0 || selection->literal_count > SCOUT_PATHS_MAX) {
		record_scout_run(scout, 0, record_count(scout->record));
		return;
	}
	for (size_t i = 0; i < selection->literal_count; i++) {
		const struct selector *item = &selection->items[selection->literals[i]];
		uint32_t first = record_find(scout->record, item->path, item->path_len);
		if (first == RECORD_NONE || first < done)
			continue;
		done = record_end(scout->record, first);
		record_scout_run(scout, first, done);
	}
}

void upload_recall_begin(struct upload *upload)
{
	struct stat status;
	int root_fd = upload->request->selection->root_fd;
	if (fstat(root_fd, &status) == 0)
		upload->device = status.st_dev;
	if (upload->request->base)
		sort_base(upload, upload->request->base);
	if (!upload->request->record)
		return;
	base_rows_init(&upload->base_rows, upload->request);
	record_scout_init(&upload->scout, upload->request->record, root_fd);
	scout_paths(upload);
}

/* ---- files ---- */

static bool is_cold(struct upload *upload)
{
	flow_lock(&upload->flow);
	bool cold = upload->is_cold;
	flow_unlock(&upload->flow);
	return cold;
}

static void take_units(struct worker *worker, uint32_t number,
		       const struct record_entry *known, struct batch *batch)
{
	struct upload *upload = worker->upload;
	bool is_held = known->in_base && upload->request->base;
	uint32_t one;
	uint32_t *many AUTO_FREE = known->unit_count > 1
					   ? must_calloc(known->unit_count, sizeof *many)
					   : NULL;
	uint32_t *units = many ? many : &one;
	for (uint32_t i = 0; i < known->unit_count; i++) {
		struct unit_name name = record_unit(known, i);
		if (is_held)
			units[i] = units_add_held(upload->units, &name);
		else if (units_recall(upload->units, &name, &units[i]))
			batch_add_recalled(batch, units[i], &name.key, number);
	}
	if (!is_held && known->unit_count > 0)
		__atomic_store_n(&upload->result->beyond_base, true, __ATOMIC_RELAXED);
	struct entry *entry = tree_entry(upload->tree, number);
	entry_set_units(entry, units, known->unit_count);
	entry->size = known->size;
	entry->is_known = true;
	if (is_held || known->unit_count == 0)
		entry_settle(entry);
}

enum recalled upload_recall(struct worker *worker, uint32_t number, struct batch *batch)
{
	struct upload *upload = worker->upload;
	const struct entry *entry = tree_entry(upload->tree, number);
	struct record_entry known = record_get(upload->scout.record, entry->record);
	bool is_held = known.in_base && upload->request->base;
	if (!is_held && (known.unit_count > upload->batch_units || is_cold(upload)))
		return RECALL_READ;
	if (!is_held && known.unit_count > upload->batch_units - batch->count)
		return RECALL_FULL;
	take_units(worker, number, &known, batch);
	if (upload->request->progress)
		progress_add(upload->request->progress, 1, known.size);
	return RECALLED;
}

/* ---- answers ---- */

int upload_recall_answered(struct upload *upload, const struct batch_unit *unit,
			   const uint8_t *candidates, uint8_t count, struct error *error)
{
	struct unit_name name = units_name(upload->units, unit->unit);
	for (uint8_t i = 0; i < count; i++) {
		if (memcmp(candidates + i * SHA256_LEN, name.sha.bytes, SHA256_LEN) != 0)
			continue;
		int rc = units_held(upload->units, unit->unit, &name.sha, error);
		return rc < 0 ? rc : 1;
	}
	units_lacked(upload->units, unit->unit);
	return 0;
}

void upload_recall_count(struct upload *upload, struct recall_count *count,
			 const struct batch_unit *unit, bool is_held)
{
	count->recalled++;
	count->lacked += !is_held;
	/* a file's units follow each other, in one batch */
	bool is_first = !is_held && count->entry != unit->entry;
	bool is_cold = count->lacked >= JUDGE_UNITS &&
		       count->lacked > count->recalled / 2;
	if (!is_first && !is_cold)
		return;
	flow_lock(&upload->flow);
	upload->is_cold = upload->is_cold || is_cold;
	if (is_first)
		revisit_list_add(&upload->again, &(struct revisit){.entry = unit->entry});
	(void)pthread_cond_broadcast(&upload->flow.job);
	flow_unlock(&upload->flow);
	if (is_first)
		count->entry = unit->entry;
}
