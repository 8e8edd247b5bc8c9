#include "daemon/store/index/database.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

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

struct unit_database {
	const struct io *io; /* borrowed; NULL: a file without a name */
	struct vfs *vfs;
	sqlite3 *connection;
	sqlite3_stmt *find, *insert, *forget, *segment_add, *segment_find;
	uint64_t count;
	int directory_fd;
	char fault[256]; /* "" unless broken */
};

static const struct {
	size_t at;
	const char *sql;
} statements[] = {
	{offsetof(struct unit_database, find),
	 "SELECT u.sha, s.id, u.offset, u.position FROM units u"
	 " JOIN segments s ON s.number = u.segment"
	 " WHERE u.namespace = ? AND u.xxh = ? AND u.len = ? LIMIT ?"},
	{offsetof(struct unit_database, insert),
	 "INSERT OR IGNORE INTO units (namespace, xxh, len, sha, segment, offset, "
	 "position)"
	 " VALUES (?, ?, ?, ?, ?, ?, ?)"},
	{offsetof(struct unit_database, forget),
	 "DELETE FROM units WHERE namespace = ? AND xxh = ? AND len = ? AND sha = ?"},
	{offsetof(struct unit_database, segment_add),
	 "INSERT OR IGNORE INTO segments (id) VALUES (?)"},
	{offsetof(struct unit_database, segment_find),
	 "SELECT number FROM segments WHERE id = ?"},
};

#define STATEMENT_COUNT (sizeof statements / sizeof *statements)

static sqlite3_stmt **statement_at(struct unit_database *database, size_t i)
{
	return (sqlite3_stmt **)(void *)((char *)database + statements[i].at);
}

/* ---- opening and closing ------------------------------------------------------ */

static void break_with(struct unit_database *database, const char *what)
{
	if (database->fault[0])
		return;
	(void)snprintf(database->fault, sizeof database->fault, "unit index: %s: %s",
		       what, sqlite3_errmsg(database->connection));
}

static void close_connection(struct unit_database *database)
{
	for (size_t i = 0; i < STATEMENT_COUNT; i++) {
		sqlite3_finalize(*statement_at(database, i));
		*statement_at(database, i) = NULL;
	}
	(void)sqlite3_close(database->connection);
	database->connection = NULL;
}

/* How many rows a clean stop counted: user_version is one more, and 0 in a file that no
 * clean stop wrote. */
static bool was_closed(struct unit_database *database)
{
	sqlite3_stmt *version = NULL;
	int64_t number = 0;
	if (sqlite3_prepare_v2(database->connection, "PRAGMA user_version", -1, &version,
			       NULL) == SQLITE_OK &&
	    sqlite3_step(version) == SQLITE_ROW)
		number = sqlite3_column_int64(version, 0);
	sqlite3_finalize(version);
	database->count = number > 0 ? (uint64_t)number - 1 : 0;
	return number > 0;
}

static bool open_connection(struct unit_database *database)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(database->io ? DATABASE_NAME : "", &database->connection,
			    flags,
			    database->io ? vfs_name(database->vfs) : NULL) != SQLITE_OK ||
	    sqlite3_exec(database->connection, SETTINGS SCHEMA, NULL, NULL, NULL) !=
		    SQLITE_OK)
		return false;
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		if (sqlite3_prepare_v3(database->connection, statements[i].sql, -1,
				       SQLITE_PREPARE_PERSISTENT,
				       statement_at(database, i), NULL) != SQLITE_OK)
			return false;
	return true;
}

static void remove_file(struct unit_database *database)
{
	(void)database->io->unlink(database->io->context, database->directory_fd,
				   DATABASE_NAME);
	(void)database->io->unlink(database->io->context, database->directory_fd,
				   DATABASE_NAME "-journal");
}

static void free_database(struct unit_database **at)
{
	struct unit_database *database = *at;
	if (!database)
		return;
	close_connection(database);
	vfs_unregister(database->vfs);
	if (database->io && database->directory_fd >= 0)
		(void)io_close(database->io, database->directory_fd);
	free(database);
}

