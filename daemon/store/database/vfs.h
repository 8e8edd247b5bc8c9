/*
 * SQLite's file calls by way of struct io, so that tests reach them too (io.h).
 *
 * A VFS is bound to one directory: the databases that are opened through it are plain
 * names in that directory, never paths. One process, one connection for each database:
 * locks do nothing, because the store holds a flock on its directory, and there is no
 * shared memory, so a database in WAL mode needs `PRAGMA locking_mode=EXCLUSIVE` before
 * its first access. Temporary files are refused: `PRAGMA temp_store=MEMORY`.
 *
 * A file's name is made durable by its first sync. After a failed write, truncate or sync
 * the VFS refuses every further change with SQLITE_IOERR, because nothing is known about
 * what is on the disk (FORMAT.md §1). No room (SQLITE_FULL) is no such failure while
 * writing, but is one while syncing.
 *
 * It can keep a sum at the end of each page of a database, which must then be the only
 * one that is opened through it, and verify each page that is read, from the database and
 * from its log (page_sum.h). A page that is not what was written is SQLITE_IOERR_DATA;
 * nothing else follows from it.
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

/* From now on pages are verified where the database says that it has sums, those in the
 * log in any case. To be called before it is opened. */
void vfs_verify_pages(struct vfs *vfs);
/* Whether the first page, as it was last read or written, says that there are sums. */
bool vfs_has_page_sums(const struct vfs *vfs);
/* And that they are kept right (page_sum.h). */
bool vfs_keeps_page_sums(const struct vfs *vfs);
/* Number of the page that was found damaged last, in the database or `in_log`; 0: none.
 */
uint32_t vfs_damaged_page(const struct vfs *vfs, bool *ret_in_log);
/* From now on nothing is changed: files are opened for reading, a log that is missing is
 * an empty one, and every write, truncate, sync and removal is refused. SQLite is not
 * told, so that a transaction may still change pages in memory and be undone. To be
 * called before anything is opened. */
void vfs_freeze(struct vfs *vfs);

/* Whether a write, truncate or sync has failed; any thread. */
bool vfs_has_failed(const struct vfs *vfs);

#endif
