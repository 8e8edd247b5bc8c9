#include "daemon/store/facts/shares.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/catalogue/internal.h"

static void take(struct query *query, struct namespace_share *ret_share)
{
	const char *key = row_text(query, 0);
	size_t len = strcspn(key, "\x1f");
	*ret_share = (struct namespace_share){
		.tier = catalogue_namespace_tier(key),
		.stored_bytes = row_amount(query, 1),
		.hole_bytes = row_amount(query, 2),
	};
	memcpy(ret_share->name, key, len < NAME_LEN_MAX ? len : NAME_LEN_MAX);
}

int shares_load(struct catalogue *catalogue, struct namespace_share **ret_shares,
		size_t *ret_count, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT namespaces.name, sum(vouched - holes_bytes) AS stored,"
			 " sum(holes_bytes) FROM segments"
			 " JOIN namespaces ON namespaces.id = segments.namespace"
			 " GROUP BY segments.namespace ORDER BY stored DESC LIMIT ?");
	query_number(&query, SHARES_MAX);
	struct namespace_share *shares AUTO_FREE =
		must_calloc(SHARES_MAX, sizeof(*shares));
	size_t count = 0;
	int result;
	while ((result = query_next(&query, error)) == 1 && count < SHARES_MAX)
		take(&query, &shares[count++]);
	if (result >= 0)
		result = row_check(&query, error);
	if (result < 0)
		return result;
	*ret_count = count;
	*ret_shares = take_ptr(&shares);
	return 0;
}