int unit_database_open(const struct io *io, const char *directory, bool trusted,
		       struct unit_database **ret_database, bool *ret_empty,
		       struct error *error)
{
	struct unit_database *database AUTO(free_database) =
		must_calloc(1, sizeof *database);
	database->io = io;
	database->directory_fd =
		io_open(io, AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0);
	if (database->directory_fd < 0)
		return error_set_errno(error, ERR_LOCAL, errno, "`%s`: cannot be opened",
				       directory);
	int err = vfs_register(io, directory, &database->vfs, error);
	if (err)
		return err;
	bool kept = trusted && open_connection(database) && was_closed(database);
	if (!kept) {
		close_connection(database);
		remove_file(database);
	}
	/* A full disk, say: what is derived is no reason not to start. */
	if (!kept && !open_connection(database))
		break_with(database, "`" DATABASE_NAME "` cannot be opened");
	*ret_empty = !kept && !database->fault[0];
	*ret_database = take_ptr(&database);
	return 0;
}

int unit_database_open_scratch(struct unit_database **ret_database, struct error *error)
{
	struct unit_database *database AUTO(free_database) =
		must_calloc(1, sizeof *database);
	if (!open_connection(database))
		return error_set(error, ERR_LOCAL, "unit index: cannot be opened: %s",
				 sqlite3_errmsg(database->connection));
	*ret_database = take_ptr(&database);
	return 0;
}

static int sync_file(struct unit_database *database, struct error *error)
{
	const struct io *io = database->io;
	int fd = io_open(io, database->directory_fd, DATABASE_NAME, O_RDONLY, 0);
	bool synced = fd >= 0 && io->fsync(io->context, fd) == 0;
	if (fd >= 0 && io_close(io, fd) < 0)
		synced = false;
	if (synced && io->fsync(io->context, database->directory_fd) == 0)
		return 0;
	return error_set_errno(error, ERR_LOCAL, errno, "unit index: cannot be synced");
}

static int close_and_sync(struct unit_database *database, struct error *error)
{
	char remember[64];
	(void)snprintf(remember, sizeof remember, "PRAGMA user_version=%d",
		       database->count < INT32_MAX ? (int)database->count + 1
						   : INT32_MAX);
	if (!database->fault[0] &&
	    sqlite3_exec(database->connection, remember, NULL, NULL, NULL) != SQLITE_OK)
		break_with(database, "cannot be closed");
	close_connection(database);
	if (database->fault[0])
		return error_set(error, ERR_LOCAL, "%s", database->fault);
	return database->io ? sync_file(database, error) : 0;
}

int unit_database_close(struct unit_database *database, struct error *error)
{
	int err = database ? close_and_sync(database, error) : 0;
	free_database(&database);
	return err;
}

/* ---- asking and telling ------------------------------------------------------- */

static void bind_key(sqlite3_stmt *statement, int64_t namespace_id,
		     const struct unit_key *key)
{
	sqlite3_bind_int64(statement, 1, namespace_id);
	sqlite3_bind_blob(statement, 2, key->xxh.bytes, XXH128_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, key->len);
}

/* Copies a blob of exactly that length. */
static bool column_copy(sqlite3_stmt *row, int column, void *ret_data, int len)
{
	const void *data = sqlite3_column_blob(row, column);
	if (!data || sqlite3_column_bytes(row, column) != len)
		return false;
	memcpy(ret_data, data, (size_t)len);
	return true;
}

static bool read_place(sqlite3_stmt *row, struct unit_place *place)
{
	place->offset = (uint64_t)sqlite3_column_int64(row, 2);
	place->position = (uint32_t)sqlite3_column_int64(row, 3);
	return column_copy(row, 0, place->sha.bytes, SHA256_LEN) &&
	       column_copy(row, 1, place->segment.bytes, SEGMENT_ID_LEN);
}

