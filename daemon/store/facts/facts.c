#include "daemon/store/facts/facts.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/catalogue/internal.h"
#include "daemon/store/database/id_set.h"
#include "proto/base/array.h"

/* Where only some of the other executions can be told, each layer tells of others of
 * them: a prime, so that in time all have their turn. */
#define OTHERS_STRIDE 251u

void layer_facts_fini(struct layer_facts *facts)
{
	arena_fini(&facts->memory);
	*facts = (struct layer_facts){0};
}

/* ---- what is kept of a row ------------------------------------------------------- */

static struct text keep_bytes(struct arena *memory, struct reader bytes)
{
	char *copy = arena_bytes(memory, bytes.left);
	if (bytes.left)
		memcpy(copy, bytes.at, bytes.left);
	return (struct text){copy, bytes.left};
}

/* The name of a namespace is what its key begins with. */
static void keep_namespace(struct arena *memory, const char *key,
			   struct workflow_facts *workflow)
{
	workflow->tier = catalogue_namespace_tier(key);
	workflow->namespace = arena_copy(memory, key);
	if (workflow->tier == TIER_UNTRUSTED)
		workflow->namespace.len = strcspn(key, "\x1f");
}

/* ---- executions ------------------------------------------------------------------ */

#define EXECUTION_COLUMNS                                                                \
	"SELECT id, origin, run_heard, run, job, shard, attempt, execution, has_needs,"  \
	" attached FROM executions "

static int execution_of(struct query *query, struct arena *memory,
			struct execution_facts *ret_execution, struct error *error)
{
	*ret_execution = (struct execution_facts){
		.id = row_id(query, 0),
		.origin = row_id_or_none(query, 1),
		.run_heard = row_id(query, 2),
		.run = arena_copy(memory, row_name(query, 3)),
		.job = arena_copy(memory, row_name(query, 4)),
		.shard = arena_copy(memory, row_label(query, 5)),
		.attempt = arena_copy(memory, row_name(query, 6)),
		.execution = arena_copy(memory, row_text(query, 7)),
		.has_needs = row_flag(query, 8),
		.attached = keep_bytes(memory, row_bytes(query, 9)),
	};
	return row_check(query, error);
}

static int load_needs(struct catalogue *catalogue, struct arena *memory,
		      struct execution_facts *execution, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "SELECT job FROM execution_needs"
					      " WHERE execution = ? ORDER BY position");
	query_number(&query, execution->id);
	struct arena_list needs = {0};
	int result;
	while ((result = query_next(&query, error)) == 1)
		*(struct text *)arena_list_add(memory, &needs, sizeof(struct text)) =
			arena_copy(memory, row_name(&query, 0));
	execution->needs = (struct text_list){needs.items, needs.count};
	return result < 0 ? result : row_check(&query, error);
}

static int load_own(struct catalogue *catalogue, int64_t execution_id,
		    struct layer_facts *facts, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database, EXECUTION_COLUMNS "WHERE id = ?");
	query_number(&query, execution_id);
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	if (result == 0)
		return database_contradiction(catalogue->database, error);
	facts->bases = keep_bytes(&facts->memory, row_bytes(&query, 9));
	result = execution_of(&query, &facts->memory, &facts->execution, error);
	return result == 0
		       ? load_needs(catalogue, &facts->memory, &facts->execution, error)
		       : result;
}

/* Those of the workflow that no layer's row would tell of. One that has said nothing yet
 * is about to, or has nothing to say. */
static int load_others(struct catalogue *catalogue, struct layer_facts *facts,
		       struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database, EXECUTION_COLUMNS
		"WHERE workflow = ?1 AND id <> ?2 AND (origin NOT NULL OR"
		" ((has_needs OR attached <> x'') AND NOT EXISTS"
		"  (SELECT 1 FROM layers WHERE layers.execution = executions.id)))"
		" ORDER BY id");
	query_number(&query, facts->workflow.id);
	query_number(&query, facts->execution.id);
	struct arena_list others = {0};
	int result;
	while ((result = query_next(&query, error)) == 1) {
		struct execution_facts *other =
			arena_list_add(&facts->memory, &others, sizeof(*other));
		result = execution_of(&query, &facts->memory, other, error);
		if (result < 0)
			return result;
	}
	struct execution_facts *items = others.items;
	for (size_t i = 0; result == 0 && i < others.count; i++)
		result = load_needs(catalogue, &facts->memory, &items[i], error);
	facts->others = items;
	facts->other_count = facts->others_in_all = others.count;
	return result;
}

/* ---- the workflow ---------------------------------------------------------------- */

static int load_parent(struct catalogue *catalogue, int64_t parent_id,
		       struct layer_facts *facts, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"SELECT workflows.id, workflows.name, namespaces.id, namespaces.name"
		" FROM workflows JOIN namespaces ON namespaces.id = workflows.namespace"
		" WHERE workflows.id = ?");
	query_number(&query, parent_id);
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	if (result == 0)
		return database_contradiction(catalogue->database, error);
	facts->parent = (struct workflow_facts){
		.id = row_id(&query, 0),
		.name = arena_copy(&facts->memory, row_name(&query, 1)),
		.namespace_id = row_id(&query, 2),
	};
	keep_namespace(&facts->memory, row_text(&query, 3), &facts->parent);
	return row_check(&query, error);
}

