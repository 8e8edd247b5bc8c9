#include "daemon/store/life/census.h"

#include <inttypes.h>

#include "daemon/store/catalogue/internal.h"

/* Once, and again after layers were given up; in between commits count themselves. */
static int count(struct catalogue *catalogue, struct account *account,
		 struct error *error)
{
	if (account->counted)
		return 0;
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT count(*) FROM workflows"
			 " JOIN executions ON executions.workflow = workflows.id"
			 " JOIN layers ON layers.execution = executions.id"
			 " WHERE namespace = ? AND origin IS NULL AND removed = 0");
	query_number(&query, account->namespace_id);
	int64_t layers;
	int result = query_one(&query, &layers, error);
	if (result < 0)
		return result;
	account->held = (uint64_t)layers;
	account->counted = true;
	return 0;
}

int census_enter(struct catalogue *catalogue, int64_t namespace_id, uint64_t quota,
		 struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct account *account = accounts_of(&catalogue->layers, namespace_id);
	account->quota = quota;
	int result = quota ? count(catalogue, account, error) : 0;
	if (result < 0)
		return result;
	if (!account_has_room(account, 1))
		return error_set(error, ERR_QUOTA,
				 "its quota is %" PRIu64 " layers; it has %" PRIu64
				 ", and %" PRIu64 " are being persisted",
				 quota, account->held, account->promised);
	account->promised++;
	return 0;
}

void census_leave(struct catalogue *catalogue, int64_t namespace_id)
{
	CATALOGUE_LOCKED(catalogue);
	struct account *account = accounts_of(&catalogue->layers, namespace_id);
	claim(account->promised > 0);
	account->promised--;
}

void census_forget(struct catalogue *catalogue)
{
	for (size_t i = 0; i < catalogue->layers.count; i++)
		catalogue->layers.items[i].counted = false;
}
