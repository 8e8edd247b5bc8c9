/*
 * What check.c, segment.c and layer.c share of one check. Not for sessions.
 */
#ifndef BATON_STORE_CHECK_STATE_H
#define BATON_STORE_CHECK_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/check/check.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/reader.h"
#include "proto/base/bytes.h"

/* One thing that is damaged, told at the end, when the layers it touches are known. */
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

struct check {
	struct store *store;                 /* borrowed */
	const struct check_options *options; /* borrowed */
	struct check_figures figures;
	struct finding *findings; /* owned */
	size_t count, room;
	struct segment_reader reader;
	struct segment_reader blocks;
	struct segment_reader heads;
	uint64_t done, total; /* bytes */
};

/* Adds a finding about a frame, a whole segment, or neither. */
void check_found_at(struct check *check, const struct segment_id *segment,
		    uint64_t offset, const char *sentence);
void check_found_segment(struct check *check, const struct segment_id *segment,
			 const char *sentence);
struct finding *check_found(struct check *check, const char *sentence);

/* A layer by what people know of it: "LAYER (workflow `w`, job `build`)". */
struct check_label {
	int64_t layer_id;
	char text[1024];
};
/* The layer names this frame: whether it is known to be damaged, which it then touches;
 * and hurts, unless the layer is `whole` by another copy. */
bool check_touch(struct check *check, const struct check_label *label,
		 const struct segment_id *segment, uint64_t offset, bool whole);
/* The layer refers to the segment and cannot be read far enough to know more. */
bool check_touch_segment(struct check *check, const struct check_label *label,
			 const struct segment_id *segment);
/* Names the layer as touched, and hurt unless it is `whole`. */
void finding_touches(struct finding *finding, const struct check_label *label,
		     bool whole);

/* Verifies one segment; counts frames, units and bytes. */
void check_segment(struct check *check, const struct segment_row *row);
/* Verifies one layer: root, placement, pieces, blocks, and that each unit is where its
 * block says. */
void check_layer(struct check *check, int64_t layer_id);

#endif
