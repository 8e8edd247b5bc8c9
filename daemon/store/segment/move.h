/*
 * Moving a segment to another file, without what is not needed any more. It keeps its id,
 * and its frames keep their offsets, so nothing that names them changes. Any thread.
 */
#ifndef BATON_STORE_SEGMENT_MOVE_H
#define BATON_STORE_SEGMENT_MOVE_H

#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/holes.h"
#include "daemon/store/segment/table.h"
#include "proto/base/error.h"

/* Copies a segment that the caller has leased, but for these holes, to a new file, makes
 * the catalogue point there, and unlinks the old one: who has it pinned reads on in it.
 * The holes are closed (holes_close) and contain those that it had; NULL: it keeps those.
 * With more of them its index is left out, and it may be appended to. The lease is of the
 * old one, and goes on. */
int segment_move(struct store *store, struct segment *segment, const struct holes *holes,
		 struct error *error);

#endif
