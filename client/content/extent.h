/*
 * Where a file has data and where holes, which are zeros that no disk has and that need
 * not be read: asked by SEEK_DATA and SEEK_HOLE, one run at a time. Where a file system
 * does not know, all is data. Pure but for the descriptor's offset.
 */
#ifndef BATON_CLIENT_CONTENT_EXTENT_H
#define BATON_CLIENT_CONTENT_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

/* The bytes from begin up to end are all in a hole, or may all be data. {0}: nothing is
 * known. */
struct extent {
	uint64_t begin, end;
	bool is_hole;
};

/* The run that the byte at `at` is in, which is before the file's size: the known one if
 * it is in that, else the file is asked. */
struct extent extent_at(const struct extent *known, int fd, uint64_t at, uint64_t size);

#endif
