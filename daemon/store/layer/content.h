/*
 * One entry of a layer, found by its path, and the bytes of a file from any offset on.
 * Pins the layer's segments until it is freed: what a removal or a move does meanwhile is
 * not noticed. Belongs to one thread at a time. Memory: what a layer_reader takes
 * (reader.h), one decoded frame, and 8 bytes for each unit of the file.
 */
#ifndef BATON_STORE_LAYER_CONTENT_H
#define BATON_STORE_LAYER_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/store/layer/reader.h"
#include "daemon/store/segment/reader.h"
#include "proto/base/error.h"
#include "proto/manifest/manifest.h"

struct content;
struct store;

/* 1: found, and *ret_content is the caller's; 0: the layer has no row with this path,
 * which may still lead to one; <0: ERR_DAMAGED names the layer, ERR_NO_MEMORY. Reads as
 * many pieces as the logarithm of their number. */
int content_find(struct store *store, int64_t layer_id, const char *path, size_t path_len,
		 struct content **ret_content, struct error *error);
void content_free(struct content *content); /* NULL is fine */

/* The row; borrowed. */
const struct row *content_row(const struct content *content);

/*
 * Copies up to `room` bytes of a file from `offset` on, fewer only at its end or at the
 * end of a unit: *ret_len is 0 only at the end of the file. Each frame is checked before
 * any byte of it is given; one that is damaged is marked (healing.h), so that the next
 * content_find() looks for another copy. ERR_DAMAGED, ERR_LOCAL, ERR_NO_MEMORY.
 */
int content_read(struct content *content, uint64_t offset, void *ret_bytes, size_t room,
		 size_t *ret_len, struct error *error);

/* ---- for who reads whole trees ---------------------------------------------------- */

/* A reader of frames, which marks what it finds damaged. */
void content_frames_init(struct store *store, struct segment_reader *ret_frames);
/* The bytes of one unit, from the frame that a row's mention names; borrowed from the
 * reader until its next use. Errors as above. */
int content_load_unit(struct segment_reader *frames, const struct frame_place *place,
		      const struct unit_name *name, const uint8_t **ret_bytes,
		      struct error *error);

#endif
