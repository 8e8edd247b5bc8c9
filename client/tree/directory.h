/*
 * The directory of an entry, open. Files of one directory mostly follow each other, so the
 * last one stays open. One thread.
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
	struct buffer path;      /* owned */
};

/* The place of one entry: a name, and the directory that it lies in. */
struct tree_spot {
	int fd; /* borrowed until the next; -1 and errno: it cannot be opened */
	char name[COMPONENT_LEN_MAX + 1];
};

void tree_directory_init(struct tree_directory *directory, const struct tree *tree,
			 int root_fd);
void tree_directory_fini(struct tree_directory *directory);

/* Reads of the entry only what never changes, whoever writes the rest. */
void tree_directory_spot(struct tree_directory *directory, uint32_t entry,
			 struct tree_spot *ret_spot);

#endif
