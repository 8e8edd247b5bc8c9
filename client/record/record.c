#include "client/record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "client/record/format.h"
#include "client/record/place.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

#define NANOSECONDS 1000000000

/* Where an entry stands among the others. */
struct node {
	uint32_t at; /* of its flags, in bytes */
	uint32_t parent;
	uint32_t end;
};

struct record {
	const uint8_t *bytes; /* borrowed, or of the mapping */
	size_t len;
	void *mapping; /* owned; NULL: none */
	struct record_header header;
	struct node *nodes; /* owned */
	struct record_view views[RECORD_VIEWS_MAX];
	size_t view_count;
};

/* ---- the header ---- */

static bool read_header(const uint8_t *bytes, size_t len, struct record_header *header)
{
	struct reader in = reader_of(bytes, len);
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
	reader_copy(&in, header->base.layer, RECORD_LAYER_ID_LEN);
	reader_copy(&in, header->base.digest.bytes, SHA256_LEN);
	static const uint8_t none[RECORD_LAYER_ID_LEN];
	header->base.known = memcmp(header->base.layer, none, sizeof none) != 0;
	uint32_t flags = reader_u32(&in);
	header->base.aligned = flags == RECORD_ALIGNED;
	record_view_read(&in, &header->view);
	return !in.failed && flags <= RECORD_ALIGNED && header->len == len &&
	       header->path_len <= in.left && header->count > 0 &&
	       header->count <= LAYER_ROWS_MAX;
}

/* A record from the future: the clock was set back, and proves nothing. */
static bool header_holds(const struct record_header *header, const uint8_t *bytes,
			 size_t len)
{
	return header->written_ns <= stamp_now_ns(CLOCK_REALTIME) &&
	       header->checksum ==
		       xxh64_of(bytes + RECORD_CHECKED_AT, len - RECORD_CHECKED_AT);
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

/* From the flags on. */
static struct record_entry read_entry(struct reader *in)
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

static uint32_t record_unit_len(const struct record_entry *entry, uint32_t unit)
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
		uint32_t len = record_unit_len(entry, i);
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

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
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
	bool ascends = !open->last || compare_names(open->last, open->last_len,
						    entry->name, entry->name_len) < 0;
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
	record->nodes[number] = (struct node){
		.at = (uint32_t)(parse->in.at - record->bytes),
		.parent = is_root ? 0 : parse->open[parse->depth - 1].entry,
		.end = number + 1,
	};
	struct record_entry entry = read_entry(&parse->in);
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
	record->nodes = must_alloc(record->header.count * sizeof *record->nodes);
	for (uint32_t i = 0; i < record->header.count; i++)
		if (!parse_next(&parse, i))
			return false;
	end_directories(&parse, parse.depth, record->header.count);
	record->view_count =
		record_views_find(&record->header, &parse.views, record->views);
	return parse.in.left == 0;
}

struct record *record_parse(const void *bytes, size_t len)
{
	struct record_header header;
	if (len > RECORD_LEN_MAX || !read_header(bytes, len, &header) ||
	    !header_holds(&header, bytes, len))
		return NULL;
	struct record *record = must_calloc(1, sizeof *record);
	record->bytes = bytes;
	record->len = len;
	record->header = header;
	if (parse_entries(record))
		return record;
	record_close(record);
	return NULL;
}

static bool is_of(const struct record *record, const struct record_place *place)
{
	const struct record_header *header = &record->header;
	return header->device == place->device && header->inode == place->inode &&
	       header->path_len == strlen(place->path) &&
	       memcmp(record->bytes + RECORD_HEADER_LEN, place->path, header->path_len) ==
		       0;
}

struct record *record_open(int root_fd)
{
	struct record_place place AUTO(record_place_fini) = {0};
	size_t len;
	if (record_place_find(root_fd, &place) != 0)
		return NULL;
	int fd AUTO_FD = record_place_open(&place, &len);
	if (fd < 0)
		return NULL;
	void *mapping = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (mapping == MAP_FAILED)
		return NULL;
	struct record *record = record_parse(mapping, len);
	if (!record) {
		(void)munmap(mapping, len);
		return NULL;
	}
	record->mapping = mapping;
	if (is_of(record, &place))
		return record;
	record_close(record);
	return NULL;
}

void record_close(struct record *record)
{
	if (!record)
		return;
	if (record->mapping)
		(void)munmap(record->mapping, record->len);
	free(record->nodes);
	free(record);
}

