#include "proto/base/bytes.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/error.h"

#define BUFFER_FIRST_CAPACITY 256u

/* The capacity at which `more` bytes fit; 0: they fit already. */
static size_t grown(const struct buffer *buffer, size_t more)
{
	if (buffer->capacity - buffer->len >= more)
		return 0;
	claim(more <= SIZE_MAX / 4 && buffer->len <= SIZE_MAX / 4);
	size_t capacity = buffer->capacity * 2;
	if (capacity < BUFFER_FIRST_CAPACITY)
		capacity = BUFFER_FIRST_CAPACITY;
	return capacity < buffer->len + more ? buffer->len + more : capacity;
}

void buffer_grow(struct buffer *buffer, size_t more)
{
	size_t capacity = grown(buffer, more);
	if (capacity == 0)
		return;
	buffer->at = must_realloc(buffer->at, capacity);
	buffer->capacity = capacity;
}

int buffer_may_reserve(struct buffer *buffer, size_t more, struct error *error)
{
	size_t capacity = grown(buffer, more);
	if (capacity == 0)
		return 0;
	uint8_t *at = may_realloc(buffer->at, capacity, error);
	if (!at)
		return ERR_NO_MEMORY;
	buffer->at = at;
	buffer->capacity = capacity;
	return 0;
}

void buffer_put(struct buffer *buffer, const void *data, size_t len)
{
	if (len == 0)
		return;
	buffer_reserve(buffer, len);
	memcpy(buffer->at + buffer->len, data, len);
	buffer->len += len;
}

/* The low `size` bytes of value, the lowest first. */
static void put_little_endian(struct buffer *buffer, uint64_t value, size_t size)
{
	uint64_t little = htole64(value);
	buffer_reserve(buffer, size);
	memcpy(buffer->at + buffer->len, &little, size);
	buffer->len += size;
}

void buffer_put_u8(struct buffer *buffer, uint8_t value)
{
	put_little_endian(buffer, value, 1);
}

void buffer_put_u16(struct buffer *buffer, uint16_t value)
{
	put_little_endian(buffer, value, 2);
}

void buffer_put_u32(struct buffer *buffer, uint32_t value)
{
	put_little_endian(buffer, value, 4);
}

void buffer_put_u64(struct buffer *buffer, uint64_t value)
{
	put_little_endian(buffer, value, 8);
}

void buffer_put_varint(struct buffer *buffer, uint64_t value)
{
	buffer_reserve(buffer, VARINT_LEN_MAX);
	uint8_t *at = buffer->at + buffer->len;
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	buffer->len = (size_t)(at - buffer->at);
}

size_t varint_len(uint64_t value)
{
	size_t len = 1;
	for (; value >= 0x80; value >>= 7)
		len++;
	return len;
}

void buffer_put_zigzag(struct buffer *buffer, int64_t value)
{
	buffer_put_varint(buffer, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

void buffer_clear(struct buffer *buffer)
{
	buffer->len = 0;
}

void buffer_fini(struct buffer *buffer)
{
	free(buffer->at);
	*buffer = (struct buffer){0};
}

void buffer_wipe(struct buffer *buffer)
{
	if (buffer->at)
		explicit_bzero(buffer->at, buffer->capacity);
	buffer_fini(buffer);
}

const uint8_t reader_nothing[1];

/* Bytes of the varint at `at`; 0 unless it ends within `left`, is minimal and fits. */
static size_t varint_end(const uint8_t *at, size_t left)
{
	size_t len = 0;
	while (len < left && len < VARINT_LEN_MAX && at[len] & 0x80)
		len++;
	if (len == left || len == VARINT_LEN_MAX)
		return 0;
	bool padded = len > 0 && at[len] == 0;
	bool beyond = len == VARINT_LEN_MAX - 1 && at[len] > 1;
	return padded || beyond ? 0 : len + 1;
}

uint64_t reader_varint(struct reader *reader)
{
	size_t len = varint_end(reader->at, reader->left);
	const uint8_t *at = reader_bytes(reader, len > 0 ? len : SIZE_MAX);
	uint64_t value = 0;
	for (size_t i = 0; at && i < len; i++)
		value |= (uint64_t)(at[i] & 0x7f) << (7 * i);
	return value;
}

int64_t reader_zigzag(struct reader *reader)
{
	uint64_t folded = reader_varint(reader);
	return (int64_t)((folded >> 1) ^ (~(folded & 1) + 1));
}

void reader_copy(struct reader *reader, void *ret_data, size_t len)
{
	const uint8_t *at = reader_bytes(reader, len);
	if (len == 0)
		return;
	if (at)
		memcpy(ret_data, at, len);
	else
		memset(ret_data, 0, len);
}
