#include "daemon/store/life/ending.h"

#include <stdio.h>

#include "daemon/store/catalogue/internal.h"
#include "daemon/store/life/sql.h"

static void take(const struct catalogue *catalogue, struct query *query,
		 struct ending *ending)
{
	int64_t now_ms = lifetime_now(catalogue);
	int64_t ends_ms = row_number(query, 2);
	(void)snprintf(ending->workflow, sizeof(ending->workflow), "%s",
		       row_name(query, 0));
	ending->has_expired = row_flag(query, 1);
	ending->in_ms = ends_ms > now_ms ? (uint64_t)(ends_ms - now_ms) : 0;
}

int ending_next(struct catalogue *catalogue, int64_t namespace_id, uint64_t retention_ms,
		struct ending *ret_ending, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT name, expired_ms NOT NULL AS gone, " LIFE_ENDS_MS(
				 "?2") " AS ends FROM workflows WHERE namespace = ?1 AND "
				       "removed_ms IS NULL"
				       " AND EXISTS (SELECT 1 FROM executions JOIN layers"
				       "  ON layers.execution = executions.id"
				       "  WHERE executions.workflow = workflows.id AND "
				       "removed = 0)"
				       " AND (gone OR ends < " LIFE_NEVER_MS ")"
				       " ORDER BY gone DESC, ends LIMIT 1");
	query_number(&query, namespace_id);
	query_number(&query, life_retention(retention_ms));
	*ret_ending = (struct ending){0};
	int result = query_next(&query, error);
	if (result == 1)
		take(catalogue, &query, ret_ending);
	return result < 0 ? result : row_check(&query, error);
}
