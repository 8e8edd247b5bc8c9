#include "daemon/store/catalogue/internal.h"

#include <stdio.h>
#include <string.h>

#include "daemon/store/database/page_sum.h"

/* Goes up with every change of schema.sql that is more than a comment. */
#define SCHEMA_VERSION 4
/* Without the columns and indexes that keep track of lives and holes. */
#define SCHEMA_BEFORE 3
/* The same as that one, without sums in the pages. */
#define SCHEMA_WITHOUT_SUMS ((int64_t)VERSION_WITHOUT_SUMS)

/* schema.sql without its comments. */
static const char schema[] =
#include "daemon/store/catalogue/schema_sql.h"
	;

/* Where the way out is the same, whatever the difference. */
static int refuse(const struct catalogue *catalogue, const char *what, const char *who,
		  struct error *error)
{
	const char *path = database_path(catalogue->database);
	const char *name = strrchr(path, '/');
	return error_set(error, ERR_VERSION,
			 "`%.*s`: %s; %s made this store: use that one, or give this one "
			 "an empty directory with --data",
			 (int)(name - path), path, what, who);
}

/* ---- what a database has ----------------------------------------------------------- */

/* Takes a statement off a script; without its end, 0 long where the script is over. */
static struct text next_statement(const char **script)
{
	const char *begin = *script + strspn(*script, "\n");
	size_t len = strcspn(begin, ";");
	*script = begin + len + (begin[len] == ';');
	return (struct text){begin, begin[len] == ';' ? len : 0};
}

#define WITHOUT_SPACE(text)                                                              \
	"replace(replace(replace(" text ", ' ', ''), char(9), ''), char(10), '')"

/* A schema that was changed under the same number would fail in the middle of work.
 * SQLite keeps the text of each statement, in which a column that was added later stands
 * on no line of its own. Only where its head is the same is the rest looked at: taking
 * the space out of every text for each statement was a third of a start. */
static int check_statement(struct catalogue *catalogue, struct text statement,
			   struct error *error)
{
	struct text head = {statement.at, strcspn(statement.at, "(") + 1};
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT count(*) FROM sqlite_schema WHERE"
			 " substr(sql, 1, length(?1)) = ?1 AND " WITHOUT_SPACE(
				 "sql") " = " WITHOUT_SPACE("?2"));
	query_text(&query, head);
	query_text(&query, statement);
	int64_t there;
	int result = query_one(&query, &there, error);
	if (result < 0 || there > 0)
		return result;
	char what[256];
	(void)snprintf(what, sizeof(what), "its catalogue was not made with `%.*s…)`",
		       (int)head.len, head.at);
	return refuse(catalogue, what, "another batond", error);
}

static int check_statements(struct catalogue *catalogue, struct error *error)
{
	const char *script = schema;
	int64_t wanted = 0;
	for (struct text statement; (statement = next_statement(&script)).len; wanted++) {
		int result = check_statement(catalogue, statement, error);
		if (result < 0)
			return result;
	}
	struct query query AUTO(query_end) =
		query_of(catalogue->database,
			 "SELECT count(*) FROM sqlite_schema WHERE sql NOT NULL"
			 " AND name NOT LIKE 'sqlite%'");
	int64_t there;
	int result = query_one(&query, &there, error);
	if (result < 0 || there == wanted)
		return result;
	return refuse(catalogue, "its catalogue has tables that this batond knows not",
		      "another batond", error);
}

/* ---- its version ------------------------------------------------------------------- */

static int set_version(struct catalogue *catalogue, struct error *error)
{
	_Static_assert(SCHEMA_VERSION == 4, "as the pragma says");
	return database_execute(catalogue->database, "PRAGMA user_version=4", error);
}

static int make_schema(struct catalogue *catalogue, struct error *error)
{
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result == 0)
		result = database_execute(catalogue->database, schema, error);
	if (result == 0)
		result = set_version(catalogue, error);
	return result == 0 ? change_commit(&change, error) : result;
}

static int refuse_version(const struct catalogue *catalogue, int64_t version,
			  struct error *error)
{
	char what[128];
	(void)snprintf(what, sizeof(what),
		       "its catalogue has schema %lld, this batond knows %d",
		       (long long)version, SCHEMA_VERSION);
	return refuse(catalogue, what,
		      version > SCHEMA_VERSION ? "a newer batond" : "an older batond",
		      error);
}

static int read_version(struct catalogue *catalogue, int64_t *ret_version,
			struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue->database, "PRAGMA user_version");
	return query_one(&query, ret_version, error);
}

/* What the first page says of sums is not under a sum where it says that there is
 * none. */
static int check_sums(const struct catalogue *catalogue, int64_t version,
		      struct error *error)
{
	if (version == SCHEMA_WITHOUT_SUMS || vfs_has_page_sums(catalogue->vfs))
		return 0;
	return error_set(error, ERR_DAMAGED,
			 "`%s`: page 1 is damaged: it does not say that pages have sums",
			 database_path(catalogue->database));
}

static bool is_known(int64_t version)
{
	return version == SCHEMA_VERSION || version == SCHEMA_BEFORE ||
	       version == SCHEMA_WITHOUT_SUMS;
}

