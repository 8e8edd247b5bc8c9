/*
 * A mixed load on a store whose process may end at any moment, and what is known of it
 * elsewhere: each persist is told of before it begins and once it was acknowledged.
 *
 * The load belongs to the process that dies, the model to one that does not; between the
 * two go events, over a pipe or in a file.
 */
#ifndef BATON_TESTS_CRASH_LOAD_H
#define BATON_TESTS_CRASH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/disk/io.h"
#include "proto/base/error.h"

/* Small enough that segments are sealed all the time. */
#define LOAD_SEGMENT_LEN 30000u
#define LOAD_THREADS 3u

enum event_kind {
	EVENT_OPENED = 1, /* the store answers */
	EVENT_SENT,       /* a persist begins */
	EVENT_ACKED,      /* its layer exists */
	EVENT_FAILED,     /* something was wrong; the sentence is on standard error */
	EVENT_COLLECTED,  /* removal did something: to `key` segments */
	EVENT_EXPIRED,    /* of a persist, in a model: its layer may be gone */
};

/* Written whole. */
struct load_event {
	uint32_t kind;
	uint32_t key;      /* of the persist; its tree follows from it */
	uint64_t position; /* what load.position gives after it */
	int64_t layer;
};

/* What was sent, by key; and what came of it: EVENT_SENT, _ACKED or _EXPIRED. */
struct load_model {
	struct load_event *persists; /* owned; each key once */
	size_t count, room;
};

void load_model_fini(struct load_model *model);
void load_model_take(struct load_model *model, const struct load_event *event);
/* The workflows of a round expire, so long ago that they may be removed; what others
 * built on them has to stay. The store is closed, and was not killed since. */
void load_model_expire(struct load_model *model, const char *directory, uint32_t round);
/* The persists of a namespace that were acknowledged; NULL where there is none. `random`
 * chooses. */
const struct load_event *load_model_any(const struct load_model *model,
					uint32_t namespace, uint32_t random);

struct load {
	const char *directory; /* borrowed */
	const struct io *io;   /* borrowed */
	uint32_t round;        /* each has keys of its own, from 1 */
	uint32_t persists;     /* of each thread; UINT32_MAX: until it is killed */
	int events;            /* a descriptor that takes struct load_event */
	uint64_t (*position)(void *context); /* NULL: none */
	void *context;
	const struct load_model *model; /* borrowed; what was acknowledged before */
	bool collects; /* removal and compaction run beside it, one pass behind another */
};

/* Opens the store, runs the load and closes it; 0, or the number of failures. */
int load_run(const struct load *load);

/* Opens the store as after a crash: all that was acknowledged up to a position is there
 * byte for byte, every other layer is one that was sent, whole. `all`: reads every layer
 * and checks all data, else some. 0, or ERR_UNEXPECTED or what failed. */
int load_verify(const char *directory, const struct load_model *model, uint64_t position,
		bool all, struct error *error);

#endif
