#include "client/record/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "client/record/format.h"
#include "client/record/place.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define FLUSH_LEN 65536u

/* A directory that is open, and what the earlier record has in it. */
struct merge_level {
	uint32_t next, end; /* entries of the earlier record */
	bool drops;         /* what was not met is not there: the directory is listed */
};

struct record_writer {
	struct record_place place;
	const struct record *earlier;   /* borrowed; NULL: none */
	const struct record_view *view; /* borrowed; NULL: the earlier record's */
	bool view_broken;               /* that one no longer stands */
	int fd;                         /* owned */
	struct buffer out;
	bool complete;    /* record_writer_end() was called */
	uint64_t written; /* bytes, without out */
	uint32_t count;
	int number;                 /* errno of the first failure; 0 */
	size_t depth, room;         /* of levels */
	struct merge_level *levels; /* owned */
	size_t ended;               /* directories that end before the next entry */
};

/* ---- bytes ---- */

static void flush(struct record_writer *writer)
{
	size_t done = 0;
	while (!writer->number && done < writer->out.len) {
		ssize_t wrote =
			write(writer->fd, writer->out.at + done, writer->out.len - done);
		if (wrote < 0 && errno != EINTR)
			writer->number = errno;
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	writer->written += done;
	buffer_clear(&writer->out);
	if (!writer->number && writer->written > RECORD_LEN_MAX)
		writer->number = EFBIG;
}

static void put_stamp(struct buffer *out, const struct stamp *stamp)
{
	buffer_put_u64(out, stamp->inode);
	buffer_put_u64(out, (uint64_t)stamp->modified.seconds);
	buffer_put_u32(out, stamp->modified.nanoseconds);
	buffer_put_u64(out, (uint64_t)stamp->changed_ns);
}

static void put_name(struct buffer *out, const struct unit_name *name)
{
	buffer_put(out, name->key.xxh.bytes, XXH128_LEN);
	buffer_put_u32(out, name->key.len);
	buffer_put(out, name->sha.bytes, SHA256_LEN);
}

/* All but the units themselves. */
static void put_entry(struct record_writer *writer, const struct record_entry *entry)
{
	struct buffer *out = &writer->out;
	bool is_file = entry->type == ROW_FILE;
	buffer_put_varint(out, writer->ended);
	writer->ended = 0;
	buffer_put_u8(out,
		      (uint8_t)(entry->type | (entry->trusted ? RECORD_FLAG_TRUSTED : 0) |
				(entry->in_base ? RECORD_FLAG_BASE : 0) |
				(entry->in_view ? RECORD_FLAG_VIEW : 0) |
				(entry->listed ? RECORD_FLAG_LISTED : 0) |
				(unsigned)entry->age << RECORD_AGE_SHIFT));
	buffer_put_u8(out, (uint8_t)entry->name_len);
	buffer_put(out, entry->name, entry->name_len);
	buffer_put_u16(out, entry->mode);
	if (entry->trusted)
		put_stamp(out, &entry->stamp);
	if (entry->trusted && is_file) {
		buffer_put_varint(out, entry->size);
		buffer_put_varint(out, entry->unit_count);
	}
	if (entry->type == ROW_SYMLINK) {
		buffer_put_u16(out, (uint16_t)entry->target_len);
		buffer_put(out, entry->target, entry->target_len);
	}
	writer->count++;
	if (out->len >= FLUSH_LEN)
		flush(writer);
}

/* ---- merging ---- */

static void push(struct record_writer *writer, const struct merge_level *level)
{
	array_make_room(writer->levels, writer->depth, writer->room);
	writer->levels[writer->depth++] = *level;
}

static struct merge_level *top(struct record_writer *writer)
{
	return &writer->levels[writer->depth - 1];
}

/* An entry of the earlier record is not taken over, nor anything below it. */
static void drop(struct record_writer *writer, uint32_t entry)
{
	writer->view_broken |= record_name_of(writer->earlier, entry).in_view;
}

/* An entry of the earlier record, one write older, and all below it. Its layer is not
 * this record's base. */
static void keep(struct record_writer *writer, uint32_t first)
{
	const struct record *earlier = writer->earlier;
	uint32_t end = record_end(earlier, first);
	if (record_name_of(earlier, first).age >= RECORD_AGE_MAX) {
		drop(writer, first);
		return;
	}
	size_t open = 0; /* directories of the subtree */
	uint32_t above = record_parent(earlier, first);
	for (uint32_t at = first; at < end; at++) {
		struct record_entry entry = record_get(earlier, at);
		for (; above != record_parent(earlier, at); open--, writer->ended++)
			above = record_parent(earlier, above);
		entry.age = entry.age < RECORD_AGE_MAX ? (uint8_t)(entry.age + 1)
						       : RECORD_AGE_MAX;
		entry.in_base = false;
		entry.in_view = entry.in_view && !writer->view;
		put_entry(writer, &entry);
		if (entry.unit_count > 0)
			buffer_put(&writer->out, entry.units,
				   (size_t)entry.unit_count * RECORD_UNIT_LEN);
		if (entry.type == ROW_DIRECTORY) {
			above = at;
			open++;
		}
	}
	writer->ended += open;
}

static void keep_or_drop(struct record_writer *writer)
{
	struct merge_level *level = top(writer);
	uint32_t entry = level->next;
	level->next = record_end(writer->earlier, entry);
	if (level->drops)
		drop(writer, entry);
	else
		keep(writer, entry);
}

static void pop(struct record_writer *writer)
{
	while (top(writer)->next < top(writer)->end)
		keep_or_drop(writer);
	writer->depth--;
	writer->ended++;
}

/* What the earlier record has before this name; then the entry with it. */
static uint32_t pass(struct record_writer *writer, const struct record_entry *entry)
{
	struct merge_level *level = top(writer);
	while (level->next < level->end) {
		uint32_t at = level->next;
		struct record_name before = record_name_of(writer->earlier, at);
		int order = record_compare_names(before.name, before.name_len,
						 entry->name, entry->name_len);
		if (order > 0)
			return RECORD_NONE;
		if (order == 0) {
			level->next = record_end(writer->earlier, at);
			return at;
		}
		keep_or_drop(writer);
	}
	return RECORD_NONE;
}

/* Whether an entry of the earlier record's view is a row of it still. */
static bool stands(const struct record_entry *known, const struct record_entry *entry)
{
	if (known->type != entry->type || known->mode != entry->mode)
		return false;
	return entry->type == ROW_DIRECTORY ||
	       (known->trusted && entry->trusted &&
		stamp_equal(&known->stamp, &entry->stamp));
}

static bool is_in_view(struct record_writer *writer, uint32_t same,
		       const struct record_entry *entry)
{
	if (writer->view)
		return entry->in_view;
	if (same == RECORD_NONE || !record_name_of(writer->earlier, same).in_view)
		return false;
	struct record_entry known = record_get(writer->earlier, same);
	if (stands(&known, entry))
		return true;
	writer->view_broken = true;
	return false;
}

void record_writer_add(struct record_writer *writer, size_t depth,
		       const struct record_addition *addition)
{
	struct record_entry entry = addition->entry;
	while (writer->depth > depth)
		pop(writer);
	uint32_t same = depth > 0         ? pass(writer, &entry)
			: writer->earlier ? 0
					  : RECORD_NONE;
	entry.age = 0;
	entry.in_view = is_in_view(writer, same, &entry);
	entry.unit_count = entry.trusted ? addition->unit_count : 0;
	put_entry(writer, &entry);
	for (uint32_t i = 0; i < entry.unit_count; i++)
		put_name(&writer->out, &addition->units[i]);
	if (entry.type != ROW_DIRECTORY)
		return;
	struct merge_level level = {.drops = entry.listed};
	if (same != RECORD_NONE &&
	    record_name_of(writer->earlier, same).type == ROW_DIRECTORY)
		level = (struct merge_level){.next = same + 1,
					     .end = record_end(writer->earlier, same),
					     .drops = entry.listed};
	push(writer, &level);
}

/* ---- beginning and end ---- */

struct record_writer *record_writer_new(int root_fd, const struct record *earlier,
					const struct record_view *view)
{
	struct record_writer *writer = must_calloc(1, sizeof(*writer));
	writer->fd = -1;
	writer->earlier = earlier;
	writer->view = view;
	if (record_place_find(root_fd, &writer->place) == 0)
		writer->fd = record_place_create(&writer->place);
	if (writer->fd < 0) {
		int number = errno;
		record_writer_free(writer);
		errno = number;
		return NULL;
	}
	static const uint8_t header[RECORD_HEADER_LEN];
	buffer_put(&writer->out, header, sizeof(header));
	buffer_put(&writer->out, writer->place.path, strlen(writer->place.path));
	return writer;
}

void record_writer_free(struct record_writer *writer)
{
	if (!writer)
		return;
	record_place_discard(&writer->place);
	record_place_fini(&writer->place);
	cleanup_fd_(&writer->fd);
	buffer_fini(&writer->out);
	free(writer->levels);
	free(writer);
}

static const struct record_view *view_of(const struct record_writer *writer)
{
	static const struct record_view none;
	const struct record_view *view = writer->view;
	if (!view && writer->earlier && !writer->view_broken)
		view = record_own_view(writer->earlier);
	return view && record_view_is_known(view) ? view : &none;
}

static void put_header(const struct record_writer *writer, const struct record_base *base,
		       uint64_t checksum, struct buffer *out)
{
	static const struct record_base none;
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	base = base && base->known ? base : &none;
	buffer_put(out, RECORD_MAGIC, strlen(RECORD_MAGIC));
	buffer_put_u8(out, RECORD_VERSION);
	buffer_put_u8(out, 1);
	buffer_put_u16(out, 0);
	buffer_put_u64(out, checksum);
	buffer_put_u64(out, writer->written);
	buffer_put_u64(out, writer->place.device);
	buffer_put_u64(out, writer->place.inode);
	buffer_put_u64(out, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	buffer_put_u32(out, writer->count);
	buffer_put_u32(out, (uint32_t)strlen(writer->place.path));
	buffer_put(out, base->layer, LAYER_ID_LEN);
	buffer_put(out, base->digest.bytes, SHA256_LEN);
	buffer_put_u32(out, base->aligned ? RECORD_ALIGNED : 0);
	record_view_put(view_of(writer), out);
}

/* The header is written last, since it has the checksum of what follows it. */
static int seal(struct record_writer *writer, const struct record_base *base)
{
	struct buffer header AUTO(buffer_fini) = {0};
	put_header(writer, base, 0, &header);
	if (pwrite(writer->fd, header.at, header.len, 0) != (ssize_t)header.len)
		return -1;
	void *all = mmap(NULL, writer->written, PROT_READ, MAP_SHARED, writer->fd, 0);
	if (all == MAP_FAILED)
		return -1;
	uint64_t checksum = xxh64_of((const uint8_t *)all + RECORD_CHECKED_AT,
				     writer->written - RECORD_CHECKED_AT);
	(void)munmap(all, writer->written);
	struct buffer field AUTO(buffer_fini) = {0};
	buffer_put_u64(&field, checksum);
	if (pwrite(writer->fd, field.at, field.len, 8) != (ssize_t)field.len)
		return -1;
	return close(take_fd(&writer->fd));
}

void record_writer_end(struct record_writer *writer)
{
	if (writer->complete)
		return;
	writer->complete = true;
	while (writer->depth > 0)
		pop(writer);
	flush(writer);
	record_place_make_room(&writer->place, writer->written);
}

int record_writer_commit(struct record_writer *writer, const struct record_base *base)
{
	record_writer_end(writer);
	if (writer->number) {
		errno = writer->number;
		return -1;
	}
	if (writer->count == 0 || seal(writer, base) != 0)
		return -1;
	return record_place_publish(&writer->place);
}
