/* Arrays that grow: their items stay, and room is never said to be there before it is. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/array.h"
#include "proto/base/cleanup.h"

static void items_stay_while_there_is_always_room_for_one_more(void **state)
{
	(void)state;
	uint64_t *items AUTO_FREE = NULL;
	uint32_t count = 0, room = 0;
	unsigned times = 0;
	for (uint64_t i = 0; i < 10000; i++) {
		uint32_t before = room;
		array_make_room(items, count, room);
		times += room != before;
		assert_true(count < room);
		items[count++] = i * i;
	}
	for (uint64_t i = 0; i < 10000; i++)
		assert_int_equal(items[i], i * i);
	assert_in_range(times, 2, 12); /* it doubles */
}

static void there_is_no_growing_while_there_is_room(void **state)
{
	(void)state;
	uint8_t *items AUTO_FREE = NULL;
	size_t room = 0;
	array_reserve(items, 100, room);
	uint8_t *before = items;
	assert_true(room >= 100);
	size_t whole = room;
	array_reserve(items, whole, room);
	array_make_room(items, whole - 1, room);
	assert_int_equal(room, whole);
	assert_ptr_equal(items, before);
	array_make_room(items, whole, room);
	assert_int_equal(room, 2 * whole);
}

static void what_is_needed_may_be_more_than_twice_what_is_there(void **state)
{
	(void)state;
	uint32_t *items AUTO_FREE = NULL;
	size_t room = 0;
	array_make_room(items, 0, room);
	array_reserve(items, 5 * room, room);
	size_t last = room - 1;
	items[last] = 7;
	assert_int_equal(items[last], 7);
	assert_int_equal(room % 5, 0);
}

static void an_item_may_be_larger_than_the_first_room(void **state)
{
	(void)state;
	struct {
		uint8_t bytes[1000];
	} *items AUTO_FREE = NULL;
	uint32_t room = 0;
	array_make_room(items, 0, room);
	assert_int_equal(room, 1);
	array_make_room(items, 1, room);
	assert_int_equal(room, 2);
}

/* A count of a small type; 255 of it fit, and 256 would be said to be none. */
static void grow_a_small_count(size_t needed)
{
	uint8_t *items AUTO_FREE = NULL;
	uint8_t room = 0;
	array_reserve(items, needed, room);
	_exit(room == needed ? 0 : 1);
}

static int end_of(size_t needed)
{
	pid_t child = fork();
	if (child == 0) {
		struct rlimit none = {0};
		(void)setrlimit(RLIMIT_CORE, &none);
		(void)signal(SIGABRT, SIG_DFL);
		(void)close(STDERR_FILENO);
		grow_a_small_count(needed);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void room_that_its_type_cannot_say_is_claimed(void **state)
{
	(void)state;
	int status = end_of(255);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	status = end_of(256);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_stay_while_there_is_always_room_for_one_more),
		cmocka_unit_test(there_is_no_growing_while_there_is_room),
		cmocka_unit_test(what_is_needed_may_be_more_than_twice_what_is_there),
		cmocka_unit_test(an_item_may_be_larger_than_the_first_room),
		cmocka_unit_test(room_that_its_type_cannot_say_is_claimed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
