#include "daemon/store/layer/content.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/layer/healing.h"
#include "proto/base/bytes.h"
#include "proto/path/path.h"

struct content {
	struct layer_scratch *scratch; /* owned */
	struct layer_reader *reader;   /* owned; stands at the row */
	struct row row;                /* borrowed from the reader */
	uint64_t *ends;                /* owned; where each unit ends in the file */
	struct segment_reader frames;
};

void content_free(struct content *content)
{
	if (!content)
		return;
	segment_reader_fini(&content->frames);
	layer_reader_free(content->reader);
	layer_scratch_free(content->scratch);
	free(content->ends);
	free(content);
}

/* The first row that is not before the path: 1 where it is the path's own. */
static int find_row(struct content *content, const char *path, size_t path_len,
		    struct error *error)
{
	int result = layer_reader_skip_to(content->reader, path, path_len, error);
	if (result < 0)
		return result;
	int order = -1;
	while (order < 0 &&
	       (result = layer_reader_next(content->reader, &content->row, error)) == 1)
		order = path_compare(content->row.path, content->row.path_len, path,
				     path_len);
	return result == 1 ? order == 0 : result;
}

static int add_up(struct content *content, struct error *error)
{
	const struct row *row = &content->row;
	uint64_t end = 0;
	content->ends = may_calloc(row->unit_count + 1, sizeof(*content->ends), error);
	if (!content->ends)
		return ERR_NO_MEMORY;
	for (size_t i = 0; i < row->unit_count; i++)
		content->ends[i] = end += row->units[i].key.len;
	return 0;
}

int content_find(struct store *store, int64_t layer_id, const char *path, size_t path_len,
		 struct content **ret_content, struct error *error)
{
	struct content *content = must_calloc(1, sizeof(*content));
	content->scratch = layer_scratch_new(store);
	content_frames_init(store, &content->frames);
	int result = layer_reader_open(store, layer_id, content->scratch,
				       &content->reader, error);
	if (result == 0)
		result = find_row(content, path, path_len, error);
	int err = result == 1 ? add_up(content, error) : 0;
	if (result != 1 || err) {
		content_free(content);
		return err ? err : result;
	}
	*ret_content = content;
	return 1;
}

const struct row *content_row(const struct content *content)
{
	return &content->row;
}

/* ---- its bytes ---------------------------------------------------------------- */

/* The unit that has the byte at this offset, which is less than the size. */
static size_t unit_at(const struct content *content, uint64_t offset)
{
	size_t low = 0, high = content->row.unit_count - 1;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (content->ends[middle] > offset)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Where the unit lies in the frame that the reader holds; NULL: it is not there. */
static const uint8_t *find_in_frame(const struct segment_reader *frames,
				    const struct unit_name *name)
{
	for (uint32_t i = 0; i < frames->header.unit_count; i++) {
		if (unit_name_equal(&frames->units[i], name))
			return segment_reader_unit(frames, i);
	}
	return NULL;
}

void content_frames_init(struct store *store, struct segment_reader *ret_frames)
{
	segment_reader_init(ret_frames, store->io);
	healing_watch(store, ret_frames);
}

int content_load_unit(struct segment_reader *frames, const struct frame_place *place,
		      const struct unit_name *name, const uint8_t **ret_bytes,
		      struct error *error)
{
	int err = segment_reader_load(frames, place->segment, place->offset,
				      SEGMENT_END_UNKNOWN, error);
	if (err)
		return err;
	*ret_bytes = find_in_frame(frames, name);
	if (*ret_bytes)
		return 0;
	(void)error_set(error, ERR_DAMAGED,
			"segment `%s`: a frame lacks the unit that a file has there",
			place->segment->location);
	segment_reader_doubt(frames, place->segment, place->offset, error);
	return ERR_DAMAGED;
}

static int load_unit(struct content *content, size_t unit, const uint8_t **ret_bytes,
		     struct error *error)
{
	struct frame_place place;
	uint64_t mention = layer_reader_mention(content->reader) + unit;
	int err = layer_reader_place(content->reader, mention, &place, error);
	return err ? err
		   : content_load_unit(&content->frames, &place,
				       &content->row.units[unit], ret_bytes, error);
}

int content_read(struct content *content, uint64_t offset, void *ret_bytes, size_t room,
		 size_t *ret_len, struct error *error)
{
	*ret_len = 0;
	if (content->row.type != ROW_FILE || offset >= content->row.size || room == 0)
		return 0;
	size_t unit = unit_at(content, offset);
	const uint8_t *bytes;
	int err = load_unit(content, unit, &bytes, error);
	if (err)
		return err;
	uint64_t begin = content->ends[unit] - content->row.units[unit].key.len;
	uint64_t left = content->ends[unit] - offset;
	*ret_len = left < room ? (size_t)left : room;
	memcpy(ret_bytes, bytes + (offset - begin), *ret_len);
	return 0;
}
