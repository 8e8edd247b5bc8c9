/*
 * Unit tests: where an identity's values come from, and what `whereami` says of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/identity.h"
#include "client/option_table.h"
#include "proto/cleanup.h"

/* Two systems, one inside the other. */
static const struct identity_source sources[] = {
	{"--workflow", "{TEST_REPOSITORY}/{TEST_RUN}", "TEST_RUN of the inner system"},
	{"--job", "{TEST_JOB}", "TEST_JOB of the inner system"},
	{"--workflow", "pipeline-{TEST_PIPELINE}", "TEST_PIPELINE of the outer system"},
	{.flag = NULL},
};

static int clear_environment(void **state)
{
	(void)state;
	(void)unsetenv("TEST_REPOSITORY");
	(void)unsetenv("TEST_RUN");
	(void)unsetenv("TEST_JOB");
	(void)unsetenv("TEST_PIPELINE");
	return 0;
}

static void assert_found(const char *flag, const char *value, const char *origin)
{
	const char *found_origin = NULL;
	char *found AUTO_FREE = identity_find(sources, flag, &found_origin);
	assert_non_null(found);
	assert_string_equal(found, value);
	assert_string_equal(found_origin, origin);
}

static void a_form_is_filled_from_several_variables(void **state)
{
	(void)state;
	(void)setenv("TEST_REPOSITORY", "me/it", 1);
	(void)setenv("TEST_RUN", "17", 1);
	assert_found("--workflow", "me/it/17", "TEST_RUN of the inner system");
}

static void the_first_row_whose_variables_are_all_set_wins(void **state)
{
	(void)state;
	(void)setenv("TEST_PIPELINE", "4", 1);
	(void)setenv("TEST_RUN", "17", 1);
	assert_found("--workflow", "pipeline-4", "TEST_PIPELINE of the outer system");
	(void)setenv("TEST_REPOSITORY", "me/it", 1);
	assert_found("--workflow", "me/it/17", "TEST_RUN of the inner system");
}

static void an_empty_variable_counts_as_unset(void **state)
{
	(void)state;
	const char *origin = NULL;
	(void)setenv("TEST_JOB", "", 1);
	assert_null(identity_find(sources, "--job", &origin));
	assert_null(identity_find(sources, "--shard", &origin));
	assert_null(origin);
}

static void every_value_has_an_option_that_gives_it(void **state)
{
	(void)state;
	for (const struct identity_value *value = identity_values; value->name; value++) {
		const struct option *option =
			option_named(value->flag + 2, strlen(value->flag) - 2);
		assert_non_null(option);
		assert_non_null(option->variable);
		assert_true(option->list || option->at == value->at);
	}
}

static void whereami_in_json(struct options *options, struct buffer *text)
{
	struct error error = {0};
	struct report *report = report_new(true, false);
	assert_int_equal(whereami_run(options, report, &error), 0);
	const struct json_writer *writer = report_json(report);
	buffer_put(text, writer->out->at, writer->out->len);
	buffer_put_u8(text, '\0');
	report_free(report);
}

static void whereami_names_origins_and_how_to_give_what_is_missing(void **state)
{
	(void)state;
	char words[][16] = {"baton", "whereami", "--job=build", "--needs="};
	char *argv[] = {words[0], words[1], words[2], words[3]};
	(void)setenv("BATON_SHARD", "3/10", 1);
	(void)unsetenv("BATON_WORKFLOW");
	struct options options AUTO(options_fini) = {0};
	struct error error = {0};
	assert_int_equal(options_parse(&options, 4, argv, &error), 0);
	struct buffer text AUTO(buffer_fini) = {0};
	whereami_in_json(&options, &text);
	const char *const parts[] = {
		"\"job\":{\"value\":\"build\",\"origin\":\"--job\"}",
		"\"shard\":{\"value\":\"3/10\",\"origin\":\"BATON_SHARD\"}",
		"\"needs\":{\"value\":[],\"origin\":\"--needs\"}",
		("\"workflow\":{\"value\":null,\"origin\":null,\"advice\":\"not found: "
		 "required; give --workflow ID or set BATON_WORKFLOW\"}"),
		"\"server\":{",
		"\"parent\":{",
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!strstr((const char *)text.at, parts[i]))
			fail_msg("%s is not in %s", parts[i], (const char *)text.at);
	}
	(void)unsetenv("BATON_SHARD");
}

#define TEST(name) cmocka_unit_test_setup(name, clear_environment)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_form_is_filled_from_several_variables),
		TEST(the_first_row_whose_variables_are_all_set_wins),
		TEST(an_empty_variable_counts_as_unset),
		TEST(every_value_has_an_option_that_gives_it),
		TEST(whereami_names_origins_and_how_to_give_what_is_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
