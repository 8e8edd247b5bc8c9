/*
 * Opening what lies below a directory, and nothing else: no symbolic link is followed, no
 * ".." climbs out (rules T1, T5). openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
 * RESOLVE_NO_MAGICLINKS) where the kernel has it, else one openat(O_NOFOLLOW) for each
 * component. Paths may be longer than PATH_MAX: they are resolved in segments.
 *
 * Failures are -1 with errno, since the caller knows what the path means to the user.
 * Any thread; no state but whether the kernel has openat2.
 */
#ifndef BATON_CLIENT_FILES_BENEATH_H
#define BATON_CLIENT_FILES_BENEATH_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Opens path (relative, `len` bytes, no NUL needed behind it; len 0 is the root itself)
 * with flags (O_CLOEXEC | O_NOFOLLOW are added) and, with O_CREAT or O_TMPFILE, mode.
 * Returns a descriptor that the caller owns, or -1 and errno:
 *   EINVAL        an empty, "." or ".." component, or a NUL
 *   ENAMETOOLONG  a component over COMPONENT_LEN_MAX
 *   ELOOP         a parent is a symbolic link; or the last component is one (ENOTDIR
 *                 instead with O_DIRECTORY; with O_PATH alone the link itself is opened)
 *   ENOTDIR       a parent is not a directory
 * and whatever else open() has to say.
 */
int beneath_open(int root_fd, const char *path, size_t len, int flags, mode_t mode);

#endif
