/* What a commit frame says, and what a reader passes over (FORMAT.md §3). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/transaction/commit_frame.h"
#include "proto/base/cleanup.h"

static const struct stamp_mark mark = {.store = 0x1122334455667788, .commits = 5000};

/* The bytes as FORMAT.md has them. */
static const uint8_t golden[] = {
	1,                                                    /* version */
	1, 8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* the store */
	2, 8, 0x88, 0x13, 0,    0,    0,    0,    0,    0,    /* the last commit */
};

static int decode(const struct buffer *bytes, struct stamp_mark *ret_mark)
{
	struct error error;
	return commit_frame_decode(bytes->at, bytes->len, ret_mark, &error);
}

static void encodes_as_the_format_says(void **state)
{
	(void)state;
	struct buffer out AUTO(buffer_fini) = {0};
	commit_frame_encode(&out, &mark);
	assert_int_equal(out.len, sizeof(golden));
	assert_memory_equal(out.at, golden, sizeof(golden));
	struct stamp_mark read = {0};
	assert_int_equal(decode(&out, &read), 0);
	assert_int_equal(read.store, mark.store);
	assert_int_equal(read.commits, mark.commits);
}

/* Of a later version of the same format: long ones, empty ones, large numbers. */
static void fields_that_are_not_known_are_passed_over(void **state)
{
	(void)state;
	struct buffer out AUTO(buffer_fini) = {0};
	commit_frame_encode(&out, &mark);
	static const uint8_t row[3000];
	const uint64_t fields[] = {3, 100, 1u << 20};
	const size_t lens[] = {sizeof(row), 0, 1};
	for (size_t i = 0; i < 3; i++) {
		buffer_put_varint(&out, fields[i]);
		buffer_put_varint(&out, lens[i]);
		buffer_put(&out, row, lens[i]);
		struct stamp_mark read = {0};
		assert_int_equal(decode(&out, &read), 0);
		assert_int_equal(read.store, mark.store);
		assert_int_equal(read.commits, mark.commits);
	}
}

static void refuse(const uint8_t *bytes, size_t len, int code)
{
	struct buffer out AUTO(buffer_fini) = {0};
	buffer_put(&out, bytes, len);
	struct stamp_mark read = {.commits = 7};
	assert_int_equal(decode(&out, &read), code);
	assert_int_equal(read.commits, 7);
}

static void what_is_no_commit_frame_is_refused(void **state)
{
	(void)state;
	refuse((const uint8_t[]){2}, 1, ERR_VERSION);
	refuse((const uint8_t[]){0}, 1, ERR_DAMAGED);
	/* Cut within a field; a number of 7 bytes; twice, and in the wrong order. */
	for (size_t len = 2; len < sizeof(golden); len++)
		if (len != 11)
			refuse(golden, len, ERR_DAMAGED);
	refuse((const uint8_t[]){1, 2, 7, 0, 0, 0, 0, 0, 0, 0}, 10, ERR_DAMAGED);
	refuse((const uint8_t[]){1, 3, 0, 3, 0}, 5, ERR_DAMAGED);
	refuse((const uint8_t[]){1, 4, 0, 3, 0}, 5, ERR_DAMAGED);
	refuse((const uint8_t[]){1, 0, 0}, 3, ERR_DAMAGED);
	refuse((const uint8_t[]){1, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				 0xff, 1},
	       12, ERR_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_as_the_format_says),
		cmocka_unit_test(fields_that_are_not_known_are_passed_over),
		cmocka_unit_test(what_is_no_commit_frame_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
