/* Hashes and their spellings: proto/unit/digest.h. The expected values come from Python's
 * xxhash and hashlib. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/unit/digest.h"

#define PATTERN_LEN 5120u

static const char *const abc_sha =
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char *const empty_sha =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char *const pattern_sha =
	"4345361085c730756d843f13849c50a996fe2f1fac3a7ac05fb063bb743a423e";

static const uint8_t *pattern(void)
{
	static uint8_t bytes[PATTERN_LEN];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	return bytes;
}

static void assert_sha(struct digest digest, const char *expected)
{
	char text[2 * SHA256_LEN + 1];
	hex_encode(digest.bytes, sizeof(digest.bytes), text);
	assert_string_equal(text, expected);
}

static void assert_xxh(struct xxh128 xxh, const char *expected)
{
	char text[2 * XXH128_LEN + 1];
	hex_encode(xxh.bytes, sizeof(xxh.bytes), text);
	assert_string_equal(text, expected);
}

static void xxh128_is_canonical(void **state)
{
	(void)state;
	assert_xxh(xxh128_of("", 0), "99aa06d3014798d86001c324468d497f");
	assert_xxh(xxh128_of("abc", 3), "06b05ab6733a618578af5f94892f3950");
	assert_xxh(xxh128_of(pattern(), PATTERN_LEN), "87cf83cc9a055cf4f875f2fa2e99df80");
}

static void xxh64_is_xxh3(void **state)
{
	(void)state;
	assert_true(xxh64_of("", 0) == 0x2d06800538d394c2);
	assert_true(xxh64_of("abc", 3) == 0x78af5f94892f3950);
	assert_true(xxh64_of(pattern(), PATTERN_LEN) == 0xf875f2fa2e99df80);
}

static void two_spans_hash_like_one(void **state)
{
	(void)state;
	const uint8_t *bytes = pattern();
	static const size_t splits[] = {0, 1, 64, 255, 1024, PATTERN_LEN};
	for (size_t i = 0; i < sizeof(splits) / sizeof(*splits); i++) {
		size_t at = splits[i];
		assert_true(xxh64_of_two(bytes, at, bytes + at, PATTERN_LEN - at) ==
			    xxh64_of(bytes, PATTERN_LEN));
	}
}

static void sha256_of_known_messages(void **state)
{
	(void)state;
	assert_sha(sha256_of("", 0), empty_sha);
	assert_sha(sha256_of("abc", 3), abc_sha);
	assert_sha(sha256_of(pattern(), PATTERN_LEN), pattern_sha);
}

static void a_running_sha256_is_ready_again_after_final(void **state)
{
	(void)state;
	struct sha256 *sha = sha256_new();
	sha256_update(sha, "a", 1);
	sha256_update(sha, "", 0);
	sha256_update(sha, "bc", 2);
	assert_sha(sha256_final(sha), abc_sha);
	assert_sha(sha256_final(sha), empty_sha);
	sha256_update(sha, pattern(), PATTERN_LEN);
	assert_sha(sha256_of("abc", 3), abc_sha);
	assert_sha(sha256_final(sha), pattern_sha);
	sha256_free(sha);
	sha256_free(NULL);
}

static void *hash_often(void *context)
{
	struct digest *digest = context;
	for (int i = 0; i < 1000; i++)
		*digest = sha256_of("abc", 3);
	return NULL;
}

static void threads_do_not_share_a_context(void **state)
{
	(void)state;
	pthread_t threads[4];
	struct digest digests[4];
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, hash_often, &digests[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_sha(digests[i], abc_sha);
	}
}

static void names_are_equal_in_all_their_parts(void **state)
{
	(void)state;
	struct unit_name a = {.key = {.xxh = xxh128_of("abc", 3), .len = 3},
			      .sha = sha256_of("abc", 3)};
	struct unit_name b = a;
	assert_true(unit_name_equal(&a, &b));
	assert_true(unit_key_hash(&a.key) == unit_key_hash(&b.key));
	b.key.len++;
	assert_false(unit_name_equal(&a, &b));
	assert_true(unit_key_hash(&a.key) != unit_key_hash(&b.key));
	b = a;
	b.sha.bytes[31] ^= 1;
	assert_false(unit_name_equal(&a, &b));
	assert_false(digest_equal(&a.sha, &b.sha));
	b = a;
	b.key.xxh.bytes[15] ^= 1;
	assert_false(unit_name_equal(&a, &b));
	assert_false(xxh128_equal(&a.key.xxh, &b.key.xxh));
	assert_true(unit_key_hash(&a.key) != unit_key_hash(&b.key));
}

static void digests_survive_the_round_trip_as_text(void **state)
{
	(void)state;
	struct digest digest = sha256_of("abc", 3);
	char text[DIGEST_TEXT_SIZE];
	assert_ptr_equal(digest_text(&digest, text), text);
	assert_memory_equal(text, "sha256:ba7816bf", 15);
	assert_int_equal(strlen(text), DIGEST_TEXT_SIZE - 1);
	struct digest parsed;
	assert_true(digest_parse(text, &parsed));
	assert_true(digest_equal(&digest, &parsed));
	assert_true(digest_parse(text + 7, &parsed));
	assert_true(digest_equal(&digest, &parsed));
}

static void upper_case_digests_are_read(void **state)
{
	(void)state;
	struct digest parsed;
	assert_true(digest_parse(
		"BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
		&parsed));
	assert_sha(parsed, abc_sha);
}

static void what_is_no_digest_is_refused_and_leaves_the_result_alone(void **state)
{
	(void)state;
	struct digest parsed = {{42}};
	char text[80];
	assert_false(digest_parse("", &parsed));
	assert_false(digest_parse("sha256:", &parsed));
	assert_false(digest_parse("md5:00", &parsed));
	assert_false(digest_parse("sha256:sha256:", &parsed));
	memset(text, '0', sizeof(text));
	text[63] = '\0';
	assert_false(digest_parse(text, &parsed));
	text[63] = '0';
	text[65] = '\0';
	assert_false(digest_parse(text, &parsed));
	text[64] = '\0';
	text[63] = 'g';
	assert_false(digest_parse(text, &parsed));
	assert_int_equal(parsed.bytes[0], 42);
}

static void hexadecimal_survives_the_round_trip(void **state)
{
	(void)state;
	char text[9];
	uint8_t bytes[4];
	hex_encode("\x00\x7f\x80\xff", 4, text);
	assert_string_equal(text, "007f80ff");
	assert_true(hex_decode(text, 4, bytes));
	assert_memory_equal(bytes, "\x00\x7f\x80\xff", 4);
	assert_false(hex_decode(text, 3, bytes));
	assert_false(hex_decode("0 7f80ff", 4, bytes));
	assert_true(hex_decode("", 0, bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xxh128_is_canonical),
		cmocka_unit_test(xxh64_is_xxh3),
		cmocka_unit_test(two_spans_hash_like_one),
		cmocka_unit_test(sha256_of_known_messages),
		cmocka_unit_test(a_running_sha256_is_ready_again_after_final),
		cmocka_unit_test(threads_do_not_share_a_context),
		cmocka_unit_test(names_are_equal_in_all_their_parts),
		cmocka_unit_test(digests_survive_the_round_trip_as_text),
		cmocka_unit_test(upper_case_digests_are_read),
		cmocka_unit_test(
			what_is_no_digest_is_refused_and_leaves_the_result_alone),
		cmocka_unit_test(hexadecimal_survives_the_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
