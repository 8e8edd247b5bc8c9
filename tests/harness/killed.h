/*
 * A store whose process ended in the middle of everything, as by kill -9, to be copied
 * and damaged: the log is long, nothing is checkpointed, and a copy of an earlier moment
 * is there too. Made by a child process, once for each test program.
 */
#ifndef BATON_TESTS_KILLED_H
#define BATON_TESTS_KILLED_H

#include <stdint.h>

#include "proto/base/bytes.h"
#include "tests/harness/store_tree.h"

/* With names as long as can be: what is in the log does not fit the pages that the
 * database has, so that a checkpoint needs room. */
#define KILLED_PERSISTS 20u
/* Every persist fills a segment of its own but for a few bytes: several are sealed. */
#define KILLED_SEGMENT_LEN 9000u

struct killed {
	char *directory; /* owned */
	char *earlier;   /* owned; a copy of it, behind half of its persists */
	char *other;     /* owned; another store, with as many */
	struct store_tree trees[KILLED_PERSISTS];
	int64_t layers[KILLED_PERSISTS]; /* each of a workflow of its own */
};

struct killed *killed_new(void);
void killed_free(struct killed *killed);
/* The same for cmocka_run_group_tests. */
int killed_setup(void **state);
int killed_teardown(void **state);

/* ---- files of a data directory --------------------------------------------------- */
/* `folder` is "" or "/segments". */
char *killed_path(const char *directory, const char *folder,
		  const char *name); /* owned */
struct buffer killed_read(const char *directory, const char *folder, const char *name);
void killed_write(const char *directory, const char *folder, const char *name,
		  const struct buffer *bytes);
/* In a fixed order. */
typedef void killed_on_file(const char *directory, const char *folder, const char *name,
			    void *context);
void killed_each_file(const char *directory, killed_on_file *call, void *context);
/* A killed_on_file: the context is the directory to copy it to. */
void killed_copy_file(const char *directory, const char *folder, const char *name,
		      void *context);
/* A scratch directory with copies of all files. */
char *killed_copy(const char *directory);

#endif
