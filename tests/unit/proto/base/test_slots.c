/* The table of positions: everything that was added is found, at every size on the way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/base/slots.h"

/* Hashes of positions: one for each, and one for all, which the context says. */
static uint32_t spread(const void *context, uint32_t position)
{
	(void)context;
	return position * 2654435761u;
}

static uint32_t crowded(const void *context, uint32_t position)
{
	(void)position;
	return *(const uint32_t *)context;
}

static unsigned times_found(const struct slots *slots, uint32_t hash, uint32_t position)
{
	unsigned times = 0;
	struct slots_walk walk = slots_walk(slots, hash);
	for (uint32_t i; slots_next(&walk, &i);)
		times += i == position;
	return times;
}

static void an_empty_table_has_nothing(void **state)
{
	(void)state;
	AUTO(slots_fini) struct slots slots = {0};
	assert_int_equal(times_found(&slots, 0, 0), 0);
	assert_int_equal(times_found(&slots, UINT32_MAX, 0), 0);
	slots_clear(&slots);
	slots_reserve(&slots, 0);
	assert_int_equal(times_found(&slots, UINT32_MAX, 0), 0);
}

static void what_was_added_is_found_once_while_it_grows(void **state)
{
	(void)state;
	AUTO(slots_fini) struct slots slots = {0};
	for (uint32_t i = 0; i < 5000; i++) {
		assert_int_equal(times_found(&slots, spread(NULL, i), i), 0);
		slots_add(&slots, spread(NULL, i), i, spread, NULL);
		for (uint32_t j = 0; j <= i; j += 97)
			assert_int_equal(times_found(&slots, spread(NULL, j), j), 1);
		assert_true(slots.used <= (slots.mask + 1) / 4 * 3);
	}
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(times_found(&slots, spread(NULL, i), i), 1);
}

/* From the last slot the search goes on at the first. */
static void positions_with_one_hash_are_all_found_across_the_end(void **state)
{
	(void)state;
	uint32_t hash = UINT32_MAX;
	AUTO(slots_fini) struct slots slots = {0};
	for (uint32_t i = 0; i < 400; i++)
		slots_add(&slots, hash, i, crowded, &hash);
	for (uint32_t i = 0; i < 400; i++)
		assert_int_equal(times_found(&slots, hash, i), 1);
}

static void a_reserved_table_does_not_grow_and_one_more_makes_it(void **state)
{
	(void)state;
	for (uint32_t count = 190; count <= 194; count++) {
		AUTO(slots_fini) struct slots slots = {0};
		slots_reserve(&slots, count);
		uint32_t mask = slots.mask;
		assert_int_equal(mask, count <= 192 ? 255 : 511);
		for (uint32_t i = 0; i < count; i++)
			slots_add(&slots, spread(NULL, i), i, spread, NULL);
		assert_int_equal(slots.mask, mask);
	}
	AUTO(slots_fini) struct slots full = {0};
	slots_reserve(&full, 192);
	for (uint32_t i = 0; i < 193; i++)
		slots_add(&full, spread(NULL, i), i, spread, NULL);
	assert_int_equal(full.mask, 511);
}

static void a_cleared_table_has_nothing_and_keeps_its_size(void **state)
{
	(void)state;
	AUTO(slots_fini) struct slots slots = {0};
	for (uint32_t i = 0; i < 1000; i++)
		slots_add(&slots, spread(NULL, i), i, spread, NULL);
	uint32_t mask = slots.mask;
	slots_clear(&slots);
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(times_found(&slots, spread(NULL, i), i), 0);
	slots_add(&slots, 7, SLOTS_FREE - 1, spread, NULL);
	assert_int_equal(times_found(&slots, 7, SLOTS_FREE - 1), 1);
	assert_int_equal(slots.mask, mask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_has_nothing),
		cmocka_unit_test(what_was_added_is_found_once_while_it_grows),
		cmocka_unit_test(positions_with_one_hash_are_all_found_across_the_end),
		cmocka_unit_test(a_reserved_table_does_not_grow_and_one_more_makes_it),
		cmocka_unit_test(a_cleared_table_has_nothing_and_keeps_its_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
