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

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proto/bounds.h"

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

/*
 * Opens the directory that holds path's last component (O_PATH | O_DIRECTORY: good for
 * the *at() calls, not for reading, fchmod or futimens), and copies that component with a
 * NUL to ret_name. path has at least one component. As beneath_open().
 */
int beneath_open_parent(int root_fd, const char *path, size_t len,
			char ret_name[COMPONENT_LEN_MAX + 1]);

/* For tests: false takes the way of kernels without openat2. */
void beneath_allow_openat2(bool allowed);

#endif
