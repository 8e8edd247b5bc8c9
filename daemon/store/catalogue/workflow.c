/* Namespaces, their tiers, and the workflows in them. */
#include <string.h>
#include <time.h>

#include "daemon/store/catalogue/internal.h"

/*
 * The untrusted tier of a namespace (rule A10) is a namespace of its own, whose name no
 * peer can give, because names have no control characters: so nothing in it can meet,
 * replace, expire or give away what trusted jobs made, whatever asks.
 */
static const char untrusted[] = "\x1f"
				"untrusted";

struct text catalogue_namespace_key(struct text name, enum tier tier,
				    char ret_key[NAMESPACE_KEY_SIZE])
{
	if (name.len == 0)
		name = text_of("default");
	if (tier == TIER_TRUSTED)
		return name;
	claim(name.len <= NAME_LEN_MAX);
	memcpy(ret_key, name.at, name.len);
	memcpy(ret_key + name.len, untrusted, sizeof(untrusted));
	return text_of(ret_key);
}

enum tier catalogue_namespace_tier(const char *key)
{
	const char *mark = strchr(key, untrusted[0]);
	return mark && strcmp(mark, untrusted) == 0 ? TIER_UNTRUSTED : TIER_TRUSTED;
}

struct text catalogue_namespace_name(const char *key)
{
	struct text name = text_of(key);
	if (catalogue_namespace_tier(key) == TIER_UNTRUSTED)
		name.len -= strlen(untrusted);
	return name;
}

int catalogue_find_namespace(struct catalogue *catalogue, struct text name,
			     enum tier tier, int64_t *ret_id, struct error *error)
{
	char key[NAMESPACE_KEY_SIZE];
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "SELECT id FROM namespaces WHERE name = ?");
	query_text(&query, catalogue_namespace_key(name, tier, key));
	return query_one(&query, ret_id, error);
}

int catalogue_find_scope(struct catalogue *catalogue, const struct scope *scope,
			 int64_t ret_ids[2], struct error *error)
{
	int result = catalogue_find_namespace(catalogue, scope->namespace, scope->tier,
					      &ret_ids[0], error);
	ret_ids[1] = ret_ids[0];
	if (result < 0 || !scope_shows_both(scope))
		return result;
	return catalogue_find_namespace(catalogue, scope->namespace,
					tier_other(scope->tier), &ret_ids[1], error);
}

int catalogue_find_workflow(struct catalogue *catalogue, int64_t namespace_id,
			    struct text name, struct workflow_row *ret_row,
			    struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT id, parent, expired_ms FROM workflows"
				     " WHERE namespace = ? AND name = ?");
	query_number(&query, namespace_id);
	query_text(&query, name);
	int result = query_next(&query, error);
	if (result < 0)
		return result;
	*ret_row = (struct workflow_row){.namespace_id = namespace_id};
	if (result == 0)
		return 0;
	ret_row->id = row_id(&query, 0);
	ret_row->parent = row_id_or_none(&query, 1);
	ret_row->expired_ms = row_is_null(&query, 2) ? 0 : row_time(&query, 2);
	result = row_check(&query, error);
	if (result == 0 && ret_row->parent >= ret_row->id)
		return database_contradiction(catalogue->database, error);
	return result;
}

int catalogue_find_other(struct catalogue *catalogue, const struct scope *scope,
			 struct text name, struct workflow_row *ret_row,
			 struct error *error)
{
	int64_t namespace_id;
	*ret_row = (struct workflow_row){0};
	int result = catalogue_find_namespace(catalogue, scope->namespace,
					      tier_other(scope->tier), &namespace_id,
					      error);
	if (result == 0 && namespace_id)
		result = catalogue_find_workflow(catalogue, namespace_id, name, ret_row,
						 error);
	if (result == 0 && ret_row->expired_ms)
		*ret_row = (struct workflow_row){0};
	return result;
}

/* ---- their age -------------------------------------------------------------------- */

void catalogue_date_text(int64_t ms, char ret_text[16])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm parts = {0};
	(void)gmtime_r(&seconds, &parts);
	(void)strftime(ret_text, 16, "%Y-%m-%d", &parts);
}

int catalogue_expired(struct text name, int64_t expired_ms, struct error *error)
{
	char date[16];
	catalogue_date_text(expired_ms, date);
	return error_set(
		error, ERR_NOT_FOUND,
		"workflow `%.*s` expired on %s (UTC); its name is not used again: "
		"begin a workflow with another",
		WORDS(name), date);
}

int catalogue_touch(struct catalogue *catalogue, int64_t workflow_id, bool always,
		    struct error *error)
{
	int64_t now_ms = lifetime_now(catalogue);
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "UPDATE workflows SET contact_ms = ?1,"
					      " contact_running_ms = ?4"
					      " WHERE id = ?2 AND contact_ms < ?3");
	query_number(&query, now_ms);
	query_number(&query, workflow_id);
	query_number(&query,
		     always ? now_ms : now_ms - catalogue->lifetime.contact_grain_ms);
	query_number(&query, lifetime_running(catalogue));
	return query_run(&query, error);
}
