/* Content-defined chunks (client/content/chunk.h): limits, the published contract, stability. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/content/chunk.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/bounds.h"

#define LEN (6u * 1024u * 1024u)
#define CUTS_MAX 64u

/* xorshift64, little-endian: easy to make in any language. */
static uint8_t *noise(size_t len)
{
	uint8_t *data = must_alloc(len);
	uint64_t x = 0x9E3779B97F4A7C15u;
	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		data[i] = (uint8_t)(x >> (i % 8 * 8));
	}
	return data;
}

struct cuts {
	size_t at[CUTS_MAX]; /* ends of chunks */
	size_t count;
};

/* Gives at most `step` bytes more each time. */
static struct cuts cut_all(const uint8_t *data, size_t len, size_t step)
{
	struct cuts cuts = {0};
	struct chunker chunker = {0};
	size_t start = 0, seen = 0;
	while (start < len) {
		seen = seen + step < len ? seen + step : len;
		size_t cut =
			chunker_cut(&chunker, data + start, seen - start, seen == len);
		if (cut == 0)
			continue;
		start += cut;
		seen = start;
		assert_true(cuts.count < CUTS_MAX);
		cuts.at[cuts.count++] = start;
	}
	return cuts;
}

static void zeros_are_cut_at_the_largest_size(void **state)
{
	(void)state;
	uint8_t *zeros AUTO_FREE = must_calloc(LEN, 1);
	struct cuts cuts = cut_all(zeros, LEN, LEN);
	assert_int_equal(cuts.count, LEN / CHUNK_MAX);
	for (size_t i = 0; i < cuts.count; i++)
		assert_int_equal(cuts.at[i], (i + 1) * CHUNK_MAX);
}

static void cuts_follow_the_published_contract(void **state)
{
	(void)state;
	/* made from chunk.h's text by a program in another language */
	static const size_t expected[] = {712767,  1142543, 1364436, 1893791, 2205414,
					  2772268, 3350273, 3912569, 4483388, 5151286,
					  5522109, 6070220, 6291456};
	uint8_t *data AUTO_FREE = noise(LEN);
	struct cuts cuts = cut_all(data, LEN, LEN);
	assert_int_equal(cuts.count, sizeof(expected) / sizeof(*expected));
	assert_memory_equal(cuts.at, expected, sizeof(expected));
}

static void cuts_do_not_depend_on_how_much_is_given_at_a_time(void **state)
{
	(void)state;
	uint8_t *data AUTO_FREE = noise(LEN);
	struct cuts whole = cut_all(data, LEN, LEN);
	static const size_t steps[] = {4093, 131072, 131073, 524288, 1048575, 2097152};
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		struct cuts parts = cut_all(data, LEN, steps[i]);
		assert_int_equal(parts.count, whole.count);
		assert_memory_equal(parts.at, whole.at, whole.count * sizeof(*whole.at));
	}
}

static void cuts_keep_the_limits(void **state)
{
	(void)state;
	uint8_t *data AUTO_FREE = noise(LEN);
	memset(data + LEN / 2, 0, LEN / 2);
	struct cuts cuts = cut_all(data, LEN, LEN);
	size_t start = 0;
	for (size_t i = 0; i < cuts.count; i++) {
		assert_true(cuts.at[i] - start <= CHUNK_MAX);
		assert_true(cuts.at[i] - start >= CHUNK_MIN || cuts.at[i] == LEN);
		start = cuts.at[i];
	}
	assert_int_equal(start, LEN);
}

static void cuts_beyond_an_insertion_stay(void **state)
{
	(void)state;
	uint8_t *data AUTO_FREE = noise(LEN);
	uint8_t *changed AUTO_FREE = must_alloc(LEN + 7);
	size_t where = 1000000;
	memcpy(changed, data, where);
	memcpy(changed + where, "INSERT!", 7);
	memcpy(changed + where + 7, data + where, LEN - where);
	struct cuts before = cut_all(data, LEN, LEN);
	struct cuts after = cut_all(changed, LEN + 7, LEN + 7);
	size_t kept = 0;
	for (size_t i = 0; i < before.count; i++)
		for (size_t k = 0; k < after.count; k++)
			kept += after.at[k] ==
				before.at[i] + (before.at[i] > where ? 7 : 0);
	assert_true(kept + 3 >= before.count);
}

static void short_input_needs_more_or_ends(void **state)
{
	(void)state;
	static const uint8_t data[16] = {0};
	struct chunker chunker = {0};
	assert_int_equal(chunker_cut(&chunker, data, 0, true), 0);
	assert_int_equal(chunker_cut(&chunker, data, sizeof(data), false), 0);
	assert_int_equal(chunker_cut(&chunker, data, sizeof(data), true), sizeof(data));
	assert_int_equal(chunker.scanned, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeros_are_cut_at_the_largest_size),
		cmocka_unit_test(cuts_follow_the_published_contract),
		cmocka_unit_test(cuts_do_not_depend_on_how_much_is_given_at_a_time),
		cmocka_unit_test(cuts_keep_the_limits),
		cmocka_unit_test(cuts_beyond_an_insertion_stay),
		cmocka_unit_test(short_input_needs_more_or_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
