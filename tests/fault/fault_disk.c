#include "tests/fault/fault_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/disk/io.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/error.h"

/* What a disk writes whole or not at all. */
#define SECTOR_LEN 512u

struct change {
	bool truncates; /* to offset */
	uint64_t offset;
	size_t len;
	uint8_t *data; /* owned */
};

struct fault_file {
	struct fault_disk *disk; /* borrowed */
	struct fault_file *next; /* of all files */
	struct buffer durable;
	struct change *changes; /* owned; since the last sync */
	size_t change_count;
};

enum name_change_kind {
	NAME_CREATED,
	NAME_UNLINKED,
	NAME_RENAMED,
};

struct name_change {
	enum name_change_kind kind;
	size_t name, to;         /* positions in entries */
	struct fault_file *file; /* borrowed */
};

struct entry {
	char *name;              /* owned */
	struct fault_file *live; /* borrowed; what a living process finds; NULL: none */
	struct fault_file *durable; /* borrowed; what is found if the power goes */
};

struct fault_dir {
	struct fault_disk *disk; /* borrowed */
	struct fault_dir *next;
	int fd; /* owned */
	dev_t device;
	ino_t inode;
	struct entry *entries; /* owned */
	size_t entry_count;
	struct name_change *changes; /* owned; since the last sync */
	size_t change_count;
};

struct fault_disk {
	uint64_t random;
	struct fault_dir *dirs;
	struct fault_file *files;
};

/* xorshift64* */
uint64_t fault_disk_random(struct fault_disk *disk)
{
	disk->random ^= disk->random >> 12;
	disk->random ^= disk->random << 25;
	disk->random ^= disk->random >> 27;
	return disk->random * 0x2545f4914f6cdd1du >> 16;
}

static bool coin(struct fault_disk *disk)
{
	return fault_disk_random(disk) & 1;
}

struct fault_disk *fault_disk_new(uint64_t seed)
{
	struct fault_disk *disk = must_calloc(1, sizeof(*disk));
	disk->random = seed * 0x9e3779b97f4a7c15u + 1;
	return disk;
}

/* ---- files ----------------------------------------------------------------------- */

static struct fault_file *file_new(struct fault_disk *disk)
{
	struct fault_file *file = must_calloc(1, sizeof(*file));
	file->disk = disk;
	file->next = disk->files;
	disk->files = file;
	return file;
}

static void file_forget_changes(struct fault_file *file)
{
	for (size_t i = 0; i < file->change_count; i++)
		free(file->changes[i].data);
	free(file->changes);
	file->changes = NULL;
	file->change_count = 0;
}

static void file_add_change(struct fault_file *file, struct change change)
{
	file->changes = must_realloc(file->changes,
				     (file->change_count + 1) * sizeof(*file->changes));
	file->changes[file->change_count++] = change;
}

void fault_file_write(struct fault_file *file, const void *data, size_t len,
		      uint64_t offset)
{
	file_add_change(file, (struct change){
				      .offset = offset,
				      .len = len,
				      .data = (uint8_t *)must_memdup(data, len),
			      });
}

void fault_file_truncate(struct fault_file *file, uint64_t len)
{
	file_add_change(file, (struct change){.truncates = true, .offset = len});
}

static void image_resize(struct buffer *image, uint64_t len)
{
	if (len > image->len) {
		size_t more = (size_t)len - image->len;
		buffer_reserve(image, more);
		memset(image->at + image->len, 0, more);
	}
	image->len = (size_t)len;
}

static void image_write(struct buffer *image, const uint8_t *data, size_t len,
			uint64_t offset)
{
	if (offset + len > image->len)
		image_resize(image, offset + len);
	if (len > 0)
		memcpy(image->at + offset, data, len);
}

static void change_apply(const struct change *change, struct buffer *image)
{
	if (change->truncates)
		image_resize(image, change->offset);
	else
		image_write(image, change->data, change->len, change->offset);
}

/* Some sectors of a write, each whole or not at all. */
static void change_apply_torn(struct fault_disk *disk, const struct change *change,
			      struct buffer *image)
{
	size_t at = 0;
	while (at < change->len) {
		size_t len = SECTOR_LEN - (size_t)((change->offset + at) % SECTOR_LEN);
		if (len > change->len - at)
			len = change->len - at;
		if (coin(disk))
			image_write(image, change->data + at, len, change->offset + at);
		at += len;
	}
}

/* Any part of the changes: of each all, nothing, or some sectors. */
static void file_apply_some(struct fault_file *file)
{
	for (size_t i = 0; i < file->change_count; i++) {
		const struct change *change = &file->changes[i];
		if (coin(file->disk))
			change_apply(change, &file->durable);
		else if (!change->truncates && coin(file->disk))
			change_apply_torn(file->disk, change, &file->durable);
	}
	file_forget_changes(file);
}

void fault_file_sync(struct fault_file *file, bool failed)
{
	if (failed) {
		file_apply_some(file);
		return;
	}
	for (size_t i = 0; i < file->change_count; i++)
		change_apply(&file->changes[i], &file->durable);
	file_forget_changes(file);
}

/* ---- directories ----------------------------------------------------------------- */

static struct fault_dir *dir_new(struct fault_disk *disk, int dir_fd,
				 const struct stat *status)
{
	struct fault_dir *dir = must_calloc(1, sizeof(*dir));
	dir->fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	claim(dir->fd >= 0);
	dir->disk = disk;
	dir->device = status->st_dev;
	dir->inode = status->st_ino;
	dir->next = disk->dirs;
	disk->dirs = dir;
	return dir;
}

