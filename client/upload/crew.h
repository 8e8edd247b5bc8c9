/*
 * Who does the work of an upload: reads files into batches, asks about them, deals with
 * the answers. Threads, a worker for each core and one that receives, are started when
 * there is work for two; until then, and for small trees to the end, the calling thread
 * does it all: where others would wait for a thread to move something, it moves it itself
 * (flow.h).
 */
#ifndef BATON_CLIENT_UPLOAD_CREW_H
#define BATON_CLIENT_UPLOAD_CREW_H

#include "client/content/reader.h"
#include "client/upload/frames.h"

struct upload_crew;

/* What a thread needs to read files and to compress frames. */
struct upload_worker {
	struct upload_crew *crew; /* borrowed */
	pthread_t thread;
	bool holds;   /* counted in holders */
	uint8_t *out; /* owned; for whichever of the two is at work */
	struct content_reader reader;
	struct packer packer;
};

struct upload_crew {
	struct flow *flow;         /* borrowed */
	struct reading *reading;   /* borrowed */
	struct exchange *exchange; /* borrowed */
	struct frames *frames;     /* borrowed */
	unsigned wanted;           /* threads; 0: as many as cores */
	/* For tests: called when threads are started. May be NULL. */
	void (*on_threads)(void *context);
	void *context; /* borrowed */

	struct upload_worker own;       /* the calling thread's */
	struct upload_threads *threads; /* owned; NULL: not started, or not needed */
	/* under the flow's lock */
	bool is_called_off; /* too few threads could be had: the calling one stays alone
			     */
	uint32_t walked, next; /* entries that may be read; that were taken */
	unsigned busy;         /* workers with a job */
	unsigned holders; /* workers with entries or a file of theirs to go on with */
};

/* The members above `own` are set. */
void upload_crew_init(struct upload_crew *crew);
void upload_crew_fini(struct upload_crew *crew);

/* Starts the threads, unless they run or cannot be had. */
int upload_crew_start(struct upload_crew *crew, struct error *error);
/* Ends them: at once after a failure, else when all is answered. */
void upload_crew_end(struct upload_crew *crew);

/* So many entries may be read. */
void upload_crew_publish(struct upload_crew *crew, uint32_t walked);
/* Whether all that was found is read, asked about and sent. */
bool upload_crew_is_quiet_locked(const struct upload_crew *crew);

#endif
