/*
 * What the files of the VFS share: vfs.c has SQLite's methods, vfs_page.c verifies pages,
 * vfs_file.c reads and writes bytes. For these only.
 */
#ifndef BATON_STORE_DATABASE_VFS_INTERNAL_H
#define BATON_STORE_DATABASE_VFS_INTERNAL_H

#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/database/vfs.h"

#define VFS_NAME_SIZE 64u

struct vfs {
	sqlite3_vfs base; /* its pAppData is this struct */
	char name[VFS_NAME_SIZE];
	const struct io *io; /* borrowed */
	int dir_fd;          /* owned */
	atomic_bool failed;
	bool frozen;
	/* Where pages are verified: of its one database. For the thread that uses that.
	 */
	bool verifies, has_sums, keeps_sums; /* as the functions of vfs.h say */
	uint32_t damaged_page;               /* found last; 0: none */
	bool damaged_in_log;
};

enum file_kind {
	FILE_PLAIN, /* a journal; any file where pages are not verified */
	FILE_DATABASE,
	FILE_LOG,
};

/* SQLite reserves szOsFile bytes for it and hands it to the methods. */
struct vfs_file {
	sqlite3_file base;
	struct vfs *vfs; /* borrowed */
	int fd;          /* owned; -1: a log that is not there, in a frozen VFS */
	enum file_kind kind;
	bool name_synced; /* the directory was synced since it may have been made */
	bool big_endian;  /* of a log: log_is_big_endian() */
};

/* After a failed change: all further ones are refused. Returns the code. */
int vfs_failed(struct vfs *vfs, int code);
/* Whether changes are refused. */
bool vfs_refuses(const struct vfs *vfs);

/* SQLITE_OK; SQLITE_IOERR_SHORT_READ, with zeros for what lies beyond the file's end; or
 * another code. */
int vfs_read_bytes(const struct vfs_file *file, void *ret_data, size_t amount,
		   int64_t offset);
int vfs_write_bytes(const struct vfs_file *file, const void *data, size_t amount,
		    int64_t offset);

/* The same for FILE_DATABASE and FILE_LOG. A page that is not right: SQLITE_IOERR_DATA,
 * and the bytes as they are. */
int vfs_read_database(struct vfs_file *file, uint8_t *ret_data, size_t amount,
		      int64_t offset);
int vfs_read_log(struct vfs_file *file, uint8_t *ret_data, size_t amount, int64_t offset);
int vfs_write_database(const struct vfs_file *file, const uint8_t *data, size_t amount,
		       int64_t offset);
int vfs_write_log(struct vfs_file *file, const uint8_t *data, size_t amount,
		  int64_t offset);

#endif
