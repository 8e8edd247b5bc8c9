/* Memory that must be there, memory that may be refused, and the reserve between them
 * (F13). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/arena.h"
#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/memory.h"
#include "proto/base/slots.h"

#define RESERVE_LEN 65536u

/* ---- a system with little memory --------------------------------------------------- */

static bool scarce;
static size_t left;       /* bytes, while scarce */
static void *the_reserve; /* what was last given of its size */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_realloc(void *at, size_t size);
void __real_free(void *at);
void __wrap_free(void *at);

static bool has(size_t size)
{
	if (scarce && size > left)
		return false;
	left -= scarce ? size : 0;
	return true;
}

void *__wrap_malloc(size_t size)
{
	if (!has(size))
		return NULL;
	void *at = __real_malloc(size);
	if (size == RESERVE_LEN)
		the_reserve = at;
	return at;
}

void *__wrap_calloc(size_t count, size_t size)
{
	return has(count * size) ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *at, size_t size)
{
	return has(size) ? __real_realloc(at, size) : NULL;
}

void __wrap_free(void *at)
{
	if (at && at == the_reserve) {
		left += scarce ? RESERVE_LEN : 0;
		the_reserve = NULL;
	}
	__real_free(at);
}

static int begin(void **state)
{
	(void)state;
	struct error error = {0};
	scarce = false;
	return memory_keep_reserve(RESERVE_LEN, &error);
}

static int end(void **state)
{
	(void)state;
	struct error error = {0};
	scarce = false;
	return memory_keep_reserve(0, &error);
}

static void make_scarce(size_t size)
{
	scarce = true;
	left = size;
}

/* ---- tests --------------------------------------------------------------------------
 */

static void what_may_be_refused_is_and_says_how_much_it_was(void **state)
{
	(void)state;
	struct error error = {0};
	make_scarce(999);
	assert_null(may_alloc(1000, &error));
	assert_int_equal(error.code, ERR_NO_MEMORY);
	assert_string_equal(error.text, "no memory for 1000 bytes");
	assert_null(may_calloc(10, 100, &error));
	assert_null(may_calloc(SIZE_MAX / 2, 4, &error));
	void *kept = may_alloc(998, &error);
	assert_non_null(kept);
	memset(kept, 7, 998);
	assert_null(may_realloc(kept, 2000, &error));
	assert_int_equal(((uint8_t *)kept)[997], 7);
	scarce = false;
	free(kept);
}

static void what_must_be_there_lives_on_the_reserve(void **state)
{
	(void)state;
	struct error error = {0};
	make_scarce(0);
	assert_null(may_alloc(1, &error));
	void *one = must_alloc(1000), *two = must_calloc(1, 1000);
	void *three = must_realloc(NULL, 1000);
	assert_true(one && two && three);
	scarce = false;
	free(one);
	free(two);
	free(three);
}

/* Else what is large would take what the small ones were given. */
static void while_the_reserve_is_broken_into_nothing_large_is_given(void **state)
{
	(void)state;
	struct error error = {0};
	make_scarce(0);
	char *small = must_strdup("x");
	assert_true(left > RESERVE_LEN / 2);
	assert_null(may_alloc(1, &error));
	assert_null(may_calloc(1, 1, &error));
	assert_null(may_realloc(NULL, 1, &error));
	left += RESERVE_LEN;
	void *large = may_alloc(1, &error);
	assert_non_null(large);
	assert_true(left < RESERVE_LEN);
	scarce = false;
	free(small);
	free(large);
}

static void a_buffer_that_cannot_grow_is_as_it_was(void **state)
{
	(void)state;
	struct error error = {0};
	struct buffer buffer AUTO(buffer_fini) = {0};
	assert_int_equal(buffer_may_reserve(&buffer, 10, &error), 0);
	buffer_put(&buffer, "0123456789", 10);
	size_t capacity = buffer.capacity;
	make_scarce(100);
	assert_int_equal(buffer_may_reserve(&buffer, capacity, &error), ERR_NO_MEMORY);
	assert_int_equal(buffer.capacity, capacity);
	assert_memory_equal(buffer.at, "0123456789", 10);
	assert_int_equal(buffer_may_reserve(&buffer, capacity - 10, &error), 0);
	scarce = false;
	assert_int_equal(buffer_may_reserve(&buffer, capacity, &error), 0);
	assert_true(buffer.capacity >= capacity + 10);
	assert_memory_equal(buffer.at, "0123456789", 10);
}

