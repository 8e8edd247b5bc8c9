/*
 * Moving a segment to another file. Compaction and tiers build on this. Any thread.
 */
#ifndef BATON_STORE_SEGMENT_MOVE_H
#define BATON_STORE_SEGMENT_MOVE_H

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/parts.h"
#include "proto/base/error.h"

/* Copies a segment to a new file, makes the catalogue point there, removes the old file
 * once nobody has it pinned: a running attach does not notice. ERR_BUSY while it has a
 * writer. */
int segment_move(struct store *store, const struct segment_id *id, struct error *error);

#endif
