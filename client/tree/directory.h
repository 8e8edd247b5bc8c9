/*
 * The directory of an entry, open. Files of one directory mostly follow each other, so
 * the last one stays open. One thread.
 */
#ifndef BATON_CLIENT_TREE_DIRECTORY_H
#define BATON_CLIENT_TREE_DIRECTORY_H

#include "client/tree/tree.h"
#include "proto/base/bytes.h"
#include "proto/bounds.h"

struct tree_directory {
	const struct tree *tree; /* borrowed */
	int root_fd;             /* borrowed */
	int fd;                  /* owned; -1: none */
	uint32_t entry;          /* that it is of */
};

/* The place of one entry: a name, and the directory that it lies in. */
struct tree_spot {
	int fd; /* borrowed until the next; -1 and errno: it cannot be opened */
	/* How *at() calls are to take it: 0 for a link that is followed. */
	int open_flags; /* O_NOFOLLOW */
	int stat_flags; /* AT_SYMLINK_NOFOLLOW */
	char name[COMPONENT_LEN_MAX + 1];
};

/* Opens the directory of an entry (O_PATH), through those links that were followed when
 * it was found, each to the directory that it led to then. The caller's. -1 and errno;
 * ELOOP, ENOTDIR: something else is there. */
int tree_directory_open(const struct tree *tree, int root_fd, uint32_t entry);

void tree_directory_init(struct tree_directory *directory, const struct tree *tree,
			 int root_fd);
void tree_directory_fini(struct tree_directory *directory);

/* Reads of the entry only what never changes, whoever writes the rest. */
void tree_directory_spot(struct tree_directory *directory, uint32_t entry,
			 struct tree_spot *ret_spot);

#endif
