#include "client/content/units.h"

#include <pthread.h>
#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/slots.h"

#define BLOCK_UNITS 8192u
#define NO_UNIT SLOTS_FREE

struct unit {
	struct unit_name name;
	uint8_t state; /* enum unit_state */
	bool has_sha;
};

struct units {
	pthread_mutex_t lock;
	struct unit **blocks; /* owned */
	uint32_t count;
	struct slots slots; /* by key: units that a file may have again */
	uint32_t claims; /* and recalled units that are lacked */
};

struct units *units_new(void)
{
	struct units *table = must_calloc(1, sizeof(*table));
	(void)pthread_mutex_init(&table->lock, NULL);
	return table;
}

void units_free(struct units *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < table->count; i += BLOCK_UNITS)
		free(table->blocks[i / BLOCK_UNITS]);
	free(table->blocks);
	slots_fini(&table->slots);
	(void)pthread_mutex_destroy(&table->lock);
	free(table);
}

static struct unit *unit_at(const struct units *table, uint32_t unit)
{
	return &table->blocks[unit / BLOCK_UNITS][unit % BLOCK_UNITS];
}

static uint32_t hash_of(const void *context, uint32_t unit)
{
	return (uint32_t)unit_key_hash(&unit_at(context, unit)->name.key);
}

static struct slots_walk walk_of(const struct units *table, const struct unit_key *key)
{
	return slots_walk(&table->slots, (uint32_t)unit_key_hash(key));
}

static uint32_t append(struct units *table, const struct unit *unit)
{
	claim(table->count < NO_UNIT);
	uint32_t block = table->count / BLOCK_UNITS;
	if (table->count % BLOCK_UNITS == 0) {
		table->blocks =
			must_realloc(table->blocks, (block + 1) * sizeof(*table->blocks));
		table->blocks[block] = must_alloc(BLOCK_UNITS * sizeof(**table->blocks));
	}
	*unit_at(table, table->count) = *unit;
	return table->count++;
}

static uint32_t insert(struct units *table, const struct unit *unit)
{
	uint32_t number = append(table, unit);
	slots_add(&table->slots, hash_of(table, number), number, hash_of, table);
	return number;
}

/* What the units with one key say about a newcomer. */
struct kin {
	bool any;
	bool any_without_sha;
	uint32_t same; /* equal SHA-256; NO_UNIT: none */
};

static struct kin kin_of(const struct units *table, const struct unit_key *key,
			 const struct digest *sha)
{
	struct kin kin = {.same = NO_UNIT};
	struct slots_walk walk = walk_of(table, key);
	for (uint32_t i; slots_next(&walk, &i);) {
		const struct unit *unit = unit_at(table, i);
		if (!unit_key_equal(&unit->name.key, key))
			continue;
		kin.any = true;
		if (!unit->has_sha)
			kin.any_without_sha = true;
		else if (sha && digest_equal(&unit->name.sha, sha))
			kin.same = i;
	}
	return kin;
}

/* A key not seen before: added as it is. */
static bool add_first(struct units *table, const struct unit_key *key, uint32_t *ret_unit)
{
	(void)pthread_mutex_lock(&table->lock);
	bool first = !kin_of(table, key, NULL).any;
	if (first)
		*ret_unit = insert(table,
				   &(struct unit){.name.key = *key, .state = UNIT_NEW});
	(void)pthread_mutex_unlock(&table->lock);
	return first;
}

bool units_claim(struct units *table, const struct unit_key *key, const void *data,
		 uint32_t *ret_unit)
{
	if (add_first(table, key, ret_unit))
		return true;
	struct unit unit = {
		.name = {.key = *key, .sha = sha256_of(data, key->len)},
		.has_sha = true,
		.state = UNIT_NEW,
	};
	(void)pthread_mutex_lock(&table->lock);
	struct kin kin = kin_of(table, key, &unit.name.sha);
	bool ask = kin.same == NO_UNIT && !kin.any_without_sha;
	if (kin.same != NO_UNIT && unit_at(table, kin.same)->state == UNIT_LACKED) {
		unit_at(table, kin.same)->state = UNIT_NEW;
		table->claims--;
		ask = true;
	}
	if (kin.same == NO_UNIT && kin.any_without_sha) {
		unit.state = UNIT_CLAIM;
		table->claims++;
	}
	*ret_unit = kin.same != NO_UNIT ? kin.same : insert(table, &unit);
	(void)pthread_mutex_unlock(&table->lock);
	return ask;
}

uint32_t units_add_held(struct units *table, const struct unit_name *name)
{
	struct unit unit = {.name = *name, .has_sha = true, .state = UNIT_HELD};
	(void)pthread_mutex_lock(&table->lock);
	uint32_t number = append(table, &unit);
	(void)pthread_mutex_unlock(&table->lock);
	return number;
}

