/*
 * SQLite's file calls by way of struct io, so that tests reach them too (io.h).
 *
 * A VFS is bound to one directory: databases opened through it are names in that
 * directory, never paths. It is made for one process with one connection for each
 * database. Locks do nothing, because the store holds a flock on its directory. There is
 * no shared memory, so a database in WAL mode needs `PRAGMA locking_mode=EXCLUSIVE`
 * before its first access. Temporary files are refused: `PRAGMA temp_store=MEMORY`.
 *
 * The first sync of a file that may be new also syncs the directory. After a failed
 * write, truncate or sync the VFS refuses every further change with SQLITE_IOERR, because
 * nobody knows then what is on the disk (FORMAT.md §1). A write that finds no room
 * (SQLITE_FULL) is no such failure; a sync that finds none is one.
 *
 * It can keep a sum at the end of each page of one database, and verify each page that is
 * read from the database or its log (page_sum.h); no other database may be opened through
 * it then. A page that is not as it was written is SQLITE_IOERR_DATA. Nothing else
 * follows from that: other pages are read and written as before.
 *
 * Any thread, as far as the connections that use it allow.
 */
#ifndef BATON_STORE_DATABASE_VFS_H
#define BATON_STORE_DATABASE_VFS_H

#include <stdbool.h>

#include "daemon/store/disk/io.h"
#include "proto/base/error.h"

struct vfs;

/* Opens the directory and registers a VFS with a name of its own. `io` is borrowed until
 * vfs_unregister. ERR_LOCAL. */
int vfs_register(const struct io *io, const char *directory, struct vfs **ret_vfs,
		 struct error *error);
/* All its connections must be closed. NULL is fine. */
void vfs_unregister(struct vfs *vfs);

/* What sqlite3_open_v2 takes as its last argument; borrowed. */
const char *vfs_name(const struct vfs *vfs);

/* From now on pages are verified: those in the database if it says that it has sums,
 * those in the log always. To be called before the database is opened. */
void vfs_verify_pages(struct vfs *vfs);
/* What page_has_sums() says of the first page as it was last read or written. */
bool vfs_has_page_sums(const struct vfs *vfs);
/* What page_sums_are_kept() says of it. */
bool vfs_keeps_page_sums(const struct vfs *vfs);
/* Number of the page that was found damaged last, and whether that was in the log; 0:
 * none was. */
uint32_t vfs_damaged_page(const struct vfs *vfs, bool *ret_in_log);
/* From now on no file is changed: files are opened for reading, a missing log is an empty
 * one, and every write, truncate, sync and removal is refused. SQLite does not know this:
 * a transaction may still change pages in memory, and be undone. To be called before
 * anything is opened. */
void vfs_freeze(struct vfs *vfs);

/* Whether a write, truncate or sync has failed; any thread. */
bool vfs_has_failed(const struct vfs *vfs);

#endif
