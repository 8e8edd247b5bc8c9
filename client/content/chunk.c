#include "client/content/chunk.h"

#include <pthread.h>

#include "proto/bounds.h"
#include "proto/unit/digest.h"

/* CHUNK_AVERAGE is 2^19: two bits more before it, two fewer behind it. The high bits are
 * those that the most bytes (64 to 44 of them) have a part in. */
#define MASK_BEFORE (~UINT64_C(0) << (64 - 21))
#define MASK_BEHIND (~UINT64_C(0) << (64 - 17))

static uint64_t gear[256];
static pthread_once_t gear_made = PTHREAD_ONCE_INIT;

static void make_gear(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;
		struct digest digest = sha256_of(&byte, 1);
		uint64_t value = 0;
		for (unsigned k = 8; k-- > 0;)
			value = value << 8 | digest.bytes[k];
		gear[i] = value;
	}
}

/* A byte has a part in the prints of so many bytes from itself on. */
#define PRINT_BYTES 64u
/* Side by side, because each print waits for the one before it. */
#define LANES 3u
/* Of each lane: long beside the bytes that begin its print. */
#define LANE_LEN 4096u

/* The print behind the PRINT_BYTES before data. */
static uint64_t print_before(const uint8_t *data)
{
	uint64_t print = 0;
	for (unsigned i = PRINT_BYTES; i > 0; i--)
		print = (print << 1) + gear[*(data - i)];
	return print;
}

/* True if no lane holds a cut, and *print is that of the last one's end; else *print is as
 * it was, for a search one by one from the first. */
static bool lanes_pass(const uint8_t *data, uint64_t largest_cut, uint64_t *print)
{
	const uint8_t *second = data + LANE_LEN, *third = second + LANE_LEN;
	uint64_t first_print = *print;
	uint64_t second_print = print_before(second);
	uint64_t third_print = print_before(third);
#pragma GCC unroll 4
	for (unsigned i = 0; i < LANE_LEN; i++) {
		first_print = (first_print << 1) + gear[data[i]];
		if (first_print <= largest_cut)
			return false;
		second_print = (second_print << 1) + gear[second[i]];
		if (second_print <= largest_cut)
			return false;
		third_print = (third_print << 1) + gear[third[i]];
		if (third_print <= largest_cut)
			return false;
	}
	*print = third_print;
	return true;
}

/* Scans from *at to end; true: a cut behind byte *at - 1. With a mask of high bits, a
 * print that has none of them is one that is at most the rest. */
static bool scan(const uint8_t *data, size_t *at, size_t end, uint64_t mask,
		 uint64_t *ret_print)
{
	uint64_t print = *ret_print;
	size_t i = *at;
	bool found = false;
	while (i + LANES * LANE_LEN <= end && lanes_pass(data + i, ~mask, &print))
		i += LANES * LANE_LEN;
	while (i < end && !found) {
		print = (print << 1) + gear[data[i++]];
		found = print <= ~mask;
	}
	*at = i;
	*ret_print = print;
	return found;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t chunker_cut(struct chunker *chunker, const uint8_t *data, size_t len, bool is_end)
{
	(void)pthread_once(&gear_made, make_gear);
	size_t end = smaller(len, CHUNK_MAX);
	size_t at = chunker->scanned > CHUNK_MIN ? chunker->scanned : CHUNK_MIN;
	at = smaller(at, end);
	bool found = scan(data, &at, smaller(end, CHUNK_AVERAGE), MASK_BEFORE,
			  &chunker->print) ||
		     scan(data, &at, end, MASK_BEHIND, &chunker->print);
	if (found || is_end || at == CHUNK_MAX) {
		*chunker = (struct chunker){0};
		return at;
	}
	chunker->scanned = at;
	return 0;
}
