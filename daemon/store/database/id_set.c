#include "daemon/store/database/id_set.h"

#include <stdlib.h>

bool id_set_next(struct id_set_reader *reader, int64_t *ret_id)
{
	if (reader->bytes.left == 0)
		return false;
	uint64_t more = reader_varint(&reader->bytes);
	reader->bytes.failed |= more == 0 || more > (uint64_t)(INT64_MAX - reader->id);
	if (reader->bytes.failed)
		return false;
	reader->id += (int64_t)more;
	*ret_id = reader->id;
	return true;
}

static int compare_ids(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
	return (one > other) - (one < other);
}

struct id_set_writer {
	struct buffer *bytes; /* borrowed */
	int64_t last;
};

/* Whether it is another than the last: ids come in ascending order. */
static bool put(struct id_set_writer *writer, int64_t id)
{
	if (id == writer->last)
		return false;
	buffer_put_varint(writer->bytes, (uint64_t)(id - writer->last));
	writer->last = id;
	return true;
}

size_t id_set_unite(struct reader bytes, int64_t *ids, size_t count,
		    struct buffer *ret_bytes)
{
	struct id_set_reader old = {.bytes = bytes};
	struct id_set_writer writer = {.bytes = ret_bytes};
	qsort(ids, count, sizeof(*ids), compare_ids);
	size_t added = 0;
	int64_t id;
	bool left = id_set_next(&old, &id);
	for (size_t i = 0; i < count; i++) {
		for (; left && id <= ids[i]; left = id_set_next(&old, &id))
			(void)put(&writer, id);
		added += put(&writer, ids[i]);
	}
	for (; left; left = id_set_next(&old, &id))
		(void)put(&writer, id);
	return old.bytes.failed ? SIZE_MAX : added;
}