static void an_array_that_cannot_grow_is_as_it_was(void **state)
{
	(void)state;
	struct error error = {0};
	uint64_t *items AUTO_FREE = NULL;
	size_t count = 0, room = 0;
	assert_int_equal(array_may_make_room(items, count, room, &error), 0);
	while (count < room)
		items[count++] = 7;
	make_scarce(0);
	assert_int_equal(array_may_make_room(items, count, room, &error), ERR_NO_MEMORY);
	assert_int_equal(array_may_reserve(items, room + 1, room, &error), ERR_NO_MEMORY);
	assert_int_equal(array_may_reserve(items, room, room, &error), 0);
	assert_int_equal(room, count);
	assert_int_equal(items[count - 1], 7);
	scarce = false;
	assert_int_equal(array_may_make_room(items, count, room, &error), 0);
	assert_true(room > count);
	assert_int_equal(items[count - 1], 7);
}

static uint32_t same(const void *context, uint32_t position)
{
	(void)context;
	return position;
}

static void slots_that_cannot_grow_are_as_they_were(void **state)
{
	(void)state;
	struct error error = {0};
	struct slots slots AUTO(slots_fini) = {0};
	make_scarce(0);
	assert_int_equal(slots_may_reserve(&slots, 1, &error), ERR_NO_MEMORY);
	assert_int_equal(slots_may_make_room(&slots, same, NULL, &error), ERR_NO_MEMORY);
	scarce = false;
	uint32_t count = 0;
	assert_int_equal(slots_may_make_room(&slots, same, NULL, &error), 0);
	make_scarce(0);
	while (slots_may_make_room(&slots, same, NULL, &error) == 0) {
		slots_add(&slots, count, count, same, NULL);
		count++;
	}
	assert_int_equal(error.code, ERR_NO_MEMORY);
	scarce = false;
	assert_int_equal(slots_may_make_room(&slots, same, NULL, &error), 0);
	for (uint32_t i = 0, found; i < count; i++) {
		struct slots_walk walk = slots_walk(&slots, i);
		assert_true(slots_next(&walk, &found));
		assert_int_equal(found, i);
	}
}

static void an_arena_that_lives_on_the_reserve_says_so(void **state)
{
	(void)state;
	struct error error = {0};
	struct arena arena AUTO(arena_fini) = {0};
	(void)arena_take(&arena, 100);
	assert_int_equal(arena_check(&arena, &error), 0);
	make_scarce(0);
	memset(arena_take(&arena, 20000), 1, 20000);
	assert_int_equal(arena_check(&arena, &error), ERR_NO_MEMORY);
	scarce = false;
}

static void whether_so_much_could_be_had_takes_nothing(void **state)
{
	(void)state;
	struct error error = {0};
	assert_int_equal(memory_check(1 << 20, &error), 0);
	make_scarce(1000);
	assert_int_equal(memory_check(1001, &error), ERR_NO_MEMORY);
	assert_int_equal(memory_check(1000, &error), 0);
	scarce = false;
}

static void a_reserve_that_cannot_be_had_is_told(void **state)
{
	(void)state;
	struct error error = {0};
	make_scarce(RESERVE_LEN);
	assert_int_equal(memory_keep_reserve(RESERVE_LEN * 4, &error), ERR_NO_MEMORY);
	scarce = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_may_be_refused_is_and_says_how_much_it_was, begin, end),
		cmocka_unit_test_setup_teardown(what_must_be_there_lives_on_the_reserve,
						begin, end),
		cmocka_unit_test_setup_teardown(
			while_the_reserve_is_broken_into_nothing_large_is_given, begin,
			end),
		cmocka_unit_test_setup_teardown(a_buffer_that_cannot_grow_is_as_it_was,
						begin, end),
		cmocka_unit_test_setup_teardown(an_array_that_cannot_grow_is_as_it_was,
						begin, end),
		cmocka_unit_test_setup_teardown(slots_that_cannot_grow_are_as_they_were,
						begin, end),
		cmocka_unit_test_setup_teardown(
			an_arena_that_lives_on_the_reserve_says_so, begin, end),
		cmocka_unit_test_setup_teardown(
			whether_so_much_could_be_had_takes_nothing, begin, end),
		cmocka_unit_test_setup_teardown(a_reserve_that_cannot_be_had_is_told,
						begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
