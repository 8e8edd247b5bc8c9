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

struct walk {
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

static int refuse(const struct walk *walk, const char *why, struct error *error)
{
	return error_set(error, ERR_PROTOCOL, "%s: %s", walk->name, why);
}

/* Each object takes at least one byte, so a count is checked before it is counted off. */
static int open_container(struct walk *walk, uint64_t items, struct error *error)
{
	if (items > walk->reader.left)
		return refuse(walk, "declares more objects than it has bytes", error);
	if (walk->depth == CONTROL_DEPTH_MAX)
		return refuse(walk, "is nested too deep", error);
	walk->due[walk->depth++] = items;
	return 0;
}

static int step(struct walk *walk, struct error *error)
{
	if (++walk->objects > CONTROL_OBJECTS_MAX)
		return refuse(walk, "has too many objects", error);
	if (walk->depth > 0)
		walk->due[walk->depth - 1]--;
	struct head head = read_head(&walk->reader);
	if (walk->reader.failed)
		return refuse(walk, "ends in the middle of an object", error);
	if (head.shape == SHAPE_REFUSED)
		return refuse(walk, "has a float, an extension or a reserved byte",
			      error);
	if (head.shape == SHAPE_ARRAY || head.shape == SHAPE_MAP)
		return open_container(
			walk, head.shape == SHAPE_MAP ? head.declared * 2 : head.declared,
			error);
	if (head.declared > walk->reader.left)
		return refuse(walk, "declares more bytes than it has", error);
	(void)reader_bytes(&walk->reader, head.declared);
	return 0;
}

static void close_containers(struct walk *walk)
{
	while (walk->depth > 0 && walk->due[walk->depth - 1] == 0)
		walk->depth--;
}

int message_validate(const char *name, const void *payload, size_t len,
		     struct error *error)
{
	struct walk walk = {.name = name, .reader = reader_of(payload, len)};
	if (len > CONTROL_LEN_MAX)
		return refuse(&walk, "is longer than a control message may be", error);
	do {
		int err = step(&walk, error);
		if (err < 0)
			return err;
		close_containers(&walk);
	} while (walk.depth > 0);
	if (walk.reader.left > 0)
		return refuse(&walk, "has bytes behind its end", error);
	return 0;
}
