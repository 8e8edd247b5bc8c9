#include "daemon/store/transaction/reach.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/layer/reader.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

void reach_fini(struct reach *reach)
{
	free(reach->units);
	slots_fini(&reach->by_key);
	*reach = (struct reach){0};
}

/* ---- looking ------------------------------------------------------------------ */

static struct reach_unit unit_of(const struct unit_name *name)
{
	struct reach_unit unit;
	memcpy(&unit.key, name->key.xxh.bytes, sizeof(unit.key));
	memcpy(&unit.sha, name->sha.bytes, sizeof(unit.sha));
	unit.key ^= name->key.len;
	return unit;
}

static uint32_t hash_of(const void *context, uint32_t position)
{
	const struct reach *reach = context;
	return (uint32_t)(reach->units[position].key >> 32);
}

/* sha: NULL: any. */
static bool find(const struct reach *reach, uint64_t key, const uint64_t *sha)
{
	struct slots_walk walk = slots_walk(&reach->by_key, (uint32_t)(key >> 32));
	for (uint32_t i; slots_next(&walk, &i);)
		if (reach->units[i].key == key && (!sha || reach->units[i].sha == *sha))
			return true;
	return false;
}

bool reach_has_key(const struct reach *reach, const struct unit_key *key)
{
	struct unit_name name = {.key = *key};
	return !reach->narrow || find(reach, unit_of(&name).key, NULL);
}

bool reach_has(const struct reach *reach, const struct unit_name *name)
{
	struct reach_unit unit = unit_of(name);
	return !reach->narrow || find(reach, unit.key, &unit.sha);
}

/* ---- learning ----------------------------------------------------------------- */

/* False: it is full, or there is no memory. */
static bool add(struct reach *reach, const struct unit_name *name)
{
	struct error ignored;
	struct reach_unit unit = unit_of(name);
	if (find(reach, unit.key, &unit.sha))
		return true;
	if (reach->count == REACH_UNITS_MAX ||
	    slots_may_make_room(&reach->by_key, hash_of, reach, &ignored))
		return false;
	if (reach->count == reach->room) {
		uint32_t room = reach->room ? 2 * reach->room : 1024;
		void *units = may_realloc(reach->units, room * sizeof(unit), &ignored);
		if (!units)
			return false;
		reach->units = units;
		reach->room = room;
	}
	reach->units[reach->count] = unit;
	slots_add(&reach->by_key, (uint32_t)(unit.key >> 32), reach->count++, hash_of,
		  reach);
	return true;
}

/* Pieces that another layer has too need not be read again. */
static bool skip_known(struct reach *reach, struct layer_reader *reader)
{
	const struct unit_name *piece;
	while ((piece = layer_reader_next_piece(reader))) {
		if (!reach_has(reach, piece))
			return add(reach, piece);
		layer_reader_skip_piece(reader);
	}
	return true;
}

static bool add_row(struct reach *reach, const struct row *row)
{
	for (size_t i = 0; i < row->unit_count; i++)
		if (!add(reach, &row->units[i]))
			return false;
	return true;
}

/* False: it is full. */
static bool learn_layer(struct reach *reach, struct layer_reader *reader)
{
	struct row row;
	struct error ignored;
	while (skip_known(reach, reader)) {
		if (layer_reader_next(reader, &row, &ignored) <= 0)
			return true;
		if (!add_row(reach, &row))
			return false;
	}
	return false;
}

void reach_narrow(struct reach *reach, struct store *store, const int64_t *layer_ids,
		  size_t count)
{
	struct layer_scratch *scratch = layer_scratch_new(store);
	bool is_full = false;
	reach->narrow = true;
	for (size_t i = 0; i < count && !is_full; i++) {
		struct layer_reader *reader = NULL;
		struct error ignored;
		if (layer_reader_open(store, layer_ids[i], scratch, &reader, &ignored))
			continue;
		is_full = !learn_layer(reach, reader);
		layer_reader_free(reader);
	}
	layer_scratch_free(scratch);
}
