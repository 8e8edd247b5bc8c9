/*
 * The crew: as many threads as there are cores, for work that keeps a core busy and waits
 * for nothing: decompressing and hashing what arrives. Sessions hand it jobs and wait for
 * them; merging, which runs on the session's own thread, holds one of the same permits.
 */
#ifndef BATON_DAEMON_TASK_CREW_H
#define BATON_DAEMON_TASK_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/unit/codec.h"

struct crew;

/* Embedded in the caller's struct, which must exist until crew_wait() has returned. */
struct crew_job {
	/* Runs on a crew thread, or in crew_run(). While it runs no other job uses codec
	 * and raw (room for FRAME_RAW_MAX bytes). */
	void (*run)(struct crew_job *job, struct codec *codec, uint8_t *raw);
	struct crew_job *next; /* set by the crew */
	bool done;             /* set by the crew; read it with crew_is_done() */
};

/* threads: 0 for as many as parallel_cores(). If the system refuses some, there are
 * fewer; without any, a job runs on the thread that submits it. ERR_NO_MEMORY. */
int crew_new(unsigned threads, struct crew **ret_crew, struct error *error);
/* All jobs must have been waited for. */
void crew_free(struct crew *crew);

unsigned crew_threads(const struct crew *crew);

void crew_submit(struct crew *crew, struct crew_job *job);
bool crew_is_done(struct crew *crew, struct crew_job *job);
void crew_wait(struct crew *crew, struct crew_job *job);

/* Runs the job on the calling thread, with a permit: for a job that takes no longer than
 * waking a thread. */
void crew_run(struct crew *crew, struct crew_job *job);

/* Takes a permit for work that keeps a core busy on the calling thread; waits for one. */
void crew_enter(struct crew *crew);
void crew_leave(struct crew *crew);

/* Returns to the system the memory that no job is using. Called when the daemon is
 * idle. */
void crew_give_back(struct crew *crew);

#endif