/* ---- an older one ------------------------------------------------------------------ */

/* What schema 4 has more than 3. Of a workflow that had expired before nobody knows how
 * long daemons have run since: it counts from here. */
static const char additions[] =
	"ALTER TABLE segments ADD COLUMN holes BLOB NOT NULL DEFAULT x'';"
	"ALTER TABLE segments ADD COLUMN holes_bytes INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX segments_by_namespace ON segments (namespace);"
	"ALTER TABLE workflows ADD COLUMN kept_ms INTEGER;"
	"ALTER TABLE workflows ADD COLUMN lives_ms INTEGER;"
	"ALTER TABLE workflows ADD COLUMN expired_running_ms INTEGER;"
	"ALTER TABLE workflows ADD COLUMN removed_ms INTEGER;"
	"ALTER TABLE workflows ADD COLUMN contact_running_ms INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX workflows_to_remove ON workflows (expired_running_ms)"
	" WHERE expired_ms IS NOT NULL AND removed_ms IS NULL;"
	"ALTER TABLE layers ADD COLUMN ended_ms INTEGER;"
	"ALTER TABLE layers ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX layers_to_remove ON layers (id)"
	" WHERE ended_ms IS NOT NULL AND removed = 0;"
	"UPDATE workflows SET expired_running_ms = 0 WHERE expired_ms IS NOT NULL";

/* Under the number of the schema without sums they may be there already. */
static int lacks_additions(struct catalogue *catalogue, int64_t version, bool *ret_lacks,
			   struct error *error)
{
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "SELECT count(*) FROM pragma_table_info('segments')"
				     " WHERE name = 'holes'");
	int64_t there = version == SCHEMA_VERSION;
	int result = there ? 0 : query_one(&query, &there, error);
	*ret_lacks = there == 0;
	return result;
}

static int add(struct catalogue *catalogue, struct error *error)
{
	int result = database_execute(catalogue->database, additions, error);
	return result == 0 ? check_statements(catalogue, error) : result;
}

/* One transaction; the number goes up with it, unless sums are still missing. */
static int add_for_good(struct catalogue *catalogue, int64_t version, struct error *error)
{
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result == 0)
		result = add(catalogue, error);
	if (result == 0 && version != SCHEMA_WITHOUT_SUMS)
		result = set_version(catalogue, error);
	return result == 0 ? change_commit(&change, error) : result;
}

/* Of one that is only read the additions stand in a transaction that is never committed,
 * and ends with the connection. */
static int add_to_read(struct catalogue *catalogue, struct error *error)
{
	struct change change = {0};
	int result = change_try(&change, catalogue, error);
	if (result == 0)
		result = add(catalogue, error);
	if (result < 0)
		change_end(&change);
	else
		catalogue->pretends = true;
	return result;
}

int catalogue_check_schema(struct catalogue *catalogue, struct error *error)
{
	int64_t version;
	int result = read_version(catalogue, &version, error);
	if (result < 0)
		return result;
	if (version == 0 && !catalogue->frozen)
		return make_schema(catalogue, error);
	if (version == 0)
		return error_set(error, ERR_DAMAGED, "`%s`: has no tables",
				 database_path(catalogue->database));
	if (!is_known(version))
		return refuse_version(catalogue, version, error);
	bool lacks = false;
	result = check_sums(catalogue, version, error);
	if (result == 0)
		result = lacks_additions(catalogue, version, &lacks, error);
	if (result < 0)
		return result;
	if (!lacks)
		return check_statements(catalogue, error);
	return catalogue->frozen ? add_to_read(catalogue, error)
				 : add_for_good(catalogue, version, error);
}

/* ---- one without sums -------------------------------------------------------------- */
/*
 * VACUUM writes every page anew, as one transaction of the log, so that a crash leaves
 * either the old pages or all of the new ones; the checkpoint after it gives them their
 * sums. A crash after that leaves sums under the older number, which an older batond
 * takes for its own: so all is done again.
 */
static int add_sums(struct catalogue *catalogue, struct error *error)
{
	int result = database_execute(catalogue->database, "VACUUM", error);
	if (result == 0)
		result = database_checkpoint(catalogue->database, error);
	if (result < 0 || vfs_has_page_sums(catalogue->vfs))
		return result;
	return error_set(error, ERR_INTERNAL, "`%s`: SQLite leaves no room for sums",
			 database_path(catalogue->database));
}

static int upgrade(struct catalogue *catalogue, struct error *error)
{
	int result = add_sums(catalogue, error);
	if (result == 0)
		result = set_version(catalogue, error);
	return result == 0 ? database_checkpoint(catalogue->database, error) : result;
}

int catalogue_add_sums(struct catalogue *catalogue, struct error *error)
{
	int64_t version;
	int result = read_version(catalogue, &version, error);
	if (result < 0 || version != SCHEMA_WITHOUT_SUMS)
		return result;
	struct error why = {0};
	if (upgrade(catalogue, &why) == 0)
		return 0;
	if (vfs_has_failed(catalogue->vfs)) {
		*error = why;
		return why.code;
	}
	(void)error_set(&catalogue->unfinished, why.code,
			"%s; the catalogue stays without checksums until the next start",
			why.text);
	return 0;
}
