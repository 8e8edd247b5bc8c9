/* POSIX.1-2017 pax: ustar headers, and before them extended ones for what these cannot
 * say. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/http/archive/format.h"

#define RECORD_LEN 512u
#define NAME_ROOM 100u
#define LINK_ROOM 100u
/* Eleven octal digits. */
#define SIZE_MAX_OCTAL 077777777777ull

struct tar_header {
	char name[NAME_ROOM], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type, link[LINK_ROOM], magic[6], version[2], user[32], group[32];
	char major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct tar_header) == RECORD_LEN, "a record of ustar");

static uint32_t padding(uint64_t len)
{
	return (uint32_t)((RECORD_LEN - len % RECORD_LEN) % RECORD_LEN);
}

static void put_zeros(struct buffer *out, size_t len)
{
	static const char zeros[RECORD_LEN];
	for (; len > 0; len -= len < RECORD_LEN ? len : RECORD_LEN)
		buffer_put(out, zeros, len < RECORD_LEN ? len : RECORD_LEN);
}

/* Digits without a NUL fill the field but for its last byte. */
static void set_octal(char *field, size_t size, uint64_t value)
{
	char text[24];
	(void)snprintf(text, sizeof(text), "%0*" PRIo64, (int)size - 1, value);
	memcpy(field, text, size - 1);
}

static void set_checksum(struct tar_header *header)
{
	unsigned sum = 0;
	char text[8];
	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += ((const unsigned char *)header)[i];
	(void)snprintf(text, sizeof(text), "%06o", sum);
	memcpy(header->checksum, text, 7);
}

/* A negative time is the beginning of time. */
static uint64_t seconds_of(const struct row *row)
{
	return row->time.seconds > 0 ? (uint64_t)row->time.seconds : 0;
}

static void put_header(struct buffer *out, const char *name, size_t name_len, char type,
		       const struct row *row, uint64_t size)
{
	struct tar_header header = {
		.type = type, .magic = "ustar", .version = {'0', '0'}};
	memcpy(header.name, name, name_len < NAME_ROOM ? name_len : NAME_ROOM);
	set_octal(header.mode, sizeof(header.mode), row->mode);
	set_octal(header.uid, sizeof(header.uid), 0);
	set_octal(header.gid, sizeof(header.gid), 0);
	set_octal(header.size, sizeof(header.size), size <= SIZE_MAX_OCTAL ? size : 0);
	set_octal(header.mtime, sizeof(header.mtime), seconds_of(row));
	memcpy(header.link, row->target,
	       row->target_len < LINK_ROOM ? row->target_len : LINK_ROOM);
	set_checksum(&header);
	buffer_put(out, &header, sizeof(header));
}

/* ---- extended headers ------------------------------------------------------------ */

/* "LENGTH KEY=VALUE\n", of which the length counts its own digits. */
static void put_keyword(struct buffer *out, const char *key, const char *value,
			size_t value_len)
{
	size_t rest = strlen(key) + value_len + 3, len = rest, before;
	char digits[24];
	do {
		before = len;
		len = rest + (size_t)snprintf(digits, sizeof(digits), "%zu", len);
	} while (len != before);
	buffer_put(out, digits, strlen(digits));
	buffer_put_u8(out, ' ');
	buffer_put(out, key, strlen(key));
	buffer_put_u8(out, '=');
	buffer_put(out, value, value_len);
	buffer_put_u8(out, '\n');
}

static void put_extended(struct buffer *out, const struct archive_entry *entry,
			 const char *name, size_t name_len)
{
	struct buffer words = {0};
	const struct row *row = entry->row;
	char size[24];
	(void)snprintf(size, sizeof(size), "%" PRIu64, row->size);
	if (name_len > NAME_ROOM)
		put_keyword(&words, "path", name, name_len);
	if (row->target_len > LINK_ROOM)
		put_keyword(&words, "linkpath", row->target, row->target_len);
	if (row->size > SIZE_MAX_OCTAL)
		put_keyword(&words, "size", size, strlen(size));
	if (words.len > 0) {
		static const char label[] = "././@PaxHeader";
		const struct row plain = {.mode = 0644, .time = row->time, .target = ""};
		put_header(out, label, sizeof(label) - 1, 'x', &plain, words.len);
		buffer_put(out, words.at, words.len);
		put_zeros(out, padding(words.len));
	}
	buffer_fini(&words);
}

/* ---- the format ------------------------------------------------------------------ */

static char type_of(const struct row *row)
{
	return row->type == ROW_FILE ? '0' : row->type == ROW_SYMLINK ? '2' : '5';
}

static void put_head(struct buffer *out, const struct archive_entry *entry)
{
	struct row row = *entry->row;
	struct buffer name = {0};
	row.target = row.type == ROW_SYMLINK ? row.target : "";
	row.target_len = row.type == ROW_SYMLINK ? row.target_len : 0;
	row.size = row.type == ROW_FILE ? row.size : 0;
	buffer_put(&name, entry->name, entry->name_len);
	if (row.type == ROW_DIRECTORY)
		buffer_put_u8(&name, '/');
	struct archive_entry plain = *entry;
	plain.row = &row;
	put_extended(out, &plain, (const char *)name.at, name.len);
	put_header(out, (const char *)name.at, name.len, type_of(&row), &row, row.size);
	buffer_fini(&name);
}

static void put_end(struct buffer *out, uint64_t index_at, uint64_t index_len,
		    uint64_t count)
{
	(void)index_at;
	(void)index_len;
	(void)count;
	put_zeros(out, (size_t)2 * RECORD_LEN);
}

const struct archive_format archive_tar = {
	.media_type = "application/x-tar",
	.put_head = put_head,
	.padding = padding,
	.put_end = put_end,
};
