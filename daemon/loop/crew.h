/*
 * The crew: as many threads as there are cores, for work that keeps a core busy and waits
 * for nothing: decompressing and hashing what arrives. Sessions hand it jobs and wait for
 * them; merging, which runs on the session's own thread, holds one of the same permits.
 */
#ifndef BATON_DAEMON_LOOP_CREW_H
#define BATON_DAEMON_LOOP_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/unit/codec.h"

struct crew;

/* Embedded in the caller's own struct; alive until crew_wait() returned. */
struct crew_job {
	/* Runs on a crew thread, or in crew_run(). codec and raw (room for FRAME_RAW_MAX
	 * bytes) are its own while it runs. */
	void (*run)(struct crew_job *job, struct codec *codec, uint8_t *raw);
	struct crew_job *next; /* the crew's */
	bool done;             /* the crew's; see crew_is_done() */
};

/* threads: 0 for as many as parallel_cores(). Where not all can be had there are fewer,
 * and where there is none a job runs on the thread that submits it. ERR_NO_MEMORY. */
int crew_new(unsigned threads, struct crew **ret_crew, struct error *error);
/* All jobs must have been waited for. */
void crew_free(struct crew *crew);

unsigned crew_threads(const struct crew *crew); /* how many there are */

void crew_submit(struct crew *crew, struct crew_job *job);
bool crew_is_done(struct crew *crew, struct crew_job *job);
void crew_wait(struct crew *crew, struct crew_job *job);

/* Runs the job on the caller's own thread, with a permit: for one that takes no longer
 * than waking a thread. */
void crew_run(struct crew *crew, struct crew_job *job);

/* A permit for busy work on the caller's own thread. */
void crew_enter(struct crew *crew);
void crew_leave(struct crew *crew);

/* Gives the system the pages of what no job is using: for a daemon at rest. */
void crew_give_back(struct crew *crew);

#endif
