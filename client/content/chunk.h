/*
 * Where files larger than UNIT_WHOLE_MAX are cut, so that bytes inserted or removed move
 * only the cuts around them: FastCDC (Xia et al., "FastCDC: a Fast and Efficient
 * Content-Defined Chunking Approach for Data Deduplication", USENIX ATC 2016), with
 * CHUNK_MIN, CHUNK_AVERAGE and CHUNK_MAX of bounds.h.
 *
 * The contract, which decides what is found again between versions of this program:
 *   - gear[i] is the first 8 bytes, little-endian, of the SHA-256 of the one byte i;
 *   - a chunk's first CHUNK_MIN bytes are not looked at; print is 0 there;
 *   - each further byte b: print = (print << 1) + gear[b], modulo 2^64;
 *   - the chunk ends behind the first byte after which the high bits of print are all 0:
 *     21 of them while the chunk is not longer than CHUNK_AVERAGE, 17 afterwards
 *     (normalised chunking, level 2), or where it has CHUNK_MAX bytes, or the file ends.
 *
 * It follows that a chunk of nothing but zeros has CHUNK_MAX bytes, unless the file ends.
 *
 * No thread affinity; a struct chunker belongs to one thread.
 */
#ifndef BATON_CLIENT_CONTENT_CHUNK_H
#define BATON_CLIENT_CONTENT_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How far the current chunk has been looked at. {0} is the start of a chunk. */
struct chunker {
	uint64_t print;
	size_t scanned; /* bytes from the start of the chunk */
};

/*
 * data: the current chunk from its first byte, len bytes of it, with what was given the
 * time before at its beginning; is_end: the file ends behind them.
 * Returns the chunk's length, and the chunker is ready for the next chunk; or 0 when more
 * bytes are needed (never with is_end, or with CHUNK_MAX bytes), or with len 0.
 */
size_t chunker_cut(struct chunker *chunker, const uint8_t *data, size_t len, bool is_end);

#endif
