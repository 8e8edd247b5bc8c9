/*
 * As many threads as there are cores, for one piece of work. Started and joined by the
 * same thread.
 */
#ifndef BATON_PROTO_BASE_PARALLEL_H
#define BATON_PROTO_BASE_PARALLEL_H

#include "proto/base/error.h"

/* More threads than this have never been faster, and each has descriptors open. */
#define WORKERS_MAX 16u

/* Cores that this process may use, 1 … WORKERS_MAX. */
unsigned workers_count(void);

struct workers;

struct worker_job {
	/* Runs on each worker, numbered from 0; 0 or an error. */
	int (*body)(void *context, unsigned worker, struct error *error);
	void *context; /* borrowed */
};

/* Starts them; where not all can be had, fewer. ERR_NO_MEMORY: not even one. */
int workers_start(const struct worker_job *job, struct workers **ret_workers,
		  struct error *error);
/* Waits for all, and gives back the first error. Frees. */
int workers_join(struct workers *workers, struct error *error);

#endif
