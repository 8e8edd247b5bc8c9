/* PKWARE's APPNOTE.TXT 6.3.10: entries that are stored, with sizes and CRC-32 in front of
 * them, and the fields of Zip64 only where the others are too small. */
#include <string.h>
#include <time.h>

#include "daemon/http/archive/format.h"
#include "proto/base/text.h"

#define VERSION_PLAIN 20u
#define VERSION_ZIP64 45u
#define MADE_BY_UNIX (3u << 8)
#define FLAG_UTF8 (1u << 11)
#define FIELD_ZIP64 0x0001u
#define FIELD_TIME 0x5455u /* "UT": Unix time of the change */
#define FIELD_TIME_LEN 5u
#define MODE_FILE 0100000u
#define MODE_DIRECTORY 0040000u
#define MODE_LINK 0120000u
#define DOS_DIRECTORY 0x10u

/* ---- what both heads of an entry have -------------------------------------------- */

static uint64_t size_of(const struct row *row)
{
	return row->type == ROW_FILE      ? row->size
	       : row->type == ROW_SYMLINK ? row->target_len
					  : 0;
}

static uint32_t narrow(uint64_t value)
{
	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static size_t name_len(const struct archive_entry *entry)
{
	return entry->name_len + (entry->row->type == ROW_DIRECTORY);
}

static void put_name(struct buffer *out, const struct archive_entry *entry)
{
	buffer_put(out, entry->name, entry->name_len);
	if (entry->row->type == ROW_DIRECTORY)
		buffer_put_u8(out, '/');
}

/* Two seconds' grain, from 1980 to 2107; in UTC, for where the zone is not known. */
static uint32_t dos_time(const struct row *row)
{
	time_t seconds = (time_t)row->time.seconds;
	struct tm parts = {0};
	if (!gmtime_r(&seconds, &parts) || parts.tm_year < 80)
		return 1u << 21 | 1u << 16;
	if (parts.tm_year > 207)
		return 127u << 25 | 12u << 21 | 31u << 16 | 23u << 11 | 59u << 5 | 29u;
	return (uint32_t)(parts.tm_year - 80) << 25 | (uint32_t)(parts.tm_mon + 1) << 21 |
	       (uint32_t)parts.tm_mday << 16 | (uint32_t)parts.tm_hour << 11 |
	       (uint32_t)parts.tm_min << 5 | (uint32_t)parts.tm_sec / 2;
}

static uint16_t flags_of(const struct archive_entry *entry)
{
	for (size_t i = 0, step; i < entry->name_len; i += step) {
		step = text_utf8_len(entry->name + i, entry->name_len - i);
		if (step == 0)
			return 0;
	}
	return FLAG_UTF8;
}

/* The "UT" field has 32 bits. */
static bool has_time(const struct row *row)
{
	return row->time.seconds >= 0 && row->time.seconds <= INT32_MAX;
}

static void put_time(struct buffer *out, const struct row *row)
{
	buffer_put_u16(out, FIELD_TIME);
	buffer_put_u16(out, FIELD_TIME_LEN);
	buffer_put_u8(out, 1);
	buffer_put_u32(out, (uint32_t)row->time.seconds);
}

/* Version to extract, flags, method, time, CRC, sizes, length of the name. */
static void put_common(struct buffer *out, const struct archive_entry *entry, bool zip64)
{
	uint64_t size = size_of(entry->row);
	buffer_put_u16(out, zip64 ? VERSION_ZIP64 : VERSION_PLAIN);
	buffer_put_u16(out, flags_of(entry));
	buffer_put_u16(out, 0);
	buffer_put_u32(out, dos_time(entry->row));
	buffer_put_u32(out, entry->crc);
	buffer_put_u32(out, narrow(size));
	buffer_put_u32(out, narrow(size));
	buffer_put_u16(out, (uint16_t)name_len(entry));
}

/* ---- in front of the content ------------------------------------------------------ */

static void put_head(struct buffer *out, const struct archive_entry *entry)
{
	uint64_t size = size_of(entry->row);
	bool zip64 = size >= UINT32_MAX, timed = has_time(entry->row);
	buffer_put(out, "PK\x03\x04", 4);
	put_common(out, entry, zip64);
	buffer_put_u16(out, (uint16_t)((zip64 ? 20 : 0) + (timed ? 9 : 0)));
	put_name(out, entry);
	if (zip64) {
		buffer_put_u16(out, FIELD_ZIP64);
		buffer_put_u16(out, 16);
		buffer_put_u64(out, size);
		buffer_put_u64(out, size);
	}
	if (timed)
		put_time(out, entry->row);
}

static uint32_t padding(uint64_t content_len)
{
	(void)content_len;
	return 0;
}

/* ---- the index ------------------------------------------------------------------- */

static uint32_t attributes_of(const struct row *row)
{
	uint32_t kind = row->type == ROW_FILE      ? MODE_FILE
			: row->type == ROW_SYMLINK ? MODE_LINK
						   : MODE_DIRECTORY;
	return (kind | row->mode) << 16 |
	       (row->type == ROW_DIRECTORY ? DOS_DIRECTORY : 0);
}

static void put_index_zip64(struct buffer *out, uint64_t size, uint64_t at)
{
	bool big = size >= UINT32_MAX, far = at >= UINT32_MAX;
	buffer_put_u16(out, FIELD_ZIP64);
	buffer_put_u16(out, (uint16_t)((big ? 16 : 0) + (far ? 8 : 0)));
	if (big) {
		buffer_put_u64(out, size);
		buffer_put_u64(out, size);
	}
	if (far)
		buffer_put_u64(out, at);
}

static void put_index(struct buffer *out, const struct archive_entry *entry)
{
	uint64_t size = size_of(entry->row);
	bool big = size >= UINT32_MAX, far = entry->at >= UINT32_MAX;
	bool timed = has_time(entry->row);
	size_t zip64_len = big || far ? 4u + (big ? 16 : 0) + (far ? 8 : 0) : 0;
	buffer_put(out, "PK\x01\x02", 4);
	buffer_put_u16(out, MADE_BY_UNIX | VERSION_ZIP64);
	put_common(out, entry, big || far);
	buffer_put_u16(out, (uint16_t)(zip64_len + (timed ? 9 : 0)));
	buffer_put_u16(out, 0); /* comment */
	buffer_put_u16(out, 0); /* disk */
	buffer_put_u16(out, 0); /* internal attributes */
	buffer_put_u32(out, attributes_of(entry->row));
	buffer_put_u32(out, narrow(entry->at));
	put_name(out, entry);
	if (zip64_len)
		put_index_zip64(out, size, entry->at);
	if (timed)
		put_time(out, entry->row);
}

/* The Zip64 end, and where it is. */
static void put_end_zip64(struct buffer *out, uint64_t index_at, uint64_t index_len,
			  uint64_t count)
{
	buffer_put(out, "PK\x06\x06", 4);
	buffer_put_u64(out, 44);
	buffer_put_u16(out, MADE_BY_UNIX | VERSION_ZIP64);
	buffer_put_u16(out, VERSION_ZIP64);
	buffer_put_u32(out, 0);
	buffer_put_u32(out, 0);
	buffer_put_u64(out, count);
	buffer_put_u64(out, count);
	buffer_put_u64(out, index_len);
	buffer_put_u64(out, index_at);
	buffer_put(out, "PK\x06\x07", 4);
	buffer_put_u32(out, 0);
	buffer_put_u64(out, index_at + index_len);
	buffer_put_u32(out, 1);
}

static void put_end(struct buffer *out, uint64_t index_at, uint64_t index_len,
		    uint64_t count)
{
	uint16_t shown = count < UINT16_MAX ? (uint16_t)count : UINT16_MAX;
	if (count >= UINT16_MAX || index_at >= UINT32_MAX || index_len >= UINT32_MAX)
		put_end_zip64(out, index_at, index_len, count);
	buffer_put(out, "PK\x05\x06", 4);
	buffer_put_u16(out, 0);
	buffer_put_u16(out, 0);
	buffer_put_u16(out, shown);
	buffer_put_u16(out, shown);
	buffer_put_u32(out, narrow(index_len));
	buffer_put_u32(out, narrow(index_at));
	buffer_put_u16(out, 0);
}

const struct archive_format archive_zip = {
	.media_type = "application/zip",
	.wants_crc = true,
	.has_index = true,
	.link_has_content = true,
	.put_head = put_head,
	.padding = padding,
	.put_index = put_index,
	.put_end = put_end,
};
