/*
 * What is done to a store, one thing at a time, so that any call or allocation in the
 * middle of it can be made to fail; and what must be true afterwards, whatever failed
 * (rule W1): the store opens, what was acknowledged is there byte for byte, the rest is
 * whole or absent, a check finds nothing, and the same persist sent again succeeds.
 */
#ifndef BATON_TESTS_TRIAL_H
#define BATON_TESTS_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/disk/io.h"
#include "tests/harness/store_tree.h"

/* Trees 0 to TRIAL_STORED - 1 are in the store before; the last one is what an operation
 * persists. */
#define TRIAL_TREES 5u
#define TRIAL_STORED 3u
/* Small enough that persists rotate segments and seal them. */
#define TRIAL_SEGMENT_LEN 6000u

/* The stores that trials begin with, made once. */
struct stage {
	char *stopped; /* owned; a directory: stopped as it should be */
	char *killed;  /* owned; killed, with a torn tail and a file that nobody knows */
	struct store_tree trees[TRIAL_TREES];
	int64_t layers[TRIAL_TREES]; /* 0: in neither */
};

struct stage *stage_new(void);
void stage_free(struct stage *stage);

struct trial {
	const struct stage *stage; /* borrowed */
	char *directory;           /* owned; a copy of one of its stores */
	const struct io *io;       /* borrowed; what the operation calls */
	/* Faults happen between on and off. */
	void (*faults)(void *context, bool on);
	void *context;
	struct store *store;         /* NULL: not open */
	int64_t layers[TRIAL_TREES]; /* acknowledged; 0: not */
	int code;                    /* how what was tried ended */
	unsigned failures;           /* calls of on_failure */
	bool closed;                 /* closing said that all is well */
};

struct operation {
	const char *name;
	bool killed; /* begins with the killed store */
	/* Opens, does it between faults on and off, and closes. */
	void (*run)(struct trial *trial);
};

extern const struct operation operations[];
extern const size_t operation_count;

/* Runs one on a fresh copy; the trial's io, faults and context are set. */
void trial_run(struct trial *trial, const struct operation *operation,
	       const struct stage *stage);
/* Asserts what must be true; removes the copy. */
void trial_check(struct trial *trial, const char *what);

#endif
