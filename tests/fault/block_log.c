/*
 * A disk that remembers: a FUSE file system with one file, `disk`, that a loop device can
 *be put upon. Each write and each flush is appended to a log, from which a test makes
 *what a power cut would leave.
 *
 *	block_log LOG BYTES MOUNTPOINT
 *
 * LOG: u64 count of entries; then for each u64 offset, u32 length, that many bytes. A
 *flush has the offset 2^64 - 1 and no bytes. Stays in the foreground; ends when it is
 *unmounted.
 */
#define FUSE_USE_VERSION 31

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DISK "/disk"
#define FLUSH UINT64_MAX

static struct {
	FILE *log;
	uint64_t count;
	uint8_t *bytes;
	size_t len;
} disk;

/* Whole, before the kernel hears of the end of its call. */
static int note(uint64_t offset, const void *data, uint32_t len)
{
	disk.count++;
	bool written = fwrite(&offset, sizeof(offset), 1, disk.log) == 1 &&
		       fwrite(&len, sizeof(len), 1, disk.log) == 1 &&
		       fwrite(data, 1, len, disk.log) == len && fflush(disk.log) == 0 &&
		       pwrite(fileno(disk.log), &disk.count, sizeof(disk.count), 0) ==
			       sizeof(disk.count);
	return written ? 0 : -EIO;
}

static int disk_getattr(const char *path, struct stat *ret_status,
			struct fuse_file_info *info)
{
	(void)info;
	bool is_root = strcmp(path, "/") == 0;
	if (!is_root && strcmp(path, DISK) != 0)
		return -ENOENT;
	*ret_status = (struct stat){
		.st_mode = is_root ? S_IFDIR | 0700 : S_IFREG | 0600,
		.st_nlink = is_root ? 2 : 1,
		.st_size = is_root ? 0 : (off_t)disk.len,
	};
	return 0;
}

static int disk_read(const char *path, char *data, size_t len, off_t offset,
		     struct fuse_file_info *info)
{
	(void)path;
	(void)info;
	size_t at = (size_t)offset < disk.len ? (size_t)offset : disk.len;
	len = len < disk.len - at ? len : disk.len - at;
	memcpy(data, disk.bytes + at, len);
	return (int)len;
}

static int disk_write(const char *path, const char *data, size_t len, off_t offset,
		      struct fuse_file_info *info)
{
	(void)path;
	(void)info;
	if ((size_t)offset > disk.len || len > disk.len - (size_t)offset)
		return -ENOSPC;
	memcpy(disk.bytes + offset, data, len);
	int result = note((uint64_t)offset, data, (uint32_t)len);
	return result < 0 ? result : (int)len;
}

static int disk_fsync(const char *path, int only_data, struct fuse_file_info *info)
{
	(void)path;
	(void)only_data;
	(void)info;
	return note(FLUSH, NULL, 0);
}

static const struct fuse_operations operations = {
	.getattr = disk_getattr,
	.read = disk_read,
	.write = disk_write,
	.fsync = disk_fsync,
};

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	disk.log = fopen(argv[1], "w+");
	disk.len = strtoul(argv[2], NULL, 10);
	disk.bytes = calloc(1, disk.len);
	uint64_t none = 0;
	if (!disk.log || !disk.bytes || fwrite(&none, sizeof(none), 1, disk.log) != 1)
		return 1;
	char foreground[] = "-f", one_thread[] = "-s";
	char *arguments[] = {argv[0], foreground, one_thread, argv[3], NULL};
	return fuse_main(4, arguments, &operations, NULL);
}
