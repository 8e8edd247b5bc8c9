/*
 * durable_write FILE: writes 4 KiB to FILE so that they survive a power cut, and nothing
 * else. It is the least that anything durable costs, process start included, and what
 * small.py puts beside a persist of one small file.
 *
 * The bytes go to FILE.new, which is synced and renamed; then the directory is synced.
 */
#include <err.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_file(const char *path)
{
	char bytes[4096];
	memset(bytes, 'x', sizeof(bytes));
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (file < 0 || write(file, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes) ||
	    fsync(file) != 0 || close(file) != 0)
		err(EXIT_FAILURE, "%s", path);
}

static void sync_parent(char *path)
{
	const char *parent = dirname(path);
	int directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 || fsync(directory) != 0 || close(directory) != 0)
		err(EXIT_FAILURE, "%s", parent);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: durable_write FILE");
	char temporary[4096];
	int length = snprintf(temporary, sizeof(temporary), "%s.new", argv[1]);
	if (length < 0 || (size_t)length >= sizeof(temporary))
		errx(2, "%s: too long a name", argv[1]);
	write_file(temporary);
	if (rename(temporary, argv[1]) != 0)
		err(EXIT_FAILURE, "%s", argv[1]);
	sync_parent(argv[1]);
	return EXIT_SUCCESS;
}
