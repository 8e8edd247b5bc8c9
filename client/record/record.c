#include "client/record/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "client/record/parse.h"
#include "client/record/place.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

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
	struct record *record = must_calloc(1, sizeof(*record));
	record->bytes = record->mapping = mapping;
	record->len = len;
	if (record_parse(record) && is_of(record, &place))
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
	return record_parse_entry(&in);
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
		int order = record_compare_names(entry.name, entry.name_len, name, len);
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