struct fault_dir *fault_disk_dir(struct fault_disk *disk, int dir_fd)
{
	struct stat status;
	int result = dir_fd == AT_FDCWD ? stat(".", &status) : fstat(dir_fd, &status);
	claim(result == 0);
	for (struct fault_dir *dir = disk->dirs; dir; dir = dir->next)
		if (dir->device == status.st_dev && dir->inode == status.st_ino)
			return dir;
	return dir_new(disk, dir_fd, &status);
}

/* What the real directory has under a name that was not seen before; NULL: no file. */
static struct fault_file *file_from_disk(struct fault_dir *dir, const char *name)
{
	int fd AUTO_FD =
		openat(dir->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return NULL;
	struct fault_file *file = file_new(dir->disk);
	image_resize(&file->durable, (uint64_t)status.st_size);
	claim(io_read_at(&io_system, fd, file->durable.at, file->durable.len, 0) == 0);
	return file;
}

/* The position of a name among the entries; makes one where it is new. */
static size_t dir_entry(struct fault_dir *dir, const char *name)
{
	for (size_t i = 0; i < dir->entry_count; i++)
		if (strcmp(dir->entries[i].name, name) == 0)
			return i;
	struct fault_file *file = file_from_disk(dir, name);
	dir->entries = must_realloc(dir->entries,
				    (dir->entry_count + 1) * sizeof(*dir->entries));
	dir->entries[dir->entry_count] = (struct entry){
		.name = must_strdup(name),
		.live = file,
		.durable = file,
	};
	return dir->entry_count++;
}

static void dir_add_change(struct fault_dir *dir, struct name_change change)
{
	dir->changes = must_realloc(dir->changes,
				    (dir->change_count + 1) * sizeof(*dir->changes));
	dir->changes[dir->change_count++] = change;
}

struct fault_file *fault_dir_find(struct fault_dir *dir, const char *name)
{
	size_t position = dir_entry(dir, name);
	return dir->entries[position].live;
}

struct fault_file *fault_dir_create(struct fault_dir *dir, const char *name)
{
	size_t position = dir_entry(dir, name);
	struct fault_file *file = file_new(dir->disk);
	dir->entries[position].live = file;
	dir_add_change(dir, (struct name_change){
				    .kind = NAME_CREATED,
				    .name = position,
				    .file = file,
			    });
	return file;
}

void fault_dir_unlink(struct fault_dir *dir, const char *name)
{
	size_t position = dir_entry(dir, name);
	dir->entries[position].live = NULL;
	dir_add_change(dir,
		       (struct name_change){.kind = NAME_UNLINKED, .name = position});
}

void fault_dir_rename(struct fault_dir *dir, const char *from, const char *to)
{
	struct name_change change = {
		.kind = NAME_RENAMED,
		.name = dir_entry(dir, from),
		.to = dir_entry(dir, to),
	};
	change.file = dir->entries[change.name].live;
	dir->entries[change.to].live = change.file;
	dir->entries[change.name].live = NULL;
	dir_add_change(dir, change);
}

static void name_change_apply(struct fault_dir *dir, const struct name_change *change)
{
	dir->entries[change->name].durable = change->kind == NAME_CREATED ? change->file
									  : NULL;
	if (change->kind == NAME_RENAMED)
		dir->entries[change->to].durable = change->file;
}

/* Names that a failed sync left behind are not forgotten: the next one, which does them
 * all again in their order, ends at the same names. */
void fault_dir_sync(struct fault_dir *dir, bool failed)
{
	for (size_t i = 0; i < dir->change_count; i++)
		if (!failed || coin(dir->disk))
			name_change_apply(dir, &dir->changes[i]);
	if (failed)
		return;
	free(dir->changes);
	dir->changes = NULL;
	dir->change_count = 0;
}

/* ---- the end --------------------------------------------------------------------- */

static void write_real(struct fault_dir *dir, const char *name, struct fault_file *file)
{
	file_apply_some(file);
	int fd AUTO_FD =
		openat(dir->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	claim(fd >= 0);
	claim(io_write_at(&io_system, fd, file->durable.at, file->durable.len, 0) == 0);
}

/* Files are replaced, not changed: a process that still has them open does no harm. */
static void dir_cut(struct fault_dir *dir)
{
	fault_dir_sync(dir, true);
	for (size_t i = 0; i < dir->entry_count; i++) {
		const struct entry *entry = &dir->entries[i];
		if (entry->live)
			claim(unlinkat(dir->fd, entry->name, 0) == 0 || errno == ENOENT);
		if (entry->durable)
			write_real(dir, entry->name, entry->durable);
	}
}

void fault_disk_cut(struct fault_disk *disk)
{
	for (struct fault_dir *dir = disk->dirs; dir; dir = dir->next)
		dir_cut(dir);
}

static void dir_free(struct fault_dir *dir)
{
	for (size_t i = 0; i < dir->entry_count; i++)
		free(dir->entries[i].name);
	free(dir->entries);
	free(dir->changes);
	(void)close(dir->fd);
	free(dir);
}

void fault_disk_free(struct fault_disk *disk)
{
	while (disk && disk->dirs) {
		struct fault_dir *dir = disk->dirs;
		disk->dirs = dir->next;
		dir_free(dir);
	}
	while (disk && disk->files) {
		struct fault_file *file = disk->files;
		disk->files = file->next;
		file_forget_changes(file);
		buffer_fini(&file->durable);
		free(file);
	}
	free(disk);
}
