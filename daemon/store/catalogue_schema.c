#include "daemon/store/catalogue_internal.h"

#include <stdio.h>
#include <string.h>

/* Goes up with every change of schema.sql that is more than a comment. */
#define SCHEMA_VERSION 2

/* schema.sql without its comments. */
static const char schema[] =
#include "daemon/store/schema_sql.h"
	;

/* Where the way out is the same, whatever the difference. */
static int refuse(const struct catalogue *catalogue, const char *what, const char *who,
		  struct error *error)
{
	const char *name = strrchr(catalogue->path, '/');
	return error_set(error, ERR_VERSION,
			 "`%.*s`: %s; %s made this store: use that one, or give this one "
			 "an empty directory with --data",
			 (int)(name - catalogue->path), catalogue->path, what, who);
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

/* A schema that was changed under the same number would fail in the middle of work.
 * SQLite keeps the text of each statement. */
static int check_statement(struct catalogue *catalogue, struct text statement,
			   struct error *error)
{
	struct query query AUTO(query_end) =
		query_of(catalogue, "SELECT count(*) FROM sqlite_schema WHERE sql = ?");
	query_text(&query, statement);
	int64_t there;
	int result = query_one(&query, &there, error);
	if (result < 0 || there > 0)
		return result;
	char what[256];
	(void)snprintf(what, sizeof what, "its catalogue was not made with `%.*s…)`",
		       (int)strcspn(statement.at, "(") + 1, statement.at);
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
	struct query query AUTO(query_end) = query_of(
		catalogue, "SELECT count(*) FROM sqlite_schema WHERE sql NOT NULL"
			   " AND name NOT LIKE 'sqlite%'");
	int64_t there;
	int result = query_one(&query, &there, error);
	if (result < 0 || there == wanted)
		return result;
	return refuse(catalogue, "its catalogue has tables that this batond knows not",
		      "another batond", error);
}

/* ---- its version ------------------------------------------------------------------- */

static int execute(struct catalogue *catalogue, const char *sql, struct error *error)
{
	int code = sqlite3_exec(catalogue->database, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? 0 : catalogue_failure(catalogue, code, error);
}

static int make_schema(struct catalogue *catalogue, struct error *error)
{
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result == 0)
		result = execute(catalogue, schema, error);
	if (result == 0)
		result = execute(catalogue, "PRAGMA user_version=2", error);
	_Static_assert(SCHEMA_VERSION == 2, "the pragma above says 2");
	return result == 0 ? change_commit(&change, error) : result;
}

static int refuse_version(const struct catalogue *catalogue, int64_t version,
			  struct error *error)
{
	char what[128];
	(void)snprintf(what, sizeof what,
		       "its catalogue has schema %lld, this batond knows %d",
		       (long long)version, SCHEMA_VERSION);
	return refuse(catalogue, what,
		      version > SCHEMA_VERSION ? "a newer batond" : "an older batond",
		      error);
}

int catalogue_check_schema(struct catalogue *catalogue, struct error *error)
{
	struct query query AUTO(query_end) = query_of(catalogue, "PRAGMA user_version");
	int64_t version;
	int result = query_one(&query, &version, error);
	if (result < 0)
		return result;
	query_end(&query);
	if (version == 0)
		return make_schema(catalogue, error);
	return version == SCHEMA_VERSION ? check_statements(catalogue, error)
					 : refuse_version(catalogue, version, error);
}
