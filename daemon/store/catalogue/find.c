#include "daemon/store/catalogue/internal.h"

#include <string.h>

#include "proto/base/bytes.h"

#define PREFIX_DIGITS_MIN 4u

int catalogue_workflow_history(struct catalogue *catalogue, const struct scope *scope,
			       struct text workflow,
			       struct catalogue_history *ret_history, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	int64_t namespace_id;
	struct workflow_row row = {0}, other = {0};
	int result = catalogue_find_namespace(catalogue, scope->namespace, scope->tier,
					      &namespace_id, error);
	if (result == 0)
		result = catalogue_find_workflow(catalogue, namespace_id, workflow, &row,
						 error);
	if (result == 0 && scope_shows_both(scope))
		result = catalogue_find_other(catalogue, scope, workflow, &other, error);
	if (result < 0)
		return result;
	if (!row.id && !other.id)
		return error_set(error, ERR_NOT_FOUND, "workflow `%.*s`: unknown",
				 WORDS(workflow));
	if (row.expired_ms && !other.id)
		return catalogue_expired(workflow, row.expired_ms, error);
	const struct sight sight = {
		.workflow_id = row.expired_ms ? 0 : row.id,
		.tier = scope->tier,
		.other_id = other.id,
	};
	return catalogue_load(catalogue, &sight, ret_history, error);
}

int catalogue_history_load(struct catalogue *catalogue, const struct contact *contact,
			   bool both, struct catalogue_history *ret_history,
			   struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	const struct sight sight = {
		.workflow_id = contact->workflow_id,
		.tier = contact->tier,
		.other_id = both ? contact->other_workflow_id : 0,
		.execution_id = contact->execution_id,
	};
	return catalogue_load(catalogue, &sight, ret_history, error);
}

int catalogue_count_other(struct catalogue *catalogue, const struct scope *scope,
			  struct text workflow, uint64_t *ret_count, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct workflow_row other;
	*ret_count = 0;
	int result = catalogue_find_other(catalogue, scope, workflow, &other, error);
	if (result < 0 || !other.id)
		return result;
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"SELECT (SELECT count(*) FROM executions JOIN layers"
		" ON layers.execution = executions.id WHERE executions.workflow = ?1)"
		" + (SELECT count(*) FROM inherited_layers WHERE workflow = ?1)");
	query_number(&query, other.id);
	result = query_next(&query, error);
	if (result <= 0)
		return result;
	*ret_count = row_amount(&query, 0);
	return row_check(&query, error);
}

/* ---- a layer by its id ----------------------------------------------------------- */

/* The layers whose names begin like this lie between these two. */
struct name_range {
	uint8_t first[LAYER_ID_LEN];
	uint8_t last[LAYER_ID_LEN];
};

static bool parse_prefix(struct text prefix, struct name_range *ret_range)
{
	char first[LAYER_ID_DIGITS + 1];
	char last[LAYER_ID_DIGITS + 1];
	if (prefix.len < PREFIX_DIGITS_MIN || prefix.len > LAYER_ID_DIGITS)
		return false;
	memset(first, '0', LAYER_ID_DIGITS);
	memset(last, 'f', LAYER_ID_DIGITS);
	memcpy(first, prefix.at, prefix.len);
	memcpy(last, prefix.at, prefix.len);
	first[LAYER_ID_DIGITS] = last[LAYER_ID_DIGITS] = '\0';
	return hex_decode(first, LAYER_ID_LEN, ret_range->first) &&
	       hex_decode(last, LAYER_ID_LEN, ret_range->last);
}

/* Rows: the layer, the workflow to see it in (NULL: none is left), its maker's name and
 * expiry. Those that can be seen come first. */
static struct query search(struct catalogue *catalogue, const struct name_range *range,
			   const int64_t namespace_ids[2])
{
	struct query query = query_of(
		catalogue->database,
		"SELECT layers.id, CASE WHEN expired_ms IS NULL THEN workflows.id ELSE"
		" (SELECT min(retry.id) FROM inherited_layers"
		"  JOIN workflows AS retry ON retry.id = workflow"
		"  WHERE layer = layers.id AND retry.expired_ms IS NULL) END AS seen_in,"
		" workflows.name, expired_ms, tier FROM layers" LAYER_JOIN
		" WHERE layers.name BETWEEN ? AND ? AND namespace IN (?, ?)"
		" ORDER BY seen_in IS NULL LIMIT 2");
	query_blob(&query, range->first, LAYER_ID_LEN);
	query_blob(&query, range->last, LAYER_ID_LEN);
	query_number(&query, namespace_ids[0]);
	query_number(&query, namespace_ids[1]);
	return query;
}

static int find_one(struct catalogue *catalogue, const int64_t namespace_ids[2],
		    struct text id, int64_t *ret_layer, struct sight *ret_sight,
		    struct error *error)
{
	struct name_range range;
	if (!parse_prefix(id, &range))
		return error_set(
			error, ERR_USAGE,
			"layer `%.*s`: an id is %u hexadecimal digits, of which the "
			"first %u may do",
			WORDS(id), LAYER_ID_DIGITS, PREFIX_DIGITS_MIN);
	struct query query AUTO(query_end) = search(catalogue, &range, namespace_ids);
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	if (result == 0)
		return error_set(error, ERR_NOT_FOUND, "layer `%.*s`: unknown",
				 WORDS(id));
	bool is_expired = row_is_null(&query, 1);
	struct text workflow = text_of(row_name(&query, 2));
	int64_t expired_ms = is_expired ? row_time(&query, 3) : 0;
	int64_t workflow_id = is_expired ? 0 : row_id(&query, 1);
	*ret_layer = row_id(&query, 0);
	*ret_sight = (struct sight){
		.workflow_id = workflow_id,
		.tier = row_flag(&query, 4) ? TIER_UNTRUSTED : TIER_TRUSTED,
	};
	result = row_check(&query, error);
	if (result < 0)
		return result;
	if (is_expired)
		return catalogue_expired(workflow, expired_ms, error);
	result = query_next(&query, error);
	if (result == 1 && !row_is_null(&query, 1))
		return error_set(
			error, ERR_USAGE,
			"layer `%.*s`: more than one begins like this; give more "
			"digits",
			WORDS(id));
	return result < 0 ? result : 0;
}

static uint32_t record_position(const struct catalogue_history *history, int64_t layer_id)
{
	for (size_t i = 0; i < history->history.layer_count; i++)
		if (history->records[i].id == layer_id)
			return (uint32_t)i;
	return VIEW_NONE;
}

int catalogue_find_layer(struct catalogue *catalogue, const struct scope *scope,
			 struct text id, struct catalogue_history *ret_history,
			 uint32_t *ret_position, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	int64_t namespace_ids[2];
	int64_t layer_id = 0;
	struct sight sight = {0};
	int result = catalogue_find_scope(catalogue, scope, namespace_ids, error);
	if (result == 0)
		result = find_one(catalogue, namespace_ids, id, &layer_id, &sight, error);
	if (result == 0)
		result = catalogue_load(catalogue, &sight, ret_history, error);
	if (result < 0)
		return result;
	*ret_position = record_position(ret_history, layer_id);
	if (*ret_position != VIEW_NONE)
		return 0;
	catalogue_history_fini(ret_history);
	return database_contradiction(catalogue->database, error);
}
