/*
 * Rows written by hand, byte by byte, so that tests can write what row_encode() would
 * not. Included behind cmocka.h. Single-threaded.
 */
#ifndef BATON_TESTS_MANIFEST_RAW_H
#define BATON_TESTS_MANIFEST_RAW_H

#include <cmocka.h>

#include "manifest_tree.h"

/* Everything before the body of a row. */
static inline void put_path(struct buffer *out, uint64_t shared, const char *suffix,
			    size_t len)
{
	buffer_put_varint(out, shared);
	buffer_put_varint(out, len);
	buffer_put(out, suffix, len);
}

static inline void put_attributes(struct buffer *out, uint8_t type, uint64_t mode,
				  uint32_t nanoseconds)
{
	buffer_put_u8(out, type);
	buffer_put_varint(out, mode);
	buffer_put_u64(out, 1700000000);
	buffer_put_u32(out, nanoseconds);
}

/* A directory's row. */
static inline void put_directory(struct buffer *out, uint64_t shared, const char *suffix)
{
	put_path(out, shared, suffix, strlen(suffix));
	put_attributes(out, ROW_DIRECTORY, 0755, 0);
	buffer_put_varint(out, 0);
}

/* An empty file's row. */
static inline void put_file(struct buffer *out, uint64_t shared, const char *suffix)
{
	put_path(out, shared, suffix, strlen(suffix));
	put_attributes(out, ROW_FILE, 0644, 0);
	buffer_put(out, "\0\0\0", 3);
}

static inline void put_link(struct buffer *out, uint64_t shared, const char *suffix,
			    const char *target, size_t target_len)
{
	put_path(out, shared, suffix, strlen(suffix));
	put_attributes(out, ROW_SYMLINK, 0777, 0);
	buffer_put_varint(out, target_len);
	buffer_put(out, target, target_len);
	buffer_put_varint(out, 0);
}

/* What follows a file's attributes: a size and units of these lengths, no fields. */
static inline void put_units(struct buffer *out, uint64_t size, uint64_t count,
			     const uint64_t *lengths)
{
	static const uint8_t hashes[48] = {0};
	buffer_put_varint(out, size);
	buffer_put_varint(out, count);
	for (uint64_t i = 0; i < count; i++) {
		buffer_put(out, hashes, sizeof(hashes));
		buffer_put_varint(out, lengths[i]);
	}
	buffer_put_varint(out, 0);
}

/* Reads all rows: 0 or the first failure. */
static inline int decode(const struct buffer *rows, uint64_t count)
{
	struct row_decoder decoder AUTO(row_decoder_fini) = {0};
	struct error error = {0};
	struct row row;
	row_decoder_init(&decoder, rows->at, rows->len, count);
	int more;
	while ((more = row_decoder_next(&decoder, &row, &error)) > 0)
		continue;
	assert_int_equal(more, error.code);
	if (more < 0)
		assert_true(row_decoder_next(&decoder, &row, &error) < 0);
	return more;
}

static inline int decode_file(uint64_t mode, uint32_t nanoseconds, uint64_t size,
			      uint64_t count, const uint64_t *lengths)
{
	struct buffer rows AUTO(buffer_fini) = {0};
	put_path(&rows, 0, "f", 1);
	put_attributes(&rows, ROW_FILE, mode, nanoseconds);
	put_units(&rows, size, count, lengths);
	return decode(&rows, 1);
}

#endif
