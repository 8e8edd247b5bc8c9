/*
 * What a commit frame says (FORMAT.md §3, kind 5), as bytes: one is written with each
 * persist, behind its placement and its root. No input or output, no thread affinity.
 *
 * Fields are numbered and carry their length, and a reader passes over those that it does
 * not know, so that later versions can say more about the layer.
 */
#ifndef BATON_STORE_TRANSACTION_COMMIT_FRAME_H
#define BATON_STORE_TRANSACTION_COMMIT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/facts/facts.h"
#include "daemon/store/disk/stamp.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* Bytes of its unit. What is longer is none, so that looking for one among bytes that
 * clients chose takes little for each place that looks like it. */
#define COMMIT_FRAME_LEN_MAX 65536u
/* Of these, what may be said of other executions than the layer's own: a frame that tells
 * of 250 takes as much room as a small source file. What is too much for one frame stands
 * in those of the workflow's other layers. */
#define COMMIT_FRAME_OTHERS_LEN 16384u

/* `layer` may be NULL: only the mark is written. A set that does not fit is left out. */
void commit_frame_encode(struct buffer *out, const struct stamp_mark *mark,
			 const struct layer_facts *layer);
/* The mark alone. ERR_DAMAGED; ERR_VERSION for a newer one. */
int commit_frame_decode(const uint8_t *bytes, size_t len, struct stamp_mark *ret_mark,
			struct error *error);
/* And the layer: 1; 0 where it says nothing of one, as those of an older batond. Names
 * are as peers may give them, sets are sets, ids are ids. Texts are borrowed from
 * `bytes`. */
int commit_frame_decode_layer(const uint8_t *bytes, size_t len,
			      struct stamp_mark *ret_mark, struct layer_facts *ret_layer,
			      struct error *error);

#endif
