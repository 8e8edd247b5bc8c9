/* Whether the catalogue holds what it should (catalogue.h). */
#include "daemon/store/catalogue/internal.h"
#include "proto/base/bytes.h"

static int list_workflows(struct catalogue *catalogue, struct buffer *ids,
			  struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT id, name, contact_ms, created_ms FROM workflows");
	int result;
	while ((result = query_next(&query, error)) == 1) {
		int64_t id = row_id(&query, 0);
		buffer_put(ids, &id, sizeof(id));
		(void)row_name(&query, 1);
		(void)row_time(&query, 2);
		(void)row_time(&query, 3);
	}
	return result < 0 ? result : row_check(&query, error);
}

/* Each row of a history is looked at when it is loaded. */
static int check_histories(struct catalogue *catalogue, struct error *error)
{
	struct buffer ids AUTO(buffer_fini) = {0};
	int result = list_workflows(catalogue, &ids, error);
	const int64_t *id = (const int64_t *)(const void *)ids.at;
	for (size_t i = 0; result == 0 && i < ids.len / sizeof(*id); i++) {
		struct catalogue_history history AUTO(catalogue_history_fini) = {0};
		const struct sight sight = {.workflow_id = id[i]};
		result = catalogue_load(catalogue, &sight, &history, error);
	}
	return result;
}

int catalogue_check(struct catalogue *catalogue, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	int result = database_check(catalogue->database, error);
	return result == 0 ? check_histories(catalogue, error) : result;
}
