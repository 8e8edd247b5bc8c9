/*
 * The names in one directory, sorted bytewise, each with its type where that is known.
 * One thread.
 */
#ifndef BATON_CLIENT_TREE_WALK_NAMES_H
#define BATON_CLIENT_TREE_WALK_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

struct walk_names {
	struct buffer text;  /* owned: for each a type byte (DT_…), the name, a NUL */
	const char **sorted; /* owned; the names in text, each behind its type byte */
	size_t count;
};

/* Reads a whole directory, without "." and "..". scratch is borrowed room for the
 * kernel's answers. -1 and errno. */
int walk_names_read(struct walk_names *names, int fd, void *scratch, size_t scratch_len);
/* Adds one name, of unknown type; twice the same in a row is once. */
void walk_names_add(struct walk_names *names, const char *name, size_t len);
/* Adds one name whose type is known. */
void walk_names_recall(struct walk_names *names, unsigned char type, const char *name,
		       size_t len);
/* Sorts what was read or added. */
void walk_names_sort(struct walk_names *names);
/* Once they are sorted. */
bool walk_names_has(const struct walk_names *names, const char *name);
unsigned char walk_names_type(const char *name);
void walk_names_fini(struct walk_names *names);

#endif
