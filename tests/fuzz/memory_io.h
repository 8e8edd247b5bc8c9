/*
 * A directory of a few files in memory, as the store sees one (daemon/store/disk/io.h):
 * what a decoder of files reads there is what a fuzzer put there. Its clocks stand still.
 * Belongs to one thread.
 */
#ifndef BATON_TESTS_FUZZ_MEMORY_IO_H
#define BATON_TESTS_FUZZ_MEMORY_IO_H

#include "daemon/store/disk/io.h"
#include "proto/base/bytes.h"

#define MEMORY_FILES_MAX 8u
#define MEMORY_DIRECTORY 1000 /* a descriptor of the directory; those of files follow */

struct memory_file {
	char name[32]; /* "": there is none */
	struct buffer bytes;
};

struct memory_io {
	struct io io;
	struct memory_file files[MEMORY_FILES_MAX];
};

/* The table, which borrows the struct. */
const struct io *memory_io_init(struct memory_io *memory);
void memory_io_fini(struct memory_io *memory);

/* Makes or replaces a file. Returns its descriptor. */
int memory_io_put(struct memory_io *memory, const char *name, const void *bytes,
		  size_t len);
/* NULL: there is none of that name. */
struct memory_file *memory_io_find(struct memory_io *memory, const char *name);

#endif
