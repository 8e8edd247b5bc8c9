/* What is wrong with several paths (client/terminal/faults.h): named in order, and
 * bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/terminal/faults.h"
#include "proto/base/text.h"

static int setup(void **state)
{
	static struct faults faults;
	faults_init(&faults);
	*state = &faults;
	return 0;
}

static int teardown(void **state)
{
	faults_fini(*state);
	return 0;
}

/* "f00", "f07", "f14" …: no order. */
static void add_many(struct faults *faults, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct error error;
		(void)error_set(&error, ERR_LOCAL, "f%02u", i * 7 % count);
		faults_add(faults, &error);
	}
}

static void one_is_the_sentence_itself(void **state)
{
	struct faults *faults = *state;
	struct error error;
	assert_false(faults_any(faults));
	add_many(faults, 1);
	assert_true(faults_any(faults));
	assert_int_equal(faults_error(faults, &error), ERR_LOCAL);
	assert_string_equal(error.text, "f00");
}

static void the_first_20_are_named_in_order(void **state)
{
	struct faults *faults = *state;
	struct error error;
	add_many(faults, FAULTS_NAMED_MAX);
	assert_int_equal(faults->named_count, FAULTS_NAMED_MAX);
	assert_string_equal(faults->named[FAULTS_NAMED_MAX - 1].sentence, "f19");
	assert_int_equal(faults_error(faults, &error), ERR_LOCAL);
	assert_string_equal(error.text, "f00 (and 19 more)");
}

static void what_is_beyond_20_is_counted(void **state)
{
	struct faults *faults = *state;
	add_many(faults, 25);
	assert_int_equal(faults->total, 25);
	assert_int_equal(faults->named_count, FAULTS_NAMED_MAX);
	for (unsigned i = 0; i < FAULTS_NAMED_MAX; i++) {
		char sentence[8];
		text_print(sentence, sizeof(sentence), "f%02u", i);
		assert_string_equal(faults->named[i].sentence, sentence);
	}
}

static void the_order_is_that_of_the_paths(void **state)
{
	struct faults *faults = *state;
	static const char *const paths[] = {"`5`", "`5/x`", "`5-`", "`500`", "`é`"};
	for (unsigned i = 0; i < 5; i++) {
		struct error error;
		(void)error_set(&error, ERR_LOCAL, "%s: wrong", paths[i * 2 % 5]);
		faults_add(faults, &error);
	}
	for (unsigned i = 0; i < 5; i++)
		assert_ptr_equal(strstr(faults->named[i].sentence, paths[i]),
				 faults->named[i].sentence);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_is_the_sentence_itself),
		TEST(the_first_20_are_named_in_order),
		TEST(what_is_beyond_20_is_counted),
		TEST(the_order_is_that_of_the_paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
