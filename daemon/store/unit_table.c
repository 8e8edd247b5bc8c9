#include "daemon/store/unit_table.h"

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

#define FIRST_SIZE 1024u
/* Different contents of one key: chance gives one, and who makes collisions by the
 * thousand (XXH3 does not prevent it) would make every search long. */
#define SAME_KEY_MAX 64u

void unit_table_fini(struct unit_table *table)
{
	free(table->entries);
	free(table->frames);
	free(table->by_key);
	free(table->by_place);
	*table = (struct unit_table){0};
}

/* ---- finding ------------------------------------------------------------------ */

static uint32_t place_hash(const struct segment *segment, uint64_t offset)
{
	uint64_t mixed = ((uint64_t)(uintptr_t)segment >> 4) ^
			 offset * 0x9e3779b97f4a7c15u;
	return (uint32_t)((mixed * 0x9e3779b97f4a7c15u) >> 32);
}

static uint32_t key_hash(const struct unit_key *key)
{
	return (uint32_t)unit_key_hash(key);
}

static uint32_t *new_slots(uint32_t size)
{
	uint32_t *slots = must_alloc(size * sizeof *slots);
	memset(slots, 0xff, size * sizeof *slots);
	return slots;
}

static void put_slot(uint32_t *slots, uint32_t size, uint32_t hash, uint32_t position)
{
	uint32_t at = hash & (size - 1);
	while (slots[at] != UNIT_NONE)
		at = (at + 1) & (size - 1);
	slots[at] = position;
}

/* Doubles an index of `count` positions before it is three quarters full: true when the
 * positions have to be put again. */
static bool grow_slots(uint32_t **slots, uint32_t *size, uint32_t count)
{
	if (*size > 0 && count < *size / 4 * 3)
		return false;
	*size = *size ? *size * 2 : FIRST_SIZE;
	free(*slots);
	*slots = new_slots(*size);
	return true;
}

struct unit_entry *unit_table_find(const struct unit_table *table,
				   const struct unit_name *name)
{
	if (table->by_key_size == 0)
		return NULL;
	uint32_t mask = table->by_key_size - 1;
	uint32_t at = key_hash(&name->key) & mask;
	for (; table->by_key[at] != UNIT_NONE; at = (at + 1) & mask) {
		struct unit_entry *entry = &table->entries[table->by_key[at]];
		if (unit_name_equal(&entry->name, name))
			return entry;
	}
	return NULL;
}

/* How many entries have the key. */
static uint32_t count_key(const struct unit_table *table, const struct unit_key *key)
{
	uint32_t count = 0;
	uint32_t mask = table->by_key_size - 1;
	uint32_t at = key_hash(key) & mask;
	for (; table->by_key[at] != UNIT_NONE; at = (at + 1) & mask)
		count += unit_key_equal(&table->entries[table->by_key[at]].name.key, key);
	return count;
}

uint8_t unit_table_own(const struct unit_table *table, const struct unit_key *key,
		       struct digest *ret_digests, uint8_t room)
{
	if (table->by_key_size == 0)
		return 0;
	uint8_t count = 0;
	uint32_t mask = table->by_key_size - 1;
	uint32_t at = key_hash(key) & mask;
	for (; table->by_key[at] != UNIT_NONE && count < room; at = (at + 1) & mask) {
		const struct unit_entry *entry = &table->entries[table->by_key[at]];
		if (unit_key_equal(&entry->name.key, key) &&
		    table->frames[entry->frame].origin == FRAME_OWN)
			ret_digests[count++] = entry->name.sha;
	}
	return count;
}

/* ---- adding ------------------------------------------------------------------- */

static uint32_t find_frame(const struct unit_table *table, const struct segment *segment,
			   uint64_t offset)
{
	uint32_t mask = table->by_place_size - 1;
	uint32_t at = place_hash(segment, offset) & mask;
	for (; table->by_place[at] != UNIT_NONE; at = (at + 1) & mask) {
		const struct unit_frame *frame = &table->frames[table->by_place[at]];
		if (frame->segment == segment && frame->offset == offset)
			return table->by_place[at];
	}
	return UNIT_NONE;
}

static void make_room_for_frame(struct unit_table *table)
{
	if (table->frame_count == table->frame_room) {
		table->frame_room = table->frame_room ? 2 * table->frame_room : 64;
		table->frames = must_realloc(table->frames,
					     table->frame_room * sizeof *table->frames);
	}
	if (!grow_slots(&table->by_place, &table->by_place_size, table->frame_count))
		return;
	for (uint32_t i = 0; i < table->frame_count; i++)
		put_slot(table->by_place, table->by_place_size,
			 place_hash(table->frames[i].segment, table->frames[i].offset),
			 i);
}

uint32_t unit_table_frame(struct unit_table *table, struct segment *segment,
			  uint64_t offset, uint32_t len, enum frame_origin origin)
{
	make_room_for_frame(table);
	uint32_t found = find_frame(table, segment, offset);
	if (found != UNIT_NONE)
		return found;
	table->frames[table->frame_count] = (struct unit_frame){
		.segment = segment,
		.offset = offset,
		.len = len,
		.origin = (uint8_t)origin,
		.block = UNIT_NONE,
	};
	put_slot(table->by_place, table->by_place_size, place_hash(segment, offset),
		 table->frame_count);
	return table->frame_count++;
}

static void make_room_for_entry(struct unit_table *table)
{
	if (table->count == table->room) {
		table->room = table->room ? 2 * table->room : FIRST_SIZE;
		table->entries = must_realloc(table->entries,
					      table->room * sizeof *table->entries);
	}
	if (!grow_slots(&table->by_key, &table->by_key_size, table->count))
		return;
	for (uint32_t i = 0; i < table->count; i++)
		put_slot(table->by_key, table->by_key_size,
			 key_hash(&table->entries[i].name.key), i);
}

int unit_table_add(struct unit_table *table, const struct unit_name *name, uint32_t frame,
		   uint32_t position, struct error *error)
{
	struct unit_entry *entry = unit_table_find(table, name);
	bool own = table->frames[frame].origin == FRAME_OWN;
	if (entry && own && table->frames[entry->frame].origin != FRAME_OWN) {
		entry->frame = frame;
		entry->position = (uint16_t)position;
	}
	if (entry)
		return 0;
	if (table->count >= LAYER_ROWS_MAX)
		return error_set(error, ERR_LIMIT, "persist: more than %u units",
				 LAYER_ROWS_MAX);
	make_room_for_entry(table);
	if (count_key(table, &name->key) >= SAME_KEY_MAX)
		return error_set(error, ERR_LIMIT,
				 "persist: more than %u contents with one XXH3-128",
				 SAME_KEY_MAX);
	table->entries[table->count] = (struct unit_entry){
		.name = *name, .frame = frame, .position = (uint16_t)position};
	put_slot(table->by_key, table->by_key_size, key_hash(&name->key), table->count);
	table->count++;
	return 0;
}
