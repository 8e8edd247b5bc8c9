/*
 * Bytes going in and out, with every read checked: no struct is ever cast onto wire or
 * file bytes. All integers are little-endian; varints are LEB128, minimal (a longer
 * spelling of the same number is refused, so an encoding is unique).
 *
 * `struct buffer` grows and owns; `struct reader` borrows and remembers that it failed,
 * so that a sequence of reads needs one check at its end.
 */
#ifndef BATON_PROTO_BASE_BYTES_H
#define BATON_PROTO_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/memory.h"

struct buffer {
	uint8_t *at; /* owned */
	size_t len;
	size_t capacity;
};

/* Growing does not fail for the caller: it is must_realloc(). Where much will be put,
 * call buffer_may_reserve() for all of it first: on ERR_NO_MEMORY nothing has changed. */
int buffer_may_reserve(struct buffer *buffer, size_t more, struct error *error);
void buffer_reserve(struct buffer *buffer, size_t more);
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

struct reader {
	const uint8_t *at; /* borrowed; next byte */
	size_t left;
	bool failed; /* a read went beyond the end or was not minimal; sticky */
};

struct reader reader_of(const void *data, size_t len);
uint8_t reader_u8(struct reader *reader);
uint16_t reader_u16(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
uint64_t reader_varint(struct reader *reader);
int64_t reader_zigzag(struct reader *reader);
/* len bytes in place, borrowed from the input; NULL (and failed) where fewer are left. */
const uint8_t *reader_bytes(struct reader *reader, size_t len);
/* Copies len bytes; zeros them where fewer are left. */
void reader_copy(struct reader *reader, void *ret_data, size_t len);

#endif
