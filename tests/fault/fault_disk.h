/*
 * What a disk holds if the power goes now: the synced bytes of files, the synced names of
 * directories, and the changes since, of which any part may survive.
 *
 * A model in memory beside the real files; io_fault.h tells it of every call. Belongs to
 * one thread at a time.
 */
#ifndef BATON_TESTS_FAULT_DISK_H
#define BATON_TESTS_FAULT_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fault_disk;
struct fault_dir;
struct fault_file;

struct fault_disk *fault_disk_new(uint64_t seed);
void fault_disk_free(struct fault_disk *disk);

/* The same numbers for the same seed. */
uint64_t fault_disk_random(struct fault_disk *disk);

/* The model of the directory behind a descriptor; what is in it counts as durable when it
 * is first seen. Borrowed from the disk. */
struct fault_dir *fault_disk_dir(struct fault_disk *disk, int dir_fd);

/* The file that a name stands for, NULL for none. Asked before the call that changes it,
 * so that what was there is known. */
struct fault_file *fault_dir_find(struct fault_dir *dir, const char *name);
struct fault_file *fault_dir_create(struct fault_dir *dir, const char *name);
void fault_dir_unlink(struct fault_dir *dir, const char *name);
void fault_dir_rename(struct fault_dir *dir, const char *from, const char *to);

void fault_file_write(struct fault_file *file, const void *data, size_t len,
		      uint64_t offset);
void fault_file_truncate(struct fault_file *file, uint64_t len);

/* Makes all changes durable, or, where the sync failed, a random part of them. The rest
 * is then forgotten for a file, and kept for the next sync of a directory. */
void fault_dir_sync(struct fault_dir *dir, bool failed);
void fault_file_sync(struct fault_file *file, bool failed);

/* Replaces the real files by what a power cut leaves. */
void fault_disk_cut(struct fault_disk *disk);

#endif
