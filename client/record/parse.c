#include "client/record/parse.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

#define NANOSECONDS 1000000000

/* ---- the header ---- */

static bool read_header(struct record *record)
{
	struct record_header *header = &record->header;
	struct reader in = reader_of(record->bytes, record->len);
	const uint8_t *magic = reader_bytes(&in, strlen(RECORD_MAGIC));
	if (!magic || memcmp(magic, RECORD_MAGIC, strlen(RECORD_MAGIC)) != 0 ||
	    reader_u8(&in) != RECORD_VERSION || reader_u8(&in) != 1 ||
	    reader_u16(&in) != 0)
		return false;
	header->checksum = reader_u64(&in);
	header->len = reader_u64(&in);
	header->device = reader_u64(&in);
	header->inode = reader_u64(&in);
	header->written_ns = (int64_t)reader_u64(&in);
	header->count = reader_u32(&in);
	header->path_len = reader_u32(&in);
	reader_copy(&in, header->base.layer, LAYER_ID_LEN);
	reader_copy(&in, header->base.digest.bytes, SHA256_LEN);
	static const uint8_t none[LAYER_ID_LEN];
	header->base.known = memcmp(header->base.layer, none, sizeof(none)) != 0;
	uint32_t flags = reader_u32(&in);
	header->base.aligned = flags == RECORD_ALIGNED;
	record_view_read(&in, &header->view);
	return !in.failed && flags <= RECORD_ALIGNED && header->len == record->len &&
	       header->path_len <= in.left && header->count > 0 &&
	       header->count <= LAYER_ROWS_MAX;
}

/* A record from the future: the clock was set back, and proves nothing. */
static bool header_holds(const struct record *record)
{
	return record->header.written_ns <= stamp_now_ns(CLOCK_REALTIME) &&
	       record->header.checksum == xxh64_of(record->bytes + RECORD_CHECKED_AT,
						   record->len - RECORD_CHECKED_AT);
}

/* ---- entries ---- */

static void read_stamp(struct reader *in, struct stamp *stamp)
{
	stamp->inode = reader_u64(in);
	stamp->modified.seconds = (int64_t)reader_u64(in);
	stamp->modified.nanoseconds = reader_u32(in);
	stamp->changed_ns = (int64_t)reader_u64(in);
}

static void read_file(struct reader *in, struct record_entry *entry)
{
	entry->size = reader_varint(in);
	uint64_t count = reader_varint(in);
	if (count > ROW_UNITS_MAX)
		in->failed = true;
	else
		entry->units = reader_bytes(in, (size_t)count * RECORD_UNIT_LEN);
	entry->unit_count = in->failed ? 0 : (uint32_t)count;
}

struct record_entry record_parse_entry(struct reader *in)
{
	struct record_entry entry = {0};
	uint8_t flags = reader_u8(in);
	entry.type = flags & 3u;
	entry.trusted = (flags & RECORD_FLAG_TRUSTED) != 0;
	entry.in_base = (flags & RECORD_FLAG_BASE) != 0;
	entry.in_view = (flags & RECORD_FLAG_VIEW) != 0;
	entry.listed = (flags & RECORD_FLAG_LISTED) != 0;
	entry.age = (uint8_t)(flags >> RECORD_AGE_SHIFT);
	entry.name_len = reader_u8(in);
	entry.name = (const char *)reader_bytes(in, entry.name_len);
	entry.mode = reader_u16(in);
	if (entry.trusted)
		read_stamp(in, &entry.stamp);
	if (entry.trusted && entry.type == ROW_FILE)
		read_file(in, &entry);
	if (entry.type == ROW_SYMLINK) {
		entry.target_len = reader_u16(in);
		entry.target = (const char *)reader_bytes(in, entry.target_len);
	}
	return entry;
}

static uint32_t unit_len(const struct record_entry *entry, uint32_t unit)
{
	size_t at = (size_t)unit * RECORD_UNIT_LEN + XXH128_LEN;
	struct reader in = reader_of(entry->units + at, sizeof(uint32_t));
	return reader_u32(&in);
}

