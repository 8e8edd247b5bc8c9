#include "daemon/store/index/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store/database/database.h"
#include "daemon/store/database/query.h"
#include "daemon/store/database/row.h"
#include "daemon/store/database/vfs.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define DATABASE_NAME "units.db"
/* A rollback journal in memory: a full disk then undoes one insert, and costs no writing.
 * A kill in the middle leaves a file that nobody will trust. */
#define SETTINGS                                                                         \
	"PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY;"                     \
	"PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192;"

#define SCHEMA                                                                           \
	"CREATE TABLE IF NOT EXISTS units (namespace INTEGER, xxh BLOB, len INTEGER,"    \
	" sha BLOB, segment INTEGER, offset INTEGER, position INTEGER,"                  \
	" PRIMARY KEY (namespace, xxh, len, sha)) WITHOUT ROWID;"                        \
	"CREATE TABLE IF NOT EXISTS segments (number INTEGER PRIMARY KEY, id BLOB "      \
	"UNIQUE);"

static const char find_sql[] = "SELECT u.sha, s.id, u.offset, u.position FROM units u"
			       " JOIN segments s ON s.number = u.segment"
			       " WHERE u.namespace = ? AND u.xxh = ? AND u.len = ?"
			       " LIMIT ?";
static const char insert_sql[] = "INSERT OR IGNORE INTO units (namespace, xxh, len, sha,"
				 " segment, offset, position)"
				 " VALUES (?, ?, ?, ?, ?, ?, ?)";
static const char forget_sql[] = "DELETE FROM units WHERE namespace = ? AND xxh = ?"
				 " AND len = ? AND sha = ?";
static const char segment_add_sql[] = "INSERT OR IGNORE INTO segments (id) VALUES (?)";
static const char segment_find_sql[] = "SELECT number FROM segments WHERE id = ?";

struct index_database {
	const struct io *io;       /* borrowed; NULL: a file without a name */
	struct database *database; /* owned */
	uint64_t count;
	int directory_fd; /* owned */
	char fault[256];  /* "" unless broken */
};

/* ---- opening and closing ------------------------------------------------------ */

static void break_with(struct index_database *units, const char *what)
{
	if (units->fault[0])
		return;
	(void)snprintf(units->fault, sizeof(units->fault), "unit index: %s: %s", what,
		       database_message(units->database));
}

/* How many rows a clean stop counted: user_version is one more, and 0 in a file that no
 * clean stop wrote. */
static bool was_closed(struct index_database *units)
{
	struct error ignored;
	int64_t number = 0;
	struct query query AUTO(query_end) =
		query_of(units->database, "PRAGMA user_version");
	(void)query_one(&query, &number, &ignored);
	units->count = number > 0 ? (uint64_t)number - 1 : 0;
	return number > 0;
}

/* Prepares all statements: a file whose tables are others shows that at once. */
static bool open_file(struct index_database *units)
{
	static const char *const all[] = {find_sql, insert_sql, forget_sql,
					  segment_add_sql, segment_find_sql};
	struct error ignored;
	if (database_open(units->database, units->io ? DATABASE_NAME : "", false,
			  &ignored) ||
	    database_execute(units->database, SETTINGS SCHEMA, &ignored))
		return false;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (query_prepare(units->database, all[i], &ignored))
			return false;
	return true;
}

static void remove_file(struct index_database *units)
{
	(void)units->io->unlink(units->io->context, units->directory_fd, DATABASE_NAME);
	(void)units->io->unlink(units->io->context, units->directory_fd,
				DATABASE_NAME "-journal");
}

static void free_units(struct index_database **at)
{
	struct index_database *units = *at;
	if (!units)
		return;
	database_free(units->database);
	if (units->io && units->directory_fd >= 0)
		(void)io_close(units->io, units->directory_fd);
	free(units);
}

/* The database of that directory, not opened yet. */
static int make_database(struct index_database *units, const char *directory,
			 struct error *error)
{
	struct vfs *vfs = NULL;
	int err = vfs_register(units->io, directory, &vfs, error);
	if (err)
		return err;
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/" DATABASE_NAME, directory) > 0);
	units->database = database_new(vfs, path);
	return 0;
}

int index_database_open(const struct io *io, const char *directory, bool trusted,
			struct index_database **ret_units, bool *ret_empty,
			struct error *error)
{
	struct index_database *units AUTO(free_units) = must_calloc(1, sizeof(*units));
	units->io = io;
	units->directory_fd = io_open(io, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0);
	if (units->directory_fd < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be opened",
				       directory);
	int err = make_database(units, directory, error);
	if (err)
		return err;
	bool kept = trusted && open_file(units) && was_closed(units);
	if (!kept) {
		database_close(units->database);
		remove_file(units);
	}
	/* A full disk, say: what is derived is no reason not to start. */
	if (!kept && !open_file(units))
		break_with(units, "`" DATABASE_NAME "` cannot be opened");
	*ret_empty = !kept && !units->fault[0];
	*ret_units = take_ptr(&units);
	return 0;
}

int index_database_open_scratch(struct index_database **ret_units, struct error *error)
{
	struct index_database *units AUTO(free_units) = must_calloc(1, sizeof(*units));
	units->database = database_new(NULL, "unit index");
	if (!open_file(units))
		return error_set(error, ERR_LOCAL, "unit index: cannot be opened: %s",
				 database_message(units->database));
	*ret_units = take_ptr(&units);
	return 0;
}

