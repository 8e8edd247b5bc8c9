/*
 * How many bytes there are to read: the walk only names files, and those who read them look
 * at each when its turn comes. One thread: the one that walks.
 */
#ifndef BATON_CLIENT_TREE_MEASURE_H
#define BATON_CLIENT_TREE_MEASURE_H

#include "client/tree/directory.h"

struct measure {
	struct tree_directory directory;
	const struct buffer *is_file; /* borrowed; a byte for each entry */
	uint32_t next;
	uint64_t files, bytes; /* so far */
};

void measure_init(struct measure *measure, const struct tree *tree, int root_fd,
		  const struct buffer *is_file);
void measure_fini(struct measure *measure);

/* Measures one more file; false: there is none. What cannot be looked at has no size;
 * reading it will say why. */
bool measure_next(struct measure *measure);

#endif
