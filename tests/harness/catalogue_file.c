#include "tests/harness/catalogue_file.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/database/vfs.h"
#include "daemon/store/disk/io.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/error.h"

/* ---- bytes ------------------------------------------------------------------------ */

static int open_file(const char *directory, const char *name)
{
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/%s", directory, name) > 0);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	claim(fd >= 0);
	return fd;
}

uint8_t *catalogue_file_read(const char *directory, const char *name, size_t *ret_len)
{
	int fd AUTO_FD = open_file(directory, name);
	off_t len = lseek(fd, 0, SEEK_END);
	claim(len >= 0);
	uint8_t *bytes = must_alloc((size_t)len + 1);
	claim(io_read_at(&io_system, fd, bytes, (size_t)len, 0) == 0);
	*ret_len = (size_t)len;
	return bytes;
}

void catalogue_file_write(const char *directory, const char *name, const void *bytes,
			  size_t len, uint64_t offset)
{
	int fd AUTO_FD = open_file(directory, name);
	claim(io_write_at(&io_system, fd, bytes, len, offset) == 0);
}

/* ---- rows ------------------------------------------------------------------------- */

int catalogue_file_try(const char *directory, const char *sql)
{
	struct error error;
	struct vfs *vfs;
	claim(vfs_register(&io_system, directory, &vfs, &error) == 0);
	vfs_verify_pages(vfs);
	sqlite3 *database;
	claim(sqlite3_open_v2(CATALOGUE_FILE, &database, SQLITE_OPEN_READWRITE,
			      vfs_name(vfs)) == SQLITE_OK);
	claim(sqlite3_exec(database,
			   "PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY",
			   NULL, NULL, NULL) == SQLITE_OK);
	(void)sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	int code = sqlite3_exec(database, sql, NULL, NULL, NULL);
	if (code != SQLITE_OK && code != SQLITE_CONSTRAINT && code != SQLITE_MISMATCH)
		(void)fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(database));
	claim(sqlite3_close(database) == SQLITE_OK);
	vfs_unregister(vfs);
	return code;
}

void catalogue_file_run(const char *directory, const char *sql)
{
	claim(catalogue_file_try(directory, sql) == SQLITE_OK);
}

int64_t catalogue_file_ask(const char *directory, const char *sql)
{
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/%s", directory, CATALOGUE_FILE) > 0);
	sqlite3 *database;
	claim(sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	sqlite3_stmt *rows;
	claim(sqlite3_prepare_v2(database, sql, -1, &rows, NULL) == SQLITE_OK);
	claim(sqlite3_step(rows) == SQLITE_ROW);
	int64_t number = sqlite3_column_int64(rows, 0);
	claim(sqlite3_finalize(rows) == SQLITE_OK);
	claim(sqlite3_close(database) == SQLITE_OK);
	return number;
}

/* ---- age -------------------------------------------------------------------------- */

/* Runs what a query gives, on the same database. */
static void run_each(sqlite3 *database, const char *sql)
{
	sqlite3_stmt *rows;
	claim(sqlite3_prepare_v2(database, sql, -1, &rows, NULL) == SQLITE_OK);
	while (sqlite3_step(rows) == SQLITE_ROW)
		claim(sqlite3_exec(database, (const char *)sqlite3_column_text(rows, 0),
				   NULL, NULL, NULL) == SQLITE_OK);
	claim(sqlite3_finalize(rows) == SQLITE_OK);
}

/* What schema 4 has more than the ones before. */
static const char additions[] = "DROP INDEX segments_by_namespace;"
				"DROP INDEX workflows_to_remove;"
				"DROP INDEX layers_to_remove;"
				"ALTER TABLE segments DROP COLUMN holes;"
				"ALTER TABLE segments DROP COLUMN holes_bytes;"
				"ALTER TABLE workflows DROP COLUMN kept_ms;"
				"ALTER TABLE workflows DROP COLUMN lives_ms;"
				"ALTER TABLE workflows DROP COLUMN expired_running_ms;"
				"ALTER TABLE workflows DROP COLUMN removed_ms;"
				"ALTER TABLE workflows DROP COLUMN contact_running_ms;"
				"ALTER TABLE layers DROP COLUMN ended_ms;"
				"ALTER TABLE layers DROP COLUMN removed;";

/* The same rows, no room for sums. */
static void lose_sums(const char *directory)
{
	char *path AUTO_FREE = NULL, *aged AUTO_FREE = NULL, *attach AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/" CATALOGUE_FILE, directory) > 0);
	claim(asprintf(&aged, "%s/aged", directory) > 0);
	claim(asprintf(&attach, "PRAGMA journal_mode=WAL; ATTACH '%s' AS now", path) > 0);
	sqlite3 *database;
	claim(sqlite3_open(aged, &database) == SQLITE_OK);
	claim(sqlite3_exec(database, attach, NULL, NULL, NULL) == SQLITE_OK);
	run_each(database, "SELECT sql FROM now.sqlite_schema WHERE sql NOT NULL");
	run_each(database,
		 "SELECT 'INSERT INTO ' || name || ' SELECT * FROM now.' || name"
		 " FROM now.sqlite_schema WHERE type = 'table'");
	claim(sqlite3_exec(database, "PRAGMA user_version=2", NULL, NULL, NULL) ==
	      SQLITE_OK);
	claim(sqlite3_close(database) == SQLITE_OK);
	claim(rename(aged, path) == 0);
}

void catalogue_file_age(const char *directory, unsigned schema)
{
	claim(schema == 2 || schema == 3);
	catalogue_file_run(directory, additions);
	catalogue_file_run(directory, "PRAGMA user_version=3");
	if (schema == 2)
		lose_sums(directory);
}
