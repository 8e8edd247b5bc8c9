/*
 * As many threads as there are cores, for one piece of work. Started and joined by the
 * same thread.
 */
#ifndef BATON_PROTO_MACHINE_PARALLEL_H
#define BATON_PROTO_MACHINE_PARALLEL_H

#include "proto/base/error.h"

/* More threads than this have never been faster, and each has descriptors open. */
#define PARALLEL_MAX 16u

/* Cores that the calling thread, and those that it starts, may use: at least 1. Not those
 * of the machine: a container, taskset(1) or CPUAffinity= may leave it fewer, and threads
 * beyond them take turns. */
unsigned parallel_cores(void);

/* How many threads parallel_start() starts: the same, at most PARALLEL_MAX. */
unsigned parallel_count(void);

struct parallel;

struct parallel_job {
	/* Runs on each worker, numbered from 0; 0 or an error. */
	int (*body)(void *context, unsigned worker, struct error *error);
	void *context; /* borrowed */
};

/* Starts them; where not all can be had, fewer. NULL: not even one. */
struct parallel *parallel_start(const struct parallel_job *job);
/* Waits for all, and gives back the first error. Frees. */
int parallel_join(struct parallel *threads, struct error *error);

/* Both; where there is no thread, the calling one is the only worker: for work that any
 * number of them can share. */
int parallel_run(const struct parallel_job *job, struct error *error);

#endif
