/* The arena: what it gives is apart, aligned where it says so, zeroed where it says so,
 * and stays where it is. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/arena.h"
#include "proto/base/cleanup.h"

static void pieces_are_zeroed_aligned_and_apart(void **state)
{
	(void)state;
	AUTO(arena_fini) struct arena arena = {0};
	static const uint8_t zeros[300];
	uint8_t *pieces[300];
	for (size_t i = 0; i < 300; i++) {
		pieces[i] = arena_take(&arena, i);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		assert_memory_equal(pieces[i], zeros, i);
		memset(pieces[i], (int)i, i);
		(void)arena_bytes(&arena, 1); /* puts the next one off its place */
	}
	for (size_t i = 0; i < 300; i++) {
		for (size_t j = 0; j < i; j++)
			assert_int_equal(pieces[i][j], (uint8_t)i);
	}
}

static void texts_lie_side_by_side(void **state)
{
	(void)state;
	AUTO(arena_fini) struct arena arena = {0};
	char *first = arena_string(&arena, "one");
	char *second = arena_text(&arena, (struct text){"two, and more", 3});
	assert_string_equal(first, "one");
	assert_string_equal(second, "two");
	assert_ptr_equal(second, first + 4);
	assert_string_equal(arena_text(&arena, (struct text){0}), "");
}

/* A block of 64 bytes takes 64 and not 65; what is longer than a block gets its own. */
static void a_block_is_filled_to_its_end_and_no_further(void **state)
{
	(void)state;
	AUTO(arena_fini) struct arena arena = {.block_len = 64};
	char *first = arena_bytes(&arena, 60);
	assert_ptr_equal(arena_bytes(&arena, 4), first + 60);
	char *second = arena_bytes(&arena, 1);
	memset(second, 1, 1);
	memset(arena_bytes(&arena, 63), 2, 63);
	memset(arena_bytes(&arena, 65), 3, 65);
	memset(arena_take(&arena, 100000), 4, 100000);
	assert_int_equal(*second, 1);
	/* Off its place by one: with the gap before it, it does not fit any more. */
	AUTO(arena_fini) struct arena odd = {.block_len = 64};
	(void)arena_bytes(&odd, 63);
	memset(arena_take(&odd, 1), 5, 1);
	memset(arena_take(&odd, 64), 6, 64);
}

static void a_list_keeps_its_items_while_it_grows(void **state)
{
	(void)state;
	AUTO(arena_fini) struct arena arena = {0};
	struct arena_list list = {0};
	for (uint32_t i = 0; i < 5000; i++) {
		uint32_t *item = arena_list_add(&arena, &list, sizeof(*item));
		assert_int_equal(*item, 0);
		*item = i;
	}
	assert_int_equal(list.count, 5000);
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(((uint32_t *)list.items)[i], i);
}

static void texts_of_a_list_end_in_null(void **state)
{
	(void)state;
	AUTO(arena_fini) struct arena arena = {0};
	struct text items[] = {{"ab", 1}, {NULL, 0}};
	const char *const *strings = arena_strings(&arena, &(struct text_list){items, 2});
	assert_string_equal(strings[0], "a");
	assert_string_equal(strings[1], "");
	assert_null(strings[2]);
	assert_true(text_is(arena_copy(&arena, "c"), "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(texts_lie_side_by_side),
		cmocka_unit_test(a_block_is_filled_to_its_end_and_no_further),
		cmocka_unit_test(a_list_keeps_its_items_while_it_grows),
		cmocka_unit_test(texts_of_a_list_end_in_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
