/*
 * Reading frames back from segments, checked at every step. Holds one frame: its table,
 * and its units once loaded; memory is that of the largest frame it has held. Belongs to
 * one thread.
 */
#ifndef BATON_STORE_SEGMENT_READER_H
#define BATON_STORE_SEGMENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/disk/io.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/segment/table.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/unit/codec.h"
#include "proto/unit/frame.h"

/* For `end`: the frame's own length is believed, the file's end is met by reading. */
#define SEGMENT_END_UNKNOWN UINT64_MAX

struct segment_reader {
	const struct io *io; /* borrowed */
	/* Told of each frame that turns out to be damaged, and of what is in it as far as
	 * that is known; or NULL. */
	void (*on_damage)(void *context, const struct segment *segment, uint64_t offset,
			  const struct unit_name *units, uint32_t count,
			  const struct error *why);
	void *context;
	struct codec *codec; /* owned, or borrowed */
	bool codec_is_borrowed;
	const struct segment *segment; /* borrowed; of the frame that is held; or NULL */
	uint64_t offset;               /* of that frame */
	struct frame_header header;
	struct unit_name *units; /* owned; header.unit_count entries are set */
	uint32_t unit_room;
	struct buffer bytes; /* header and table; scratch of loading, may be given back */
	uint8_t *raw;        /* owned; header.raw_len bytes; the units */
	uint32_t raw_room;
	bool loaded; /* raw is that frame's */
};

/* An entry of a frame's table. */
struct frame_spot {
	uint64_t offset, end; /* of the frame */
	uint32_t position;
};

void segment_reader_init(struct segment_reader *reader, const struct io *io);
/* The same with a codec that other readers of this thread use too: borrowed. */
void segment_reader_init_shared(struct segment_reader *reader, const struct io *io,
				struct codec *codec);
void segment_reader_fini(struct segment_reader *reader);

/*
 * Reads header and table of the frame at offset, which must end at or before `end`. Free
 * where the reader holds it already. The error names segment and offset: ERR_DAMAGED,
 * ERR_VERSION, ERR_LOCAL; the reader then holds nothing.
 */
int segment_reader_head(struct segment_reader *reader, const struct segment *segment,
			uint64_t offset, uint64_t end, struct error *error);
/* The header and one entry of the table of a frame, which must end at or before `end`,
 * without the rest: not covered by the checksum. The reader holds what it held. */
int segment_reader_peek(struct segment_reader *reader, const struct segment *segment,
			const struct frame_spot *spot, struct frame_header *ret_header,
			struct unit_name *ret_name, struct error *error);
/* As _head, and the payload, decoded and checked, in raw. */
int segment_reader_load(struct segment_reader *reader, const struct segment *segment,
			uint64_t offset, uint64_t end, struct error *error);
/* Loads the one unit of a frame of that kind. */
int segment_reader_load_single(struct segment_reader *reader,
			       const struct segment *segment, uint64_t offset,
			       enum frame_kind kind, struct error *error);
/* Where a unit of the loaded frame begins in raw. */
const uint8_t *segment_reader_unit(const struct segment_reader *reader,
				   uint32_t position);
/* What was read of the frame is not what it should be, as its reader found out. Forgets
 * it and tells of the damage. */
void segment_reader_doubt(struct segment_reader *reader, const struct segment *segment,
			  uint64_t offset, const struct error *why);
/* Forgets the frame: what is read next comes from the file. */
void segment_reader_forget(struct segment_reader *reader);

/* Reads and checks header and id. ERR_DAMAGED names the segment. */
int segment_reader_check_header(const struct io *io, const struct segment *segment,
				struct error *error);
/* Reads the table of holes of a file whose header says that there is one, and nothing
 * else is known of it. ERR_DAMAGED, ERR_LOCAL. */
int segment_reader_holes(const struct io *io, const struct segment *segment,
			 struct holes *ret_holes, struct error *error);
/* Reads footer and index of a sealed segment of `end` bytes, both checked; the index is
 * appended to ret_index. ERR_DAMAGED names the segment. */
int segment_reader_index(const struct io *io, const struct segment *segment, uint64_t end,
			 struct segment_footer *ret_footer, struct buffer *ret_index,
			 struct error *error);

/* Looks for the next sound frame, at or after offset and before `end`, and loads it: true
 * and its offset. Its payload has to be sound too: an index is full of sound heads. */
bool segment_reader_resync(struct segment_reader *reader, const struct segment *segment,
			   uint64_t offset, uint64_t end, uint64_t *ret_offset);

#endif
