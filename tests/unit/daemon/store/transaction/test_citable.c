/* The table of what one session may cite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/segment/segment.h"
#include "daemon/store/transaction/citable.h"
#include "proto/base/cleanup.h"

/* Unit number n; units of one `n / 8 * 8` share their key. */
static struct unit_name unit(uint32_t n)
{
	uint32_t shared = n / 8 * 8;
	return (struct unit_name){
		.key = {.xxh = xxh128_of(&shared, sizeof(shared)), .len = 100},
		.sha = sha256_of(&n, sizeof(n)),
	};
}

static uint32_t frame_of(struct citable *table, struct segment *segment, uint64_t offset,
			 uint32_t len, enum frame_origin origin)
{
	struct unit_frame frame = {.segment = segment,
				   .offset = offset,
				   .len = len,
				   .origin = (uint8_t)origin};
	uint32_t position = UNIT_NONE;
	struct error error;
	assert_int_equal(citable_frame(table, &frame, &position, &error), 0);
	return position;
}

static void a_table_finds_exact_names_and_own_keys(void **state)
{
	(void)state;
	struct citable table AUTO(citable_fini) = {0};
	struct segment segment = {0};
	struct error error;
	for (uint32_t n = 0; n < 20000; n++) {
		enum frame_origin origin = n % 8 < 2 ? FRAME_OWN : FRAME_KNOWN;
		uint32_t frame =
			frame_of(&table, &segment, n % 8 + n / 400 * 8, 0, origin);
		struct unit_name name = unit(n);
		assert_int_equal(citable_add(&table, &name, frame, n % 400, &error), 0);
	}
	assert_int_equal(table.count, 20000);
	assert_int_equal(table.frame_count, 400);
	for (uint32_t n = 0; n < 20000; n++) {
		struct unit_name name = unit(n);
		const struct unit_entry *entry = citable_find(&table, &name);
		assert_non_null(entry);
		assert_int_equal(entry->position, n % 400);
		struct digest digests[CANDIDATES_MAX];
		assert_int_equal(citable_own(&table, &name.key, digests, CANDIDATES_MAX),
				 2);
	}
	struct unit_name absent = unit(20008);
	assert_null(citable_find(&table, &absent));
}

static void an_own_copy_is_preferred_to_an_offered_one(void **state)
{
	(void)state;
	struct citable table AUTO(citable_fini) = {0};
	struct segment segment = {0};
	struct error error;
	struct unit_name name = unit(0), beside = unit(1);
	uint32_t offered = frame_of(&table, &segment, 64, 0, FRAME_KNOWN);
	assert_int_equal(citable_add(&table, &name, offered, 1, &error), 0);
	assert_int_equal(citable_add(&table, &beside, offered, 2, &error), 0);
	uint32_t own = frame_of(&table, &segment, 900, 100, FRAME_OWN);
	assert_int_equal(citable_add(&table, &name, own, 3, &error), 0);
	assert_int_equal(citable_add(&table, &name, offered, 1, &error), 0);
	struct unit_entry *entry = citable_find(&table, &name);
	assert_int_equal(entry->frame, own);
	assert_int_equal(entry->position, 3);
	assert_int_equal(citable_find(&table, &beside)->frame, offered);
}

static void too_many_contents_of_one_key_are_refused(void **state)
{
	(void)state;
	struct citable table AUTO(citable_fini) = {0};
	struct segment segment = {0};
	struct error error;
	uint32_t frame = frame_of(&table, &segment, 64, 100, FRAME_OWN);
	struct unit_name name = unit(0);
	int err = 0;
	uint32_t n = 0;
	for (; !err; n++) {
		name.sha = sha256_of(&n, sizeof(n));
		err = citable_add(&table, &name, frame, 0, &error);
	}
	assert_int_equal(err, ERR_LIMIT);
	assert_int_equal(n, 65);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_finds_exact_names_and_own_keys),
		cmocka_unit_test(an_own_copy_is_preferred_to_an_offered_one),
		cmocka_unit_test(too_many_contents_of_one_key_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
