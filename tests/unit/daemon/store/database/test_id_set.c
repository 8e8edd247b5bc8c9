/* Sets of layers as the catalogue keeps them (FORMAT.md §5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/store/database/id_set.h"
#include "proto/base/cleanup.h"

static struct reader reader_of_buffer(const struct buffer *buffer)
{
	return reader_of(buffer->at, buffer->len);
}

static void assert_holds(const struct buffer *set, const int64_t *ids, size_t count)
{
	struct id_set_reader in = {.bytes = reader_of_buffer(set)};
	int64_t id;
	for (size_t i = 0; i < count; i++) {
		assert_true(id_set_next(&in, &id));
		assert_int_equal(id, ids[i]);
	}
	assert_false(id_set_next(&in, &id));
	assert_false(in.bytes.failed);
}

static void what_is_added_is_sorted_and_there_once(void **state)
{
	(void)state;
	struct buffer set AUTO(buffer_fini) = {0};
	int64_t ids[] = {900, 3, INT64_MAX, 3, 128};
	assert_int_equal(id_set_unite(reader_of(NULL, 0), ids, 5, &set), 4);
	assert_holds(&set, (int64_t[]){3, 128, 900, INT64_MAX}, 4);
}

static void a_union_counts_only_what_is_new(void **state)
{
	(void)state;
	struct buffer set AUTO(buffer_fini) = {0};
	struct buffer both AUTO(buffer_fini) = {0};
	int64_t first[] = {5, 10, 20};
	int64_t more[] = {30, 10, 1, 15};
	(void)id_set_unite(reader_of(NULL, 0), first, 3, &set);
	assert_int_equal(id_set_unite(reader_of_buffer(&set), more, 4, &both), 3);
	assert_holds(&both, (int64_t[]){1, 5, 10, 15, 20, 30}, 6);
	buffer_clear(&set);
	assert_int_equal(id_set_unite(reader_of_buffer(&both), more, 4, &set), 0);
	assert_holds(&set, (int64_t[]){1, 5, 10, 15, 20, 30}, 6);
}

static void what_is_no_set_is_refused(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[12];
		size_t len;
	} bad[] = {
		{{5, 0}, 2},    /* twice the same */
		{{5, 0x80}, 2}, /* cut off */
		{{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 10},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct buffer set AUTO(buffer_fini) = {0};
		struct reader bytes = reader_of(bad[i].bytes, bad[i].len);
		int64_t id = 7;
		assert_int_equal(id_set_unite(bytes, &id, 1, &set), SIZE_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_is_sorted_and_there_once),
		cmocka_unit_test(a_union_counts_only_what_is_new),
		cmocka_unit_test(what_is_no_set_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