size_t unit_database_find(struct unit_database *database, int64_t namespace_id,
			  const struct unit_key *key,
			  struct unit_place ret_places[CANDIDATES_MAX])
{
	if (database->fault[0] || database->count == 0)
		return 0;
	bind_key(database->find, namespace_id, key);
	sqlite3_bind_int64(database->find, 4, CANDIDATES_MAX);
	size_t count = 0;
	int status;
	while ((status = sqlite3_step(database->find)) == SQLITE_ROW)
		if (count < CANDIDATES_MAX &&
		    read_place(database->find, &ret_places[count]))
			count++;
	if (status != SQLITE_DONE)
		break_with(database, "cannot be read");
	sqlite3_reset(database->find);
	return count;
}

/* The number of a segment in this file; 0 on failure. */
static int64_t segment_number(struct unit_database *database, const struct segment_id *id)
{
	sqlite3_bind_blob(database->segment_add, 1, id->bytes, SEGMENT_ID_LEN,
			  SQLITE_STATIC);
	bool added = sqlite3_step(database->segment_add) == SQLITE_DONE;
	sqlite3_reset(database->segment_add);
	sqlite3_bind_blob(database->segment_find, 1, id->bytes, SEGMENT_ID_LEN,
			  SQLITE_STATIC);
	int64_t number = 0;
	if (added && sqlite3_step(database->segment_find) == SQLITE_ROW)
		number = sqlite3_column_int64(database->segment_find, 0);
	sqlite3_reset(database->segment_find);
	return number;
}

static bool insert_row(struct unit_database *database, int64_t namespace_id,
		       const struct unit_row *row, int64_t segment)
{
	sqlite3_stmt *insert = database->insert;
	bind_key(insert, namespace_id, &row->name.key);
	sqlite3_bind_blob(insert, 4, row->name.sha.bytes, SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(insert, 5, segment);
	sqlite3_bind_int64(insert, 6, (int64_t)row->offset);
	sqlite3_bind_int64(insert, 7, row->position);
	bool done = sqlite3_step(insert) == SQLITE_DONE;
	sqlite3_reset(insert);
	if (done)
		database->count += (uint64_t)sqlite3_changes(database->connection);
	return done;
}

static bool insert_rows(struct unit_database *database, const struct unit_batch *batch,
			size_t first, size_t count)
{
	uint32_t segment = UINT32_MAX;
	int64_t number = 0;
	for (size_t i = first; i < first + count; i++) {
		const struct unit_row *row = unit_batch_row(batch, i);
		if (row->segment != segment)
			number = segment_number(database, unit_batch_segment(batch, row));
		segment = row->segment;
		if (number == 0 ||
		    !insert_row(database, unit_batch_namespace(batch), row, number))
			return false;
	}
	return true;
}

void unit_database_insert(struct unit_database *database, const struct unit_batch *batch,
			  size_t first, size_t count)
{
	if (database->fault[0])
		return;
	sqlite3 *connection = database->connection;
	if (sqlite3_exec(connection, "BEGIN", NULL, NULL, NULL) == SQLITE_OK &&
	    insert_rows(database, batch, first, count) &&
	    sqlite3_exec(connection, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return;
	break_with(database, "cannot be written");
	(void)sqlite3_exec(connection, "ROLLBACK", NULL, NULL, NULL);
}

void unit_database_forget(struct unit_database *database, int64_t namespace_id,
			  const struct unit_name *name)
{
	if (database->fault[0])
		return;
	bind_key(database->forget, namespace_id, &name->key);
	sqlite3_bind_blob(database->forget, 4, name->sha.bytes, SHA256_LEN,
			  SQLITE_STATIC);
	if (sqlite3_step(database->forget) != SQLITE_DONE)
		break_with(database, "cannot be written");
	else
		database->count -= (uint64_t)sqlite3_changes(database->connection);
	sqlite3_reset(database->forget);
}

uint64_t unit_database_count(const struct unit_database *database)
{
	return database->count;
}

const char *unit_database_fault(const struct unit_database *database)
{
	return database->fault[0] ? database->fault : NULL;
}