static int load_workflow(struct catalogue *catalogue, struct layer_facts *facts,
			 struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"SELECT workflows.id, workflows.name, workflows.created_ms,"
		" workflows.parent, namespaces.id, namespaces.name, namespaces.created_ms"
		" FROM executions JOIN workflows ON workflows.id = executions.workflow"
		" JOIN namespaces ON namespaces.id = workflows.namespace"
		" WHERE executions.id = ?");
	query_number(&query, facts->execution.id);
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	if (result == 0)
		return database_contradiction(catalogue->database, error);
	facts->workflow = (struct workflow_facts){
		.id = row_id(&query, 0),
		.name = arena_copy(&facts->memory, row_name(&query, 1)),
		.created_ms = row_time(&query, 2),
		.namespace_id = row_id(&query, 4),
		.namespace_created_ms = row_time(&query, 6),
	};
	keep_namespace(&facts->memory, row_text(&query, 5), &facts->workflow);
	int64_t parent_id = row_id_or_none(&query, 3);
	result = row_check(&query, error);
	return result == 0 && parent_id ? load_parent(catalogue, parent_id, facts, error)
					: result;
}

static int load_inherited(struct catalogue *catalogue, struct layer_facts *facts,
			  struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "SELECT layer FROM inherited_layers"
					      " WHERE workflow = ? ORDER BY layer");
	query_number(&query, facts->workflow.id);
	struct buffer ids AUTO(buffer_fini) = {0};
	struct buffer set AUTO(buffer_fini) = {0};
	int result;
	while ((result = query_next(&query, error)) == 1) {
		int64_t id = row_id(&query, 0);
		buffer_put(&ids, &id, sizeof(id));
	}
	if (result == 0)
		result = row_check(&query, error);
	if (result < 0 || ids.len == 0)
		return result;
	(void)id_set_unite((struct reader){0}, (int64_t *)(void *)ids.at,
			   ids.len / sizeof(int64_t), &set);
	facts->inherited = keep_bytes(&facts->memory, reader_of(set.at, set.len));
	return 0;
}

/* ---- what comes next ------------------------------------------------------------- */

static int next_number(struct catalogue *catalogue, struct query *query,
		       int64_t *ret_number, struct error *error)
{
	int result = query_one(query, ret_number, error);
	if (result == 0 && (*ret_number < 0 || *ret_number >= UINT32_MAX))
		return database_contradiction(catalogue->database, error);
	return result;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* After all that are committed or reserved. */
static int number_layer(struct catalogue *catalogue, struct layer_facts *facts,
			struct error *error)
{
	struct query last AUTO(query_end) =
		query_of(catalogue->database, "SELECT max(id) FROM layers");
	struct query sequence AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT max(sequence) FROM layers WHERE execution = ?");
	query_number(&sequence, facts->execution.id);
	int64_t id = 0, number = 0;
	int result = query_one(&last, &id, error);
	if (result == 0)
		result = next_number(catalogue, &sequence, &number, error);
	for (size_t i = 0; i < catalogue->reserved_count; i++) {
		const struct reserved_layer *reserved = &catalogue->reserved[i];
		id = larger(id, reserved->layer_id);
		if (reserved->execution_id == facts->execution.id)
			number = larger(number, reserved->sequence);
	}
	facts->id = id + 1;
	facts->sequence = (uint32_t)number + 1;
	if (facts->other_count)
		facts->others_from =
			(uint64_t)facts->id * OTHERS_STRIDE % facts->other_count;
	return result;
}

static void reserve(struct catalogue *catalogue, const struct layer_facts *facts)
{
	array_make_room(catalogue->reserved, catalogue->reserved_count,
			catalogue->reserved_room);
	catalogue->reserved[catalogue->reserved_count++] = (struct reserved_layer){
		.layer_id = facts->id,
		.execution_id = facts->execution.id,
		.sequence = facts->sequence,
	};
}

int facts_reserve(struct catalogue *catalogue, int64_t execution_id,
		  struct layer_facts *ret_facts, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct layer_facts facts AUTO(layer_facts_fini) = {0};
	int result = load_own(catalogue, execution_id, &facts, error);
	if (result == 0)
		result = load_workflow(catalogue, &facts, error);
	if (result == 0)
		result = load_inherited(catalogue, &facts, error);
	if (result == 0)
		result = load_others(catalogue, &facts, error);
	if (result == 0)
		result = arena_check(&facts.memory, error);
	if (result == 0)
		result = number_layer(catalogue, &facts, error);
	if (result < 0)
		return result;
	database_random(facts.name, LAYER_ID_LEN);
	facts.created_ms = lifetime_wall(catalogue);
	reserve(catalogue, &facts);
	*ret_facts = facts;
	facts = (struct layer_facts){0};
	return 0;
}

void facts_release(struct catalogue *catalogue, const struct layer_facts *facts)
{
	CATALOGUE_LOCKED(catalogue);
	size_t count = catalogue->reserved_count;
	for (size_t i = 0; i < count; i++)
		if (catalogue->reserved[i].layer_id == facts->id) {
			catalogue->reserved[i] = catalogue->reserved[count - 1];
			catalogue->reserved_count--;
			return;
		}
}
