/* Long runs of zeros become holes, and the file reads as it should. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/place/holes.h"
#include "proto/base/cleanup.h"
#include "proto/base/memory.h"

#define BLOCK HOLES_BLOCK_LEN

static int new_file(void)
{
	int fd = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static size_t length_of(int fd)
{
	struct stat stat;
	assert_int_equal(fstat(fd, &stat), 0);
	return (size_t)stat.st_size;
}

static void assert_reads(int fd, const uint8_t *bytes, size_t len)
{
	uint8_t *got AUTO_FREE = must_alloc(len + 1);
	assert_int_equal(length_of(fd), len);
	assert_int_equal(pread(fd, got, len + 1, 0), len);
	assert_memory_equal(got, bytes, len);
}

/* Bytes of data from offset on to the next hole; 0: there is one. */
static size_t data_at(int fd, off_t offset)
{
	if (lseek(fd, offset, SEEK_DATA) != offset)
		return 0;
	return (size_t)(lseek(fd, offset, SEEK_HOLE) - offset);
}

/* A file of len zeros between two blocks of data. */
static bool leaves_a_hole(size_t zeros)
{
	size_t len = zeros + 2 * BLOCK;
	uint8_t *bytes AUTO_FREE = must_calloc(len, 1);
	memset(bytes, 'x', BLOCK);
	memset(bytes + BLOCK + zeros, 'y', BLOCK);
	int fd AUTO_FD = new_file();
	assert_int_equal(holes_write(fd, bytes, len, 0, len), 0);
	assert_reads(fd, bytes, len);
	return data_at(fd, 0) < len;
}

static void m11_a_run_is_a_hole_from_the_least_length_on(void **state)
{
	(void)state;
	assert_false(leaves_a_hole(BLOCK));
	assert_false(leaves_a_hole(HOLES_LEN_MIN - BLOCK));
	assert_true(leaves_a_hole(HOLES_LEN_MIN));
}

static void m11_a_file_that_ends_with_a_hole_is_as_long_as_it_should_be(void **state)
{
	(void)state;
	size_t len = 4 * HOLES_LEN_MIN + 5;
	uint8_t *bytes AUTO_FREE = must_calloc(len, 1);
	for (int with_data = 0; with_data <= 1; with_data++) {
		bytes[0] = (uint8_t)with_data;
		int fd AUTO_FD = new_file();
		assert_int_equal(holes_write(fd, bytes, len, 0, len), 0);
		assert_reads(fd, bytes, len);
		assert_true(data_at(fd, 0) <= BLOCK);
	}
}

/* Units of one file, last first: each begins and ends anywhere in a block. */
static void m11_units_of_zeros_leave_one_hole_in_whatever_order_they_come(void **state)
{
	(void)state;
	const size_t cuts[] = {0,
			       3 * BLOCK + 7,
			       40 * BLOCK + 1,
			       90 * BLOCK - 1,
			       130 * BLOCK + 100,
			       200 * BLOCK};
	size_t len = 200 * BLOCK;
	uint8_t *bytes AUTO_FREE = must_calloc(len, 1);
	memset(bytes, 'x', BLOCK);
	bytes[len - 1] = 'y';
	int fd AUTO_FD = new_file();
	for (size_t i = 5; i-- > 0;)
		assert_int_equal(holes_write(fd, bytes + cuts[i], cuts[i + 1] - cuts[i],
					     cuts[i], len),
				 0);
	assert_reads(fd, bytes, len);
	struct stat stat;
	assert_int_equal(fstat(fd, &stat), 0);
	assert_true(stat.st_blocks * 512 <= 8 * (off_t)BLOCK);
}

static void fill_at_random(uint8_t *bytes, size_t len, unsigned *seed)
{
	memset(bytes, 0, len);
	for (size_t at = 0; at < len;) {
		size_t run = (size_t)rand_r(seed) % (2 * HOLES_LEN_MIN);
		run = run < len - at ? run : len - at;
		if (rand_r(seed) % 2)
			memset(bytes + at, 'z', run);
		at += run + 1;
	}
}

static void m11_whatever_is_written_is_read_back(void **state)
{
	(void)state;
	unsigned seed = 1;
	for (int i = 0; i < 200; i++) {
		size_t len = 1 + (size_t)rand_r(&seed) % (12 * HOLES_LEN_MIN);
		size_t cut = (size_t)rand_r(&seed) % len;
		uint8_t *bytes AUTO_FREE = must_alloc(len);
		fill_at_random(bytes, len, &seed);
		int fd AUTO_FD = new_file();
		if (cut > 0)
			assert_int_equal(holes_write(fd, bytes, cut, 0, len), 0);
		assert_int_equal(holes_write(fd, bytes + cut, len - cut, cut, len), 0);
		assert_reads(fd, bytes, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(m11_a_run_is_a_hole_from_the_least_length_on),
		cmocka_unit_test(
			m11_a_file_that_ends_with_a_hole_is_as_long_as_it_should_be),
		cmocka_unit_test(
			m11_units_of_zeros_leave_one_hole_in_whatever_order_they_come),
		cmocka_unit_test(m11_whatever_is_written_is_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
