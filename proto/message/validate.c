/* Walks a msgpack payload without reserving memory, before msgpack-c may see it. */
#include "proto/bounds.h"
#include "proto/message/message.h"
#include "proto/message/table.h"

/* What follows a first byte: nothing but `width` bytes, a big-endian length of `width`
 * bytes and that many bytes, or such a count and that many objects. */
enum shape {
	SHAPE_REFUSED, /* floats, extensions, the byte c1 */
	SHAPE_FIXED,
	SHAPE_RUN,
	SHAPE_ARRAY,
	SHAPE_MAP,
};

static const struct {
	enum shape shape;
	uint8_t width;
} heads[] = {
	/* from 0xc0 on: nil, false, true; bin; uint; int; str; array; map */
	[0x00] = {SHAPE_FIXED, 0}, [0x02] = {SHAPE_FIXED, 0}, [0x03] = {SHAPE_FIXED, 0},
	[0x04] = {SHAPE_RUN, 1},   [0x05] = {SHAPE_RUN, 2},   [0x06] = {SHAPE_RUN, 4},
	[0x0c] = {SHAPE_FIXED, 1}, [0x0d] = {SHAPE_FIXED, 2}, [0x0e] = {SHAPE_FIXED, 4},
	[0x0f] = {SHAPE_FIXED, 8}, [0x10] = {SHAPE_FIXED, 1}, [0x11] = {SHAPE_FIXED, 2},
	[0x12] = {SHAPE_FIXED, 4}, [0x13] = {SHAPE_FIXED, 8}, [0x19] = {SHAPE_RUN, 1},
	[0x1a] = {SHAPE_RUN, 2},   [0x1b] = {SHAPE_RUN, 4},   [0x1c] = {SHAPE_ARRAY, 2},
	[0x1d] = {SHAPE_ARRAY, 4}, [0x1e] = {SHAPE_MAP, 2},   [0x1f] = {SHAPE_MAP, 4},
};

/* The front of one object: its shape, and the length or count it declares. */
struct head {
	enum shape shape;
	uint64_t declared;
};

struct scan {
	const char *name;
	struct reader reader;
	uint32_t objects;
	uint64_t
		due[CONTROL_DEPTH_MAX]; /* objects still to come in each open container */
	size_t depth;
};

static uint64_t big_endian(struct reader *reader, size_t width)
{
	uint64_t value = 0;
	for (size_t i = 0; i < width; i++)
		value = value << 8 | reader_u8(reader);
	return value;
}

static struct head wide_head(struct reader *reader, uint8_t first)
{
	enum shape shape = heads[first - 0xc0].shape;
	uint8_t width = heads[first - 0xc0].width;
	if (shape != SHAPE_FIXED)
		return (struct head){shape, big_endian(reader, width)};
	(void)reader_bytes(reader, width);
	return (struct head){.shape = shape};
}

static struct head read_head(struct reader *reader)
{
	uint8_t first = reader_u8(reader);
	if (first < 0x80 || first >= 0xe0)
		return (struct head){.shape = SHAPE_FIXED};
	if (first < 0x90)
		return (struct head){SHAPE_MAP, first & 0x0fu};
	if (first < 0xa0)
		return (struct head){SHAPE_ARRAY, first & 0x0fu};
	if (first < 0xc0)
		return (struct head){SHAPE_RUN, first & 0x1fu};
	return wide_head(reader, first);
}

static int refuse(const struct scan *scan, const char *why, struct error *error)
{
	return error_set(error, ERR_PROTOCOL, "%s: %s", scan->name, why);
}

/* Each object takes at least one byte, so a count is checked before it is counted off. */
static int open_container(struct scan *scan, uint64_t items, struct error *error)
{
	if (items > scan->reader.left)
		return refuse(scan, "declares more objects than it has bytes", error);
	if (scan->depth == CONTROL_DEPTH_MAX)
		return refuse(scan, "is nested too deep", error);
	scan->due[scan->depth++] = items;
	return 0;
}

static int step(struct scan *scan, struct error *error)
{
	if (++scan->objects > CONTROL_OBJECTS_MAX)
		return refuse(scan, "has too many objects", error);
	if (scan->depth > 0)
		scan->due[scan->depth - 1]--;
	struct head head = read_head(&scan->reader);
	if (scan->reader.failed)
		return refuse(scan, "ends in the middle of an object", error);
	if (head.shape == SHAPE_REFUSED)
		return refuse(scan, "has a float, an extension or a reserved byte",
			      error);
	if (head.shape == SHAPE_ARRAY || head.shape == SHAPE_MAP)
		return open_container(
			scan, head.shape == SHAPE_MAP ? head.declared * 2 : head.declared,
			error);
	if (head.declared > scan->reader.left)
		return refuse(scan, "declares more bytes than it has", error);
	(void)reader_bytes(&scan->reader, head.declared);
	return 0;
}

static void close_containers(struct scan *scan)
{
	while (scan->depth > 0 && scan->due[scan->depth - 1] == 0)
		scan->depth--;
}

int message_validate(const char *name, const void *payload, size_t len,
		     struct error *error)
{
	struct scan scan = {.name = name, .reader = reader_of(payload, len)};
	if (len > CONTROL_LEN_MAX)
		return refuse(&scan, "is longer than a control message may be", error);
	do {
		int err = step(&scan, error);
		if (err < 0)
			return err;
		close_containers(&scan);
	} while (scan.depth > 0);
	if (scan.reader.left > 0)
		return refuse(&scan, "has bytes behind its end", error);
	return 0;
}
