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
#include "daemon/store/check/findings.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/reader.h"

struct check {
	struct store *store;                 /* borrowed */
	const struct check_options *options; /* borrowed */
	struct check_figures figures;
	struct findings findings;
	struct segment_reader reader;
	struct segment_reader blocks;
	struct segment_reader heads;
	uint64_t done, total; /* bytes */
};

/* Verifies one segment; counts frames, units and bytes. */
void check_segment(struct check *check, const struct segment_row *row);
/* Verifies one layer: root, placement, pieces, blocks, and that each unit is where its
 * block says. */
void check_layer(struct check *check, int64_t layer_id);

#endif