/* ---- asking ---- */

const struct record_base *record_base(const struct record *record)
{
	return &record->header.base;
}

bool record_is_of(const struct record *record, int root_fd)
{
	struct stat status;
	return fstat(root_fd, &status) == 0 && status.st_dev == record->header.device &&
	       status.st_ino == record->header.inode;
}

const struct record_view *record_views(const struct record *record, size_t *ret_count)
{
	*ret_count = record->view_count;
	return record->views;
}

const struct record_view *record_own_view(const struct record *record)
{
	return &record->header.view;
}

const uint8_t *record_bytes(const struct record *record, size_t *ret_len)
{
	*ret_len = record->len;
	return record->bytes;
}

size_t record_flags_at(const struct record *record, uint32_t entry)
{
	return record->nodes[entry].at;
}

uint32_t record_count(const struct record *record)
{
	return record->header.count;
}

struct record_entry record_get(const struct record *record, uint32_t entry)
{
	size_t at = record->nodes[entry].at;
	struct reader in = reader_of(record->bytes + at, record->len - at);
	return read_entry(&in);
}

struct record_name record_name_of(const struct record *record, uint32_t entry)
{
	const uint8_t *at = record->bytes + record->nodes[entry].at;
	return (struct record_name){
		.name = (const char *)at + 2,
		.name_len = at[1],
		.type = at[0] & 3u,
		.age = (uint8_t)(at[0] >> RECORD_AGE_SHIFT),
		.in_base = (at[0] & RECORD_FLAG_BASE) != 0,
		.in_view = (at[0] & RECORD_FLAG_VIEW) != 0,
	};
}

struct unit_name record_unit(const struct record_entry *entry, uint32_t unit)
{
	struct unit_name name;
	struct reader in =
		reader_of(entry->units + (size_t)unit * RECORD_UNIT_LEN, RECORD_UNIT_LEN);
	reader_copy(&in, name.key.xxh.bytes, XXH128_LEN);
	name.key.len = reader_u32(&in);
	reader_copy(&in, name.sha.bytes, SHA256_LEN);
	return name;
}

uint32_t record_end(const struct record *record, uint32_t entry)
{
	return record->nodes[entry].end;
}

uint32_t record_parent(const struct record *record, uint32_t entry)
{
	return record->nodes[entry].parent;
}

uint32_t record_seek(const struct record *record, uint32_t *at, uint32_t end,
		     const char *name, size_t len)
{
	while (*at < end) {
		uint32_t found = *at;
		struct record_name entry = record_name_of(record, found);
		int order = compare_names(entry.name, entry.name_len, name, len);
		if (order > 0)
			return RECORD_NONE;
		*at = record_end(record, found);
		if (order == 0)
			return found;
	}
	return RECORD_NONE;
}

void record_path(const struct record *record, uint32_t entry, struct buffer *out)
{
	size_t len = 0, start = out->len;
	for (uint32_t at = entry; at != 0; at = record_parent(record, at))
		len += record_name_of(record, at).name_len + 1;
	if (len == 0)
		return;
	buffer_reserve(out, --len);
	out->len += len;
	for (uint32_t at = entry; at != 0; at = record_parent(record, at)) {
		struct record_name name = record_name_of(record, at);
		len -= name.name_len;
		memcpy(out->at + start + len, name.name, name.name_len);
		if (len > 0)
			out->at[start + --len] = '/';
	}
}

uint32_t record_find(const struct record *record, const char *path, size_t len)
{
	uint32_t found = 0;
	while (found != RECORD_NONE && len > 0) {
		const char *slash = memchr(path, '/', len);
		size_t name_len = slash ? (size_t)(slash - path) : len;
		uint32_t at = found + 1;
		found = record_seek(record, &at, record_end(record, found), path,
				    name_len);
		size_t step = slash ? name_len + 1 : name_len;
		path += step;
		len -= step;
	}
	return found;
}

bool record_entry_holds(const struct record *record, const struct record_entry *entry,
			const struct stat *status)
{
	static const mode_t types[] = {0, S_IFREG, S_IFDIR, S_IFLNK};
	struct stamp now = stamp_of(status);
	return entry->trusted && (status->st_mode & S_IFMT) == types[entry->type] &&
	       (status->st_mode & 07777) == entry->mode &&
	       status->st_dev == record->header.device &&
	       (entry->type != ROW_FILE || (uint64_t)status->st_size == entry->size) &&
	       stamp_equal(&now, &entry->stamp);
}
