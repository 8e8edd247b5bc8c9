#include "client/content/recall.h"

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

/* Lacked units in one answer before it says something about the rest. */
#define JUDGE_UNITS 64u

/* ---- files ---- */

static bool is_cold(struct reading *reading)
{
	flow_lock(reading->flow);
	bool cold = reading->is_cold;
	flow_unlock(reading->flow);
	return cold;
}

static void take_units(struct reading *reading, uint32_t number,
		       const struct record_entry *known, struct batch *batch)
{
	bool is_held = known->in_base && reading->has_base;
	uint32_t one;
	uint32_t *many AUTO_FREE = known->unit_count > 1
					   ? must_calloc(known->unit_count, sizeof(*many))
					   : NULL;
	uint32_t *units = many ? many : &one;
	for (uint32_t i = 0; i < known->unit_count; i++) {
		struct unit_name name = record_unit(known, i);
		if (is_held)
			units[i] = units_add_held(reading->units, &name);
		else if (units_recall(reading->units, &name, &units[i]))
			batch_add_recalled(batch, units[i], &name.key, number);
	}
	if (!is_held && known->unit_count > 0)
		__atomic_store_n(&reading->beyond_base, true, __ATOMIC_RELAXED);
	struct entry *entry = tree_entry(reading->tree, number);
	entry_set_units(entry, units, known->unit_count);
	entry->size = known->size;
	entry->is_known = true;
	if (is_held || known->unit_count == 0)
		entry_settle(entry);
}

enum recalled recall_file(struct reading *reading, uint32_t number, struct batch *batch)
{
	const struct entry *entry = tree_entry(reading->tree, number);
	struct record_entry known = record_get(reading->record, entry->record);
	bool is_held = known.in_base && reading->has_base;
	if (!is_held && (known.unit_count > reading->batch_units || is_cold(reading)))
		return RECALL_READ;
	if (!is_held && known.unit_count > reading->batch_units - batch->count)
		return RECALL_FULL;
	take_units(reading, number, &known, batch);
	if (reading->progress)
		progress_add(reading->progress, 1, known.size);
	return RECALLED;
}

/* ---- answers ---- */

int recall_answered(struct reading *reading, const struct batch_unit *unit,
		    const uint8_t *candidates, uint8_t count, struct error *error)
{
	struct unit_name name = units_name(reading->units, unit->unit);
	for (uint8_t i = 0; i < count; i++) {
		if (memcmp(candidates + i * SHA256_LEN, name.sha.bytes, SHA256_LEN) != 0)
			continue;
		int err = units_held(reading->units, unit->unit, &name.sha, error);
		return err < 0 ? err : 1;
	}
	units_lacked(reading->units, unit->unit);
	return 0;
}

void recall_count(struct reading *reading, struct recall_count *count,
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
	flow_lock(reading->flow);
	reading->is_cold = reading->is_cold || is_cold;
	if (is_first)
		reading_revisit_locked(reading, &(struct revisit){.entry = unit->entry});
	flow_unlock(reading->flow);
	if (is_first)
		count->entry = unit->entry;
}
