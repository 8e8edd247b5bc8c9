/*
 * A walk while it runs. Private to walk.c, walk_links.c and walk_recorded.c; one thread.
 */
#ifndef BATON_CLIENT_TREE_WALK_STATE_H
#define BATON_CLIENT_TREE_WALK_STATE_H

#include "client/tree/walk.h"
#include "client/tree/walk_names.h"

/* A directory that the walk is in. */
struct level {
	int fd;         /* owned; -1: closed to spare descriptors */
	uint32_t entry; /* in the tree */
	size_t path_len;
	bool taken;
	struct literal_range range;
	struct walk_names names;
	size_t next;       /* in names */
	bool complete;     /* all that was found has an entry */
	uint32_t recorded; /* in the stat record; RECORD_NONE */
	uint32_t sibling;  /* in the stat record: what the next name may be */
};

struct walk {
	const struct walk_request *request; /* borrowed */
	struct selection *selection;        /* borrowed */
	struct tree *tree;                  /* borrowed */
	struct level *levels;               /* owned */
	size_t depth, room;
	size_t prefix_len, prefix_depth; /* with the "/" behind it */
	dev_t device;                    /* of the root */
	char *path;    /* owned; PATH_LEN_MAX bytes and some; the directory's, then the
			  entry's */
	void *scratch; /* owned */
};

/* What stands at one path, looked at without following it. */
struct found {
	const char *name;
	size_t name_len;
	size_t path_len;    /* in walk->path */
	unsigned char type; /* DT_…; if followed: of what the link leads to */
	bool is_followed;
	uint32_t entry;
	uint32_t recorded; /* in the stat record; RECORD_NONE */
	struct verdict verdict;
};

struct level *walk_top(const struct walk *walk);
/* The level's directory, opened again if it was closed; -1 and errno. */
int walk_level_fd(const struct walk *walk, struct level *level);
/* A sentence about the path of path_len bytes, and errno. */
int walk_fail(const struct walk *walk, size_t path_len, struct error *error);
/* Appends the entry of what was found. */
int walk_append(struct walk *walk, struct found *found, enum row_type type,
		struct error *error);

#endif
