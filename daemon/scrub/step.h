/*
 * Reading one stretch of a store, frame by frame, every byte checked. One thread.
 */
#ifndef BATON_DAEMON_SCRUB_STEP_H
#define BATON_DAEMON_SCRUB_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/segment/reader.h"
#include "daemon/store/store.h"
#include "proto/base/error.h"

/* Read at once, and the least that is read in SCRUB_SLOWEST_MS, so that a small store is
 * read through more often than it has to be, and starts in between cost nothing. */
#define SCRUB_STEP_LEN (1024u * 1024u)
#define SCRUB_SLOWEST_MS (10u * 60 * 1000)

/* What comes next: segments are read by their ids, ascending. {0}: the first. */
struct scrub_place {
	struct segment_id segment;
	uint64_t offset; /* of a frame in it; 0: its header */
};

struct scrub_step {
	struct store *store; /* borrowed */
	struct segment_reader reader;
	/* Told of each frame that is found damaged, and was not known to be. */
	void (*on_damage)(void *context, const char *sentence);
	void *context;
	/* Where the frames of the segment that was read last end, if that was asked. */
	struct segment_id ended;
	uint64_t frames_end; /* 0: not asked yet */
};

void scrub_step_init(struct scrub_step *step, struct store *store);
void scrub_step_fini(struct scrub_step *step);

/* Reads from the place on up to about `len` bytes, or to the end of its segment, and
 * moves it. *ret_read: bytes that were read. True: that was the end of the last segment,
 * and the place is the first again. */
bool scrub_step_run(struct scrub_step *step, struct scrub_place *place, uint64_t len,
		    uint64_t *ret_read);

/* How long to wait after a step of so many bytes, of a store that has `total`. Pure. */
uint64_t scrub_wait_ms(uint64_t period_ms, uint64_t len, uint64_t total);

/* Bytes of all segments, holes among them. */
uint64_t scrub_total(struct store *store);

/* The file `scrub`: where a pass stands, and when the last one ended (Unix time; 0:
 * none is known). Reading what is not there or is no such file gives {0}; what cannot be
 * written is forgotten. */
void scrub_place_read(const struct store *store, struct scrub_place *ret_place,
		      int64_t *ret_ended_ms);
void scrub_place_write(const struct store *store, const struct scrub_place *place,
		       int64_t ended_ms);

#endif
