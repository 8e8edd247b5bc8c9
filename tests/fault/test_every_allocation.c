/*
 * Any allocation fails in the middle of anything (trial.h), in whatever library: once,
 * and from then on, when there is only what the reserve had (proto/base/memory.h).
 * `BATON_TORTURE=1` tries each; else one in so many.
 */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/base/memory.h"
#include "tests/fault/trial.h"

#define STRIDE 211u
#define RESERVE_LEN (8u << 20)

void *__libc_malloc(size_t size);
void __libc_free(void *at);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);

/* ---- malloc and its kin ------------------------------------------------------------ */

static atomic_bool armed, forever, happened, reserve_is_broken;
static _Atomic uint64_t nth, seen;

static bool is_refused(size_t size)
{
	if (!atomic_load(&armed))
		return false;
	uint64_t number = atomic_fetch_add(&seen, 1) + 1;
	bool refused = number == nth || (number > nth && forever);
	/* What was freed of the reserve is there, for a while. */
	if (refused && reserve_is_broken && size < RESERVE_LEN)
		refused = false;
	if (refused) {
		atomic_store(&happened, true);
		errno = ENOMEM;
	}
	return refused;
}

void *malloc(size_t size)
{
	return is_refused(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	size_t all;
	bool refused = !__builtin_mul_overflow(count, size, &all) && is_refused(all);
	return refused ? NULL : __libc_calloc(count, size);
}

void *realloc(void *at, size_t size)
{
	return is_refused(size) ? NULL : __libc_realloc(at, size);
}

void free(void *at)
{
	if (at && malloc_usable_size(at) >= RESERVE_LEN)
		atomic_store(&reserve_is_broken, true);
	__libc_free(at);
}

/* ---- the trials -------------------------------------------------------------------- */

static void set_faults(void *context, bool on)
{
	(void)context;
	atomic_store(&reserve_is_broken, false);
	atomic_store(&armed, on);
}

static bool run_once(const struct stage *stage, const struct operation *operation)
{
	struct trial trial = {.io = &io_system, .faults = set_faults};
	char what[128];
	(void)snprintf(what, sizeof(what), "%s, allocation %llu%s", operation->name,
		       (unsigned long long)nth, forever ? " and all behind it" : "");
	atomic_store(&seen, 0);
	atomic_store(&happened, false);
	trial_run(&trial, operation, stage);
	bool failed = atomic_load(&happened);
	if (!failed)
		assert_int_equal(trial.code, 0);
	assert_int_equal(trial.failures, 0);
	trial_check(&trial, what);
	return failed;
}

static void run_operation(const struct stage *stage, const struct operation *operation,
			  uint64_t stride)
{
	unsigned long long runs = 0;
	for (int i = 0; i < 2; i++) {
		forever = i == 1;
		for (nth = 1 + (uint64_t)i; run_once(stage, operation); nth += stride)
			runs++;
	}
	print_message("# %s: %llu failures\n", operation->name, runs);
	assert_true(runs > 0);
}

static void w1_any_allocation_may_fail(void **state)
{
	(void)state;
	uint64_t stride = getenv("BATON_TORTURE") ? 1 : STRIDE;
	struct error error;
	struct stage *stage = stage_new();
	assert_int_equal(memory_keep_reserve(RESERVE_LEN, &error), 0);
	for (size_t i = 0; i < operation_count; i++)
		run_operation(stage, &operations[i], stride);
	assert_int_equal(memory_keep_reserve(0, &error), 0);
	stage_free(stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(w1_any_allocation_may_fail),
	};
	return cmocka_run_group_tests_name("every_allocation", tests, NULL, NULL);
}
