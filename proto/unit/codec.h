/*
 * zstd, bounded in both directions. A codec belongs to one thread; contexts are kept
 * between calls (creating one costs as much as compressing 100 KiB).
 */
#ifndef BATON_PROTO_UNIT_CODEC_H
#define BATON_PROTO_UNIT_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

enum codec_id {
	CODEC_RAW = 0,
	CODEC_ZSTD = 1,
};

struct codec;

/* level: both programs use 1 (level 3 is 16 % slower, -1 stores 16 % more). Never fails;
 * zstd's own memory is taken at first use (ERR_NO_MEMORY then). */
struct codec *codec_new(int level);
void codec_free(struct codec *codec); /* NULL is fine */

/*
 * Compresses len bytes into ret_data, which has room for `room` bytes (at least len).
 * Chooses CODEC_RAW (a copy) where zstd does not make it smaller, or could not by much.
 * Returns the codec used in *ret_codec and the payload's length, at most len, in
 * *ret_len.
 */
int codec_pack(struct codec *codec, const void *data, size_t len, void *ret_data,
	       size_t room, enum codec_id *ret_codec, size_t *ret_len,
	       struct error *error);

/*
 * The reverse: the payload must give exactly raw_len bytes, which ret_data has room for
 * (on failure they are undefined). Refuses, with ERR_DAMAGED: another declared size, no
 * declared size, trailing bytes, several frames, a window above ZSTD_WINDOW_LOG_MAX, an
 * unknown codec id.
 */
int codec_unpack(struct codec *codec, uint8_t codec_id, const void *payload, size_t len,
		 void *ret_data, size_t raw_len, struct error *error);

#endif
