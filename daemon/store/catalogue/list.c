#include "daemon/store/catalogue/list.h"

#include <string.h>

#include "daemon/store/catalogue/internal.h"

/* ---- namespaces ------------------------------------------------------------------ */

/* The name without what marks a tier, which no name of a peer has in it. */
static struct text base_name(const char *key)
{
	return (struct text){key, strcspn(key, "\x1f")};
}

static void add_namespace(struct query *query, struct arena *arena,
			  struct arena_list *list)
{
	struct text name = base_name(row_text(query, 0));
	const struct listed_namespace *items = list->items;
	if (list->count && text_is(name, items[list->count - 1].name))
		return;
	struct listed_namespace *entry = arena_list_add(arena, list, sizeof(*entry));
	entry->name = arena_text(arena, name);
	entry->created_ms = row_time(query, 1);
}

int catalogue_list_namespaces(struct catalogue *catalogue, struct text after,
			      size_t limit, struct arena *arena,
			      struct namespace_page *ret_page, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	/* The key of the other tier stands directly behind that of the first, since every
	 * byte of a name is larger than the one that marks it. */
	char key[NAMESPACE_KEY_SIZE];
	struct text last = after.len ? catalogue_namespace_key(after, TIER_UNTRUSTED, key)
				     : text_of("");
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "SELECT name, created_ms FROM namespaces"
					      " WHERE name > ? ORDER BY name");
	query_text(&query, last);
	struct arena_list list = {0};
	int result;
	while (list.count <= limit && (result = query_next(&query, error)) == 1)
		add_namespace(&query, arena, &list);
	if (result < 0 || (result = row_check(&query, error)) < 0)
		return result;
	bool more = list.count > limit;
	*ret_page = (struct namespace_page){list.items, more ? limit : list.count, more};
	return arena_check(arena, error);
}

/* ---- workflows ------------------------------------------------------------------- */

#define LISTED_WORKFLOWS                                                                 \
	"SELECT workflows.id, name, created_ms, expired_ms,"                             \
	" (SELECT name FROM workflows AS retried WHERE retried.id = workflows.parent),"  \
	" namespace,"                                                                    \
	" (SELECT count(DISTINCT job) FROM executions"                                   \
	"   WHERE workflow = workflows.id AND origin IS NULL),"                          \
	" (SELECT count(*) FROM executions JOIN layers"                                  \
	"   ON layers.execution = executions.id"                                         \
	"   WHERE workflow = workflows.id AND origin IS NULL),"                          \
	" (SELECT sum(bytes) FROM executions JOIN layers"                                \
	"   ON layers.execution = executions.id"                                         \
	"   WHERE workflow = workflows.id AND origin IS NULL)"                           \
	" FROM workflows WHERE namespace IN (?, ?) AND id < ? ORDER BY id DESC LIMIT ?"

static void add_workflow(struct query *query, struct arena *arena,
			 const int64_t namespace_ids[2], const struct scope *scope,
			 struct listed_workflow *ret_entry)
{
	bool is_others = row_number(query, 5) != namespace_ids[0];
	*ret_entry = (struct listed_workflow){
		.id = row_id(query, 0),
		.name = arena_string(arena, row_name(query, 1)),
		.parent = row_is_null(query, 4) ? NULL
						: arena_string(arena, row_name(query, 4)),
		.tier = is_others ? tier_other(scope->tier) : scope->tier,
		.created_ms = row_time(query, 2),
		.expired_ms = row_is_null(query, 3) ? 0 : row_time(query, 3),
		.jobs = row_amount(query, 6),
		.layers = row_amount(query, 7),
		.bytes = row_amount(query, 8),
	};
}

int catalogue_list_workflows(struct catalogue *catalogue, const struct scope *scope,
			     int64_t before, size_t limit, struct arena *arena,
			     struct workflow_page *ret_page, struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	int64_t ids[2];
	int result = catalogue_find_scope(catalogue, scope, ids, error);
	if (result < 0)
		return result;
	struct query query AUTO(query_end) =
		query_of(catalogue->database, LISTED_WORKFLOWS);
	query_number(&query, ids[0]);
	query_number(&query, ids[1]);
	query_number(&query, before ? before : INT64_MAX);
	query_number(&query, (int64_t)limit + 1);
	struct arena_list list = {0};
	while ((result = query_next(&query, error)) == 1)
		add_workflow(
			&query, arena, ids, scope,
			arena_list_add(arena, &list, sizeof(struct listed_workflow)));
	if (result < 0 || (result = row_check(&query, error)) < 0)
		return result;
	bool more = list.count > limit;
	*ret_page = (struct workflow_page){list.items, more ? limit : list.count, more};
	return arena_check(arena, error);
}
