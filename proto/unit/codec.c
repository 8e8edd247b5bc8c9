#include "proto/unit/codec.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "proto/base/bytes.h"
#include "proto/bounds.h"

/* zstd rarely makes shorter data smaller: roots and placements of small layers, which are
 * mostly hashes. */
#define PACK_LEN_MIN 128u

/* Made when first needed: most users of a codec only pack or only unpack. */
struct codec {
	int level;
	ZSTD_CCtx *packer;   /* owned */
	ZSTD_DCtx *unpacker; /* owned */
};

struct codec *codec_new(int level)
{
	struct codec *codec = must_alloc(sizeof(*codec));
	*codec = (struct codec){.level = level};
	return codec;
}

void codec_free(struct codec *codec)
{
	if (!codec)
		return;
	(void)ZSTD_freeCCtx(codec->packer);
	(void)ZSTD_freeDCtx(codec->unpacker);
	free(codec);
}

static int no_memory(struct error *error)
{
	return error_set(error, ERR_NO_MEMORY, "zstd: out of memory");
}

static int packer_ready(struct codec *codec, struct error *error)
{
	if (codec->packer)
		return 0;
	codec->packer = ZSTD_createCCtx();
	if (!codec->packer)
		return no_memory(error);
	size_t set = ZSTD_CCtx_setParameter(codec->packer, ZSTD_c_compressionLevel,
					    codec->level);
	claim(!ZSTD_isError(set));
	return 0;
}

/* *ret_len is 0 where zstd does not make it smaller. */
static int pack_zstd(struct codec *codec, const void *data, size_t len, void *ret_data,
		     size_t *ret_len, struct error *error)
{
	int err = packer_ready(codec, error);
	if (err)
		return err;
	/* A byte less of room than there is input: zstd gives up where it does not
	 * help. */
	size_t packed = ZSTD_compress2(codec->packer, ret_data, len - 1, data, len);
	switch (ZSTD_getErrorCode(packed)) {
	case ZSTD_error_no_error:
		*ret_len = packed;
		return 0;
	case ZSTD_error_dstSize_tooSmall:
		*ret_len = 0;
		return 0;
	case ZSTD_error_memory_allocation:
		return no_memory(error);
	default:
		return error_set(error, ERR_INTERNAL, "zstd: cannot compress: %s",
				 ZSTD_getErrorName(packed));
	}
}

int codec_pack(struct codec *codec, const void *data, size_t len, void *ret_data,
	       size_t room, enum codec_id *ret_codec, size_t *ret_len,
	       struct error *error)
{
	claim(room >= len);
	size_t packed_len = 0;
	if (len >= PACK_LEN_MIN) {
		int err = pack_zstd(codec, data, len, ret_data, &packed_len, error);
		if (err)
			return err;
	}
	bool smaller = packed_len > 0;
	if (!smaller && len > 0)
		memcpy(ret_data, data, len);
	*ret_codec = smaller ? CODEC_ZSTD : CODEC_RAW;
	*ret_len = smaller ? packed_len : len;
	return 0;
}

/* ---- the reverse ------------------------------------------------------------------ */

static int damaged(struct error *error, const char *why)
{
	return error_set(error, ERR_DAMAGED, "compressed data: %s", why);
}

/* RFC 8878, 3.1.1.1: whether the frame begins as one and needs a window within bounds.
 * A frame of a single segment has no window byte: its window is the content. */
static bool frame_begins_well(const uint8_t *payload, size_t len)
{
	static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
	if (len < sizeof(magic) + 2 || memcmp(payload, magic, sizeof(magic)) != 0)
		return false;
	bool single_segment = payload[4] & 0x20;
	unsigned exponent = payload[5] >> 3;
	unsigned mantissa = payload[5] & 7;
	unsigned window_log = 10 + exponent + (mantissa > 0);
	return single_segment || window_log <= ZSTD_WINDOW_LOG_MAX;
}

static int check_zstd(const void *payload, size_t len, size_t raw_len,
		      struct error *error)
{
	if (!frame_begins_well(payload, len))
		return damaged(error, "not a zstd frame, or one with too large a window");
	if (ZSTD_getFrameContentSize(payload, len) != raw_len)
		return damaged(error, "it does not declare the size that it should have");
	if (ZSTD_findFrameCompressedSize(payload, len) != len)
		return damaged(error, "it is not exactly one zstd frame");
	return 0;
}

static int unpack_zstd(struct codec *codec, const void *payload, size_t len,
		       void *ret_data, size_t raw_len, struct error *error)
{
	int err = check_zstd(payload, len, raw_len, error);
	if (err)
		return err;
	if (!codec->unpacker)
		codec->unpacker = ZSTD_createDCtx();
	if (!codec->unpacker)
		return no_memory(error);
	size_t got =
		ZSTD_decompressDCtx(codec->unpacker, ret_data, raw_len, payload, len);
	if (ZSTD_isError(got))
		return damaged(error, ZSTD_getErrorName(got));
	return got == raw_len ? 0
			      : damaged(error, "it gives fewer bytes than it declares");
}

int codec_unpack(struct codec *codec, uint8_t codec_id, const void *payload, size_t len,
		 void *ret_data, size_t raw_len, struct error *error)
{
	if (codec_id == CODEC_ZSTD)
		return unpack_zstd(codec, payload, len, ret_data, raw_len, error);
	if (codec_id != CODEC_RAW)
		return error_set(error, ERR_DAMAGED,
				 "compressed data: codec %d is not known", codec_id);
	if (len != raw_len)
		return damaged(error,
			       "stored as it is, but not of the size it should have");
	if (len > 0)
		memcpy(ret_data, payload, len);
	return 0;
}
