#undef _FORTIFY_SOURCE
#include "folding_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static enum folding folding;

void folding_names_set(enum folding wanted)
{
	folding = wanted;
}

struct spelling {
	char text[512];
};

static struct spelling with_ss(const char *name)
{
	struct spelling out = {""};
	size_t len = 0;
	for (const char *at = name; *at && len + 2 < sizeof(out.text); at++) {
		bool sharp = strncmp(at, "\xc3\x9f", 2) == 0;
		out.text[len++] = sharp ? 's' : *at;
		if (sharp)
			out.text[len++] = 's';
		at += sharp;
	}
	return out;
}

/* Small letters, and é as one sign. */
static struct spelling folded(const char *name)
{
	struct spelling out = {""};
	if (folding == FOLDING_SHARP_S)
		return with_ss(name);
	size_t len = 0;
	for (const char *at = name; *at && len + 3 < sizeof(out.text); at++) {
		bool composed = strncmp(at, "\xc3\x89", 2) == 0;
		bool apart = strncmp(at, "e\xcc\x81", 3) == 0 ||
			     strncmp(at, "E\xcc\x81", 3) == 0;
		if (composed || apart) {
			memcpy(out.text + len, "\xc3\xa9", 2);
			len += 2;
			at += composed ? 1 : 2;
		} else {
			out.text[len++] = *at >= 'A' && *at <= 'Z' ? (char)(*at + 32)
								   : *at;
		}
	}
	return out;
}

static DIR *open_list(int fd)
{
	int own = (int)syscall(SYS_openat, fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = own < 0 ? NULL : fdopendir(own);
	if (own >= 0 && !stream)
		(void)close(own);
	return stream;
}

/* The name as it is in the directory, or is to be made there. */
static const char *real_name(int fd, const char *name, struct spelling *room)
{
	if (folding == FOLDING_NONE || !*name || strchr(name, '/'))
		return name;
	struct spelling wanted = folded(name);
	*room = wanted;
	if (folding != FOLDING_LOWERS)
		(void)snprintf(room->text, sizeof(room->text), "%s", name);
	DIR *stream = open_list(fd);
	const struct dirent *found;
	while (stream && (found = readdir(stream)) != NULL) {
		struct spelling there = folded(found->d_name);
		if (strcmp(there.text, wanted.text) == 0)
			(void)snprintf(room->text, sizeof(room->text), "%s",
				       found->d_name);
	}
	if (stream)
		(void)closedir(stream);
	return room->text;
}

/* ---- the calls ---- */

int openat(int fd, const char *name, int flags, ...)
{
	struct spelling room;
	va_list more;
	va_start(more, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return (int)syscall(SYS_openat, fd, real_name(fd, name, &room), flags, mode);
}

int mkdirat(int fd, const char *name, mode_t mode)
{
	struct spelling room;
	return (int)syscall(SYS_mkdirat, fd, real_name(fd, name, &room), mode);
}

int symlinkat(const char *target, int fd, const char *name)
{
	struct spelling room;
	return (int)syscall(SYS_symlinkat, target, fd, real_name(fd, name, &room));
}

ssize_t readlinkat(int fd, const char *name, char *restrict target, size_t size)
{
	struct spelling room;
	return syscall(SYS_readlinkat, fd, real_name(fd, name, &room), target, size);
}

int unlinkat(int fd, const char *name, int flags)
{
	struct spelling room;
	return (int)syscall(SYS_unlinkat, fd, real_name(fd, name, &room), flags);
}

int fstatat(int fd, const char *restrict name, struct stat *restrict stat, int flags)
{
	struct spelling room;
	return (int)syscall(SYS_newfstatat, fd, real_name(fd, name, &room), stat, flags);
}

int statx(int fd, const char *restrict name, int flags, unsigned mask,
	  struct statx *restrict out)
{
	struct spelling room;
	return (int)syscall(SYS_statx, fd, real_name(fd, name, &room), flags, mask, out);
}

int utimensat(int fd, const char *name, const struct timespec times[2], int flags)
{
	struct spelling room;
	return (int)syscall(SYS_utimensat, fd, real_name(fd, name, &room), times, flags);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	struct spelling from_room;
	struct spelling to_room;
	return (int)syscall(SYS_renameat2, from_fd, real_name(from_fd, from, &from_room),
			    to_fd, real_name(to_fd, to, &to_room), flags);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return renameat2(from_fd, from, to_fd, to, 0);
}
