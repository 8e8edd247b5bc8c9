/*
 * A scratch directory with files, for tests: made below $TMPDIR or /tmp, removed at the
 * end with all that is in it.
 */
#ifndef BATON_TESTS_SCRATCH_TREE_H
#define BATON_TESTS_SCRATCH_TREE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/files/remove_tree.h"
#include "proto/base/cleanup.h"
#include "proto/base/error.h"

struct scratch {
	char path[256];
	int fd; /* owned */
};

static inline void scratch_init(struct scratch *scratch)
{
	const char *parent = getenv("TMPDIR");
	(void)snprintf(scratch->path, sizeof(scratch->path), "%.200s/baton-test-XXXXXX",
		       parent ? parent : "/tmp");
	claim(mkdtemp(scratch->path) != NULL);
	scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	claim(scratch->fd >= 0);
}

static inline void scratch_fini(struct scratch *scratch)
{
	(void)remove_tree_contents(scratch->fd);
	(void)close(scratch->fd);
	(void)rmdir(scratch->path);
}

static inline void scratch_write(const struct scratch *scratch, const char *path,
				 const void *data, size_t len)
{
	int fd AUTO_FD =
		openat(scratch->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	claim(fd >= 0);
	claim(write(fd, data, len) == (ssize_t)len);
}

static inline void scratch_text(const struct scratch *scratch, const char *path,
				const char *text)
{
	scratch_write(scratch, path, text, strlen(text));
}

static inline void scratch_mkdir(const struct scratch *scratch, const char *path)
{
	claim(mkdirat(scratch->fd, path, 0755) == 0);
}

#endif