bool units_recall(struct units *table, const struct unit_name *name, uint32_t *ret_unit)
{
	struct unit unit = {.name = *name, .has_sha = true, .state = UNIT_NEW};
	(void)pthread_mutex_lock(&table->lock);
	struct kin kin = kin_of(table, &name->key, &name->sha);
	bool ask = kin.same == NO_UNIT && !kin.any_without_sha;
	if (kin.same == NO_UNIT && kin.any_without_sha) {
		unit.state = UNIT_CLAIM;
		table->claims++;
	}
	*ret_unit = kin.same != NO_UNIT ? kin.same : insert(table, &unit);
	(void)pthread_mutex_unlock(&table->lock);
	return ask;
}

void units_lacked(struct units *table, uint32_t number)
{
	(void)pthread_mutex_lock(&table->lock);
	unit_at(table, number)->state = UNIT_LACKED;
	table->claims++;
	(void)pthread_mutex_unlock(&table->lock);
}

uint32_t units_add(struct units *table, const struct unit_name *name)
{
	(void)pthread_mutex_lock(&table->lock);
	uint32_t number = append(table, &(struct unit){.name = *name, .has_sha = true});
	(void)pthread_mutex_unlock(&table->lock);
	return number;
}

static struct unit unit_copy(struct units *table, uint32_t number)
{
	(void)pthread_mutex_lock(&table->lock);
	struct unit unit = *unit_at(table, number);
	(void)pthread_mutex_unlock(&table->lock);
	return unit;
}

struct unit_key units_key(struct units *table, uint32_t unit)
{
	return unit_copy(table, unit).name.key;
}

struct unit_name units_name(struct units *table, uint32_t unit)
{
	return unit_copy(table, unit).name;
}

bool units_final(struct units *table, uint32_t number, struct unit_name *ret_name)
{
	struct unit unit = unit_copy(table, number);
	*ret_name = unit.name;
	return unit.state == UNIT_HELD || unit.state == UNIT_CLAIM;
}

bool units_is_new(struct units *table, uint32_t unit)
{
	return unit_copy(table, unit).state == UNIT_NEW;
}

uint32_t units_count(struct units *table)
{
	(void)pthread_mutex_lock(&table->lock);
	uint32_t count = table->count;
	(void)pthread_mutex_unlock(&table->lock);
	return count;
}

int units_held(struct units *table, uint32_t number, const struct digest *sha,
	       struct error *error)
{
	(void)pthread_mutex_lock(&table->lock);
	struct unit *unit = unit_at(table, number);
	bool agrees = !unit->has_sha || digest_equal(&unit->name.sha, sha);
	unit->name.sha = *sha;
	unit->has_sha = true;
	unit->state = UNIT_HELD;
	(void)pthread_mutex_unlock(&table->lock);
	if (agrees)
		return 0;
	return error_set(error, ERR_DAMAGED,
			 "the daemon: gave another SHA-256 for bytes whose SHA-256 is "
			 "known here");
}

void units_learn(struct units *table, uint32_t number, const struct digest *sha)
{
	(void)pthread_mutex_lock(&table->lock);
	unit_at(table, number)->name.sha = *sha;
	unit_at(table, number)->has_sha = true;
	(void)pthread_mutex_unlock(&table->lock);
}

uint32_t units_claims(struct units *table)
{
	(void)pthread_mutex_lock(&table->lock);
	uint32_t claims = table->claims;
	(void)pthread_mutex_unlock(&table->lock);
	return claims;
}

/* Whether a unit that the daemon holds has the claimed name. */
static bool claim_holds(const struct units *table, const struct unit *claimed)
{
	struct slots_walk walk = walk_of(table, &claimed->name.key);
	for (uint32_t i; slots_next(&walk, &i);) {
		const struct unit *unit = unit_at(table, i);
		if (unit->state == UNIT_HELD &&
		    unit_name_equal(&unit->name, &claimed->name))
			return true;
	}
	return false;
}

uint32_t units_settle(struct units *table)
{
	uint32_t wrong = 0;
	(void)pthread_mutex_lock(&table->lock);
	for (uint32_t i = 0; i < table->count && table->claims > 0; i++) {
		struct unit *unit = unit_at(table, i);
		if (unit->state != UNIT_CLAIM && unit->state != UNIT_LACKED)
			continue;
		table->claims--;
		bool holds = unit->state == UNIT_CLAIM && claim_holds(table, unit);
		unit->state = holds ? UNIT_HELD : UNIT_NEW;
		wrong += !holds;
	}
	(void)pthread_mutex_unlock(&table->lock);
	return wrong;
}
