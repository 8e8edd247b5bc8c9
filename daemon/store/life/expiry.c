#include "daemon/store/life/expiry.h"

#include <stdlib.h>

#include "daemon/store/catalogue/internal.h"
#include "daemon/store/life/sql.h"
#include "proto/base/array.h"

/* Which part of the shortest life a contact may be older than what is written of it, so
 * that none ends early by more than that. */
#define GRAINS_OF_A_LIFE 20u
/* Contacts within so much of running_ms are recent; or within a life, where that is
 * shorter, since what had contact within its life, by whichever clock, is not due. */
#define RECENT_MS ((int64_t)24 * 60 * 60 * 1000)
#define REST_MS 60000

/* One pass. */
struct pass {
	struct catalogue *catalogue;      /* borrowed */
	const struct expiry_terms *terms; /* borrowed */
	struct expiry expiry;
};

/* A tier of a namespace, and how long its workflows live. */
struct tenancy {
	int64_t namespace_id;
	int64_t retention_ms; /* life_retention() */
};

struct tenancies {
	struct tenancy *items; /* owned */
	size_t count, room;
};

static void tenancies_fini(struct tenancies *tenancies)
{
	free(tenancies->items);
}

static int64_t retention_of(const struct pass *pass, const char *key)
{
	return life_retention(pass->terms->retention_ms(pass->terms->context,
							catalogue_namespace_name(key),
							catalogue_namespace_tier(key)));
}

static int load_tenancies(const struct pass *pass, struct tenancies *ret_tenancies,
			  struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(pass->catalogue->database, "SELECT id, name FROM namespaces");
	int result;
	while ((result = query_next(&query, error)) > 0) {
		struct tenancy tenancy = {.namespace_id = row_id(&query, 0)};
		const char *key = row_text(&query, 1);
		result = row_check(&query, error);
		if (result < 0)
			return result;
		tenancy.retention_ms = retention_of(pass, key);
		array_make_room(ret_tenancies->items, ret_tenancies->count,
				ret_tenancies->room);
		ret_tenancies->items[ret_tenancies->count++] = tenancy;
	}
	return result;
}

/* ---- doubt ------------------------------------------------------------------------ */

static int count_recent(struct pass *pass, const struct tenancy *tenancy,
			struct error *error)
{
	struct catalogue *catalogue = pass->catalogue;
	int64_t recent_ms = tenancy->retention_ms < RECENT_MS ? tenancy->retention_ms
							      : RECENT_MS;
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT count(*), count(*) FILTER (WHERE " LIFE_ENDS_MS(
				 "?2") " < ?3)"
				       " FROM workflows WHERE namespace = ?1 AND "
				       "expired_ms IS NULL"
				       " AND contact_running_ms > ?4");
	query_number(&query, tenancy->namespace_id);
	query_number(&query, tenancy->retention_ms);
	query_number(&query, lifetime_now(catalogue));
	query_number(&query, lifetime_running(catalogue) - recent_ms);
	int result = query_next(&query, error);
	if (result <= 0)
		return result;
	pass->expiry.doubt.recent += row_amount(&query, 0);
	pass->expiry.doubt.due += row_amount(&query, 1);
	return row_check(&query, error);
}

static int look_for_doubt(struct pass *pass, const struct tenancies *tenancies,
			  struct error *error)
{
	struct expiry_doubt *doubt = &pass->expiry.doubt;
	int result = 0;
	for (size_t i = 0; result == 0 && i < tenancies->count; i++)
		result = count_recent(pass, &tenancies->items[i], error);
	if (doubt->due <= doubt->recent / 2 || pass->terms->lets_most_through)
		*doubt = (struct expiry_doubt){0};
	return result;
}

/* ---- the pass --------------------------------------------------------------------- */

static int mark_expired(struct pass *pass, const struct tenancy *tenancy,
			struct error *error)
{
	struct catalogue *catalogue = pass->catalogue;
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "UPDATE workflows SET expired_ms = ?1, expired_running_ms = ?5"
			 " WHERE namespace = ?2 AND expired_ms IS NULL"
			 " AND " LIFE_ENDS_MS("?3") " < ?4");
	query_number(&query, lifetime_wall(catalogue));
	query_number(&query, tenancy->namespace_id);
	query_number(&query, tenancy->retention_ms);
	query_number(&query, lifetime_now(catalogue));
	query_number(&query, lifetime_running(catalogue));
	int result = query_run(&query, error);
	if (result == 0)
		pass->expiry.count += (uint64_t)database_changes(catalogue->database);
	return result;
}

static int expire(struct pass *pass, struct error *error)
{
	struct tenancies tenancies AUTO(tenancies_fini) = {0};
	int result = load_tenancies(pass, &tenancies, error);
	if (result == 0)
		result = look_for_doubt(pass, &tenancies, error);
	if (result < 0 || pass->expiry.doubt.due)
		return result;
	for (size_t i = 0; result == 0 && i < tenancies.count; i++)
		result = mark_expired(pass, &tenancies.items[i], error);
	if (result == 0 && pass->expiry.count)
		result = lifetime_keep_running(pass->catalogue, error);
	return result;
}

static int run(struct pass *pass, struct error *error)
{
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, pass->catalogue, error);
	if (result == 0)
		result = lifetime_look(pass->catalogue, &pass->expiry.begun,
				       &pass->expiry.off_ms, error);
	if (result == 0)
		result = expire(pass, error);
	return result == 0 ? change_commit(&change, error) : result;
}

static int64_t grain_of(const struct expiry_terms *terms)
{
	uint64_t grain_ms = terms->shortest_ms / GRAINS_OF_A_LIFE;
	return terms->shortest_ms && grain_ms < LIFETIME_CONTACT_GRAIN_MS
		       ? (int64_t)grain_ms
		       : LIFETIME_CONTACT_GRAIN_MS;
}

int expiry_run(struct catalogue *catalogue, const struct expiry_terms *terms,
	       struct expiry *ret_expiry, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	const struct lifetime before = catalogue->lifetime;
	struct pass pass = {.catalogue = catalogue, .terms = terms};
	int result = run(&pass, error);
	if (result < 0)
		catalogue->lifetime = before;
	else
		*ret_expiry = pass.expiry;
	catalogue->lifetime.contact_grain_ms = grain_of(terms);
	return result;
}

int expiry_rest(struct catalogue *catalogue, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	struct change change AUTO(change_end) = {0};
	if (lifetime_running(catalogue) - catalogue->lifetime.running_kept_ms < REST_MS)
		return 0;
	int result = change_begin(&change, catalogue, error);
	if (result == 0)
		result = lifetime_keep_running(catalogue, error);
	return result == 0 ? change_commit(&change, error) : result;
}