/* Units that the file's size is made of. */
static bool units_valid(const struct record_entry *entry)
{
	uint64_t size = 0;
	for (uint32_t i = 0; i < entry->unit_count; i++) {
		uint32_t len = unit_len(entry, i);
		if (len == 0 || len > UNIT_LEN_MAX)
			return false;
		size += len;
	}
	return size == entry->size;
}

static bool entry_valid(const struct record_entry *entry, bool is_root)
{
	if (entry->type == 0 || entry->mode > 07777 ||
	    entry->stamp.modified.nanoseconds >= NANOSECONDS)
		return false;
	if (is_root)
		return entry->name_len == 0 && entry->type == ROW_DIRECTORY;
	if (entry->name_len == 0 || memchr(entry->name, '\0', entry->name_len) ||
	    memchr(entry->name, '/', entry->name_len))
		return false;
	if (entry->type == ROW_SYMLINK)
		return entry->target_len > 0 &&
		       entry->target_len <= LINK_TARGET_LEN_MAX &&
		       !memchr(entry->target, '\0', entry->target_len);
	return units_valid(entry);
}

/* ---- reading all of it ---- */

struct open_node {
	uint32_t entry;
	const char *last; /* borrowed; the name of its latest child; NULL: none */
	size_t last_len;
};

struct parse {
	struct record *record; /* borrowed */
	struct reader in;
	struct open_node *open; /* owned; outermost first */
	size_t depth, room;
	struct record_view_sums views;
};

static void parse_fini(struct parse *parse)
{
	free(parse->open);
}

static void open_directory(struct parse *parse, uint32_t entry)
{
	array_make_room(parse->open, parse->depth, parse->room);
	parse->open[parse->depth++] = (struct open_node){.entry = entry};
}

static void end_directories(struct parse *parse, size_t count, uint32_t end)
{
	for (; count > 0; count--)
		parse->record->nodes[parse->open[--parse->depth].entry].end = end;
}

/* Whether it may follow its elder sibling. */
static bool ascends(struct parse *parse, const struct record_entry *entry)
{
	struct open_node *open = &parse->open[parse->depth - 1];
	bool ascends = !open->last ||
		       record_compare_names(open->last, open->last_len, entry->name,
					    entry->name_len) < 0;
	open->last = entry->name;
	open->last_len = entry->name_len;
	return ascends;
}

static bool parse_next(struct parse *parse, uint32_t number)
{
	struct record *record = parse->record;
	uint64_t ended = reader_varint(&parse->in);
	bool is_root = number == 0;
	if (is_root ? ended != 0 : ended >= parse->depth)
		return false;
	end_directories(parse, (size_t)ended, number);
	record->nodes[number] = (struct record_node){
		.at = (uint32_t)(parse->in.at - record->bytes),
		.parent = is_root ? 0 : parse->open[parse->depth - 1].entry,
		.end = number + 1,
	};
	struct record_entry entry = record_parse_entry(&parse->in);
	if (parse->in.failed || !entry_valid(&entry, is_root) ||
	    entry.stamp.changed_ns >= record->header.written_ns)
		return false;
	if (!is_root && !ascends(parse, &entry))
		return false;
	record_view_count(&parse->views, &entry);
	if (entry.type == ROW_DIRECTORY)
		open_directory(parse, number);
	return parse->depth <= PATH_DEPTH_MAX + 1;
}

static bool parse_entries(struct record *record)
{
	size_t start = RECORD_HEADER_LEN + record->header.path_len;
	struct parse parse AUTO(parse_fini) = {
		.record = record,
		.in = reader_of(record->bytes + start, record->len - start),
	};
	/* an entry takes at least 5 bytes */
	if (record->header.count > parse.in.left / 5)
		return false;
	record->nodes = must_alloc(record->header.count * sizeof(*record->nodes));
	for (uint32_t i = 0; i < record->header.count; i++)
		if (!parse_next(&parse, i))
			return false;
	end_directories(&parse, parse.depth, record->header.count);
	record->view_count =
		record_views_find(&record->header, &parse.views, record->views);
	return parse.in.left == 0;
}

bool record_parse(struct record *record)
{
	return record->len <= RECORD_LEN_MAX && read_header(record) &&
	       header_holds(record) && parse_entries(record);
}
