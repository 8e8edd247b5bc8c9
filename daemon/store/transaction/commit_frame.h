/*
 * What a commit frame says (FORMAT.md §3, kind 5), as bytes: one is written with each
 * persist, before its placement and its root. No input or output, no thread affinity.
 *
 * Fields are numbered and carry their length, and a reader passes over those that it does
 * not know, so that later versions can say more about the layer.
 */
#ifndef BATON_STORE_TRANSACTION_COMMIT_FRAME_H
#define BATON_STORE_TRANSACTION_COMMIT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/store/disk/stamp.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* Bytes of its unit. What is longer is none, so that looking for one among bytes that
 * clients chose takes little for each place that looks like it. */
#define COMMIT_FRAME_LEN_MAX 65536u

void commit_frame_encode(struct buffer *out, const struct stamp_mark *mark);
/* ERR_DAMAGED; ERR_VERSION for a newer one. */
int commit_frame_decode(const uint8_t *bytes, size_t len, struct stamp_mark *ret_mark,
			struct error *error);

#endif
