#include "client/files/mount_points.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/path/path.h"

#define MOUNTINFO "/proc/self/mountinfo"
/* Fields are parted by spaces; this one is the mount point (proc(5)). */
#define POINT_FIELD 4u

void mount_points_fini(struct mount_points *points)
{
	for (size_t i = 0; i < points->count; i++)
		free(points->paths[i]);
	free(points->paths);
	*points = (struct mount_points){0};
}

/* ---- reading ---- */

static bool is_octal(char byte)
{
	return byte >= '0' && byte <= '7';
}

/* Space, tab, line feed and backslash are written as a backslash and three digits. In
 * place. */
static void decode(char *path)
{
	char *to = path;
	for (const char *at = path; *at; at++, to++) {
		bool coded = at[0] == '\\' && is_octal(at[1]) && is_octal(at[2]) &&
			     is_octal(at[3]);
		*to = coded ? (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + at[3] - '0')
			    : *at;
		at += coded ? 3 : 0;
	}
	*to = '\0';
}

/* Owned by the caller; NULL: the line has none. */
static char *point_of(const char *line, size_t len)
{
	const char *at = line;
	for (unsigned field = 0; at && field < POINT_FIELD; field++) {
		at = memchr(at, ' ', len - (size_t)(at - line));
		at = at ? at + 1 : NULL;
	}
	const char *end = at ? memchr(at, ' ', len - (size_t)(at - line)) : NULL;
	if (!end)
		return NULL;
	char *point = must_memdup(at, (size_t)(end - at));
	decode(point);
	return point;
}

static void add_below(struct mount_points *points, const char *point,
		      const char *directory)
{
	size_t len = strlen(directory);
	if (strcmp(directory, "/") == 0)
		len = 0;
	if (strncmp(point, directory, len) != 0 || point[len] != '/' || !point[len + 1])
		return;
	array_make_room(points->paths, points->count, points->room);
	points->paths[points->count++] = must_strdup(point + len + 1);
}

static void parse(struct mount_points *points, const char *text, const char *directory)
{
	while (*text) {
		const char *end = strchrnul(text, '\n');
		char *point AUTO_FREE = point_of(text, (size_t)(end - text));
		if (point)
			add_below(points, point, directory);
		text = *end ? end + 1 : end;
	}
}

/* Owned by the caller; with a NUL behind it. */
static void read_text(const char *path, struct buffer *text)
{
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC);
	char part[4096];
	ssize_t got;
	while (fd >= 0 && (got = read(fd, part, sizeof(part))) > 0)
		buffer_put(text, part, (size_t)got);
	buffer_put_u8(text, 0);
}

void mount_points_read(struct mount_points *points, int directory_fd)
{
	char self[64];
	char directory[4096];
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", directory_fd);
	ssize_t len = readlink(self, directory, sizeof(directory) - 1);
	if (len <= 0)
		return;
	directory[len] = '\0';
	struct buffer text AUTO(buffer_fini) = {0};
	read_text(MOUNTINFO, &text);
	parse(points, (const char *)text.at, directory);
}

/* ---- asking ---- */

bool mount_points_has(const struct mount_points *points, const char *path, size_t len)
{
	for (size_t i = 0; i < points->count; i++)
		if (strlen(points->paths[i]) == len &&
		    memcmp(points->paths[i], path, len) == 0)
			return true;
	return false;
}

bool mount_points_below(const struct mount_points *points, const char *path, size_t len)
{
	for (size_t i = 0; i < points->count; i++)
		if (path_below(points->paths[i], strlen(points->paths[i]), path, len))
			return true;
	return false;
}

uint64_t mount_points_id(int parent_fd, const char *name)
{
	struct statx statx_of = {0};
	int flags = *name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH;
	if (statx(parent_fd, name, flags, STATX_BASIC_STATS | STATX_MNT_ID, &statx_of) !=
	    0)
		return 0;
	if (statx_of.stx_mask & STATX_MNT_ID)
		return statx_of.stx_mnt_id;
	return makedev(statx_of.stx_dev_major, statx_of.stx_dev_minor);
}
