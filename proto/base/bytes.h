/*
 * Bytes going in and out, with every read checked: no struct is ever cast onto wire or
 * file bytes. All integers are little-endian; varints are LEB128, minimal (a longer
 * spelling of the same number is refused, so an encoding is unique).
 *
 * `struct buffer` grows and owns; `struct reader` borrows and remembers that it failed,
 * so that a sequence of reads needs one check at its end.
 *
 * What is inline here runs some thirty times for each file of a persist or attach:
 * calling it took longer than what it does.
 */
#ifndef BATON_PROTO_BASE_BYTES_H
#define BATON_PROTO_BASE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/base/memory.h"

struct buffer {
	uint8_t *at; /* owned */
	size_t len;
	size_t capacity;
};

/* Growing does not fail for the caller: it is must_realloc(). Where much will be put,
 * call buffer_may_reserve() for all of it first: on ERR_NO_MEMORY nothing has changed. */
int buffer_may_reserve(struct buffer *buffer, size_t more, struct error *error);
void buffer_grow(struct buffer *buffer, size_t more); /* where it does not fit */
static inline void buffer_reserve(struct buffer *buffer, size_t more)
{
	if (buffer->capacity - buffer->len < more)
		buffer_grow(buffer, more);
}
void buffer_put(struct buffer *buffer, const void *data, size_t len);
void buffer_put_u8(struct buffer *buffer, uint8_t value);
void buffer_put_u16(struct buffer *buffer, uint16_t value);
void buffer_put_u32(struct buffer *buffer, uint32_t value);
void buffer_put_u64(struct buffer *buffer, uint64_t value);
void buffer_put_varint(struct buffer *buffer, uint64_t value);
#define VARINT_LEN_MAX 10u
size_t varint_len(uint64_t value); /* bytes that buffer_put_varint() writes */
void buffer_put_zigzag(struct buffer *buffer, int64_t value);
void buffer_clear(struct buffer *buffer); /* len = 0, memory kept */
void buffer_fini(struct buffer *buffer);  /* frees; the buffer is empty and usable */
/* The same for what had a token or a key: its memory is wiped first. What it outgrew is
 * not: reserve room before the first byte. */
void buffer_wipe(struct buffer *buffer);

struct reader {
	const uint8_t *at; /* borrowed; next byte */
	size_t left;
	bool failed; /* a read went beyond the end or was not minimal; sticky */
};

/* What a reader of no bytes points to, so that it never holds a null pointer. */
extern const uint8_t reader_nothing[];

static inline struct reader reader_of(const void *data, size_t len)
{
	return (struct reader){
		.at = data ? data : reader_nothing,
		.left = len,
	};
}

/* len bytes in place, borrowed from the input; NULL (and failed) where fewer are left. */
static inline const uint8_t *reader_bytes(struct reader *reader, size_t len)
{
	if (reader->failed || reader->left < len) {
		reader->failed = true;
		reader->left = 0;
		return NULL;
	}
	const uint8_t *at = reader->at;
	reader->at += len;
	reader->left -= len;
	return at;
}

/* A number of up to 8 bytes. */
static inline uint64_t reader_little_endian(struct reader *reader, size_t size)
{
	const uint8_t *at = reader_bytes(reader, size);
	uint64_t little = 0;
	if (at)
		memcpy(&little, at, size);
	return le64toh(little);
}

static inline uint8_t reader_u8(struct reader *reader)
{
	return (uint8_t)reader_little_endian(reader, 1);
}

static inline uint16_t reader_u16(struct reader *reader)
{
	return (uint16_t)reader_little_endian(reader, 2);
}

static inline uint32_t reader_u32(struct reader *reader)
{
	return (uint32_t)reader_little_endian(reader, 4);
}

static inline uint64_t reader_u64(struct reader *reader)
{
	return reader_little_endian(reader, 8);
}

uint64_t reader_varint(struct reader *reader);
int64_t reader_zigzag(struct reader *reader);
/* Copies len bytes; zeros them where fewer are left. */
void reader_copy(struct reader *reader, void *ret_data, size_t len);

#endif
