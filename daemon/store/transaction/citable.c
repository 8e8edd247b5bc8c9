#include "daemon/store/transaction/citable.h"

#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

/* Different contents of one key: chance gives one, and who makes collisions by the
 * thousand (XXH3 does not prevent it) would make every search long. */
#define SAME_KEY_MAX 64u

void citable_fini(struct citable *table)
{
	free(table->entries);
	free(table->frames);
	slots_fini(&table->by_key);
	slots_fini(&table->by_place);
	*table = (struct citable){0};
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

static uint32_t hash_of_entry(const void *context, uint32_t entry)
{
	const struct citable *table = context;
	return key_hash(&table->entries[entry].name.key);
}

static uint32_t hash_of_frame(const void *context, uint32_t frame)
{
	const struct citable *table = context;
	return place_hash(table->frames[frame].segment, table->frames[frame].offset);
}

/* The entry of that name, or NULL; and how many entries before it have its key. */
static struct unit_entry *find_and_count(const struct citable *table, uint32_t hash,
					 const struct unit_name *name,
					 uint32_t *ret_count)
{
	*ret_count = 0;
	struct slots_walk walk = slots_walk(&table->by_key, hash);
	for (uint32_t i; slots_next(&walk, &i);) {
		struct unit_entry *entry = &table->entries[i];
		if (!unit_key_equal(&entry->name.key, &name->key))
			continue;
		if (digest_equal(&entry->name.sha, &name->sha))
			return entry;
		++*ret_count;
	}
	return NULL;
}

struct unit_entry *citable_find(const struct citable *table, const struct unit_name *name)
{
	uint32_t ignored;
	return find_and_count(table, key_hash(&name->key), name, &ignored);
}

uint8_t citable_own(const struct citable *table, const struct unit_key *key,
		    struct digest *ret_digests, uint8_t room)
{
	uint8_t count = 0;
	struct slots_walk walk = slots_walk(&table->by_key, key_hash(key));
	for (uint32_t i; count < room && slots_next(&walk, &i);) {
		const struct unit_entry *entry = &table->entries[i];
		if (unit_key_equal(&entry->name.key, key) &&
		    table->frames[entry->frame].origin == FRAME_OWN)
			ret_digests[count++] = entry->name.sha;
	}
	return count;
}

/* ---- adding ------------------------------------------------------------------- */

static uint32_t find_frame(const struct citable *table, const struct segment *segment,
			   uint64_t offset)
{
	struct slots_walk walk =
		slots_walk(&table->by_place, place_hash(segment, offset));
	for (uint32_t i; slots_next(&walk, &i);) {
		const struct unit_frame *frame = &table->frames[i];
		if (frame->segment == segment && frame->offset == offset)
			return i;
	}
	return UNIT_NONE;
}

int citable_frame(struct citable *table, const struct unit_frame *frame,
		  uint32_t *ret_position, struct error *error)
{
	*ret_position = find_frame(table, frame->segment, frame->offset);
	if (*ret_position != UNIT_NONE)
		return 0;
	if (array_may_make_room(table->frames, table->frame_count, table->frame_room,
				error) ||
	    slots_may_make_room(&table->by_place, hash_of_frame, table, error))
		return ERR_NO_MEMORY;
	*ret_position = table->frame_count;
	table->frames[*ret_position] = *frame;
	table->frames[*ret_position].block = UNIT_NONE;
	slots_add(&table->by_place, hash_of_frame(table, *ret_position), *ret_position,
		  hash_of_frame, table);
	table->frame_count++;
	return 0;
}

int citable_add(struct citable *table, const struct unit_name *name, uint32_t frame,
		uint32_t position, struct error *error)
{
	uint32_t hash = key_hash(&name->key);
	uint32_t same_key;
	struct unit_entry *entry = find_and_count(table, hash, name, &same_key);
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
	if (same_key >= SAME_KEY_MAX)
		return error_set(error, ERR_LIMIT,
				 "persist: more than %u contents with one XXH3-128",
				 SAME_KEY_MAX);
	if (array_may_make_room(table->entries, table->count, table->room, error) ||
	    slots_may_make_room(&table->by_key, hash_of_entry, table, error))
		return ERR_NO_MEMORY;
	table->entries[table->count] = (struct unit_entry){
		.name = *name, .frame = frame, .position = (uint16_t)position};
	slots_add(&table->by_key, hash, table->count, hash_of_entry, table);
	table->count++;
	return 0;
}
