#include "daemon/store/foreign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/path/path.h"

/* A store that has just been begun, `batond token` before the first start, and what a
 * file system has at its top. */
static bool may_be_there(const char *name)
{
	static const char *const names[] = {"access", "lock", "segments", "format.new",
					    "lost+found"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return path_is_dots(name, strlen(name));
}

static bool has(int directory_fd, const char *name)
{
	return faccessat(directory_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int foreign_check(int directory_fd, const char *shown, struct error *error)
{
	if (has(directory_fd, "format") || has(directory_fd, "catalogue.db"))
		return 0;
	int fd AUTO_FD = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream AUTO_DIR = fd < 0 ? NULL : fdopendir(fd);
	if (!stream)
		return error_set_errno(error, ERR_LOCAL, errno,
				       "data directory `%s`: cannot be read", shown);
	(void)take_fd(&fd);
	const struct dirent *found;
	while ((found = readdir(stream)) != NULL) {
		if (may_be_there(found->d_name))
			continue;
		char *name AUTO_FREE =
			escape_encode(found->d_name, strlen(found->d_name));
		return error_set(
			error, ERR_USAGE,
			"data directory `%s`: it is no store, and not empty: `%s` "
			"lies there; name a directory of its own with --data",
			shown, name);
	}
	return 0;
}
