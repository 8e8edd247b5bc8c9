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

#include "client/commands/command.h"
#include "client/options/identity.h"
#include "client/options/option_table.h"
#include "proto/base/cleanup.h"

static const struct ci_row rows[] = {
	{.flag = "--workflow", .form = "{TEST_REPOSITORY}/{TEST_RUN}", .optional = true},
	{.flag = "--workflow", .form = "pipeline-{TEST_PIPELINE+1}", .optional = true},
	{.flag = "--job", .form = "{TEST_JOB}", .nothing = "none"},
	{.flag = "--run", .form = "{TEST_RUN:first}"},
	{.flag = "--attempt", .form = "first", .only_if = "TEST_AGAIN= TEST_KIND=a"},
	{.flag = "--attempt", .form = "{TEST_AGAIN}", .only_if = "TEST_KIND=a"},
	{.flag = "--attempt", .problem = "it counts nothing", .only_if = "TEST_KIND=b"},
	{.flag = "--shard", .hint = "it is not said"},
	{.flag = NULL},
};
static const struct ci_system testing = {"Testing", "TEST", .rows = rows};

static int clear_environment(void **state)
{
	(void)state;
	return clearenv();
}

static void assert_found(const char *flag, const char *value, const char *origin)
{
	struct ci_finding finding AUTO(ci_finding_fini) = {0};
	ci_find(&testing, flag, &finding);
	assert_null(finding.problem);
	assert_non_null(finding.value);
	assert_string_equal(finding.value, value);
	assert_string_equal(finding.origin, origin);
}

static void assert_lacking(const char *flag, const char *problem)
{
	struct ci_finding finding AUTO(ci_finding_fini) = {0};
	ci_find(&testing, flag, &finding);
	assert_null(finding.value);
	assert_null(finding.origin);
	if (problem)
		assert_string_equal(finding.problem, problem);
	else
		assert_null(finding.problem);
}

static void a_form_is_filled_from_several_variables(void **state)
{
	(void)state;
	(void)setenv("TEST_REPOSITORY", "me/it", 1);
	(void)setenv("TEST_RUN", "17", 1);
	assert_found("--workflow", "me/it/17", "TEST_REPOSITORY + TEST_RUN");
}

static void a_later_row_is_for_what_an_earlier_one_does_not_say(void **state)
{
	(void)state;
	assert_lacking("--workflow", NULL);
	(void)setenv("TEST_PIPELINE", "4", 1);
	assert_found("--workflow", "pipeline-5", "TEST_PIPELINE");
	(void)setenv("TEST_REPOSITORY", "me/it", 1);
	assert_lacking("--workflow", "TEST_RUN is not set");
}

static void a_form_may_say_what_an_unset_variable_means(void **state)
{
	(void)state;
	assert_found("--run", "first", "TEST_RUN (not set)");
	(void)setenv("TEST_RUN", "2", 1);
	assert_found("--run", "2", "TEST_RUN");
}

static void an_empty_variable_counts_as_unset(void **state)
{
	(void)state;
	(void)setenv("TEST_JOB", "", 1);
	assert_lacking("--job", "TEST_JOB is not set");
	(void)setenv("TEST_JOB", "none", 1);
	assert_lacking("--job", NULL);
}

static void a_row_counts_only_where_all_its_conditions_hold(void **state)
{
	(void)state;
	assert_lacking("--attempt", NULL);
	(void)setenv("TEST_KIND", "a", 1);
	assert_found("--attempt", "first", "");
	(void)setenv("TEST_AGAIN", "2", 1);
	assert_found("--attempt", "2", "TEST_AGAIN");
	(void)setenv("TEST_KIND", "aa", 1);
	assert_lacking("--attempt", NULL);
	(void)setenv("TEST_KIND", "b", 1);
	assert_lacking("--attempt", "it counts nothing");
}

static void a_hint_is_no_value(void **state)
{
	(void)state;
	assert_lacking("--shard", NULL);
	assert_string_equal(ci_hint(&testing, "--shard"), "it is not said");
	assert_null(ci_hint(&testing, "--job"));
	assert_null(ci_hint(NULL, "--job"));
}

static void every_value_has_an_option_that_gives_it(void **state)
{
	(void)state;
	for (const struct identity_value *value = identity_values; value->name; value++) {
		const struct option *option =
			option_named(&baton, value->flag + 2, strlen(value->flag) - 2);
		assert_non_null(option);
		assert_non_null(option->variable);
		assert_true(option->kind->is_list || option->at == value->at);
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
		TEST(a_later_row_is_for_what_an_earlier_one_does_not_say),
		TEST(a_form_may_say_what_an_unset_variable_means),
		TEST(an_empty_variable_counts_as_unset),
		TEST(a_row_counts_only_where_all_its_conditions_hold),
		TEST(a_hint_is_no_value),
		TEST(every_value_has_an_option_that_gives_it),
		TEST(whereami_names_origins_and_how_to_give_what_is_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
