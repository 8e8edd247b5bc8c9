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

/* Manifest order: bytes, with '/' below every other byte. <0, 0, >0. */
int path_compare(const char *a, size_t a_len, const char *b, size_t b_len);

/* Whether path lies strictly below dir ("a" contains "a/b", not "a" nor "ab"). dir_len 0
 * is the root, which contains every path. */
bool path_below(const char *path, size_t path_len, const char *dir, size_t dir_len);

/* Length of the parent's path: 4 for "a/bc/d"; 0 for a path of one component. */
size_t path_parent_len(const char *path, size_t len);

/* How many leading bytes two paths have in common. */
size_t path_shared(const char *a, size_t a_len, const char *b, size_t b_len);

/* Whether bytes are valid UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). */
bool text_is_utf8(const char *text, size_t len);

/* Bytes of the one valid UTF-8 sequence at the beginning of text, 1 … 4; 0 where there is
 * none. */
size_t text_utf8_len(const char *text, size_t len);

/*
 * The documented, reversible escape for names that need not be UTF-8, used in JSON and
 * on terminals: a byte that is not part of valid UTF-8, and each byte of a control
 * character (U+0000 to U+001F, U+007F to U+009F), becomes \xHH (lower case); a backslash
 * becomes \\. The result is valid UTF-8, ends with a NUL, has no other one, and is owned
 * by the caller.
 */
char *path_escape(const char *path, size_t len);

/* The reverse of path_escape. Takes upper case digits too, and an escape of any byte.
 * Gives *ret_len bytes and a NUL behind them, owned by the caller; NULL where a backslash
 * begins neither \\ nor \xHH. */
char *path_unescape(const char *text, size_t len, size_t *ret_len);

/* Reads one such escape at the beginning of text, a backslash; returns its length, 0 where
 * there is none that is whole. */
size_t path_unescape_byte(const char *text, size_t len, char *ret_byte);

/* A component that is safe as a directory name: '/' becomes %2F, '%' %25, a NUL %00, a
 * name that is "." or ".." gets its dots as %2E, an empty one becomes a lone %. Different
 * names give different components, at most three times as long: COMPONENT_LEN_MAX is for
 * the caller to check. Owned by the caller. (Rule W7, --by-job.) */
char *path_component_of(const char *name, size_t len);

#endif