static int sync_file(struct index_database *units, struct error *error)
{
	const struct io *io = units->io;
	int fd = io_open(io, units->directory_fd, DATABASE_NAME, O_RDONLY, 0);
	bool synced = fd >= 0 && io->fsync(io->context, fd) == 0;
	if (fd >= 0 && io_close(io, fd) < 0)
		synced = false;
	if (synced && io->fsync(io->context, units->directory_fd) == 0)
		return 0;
	return error_set_errno(error, ERR_LOCAL, errno, "unit index: cannot be synced");
}

static int close_and_sync(struct index_database *units, struct error *error)
{
	char remember[64];
	struct error ignored;
	(void)snprintf(remember, sizeof(remember), "PRAGMA user_version=%d",
		       units->count < INT32_MAX ? (int)units->count + 1 : INT32_MAX);
	if (!units->fault[0] && database_execute(units->database, remember, &ignored))
		break_with(units, "cannot be closed");
	database_close(units->database);
	if (units->fault[0])
		return error_set(error, ERR_LOCAL, "%s", units->fault);
	return units->io ? sync_file(units, error) : 0;
}

int index_database_close(struct index_database *units, struct error *error)
{
	int err = units ? close_and_sync(units, error) : 0;
	free_units(&units);
	return err;
}

/* ---- asking and telling ------------------------------------------------------- */

static void bind_key(struct query *query, int64_t namespace_id,
		     const struct unit_key *key)
{
	query_number(query, namespace_id);
	query_blob(query, key->xxh.bytes, XXH128_LEN);
	query_number(query, key->len);
}

/* A row that is none is passed over: what is derived may be wrong. */
static bool read_place(struct query *row, struct unit_place *ret_place)
{
	struct reader sha = row_bytes(row, 0), segment = row_bytes(row, 1);
	if (sha.left != SHA256_LEN || segment.left != SEGMENT_ID_LEN)
		return false;
	reader_copy(&sha, ret_place->sha.bytes, SHA256_LEN);
	reader_copy(&segment, ret_place->segment.bytes, SEGMENT_ID_LEN);
	ret_place->offset = (uint64_t)row_number(row, 2);
	ret_place->position = (uint32_t)row_number(row, 3);
	return true;
}

size_t index_database_find(struct index_database *units, int64_t namespace_id,
			   const struct unit_key *key,
			   struct unit_place ret_places[CANDIDATES_MAX])
{
	if (units->fault[0] || units->count == 0)
		return 0;
	struct query query AUTO(query_end) = query_of(units->database, find_sql);
	bind_key(&query, namespace_id, key);
	query_number(&query, CANDIDATES_MAX);
	size_t count = 0;
	struct error ignored;
	int result;
	while ((result = query_next(&query, &ignored)) > 0)
		if (count < CANDIDATES_MAX && read_place(&query, &ret_places[count]))
			count++;
	if (result < 0)
		break_with(units, "cannot be read");
	return count;
}

/* The number of a segment in this file; 0 on failure. */
static int64_t segment_number(struct index_database *units, const struct segment_id *id)
{
	struct error ignored;
	struct query add AUTO(query_end) = query_of(units->database, segment_add_sql);
	query_blob(&add, id->bytes, SEGMENT_ID_LEN);
	if (query_run(&add, &ignored) < 0)
		return 0;
	struct query find AUTO(query_end) = query_of(units->database, segment_find_sql);
	query_blob(&find, id->bytes, SEGMENT_ID_LEN);
	int64_t number = 0;
	return query_one(&find, &number, &ignored) < 0 ? 0 : number;
}

static bool insert_row(struct index_database *units, int64_t namespace_id,
		       const struct unit_row *row, int64_t segment)
{
	struct error ignored;
	struct query insert AUTO(query_end) = query_of(units->database, insert_sql);
	bind_key(&insert, namespace_id, &row->name.key);
	query_blob(&insert, row->name.sha.bytes, SHA256_LEN);
	query_number(&insert, segment);
	query_number(&insert, (int64_t)row->offset);
	query_number(&insert, row->position);
	if (query_run(&insert, &ignored) < 0)
		return false;
	units->count += (uint64_t)database_changes(units->database);
	return true;
}

static bool insert_rows(struct index_database *units, const struct index_batch *batch,
			size_t first, size_t count)
{
	uint32_t segment = UINT32_MAX;
	int64_t number = 0;
	for (size_t i = first; i < first + count; i++) {
		const struct unit_row *row = index_batch_row(batch, i);
		if (row->segment != segment)
			number = segment_number(units, index_batch_segment(batch, row));
		segment = row->segment;
		if (number == 0 ||
		    !insert_row(units, index_batch_namespace(batch), row, number))
			return false;
	}
	return true;
}

void index_database_insert(struct index_database *units, const struct index_batch *batch,
			   size_t first, size_t count)
{
	struct error ignored;
	if (units->fault[0])
		return;
	if (database_execute(units->database, "BEGIN", &ignored) == 0 &&
	    insert_rows(units, batch, first, count) &&
	    database_execute(units->database, "COMMIT", &ignored) == 0)
		return;
	break_with(units, "cannot be written");
	(void)database_execute(units->database, "ROLLBACK", &ignored);
}

void index_database_forget(struct index_database *units, int64_t namespace_id,
			   const struct unit_name *name)
{
	struct error ignored;
	if (units->fault[0])
		return;
	struct query query AUTO(query_end) = query_of(units->database, forget_sql);
	bind_key(&query, namespace_id, &name->key);
	query_blob(&query, name->sha.bytes, SHA256_LEN);
	if (query_run(&query, &ignored) < 0)
		break_with(units, "cannot be written");
	else
		units->count -= (uint64_t)database_changes(units->database);
}

uint64_t index_database_count(const struct index_database *units)
{
	return units->count;
}

const char *index_database_fault(const struct index_database *units)
{
	return units->fault[0] ? units->fault : NULL;
}
