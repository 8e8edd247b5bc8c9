#include "daemon/backup/snapshot.h"

#include "daemon/store/catalogue/internal.h"
#include "daemon/store/database/copy.h"
#include "daemon/store/database/page_sum.h"
#include "proto/base/bytes.h"

/* Pages that are copied while nobody else can use the catalogue: a millisecond. */
#define STEP_PAGES 256

/* The first page is written before any other, so that the VFS knows of the sums. What is
 * not complete is thrown away: it needs no journal. */
static const char settings[] = "PRAGMA locking_mode=EXCLUSIVE;"
			       "PRAGMA page_size=4096;"
			       "PRAGMA journal_mode=OFF;"
			       "PRAGMA synchronous=FULL;"
			       "PRAGMA temp_store=MEMORY;";
static const char first_page[] = "PRAGMA user_version=1;";

static int open_copy(struct database *copy, struct error *error)
{
	int result = database_open(copy, "catalogue.db", false, error);
	if (result == 0)
		result = database_execute(copy, settings, error);
	if (result == 0)
		result = database_reserve(copy, PAGE_SUM_LEN, error);
	return result == 0 ? database_execute(copy, first_page, error) : result;
}

static int step(struct catalogue *catalogue, struct database_copy *copy,
		struct error *error)
{
	CATALOGUE_LOCKED(catalogue);
	if (!copy->handle) {
		int result =
			database_copy_begin(copy, copy->to, catalogue->database, error);
		if (result < 0)
			return result;
	}
	return database_copy_step(copy, STEP_PAGES, error);
}

static void end(struct catalogue *catalogue, struct database_copy *copy)
{
	CATALOGUE_LOCKED(catalogue);
	database_copy_end(copy);
}

static int copy_pages(struct catalogue *catalogue, struct database *to,
		      struct error *error)
{
	struct database_copy copy = {.to = to};
	int result;
	while ((result = step(catalogue, &copy, error)) == 1)
		;
	end(catalogue, &copy);
	return result;
}

static void free_database(struct database **database)
{
	database_free(*database);
}

int snapshot_take(struct catalogue *catalogue, const struct io *io, const char *directory,
		  struct error *error)
{
	struct vfs *vfs;
	int result = vfs_register(io, directory, &vfs, error);
	if (result < 0)
		return result;
	vfs_verify_pages(vfs);
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/catalogue.db", directory) > 0);
	struct database *to AUTO(free_database) = database_new(vfs, path);
	result = open_copy(to, error);
	return result == 0 ? copy_pages(catalogue, to, error) : result;
}
