/*
 * Paths as Baton stores them: bytes, '/' between components, relative, no NUL, no empty,
 * "." or ".." component. Pure functions.
 */
#ifndef BATON_PROTO_PATH_PATH_H
#define BATON_PROTO_PATH_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the bytes are a stored path: PROTOCOL.md §7, limits included. */
bool path_valid(const char *path, size_t len);

/* What a user wrote, without "." components and doubled "/"; "" for ".". A "/" at the
 * beginning stays, and one at the end where the text asks for a directory ("a/", "a/."),
 * so this need not be a stored path. ".." stays. Owned by the caller. */
char *path_clean(const char *text);
/* The same, without a "/" at the end. */
char *path_clean_name(const char *text);

/* Whether a component is "." or "..", which lead elsewhere and are no names. */
static inline bool path_is_dots(const char *name, size_t len)
{
	return len > 0 && len <= 2 && name[0] == '.' && name[len - 1] == '.';
}

/* Manifest order: bytes, with '/' below every other byte. <0, 0, >0. */
int path_compare(const char *a, size_t a_len, const char *b, size_t b_len);

/* Whether path lies strictly below dir ("a" contains "a/b", not "a" nor "ab"). dir_len 0
 * is the root, which contains every path. */
bool path_below(const char *path, size_t path_len, const char *dir, size_t dir_len);

/* Length of the parent's path: 4 for "a/bc/d"; 0 for a path of one component. */
size_t path_parent_len(const char *path, size_t len);

/* How many leading bytes two paths have in common. */
size_t path_shared(const char *a, size_t a_len, const char *b, size_t b_len);

/* A component that is safe as a directory name: '/' becomes %2F, '%' %25, a NUL %00, a
 * name that is "." or ".." gets its dots as %2E, an empty one becomes a lone %. Different
 * names give different components, at most three times as long, which may be more than
 * COMPONENT_LEN_MAX (short_component_of). Owned by the caller. (Rule W7, --by-job.) */
char *path_component_of(const char *name, size_t len);

#endif
