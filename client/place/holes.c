#include "client/place/holes.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static int write_all(int fd, const uint8_t *bytes, size_t len, uint64_t offset)
{
	while (len > 0) {
		ssize_t wrote = pwrite(fd, bytes, len, (off_t)offset);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -1;
		bytes += wrote;
		len -= (size_t)wrote;
		offset += (uint64_t)wrote;
	}
	return 0;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

/* What is left of the block that holds this offset, but at most len. */
static size_t block_rest(uint64_t offset, size_t len)
{
	size_t rest = HOLES_BLOCK_LEN - (size_t)(offset % HOLES_BLOCK_LEN);
	return rest < len ? rest : len;
}

/* How much from here on is zero, block by block. */
static size_t zeros_from(const uint8_t *bytes, size_t len, uint64_t offset)
{
	size_t at = 0;
	while (at < len) {
		size_t rest = block_rest(offset + at, len - at);
		if (!is_zero(bytes + at, rest))
			break;
		at += rest;
	}
	return at;
}

int holes_write(int fd, const uint8_t *bytes, size_t len, uint64_t offset,
		uint64_t file_len)
{
	size_t written = 0;
	for (size_t at = 0; len >= HOLES_LEN_MIN && at < len;) {
		size_t zeros = zeros_from(bytes + at, len - at, offset + at);
		size_t hole = zeros >= HOLES_LEN_MIN ? zeros : 0;
		if (hole &&
		    write_all(fd, bytes + written, at - written, offset + written) != 0)
			return -1;
		at += zeros ? zeros : block_rest(offset + at, len - at);
		if (hole)
			written = at;
	}
	if (written == len && len > 0 && offset + len == file_len)
		return ftruncate(fd, (off_t)file_len);
	return write_all(fd, bytes + written, len - written, offset + written);
}
