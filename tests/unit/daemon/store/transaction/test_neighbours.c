/* The units that lie beside those that a session was offered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/transaction/neighbours.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

static struct unit_name unit(uint32_t n)
{
	return (struct unit_name){
		.key = {.xxh = xxh128_of(&n, sizeof(n)), .len = 100},
		.sha = sha256_of(&n, sizeof(n)),
	};
}

#define FRAME_UNITS 1000u

static void learn(struct neighbours *neighbours, uint32_t frame)
{
	struct unit_name *units AUTO_FREE = must_calloc(FRAME_UNITS, sizeof(*units));
	for (uint32_t i = 0; i < FRAME_UNITS; i++)
		units[i] = unit(frame * FRAME_UNITS + i);
	neighbours_learn(neighbours, frame, units, FRAME_UNITS);
}

static const struct neighbour *find_beside(struct neighbours *neighbours, uint32_t frame,
					   uint32_t position)
{
	struct unit_name name = unit(frame * FRAME_UNITS + position);
	const struct neighbour *found = neighbours_find(neighbours, &name.key);
	if (found) {
		assert_true(unit_name_equal(&found->name, &name));
		assert_int_equal(found->frame, frame);
		assert_int_equal(found->position, position);
	}
	return found;
}

static void neighbours_are_found_until_others_take_their_room(void **state)
{
	(void)state;
	struct neighbours neighbours AUTO(neighbours_fini) = {0};
	assert_null(find_beside(&neighbours, 0, 0));
	for (uint32_t frame = 0; frame < 8; frame++)
		learn(&neighbours, frame);
	for (uint32_t i = 0; i < 8 * FRAME_UNITS; i++)
		assert_non_null(
			find_beside(&neighbours, i / FRAME_UNITS, i % FRAME_UNITS));
	assert_null(find_beside(&neighbours, 8, 0));
	learn(&neighbours, 8);
	assert_null(find_beside(&neighbours, 0, 0));
	assert_non_null(find_beside(&neighbours, 8, FRAME_UNITS - 1));
}

static void of_one_key_the_first_content_stays(void **state)
{
	(void)state;
	struct neighbours neighbours AUTO(neighbours_fini) = {0};
	struct unit_name units[2] = {unit(1), unit(1)};
	units[1].sha.bytes[0] ^= 1;
	neighbours_learn(&neighbours, 3, units, 2);
	const struct neighbour *found = neighbours_find(&neighbours, &units[0].key);
	assert_non_null(found);
	assert_true(unit_name_equal(&found->name, &units[0]));
}

/* Whoever asks in another order must not have a frame read for each unit. */
static void learning_that_does_not_pay_stops(void **state)
{
	(void)state;
	struct neighbours neighbours AUTO(neighbours_fini) = {0};
	uint32_t frames = 0;
	for (; neighbours_pay(&neighbours); frames++)
		learn(&neighbours, frames);
	assert_in_range(frames, 8, 16);
	for (uint32_t i = 0; i < FRAME_UNITS; i++)
		(void)find_beside(&neighbours, frames - 1, i);
	assert_true(neighbours_pay(&neighbours));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(neighbours_are_found_until_others_take_their_room),
		cmocka_unit_test(of_one_key_the_first_content_stays),
		cmocka_unit_test(learning_that_does_not_pay_stops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
