/* Rule A6: a secret is found wherever it lies in a file, however the file is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/content/secret.h"
#include "proto/base/bytes.h"

#define FILE_LEN 400u

static const char secret_bytes[] =
	"0123456789abcdefghijklmnopqrstuvwxyz-_ABCDEFGHIJKLMNOPQRSTUVWXYZ";
_Static_assert(sizeof(secret_bytes) - 1 == SECRET_LEN_MAX, "as long as can be");

static void make_file(uint8_t file[FILE_LEN], struct text secret, size_t at)
{
	memset(file, 'x', FILE_LEN);
	memcpy(file + at, secret.at, secret.len);
}

/* Reads it in pieces of piece_len, each of which repeats the last `again` bytes. */
static bool finds(const uint8_t file[FILE_LEN], struct text secret, size_t piece_len,
		  size_t again)
{
	struct secret_watch watch = {0};
	bool found = false;
	for (size_t at = 0; at < FILE_LEN; at += piece_len - again) {
		size_t left = FILE_LEN - at;
		found = secret_watch_finds(&watch, secret, at, file + at,
					   left < piece_len ? left : piece_len) ||
			found;
	}
	return found;
}

static void it_is_found_at_every_place_in_pieces_of_every_length(void **state)
{
	(void)state;
	static const size_t lens[] = {1, 2, 17, SECRET_LEN_MAX};
	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		struct text secret = {secret_bytes, lens[i]};
		for (size_t at = 0; at + secret.len <= FILE_LEN; at++) {
			uint8_t file[FILE_LEN];
			make_file(file, secret, at);
			for (size_t len = 1; len <= 140; len += len < 70 ? 1 : 35)
				assert_true(finds(file, secret, len, 0));
		}
	}
}

static void pieces_may_repeat_what_came_before(void **state)
{
	(void)state;
	struct text secret = {secret_bytes, SECRET_LEN_MAX};
	for (size_t at = 0; at + secret.len <= FILE_LEN; at += 3) {
		uint8_t file[FILE_LEN];
		make_file(file, secret, at);
		for (size_t again = 1; again < 80; again += 7)
			assert_true(finds(file, secret, 80, again));
	}
}

static void what_is_almost_it_is_not_found(void **state)
{
	(void)state;
	struct text secret = {secret_bytes, SECRET_LEN_MAX};
	for (size_t at = 0; at + secret.len <= FILE_LEN; at += 11) {
		uint8_t file[FILE_LEN];
		make_file(file, secret, at);
		file[at + 31] ^= 1;
		for (size_t len = 1; len < 140; len++)
			assert_false(finds(file, secret, len, 0));
	}
}

/* Two halves that never lay beside each other in the file. */
static void a_gap_joins_nothing(void **state)
{
	(void)state;
	struct text secret = {secret_bytes, SECRET_LEN_MAX};
	struct secret_watch watch = {0};
	assert_false(secret_watch_finds(&watch, secret, 0, secret_bytes, 32));
	assert_false(secret_watch_finds(&watch, secret, 33, secret_bytes + 32, 32));
	assert_false(secret_watch_finds(&watch, secret, 0, secret_bytes, 32));
	assert_true(secret_watch_finds(&watch, secret, 32, secret_bytes + 32, 32));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_found_at_every_place_in_pieces_of_every_length),
		cmocka_unit_test(pieces_may_repeat_what_came_before),
		cmocka_unit_test(what_is_almost_it_is_not_found),
		cmocka_unit_test(a_gap_joins_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
