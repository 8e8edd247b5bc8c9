#include "daemon/store/catalogue/internal.h"

#include <string.h>

#include "proto/base/advice.h"
#include "proto/base/bytes.h"
#include "proto/message/label.h"

/* What is known of an execution beside its identity. */
struct known {
	int64_t id; /* 0: it is new */
	bool has_execution, same_execution;
	bool has_needs;
};

static void bind_identity(struct query *query, int64_t workflow_id,
			  const struct identity *identity)
{
	query_number(query, workflow_id);
	query_text(query, identity->run);
	query_text(query, identity->job);
	query_text(query, identity->shard);
	query_text(query, identity->attempt);
}

static int find(struct catalogue *catalogue, int64_t workflow_id,
		const struct identity *identity, struct known *ret_known,
		struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT id, execution, has_needs FROM executions"
				     " WHERE origin IS NULL AND workflow = ? AND run = ?"
				     " AND job = ? AND shard = ? AND attempt = ?");
	bind_identity(&query, workflow_id, identity);
	int result = query_next(&query, error);
	*ret_known = (struct known){0};
	if (result <= 0)
		return result;
	*ret_known = (struct known){
		.id = row_id(&query, 0),
		.has_execution = !row_is_null(&query, 1),
		.same_execution = text_is(identity->execution, row_text(&query, 1)),
		.has_needs = row_flag(&query, 2),
	};
	return row_check(&query, error);
}

/* The order of runs is that of their first executions, over all workflows, so that a
 * retry's copies keep it. */
static int make(struct catalogue *catalogue, int64_t workflow_id,
		const struct identity *identity, int64_t *ret_id, struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database,
		"INSERT INTO executions (workflow, run, job, shard, attempt, execution,"
		" run_heard) VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce("
		" (SELECT run_heard FROM executions"
		"  WHERE origin IS NULL AND workflow = ?1 AND run = ?2 LIMIT 1),"
		" (SELECT coalesce(max(id), 0) + 1 FROM executions)))");
	bind_identity(&query, workflow_id, identity);
	if (identity->execution.len > 0)
		query_text(&query, identity->execution);
	else
		query_null(&query);
	int result = query_run(&query, error);
	if (result == 0)
		*ret_id = database_last_id(catalogue->database);
	return result;
}

/* ---- when it was heard of --------------------------------------------------------- */

/* What is taken back may be remembered: its id is then another's, which comes later. */
static int note_heard(struct catalogue *catalogue, int64_t id, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "SELECT coalesce(max(id), 0) FROM layers");
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	catalogue->heard[catalogue->heard_count++ % HEARD_MAX] = (struct heard){
		.execution = id,
		.last_layer = row_number(&query, 0),
	};
	return 0;
}

int64_t catalogue_last_layer_before(struct catalogue *catalogue, int64_t execution_id)
{
	CATALOGUE_LOCKED(catalogue);
	size_t count = catalogue->heard_count;
	for (size_t back = 1; back <= count && back <= HEARD_MAX; back++) {
		const struct heard *heard = &catalogue->heard[(count - back) % HEARD_MAX];
		if (heard->execution == execution_id)
			return heard->last_layer;
	}
	return INT64_MAX;
}

/* ---- two of one name --------------------------------------------------------------- */

static int two_executions(const struct identity *identity, struct error *error)
{
	const struct label name = {
		.job = identity->job,
		.shard = identity->shard,
		.run = identity->run,
		.attempt = identity->attempt,
	};
	char label[512];
	(void)error_set(error, ERR_IDENTITY, "two executions call themselves `%s`",
			label_text(&name, label, sizeof(label)));
	return error_advise(error, ADVICE_NAME_SHARD);
}

/* An execution that did not say which it is may say so later. */
static int keep_execution(struct catalogue *catalogue, const struct known *known,
			  const struct identity *identity, struct error *error)
{
	if (identity->execution.len == 0 || known->same_execution)
		return 0;
	if (known->has_execution)
		return two_executions(identity, error);
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "UPDATE executions SET execution = ? WHERE id = ?");
	query_text(&query, identity->execution);
	query_number(&query, known->id);
	return query_run(&query, error);
}

/* ---- needs ----------------------------------------------------------------------- */

/* 1: the needs that are remembered are these. */
static int same_needs(struct catalogue *catalogue, int64_t id,
		      const struct text_list *needs, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "SELECT job FROM execution_needs"
					      " WHERE execution = ? ORDER BY position");
	query_number(&query, id);
	for (size_t i = 0; i < needs->count; i++) {
		int result = query_next(&query, error);
		if (result < 0)
			return result;
		if (result == 0 || !text_is(needs->items[i], row_text(&query, 0)))
			return 0;
	}
	int result = query_next(&query, error);
	return result < 0 ? result : !result;
}

static int clear_needs(struct catalogue *catalogue, int64_t id, struct error *error)
{
	struct query flag AUTO(query_end) = query_of(
		catalogue->database, "UPDATE executions SET has_needs = 1 WHERE id = ?");
	query_number(&flag, id);
	int result = query_run(&flag, error);
	if (result < 0)
		return result;
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "DELETE FROM execution_needs WHERE execution = ?");
	query_number(&query, id);
	return query_run(&query, error);
}

static int add_need(struct catalogue *catalogue, int64_t id, size_t position,
		    struct text job, struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "INSERT INTO execution_needs (execution, position, job)"
			 " VALUES (?, ?, ?)");
	query_number(&query, id);
	query_number(&query, (int64_t)position);
	query_text(&query, job);
	return query_run(&query, error);
}

/* Needs that were not given leave what was remembered. */
static int keep_needs(struct catalogue *catalogue, const struct known *known,
		      const struct identity *identity, struct error *error)
{
	if (!identity->has_needs)
		return 0;
	int same = same_needs(catalogue, known->id, &identity->needs, error);
	if (same < 0 || (same && known->has_needs))
		return same < 0 ? same : 0;
	int result = clear_needs(catalogue, known->id, error);
	for (size_t i = 0; result == 0 && i < identity->needs.count; i++)
		result = add_need(catalogue, known->id, i, identity->needs.items[i],
				  error);
	return result;
}

int catalogue_execution(struct catalogue *catalogue, int64_t workflow_id,
			const struct identity *identity, int64_t *ret_id,
			struct error *error)
{
	struct known known;
	int result = find(catalogue, workflow_id, identity, &known, error);
	if (result < 0)
		return result;
	bool is_new = !known.id;
	result = known.id ? keep_execution(catalogue, &known, identity, error)
			  : make(catalogue, workflow_id, identity, &known.id, error);
	if (result == 0 && is_new)
		result = note_heard(catalogue, known.id, error);
	if (result == 0)
		result = keep_needs(catalogue, &known, identity, error);
	if (result == 0)
		*ret_id = known.id;
	return result;
}
