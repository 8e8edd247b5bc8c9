/*
 * One PATH of a persist: cleaned, cut at the root, and whether it is there. See select.h.
 */
#ifndef BATON_CLIENT_SELECT_SELECT_PATH_H
#define BATON_CLIENT_SELECT_SELECT_PATH_H

#include <stdbool.h>

#include "proto/base/error.h"
#include "proto/options/string_list.h"

/* Cleans `text` of "." components and doubled "/", and cuts an absolute one at the first
 * parent that is the root. *ret_path is owned by the caller; "" is the root itself; a
 * trailing "/", which asks for a directory, stays. ERR_USAGE for "..", for what lies
 * outside, and for the empty PATH. */
int select_path_below(int root_fd, const char *text, char **ret_path,
		      struct error *error);

enum path_presence {
	PATH_ABSENT,
	PATH_PRESENT,
};

/* Below what a PATH is looked for, and whether through links. */
struct select_place {
	int root_fd; /* borrowed */
	bool follows;
};

/* Whether path exists below the root, the last component not followed. ERR_USAGE: one of
 * its parents is a symbolic link (for globs: of those before the first special byte), or
 * it is one itself and ends with a "/"; where links are followed, that they lead in a
 * circle. ERR_LOCAL: it cannot be looked at. */
int select_path_presence(const struct select_place *place, const char *text,
			 const char *path, enum path_presence *ret_presence,
			 struct error *error);

/* How much of it are directories before the first special byte. */
size_t select_path_plain_len(const char *path);

/* Reads --paths-from: one PATH a line, or, where the file has a NUL, one before each NUL;
 * empty ones are left out. "-" is standard input. ERR_LOCAL, ERR_LIMIT. */
int select_paths_from(const char *file, struct string_list *paths, struct error *error);

#endif
