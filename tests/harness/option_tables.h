/* What holds for the tables of every program. */
#ifndef BATON_TESTS_HARNESS_OPTION_TABLES_H
#define BATON_TESTS_HARNESS_OPTION_TABLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/options/option.h"

static inline void assert_option_is_sound_(const struct program *program,
					   const struct option *option)
{
	assert_memory_equal(option->flag, "--", 2);
	assert_ptr_equal(
		option_named(program, option->flag + 2, strlen(option->flag + 2)),
		option);
	if (option->letter)
		assert_ptr_equal(option_lettered(program, option->letter), option);
	assert_true(!option->letter || !option->argument);
	assert_true(!option->kind->is_list || option->kind->fini);
	assert_int_equal(strstr(option->help, "repeatable") != NULL,
			 option->kind->is_list);
	assert_int_equal(strstr(option->help, "(default)") != NULL,
			 option->initial && !strstr(option->help, "(default \""));
	unsigned known = 0;
	for (const struct verb *verb = program->verbs; verb->name; verb++)
		known |= 1u << (verb - program->verbs);
	assert_true(option->verbs &&
		    (option->verbs == OPTION_OF_ALL || !(option->verbs & ~known)));
}

/* Flags and letters are unique, letters are of switches, the help says what is initial
 * and what is repeatable (completions ask it), and each option has a verb that takes it.
 */
static inline void assert_tables_are_sound(const struct program *program)
{
	for (const struct option *option = program->options; option->flag; option++)
		assert_option_is_sound_(program, option);
}

#endif
