/*
 * What a check has found damaged, and which layers each finding touches. They are told at
 * the end, when that is known. Belongs to one thread.
 */
#ifndef BATON_STORE_CHECK_FINDINGS_H
#define BATON_STORE_CHECK_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/check/check.h"
#include "proto/base/bytes.h"

struct finding {
	bool has_place;     /* in a segment */
	bool whole_segment; /* any layer that refers to the segment is touched */
	struct segment_id segment;
	uint64_t offset;      /* of the frame */
	char *sentence;       /* owned */
	struct buffer layers; /* text: labels, joined */
	size_t layer_count;
	int64_t latest_layer; /* the last one that was added */
	bool hurts;           /* one of these layers has no other copy of what it needs */
};

/* {0} is none. */
struct findings {
	struct finding *at; /* owned */
	size_t count, room;
};

void findings_fini(struct findings *findings);

/* Adds a finding about a frame, a whole segment, or neither. */
void findings_add_at(struct findings *findings, const struct segment_id *segment,
		     uint64_t offset, const char *sentence);
void findings_add_segment(struct findings *findings, const struct segment_id *segment,
			  const char *sentence);
/* Borrowed until the next one is added. */
struct finding *findings_add(struct findings *findings, const char *sentence);

/* A layer by what people know of it: "LAYER (workflow `w`, job `build`)". */
struct check_label {
	int64_t layer_id;
	char text[1024];
};
/* The layer names this frame: whether it is known to be damaged, which it then touches;
 * and hurts, unless the layer is `whole` by another copy. */
bool findings_touch(struct findings *findings, const struct check_label *label,
		    const struct segment_id *segment, uint64_t offset, bool whole);
/* The layer refers to the segment and cannot be read far enough to know more. */
bool findings_touch_segment(struct findings *findings, const struct check_label *label,
			    const struct segment_id *segment);
/* Names the layer as touched, and hurt unless it is `whole`. */
void finding_touches(struct finding *finding, const struct check_label *label,
		     bool whole);

/* Tells all of them, each to on_damage or on_healed; returns how many hurt no layer. */
size_t findings_tell(const struct findings *findings,
		     const struct check_options *options);

#endif
