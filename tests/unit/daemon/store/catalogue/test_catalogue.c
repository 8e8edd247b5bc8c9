/* Contacts, identities, segments, settings. Layers are in test_catalogue_layers.c,
 * retries and expiry in test_catalogue_retry.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_fixture.h"
#include "tests/harness/scratch.h"

/* ---- contacts -------------------------------------------------------------------- */

static void w8_attach_to_an_unknown_workflow_leaves_no_trace(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct who who = {.workflow = "w", .job = "test"};
	struct visit attached AUTO(visit_fini) =
		fixture_visit(fixture, who, CONTACT_ATTACH);
	assert_int_equal(attached.contact.workflow_id, 0);
	assert_int_equal(attached.contact.execution_id, 0);
	assert_int_equal(attached.history.history.layer_count, 0);
	assert_int_equal(attached.history.history.execution_count, 0);
	assert_int_equal(attached.history.own_execution, VIEW_NONE);
	struct visit looked AUTO(visit_fini) = fixture_visit(fixture, who, CONTACT_LOOK);
	assert_int_equal(looked.contact.workflow_id, 0);
	struct catalogue_figures after = fixture_figures(fixture);
	assert_int_equal(after.namespaces + after.workflows, 0);
}

static void w6_look_keeps_nothing(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	struct who who = {.workflow = "w", .job = "test", .needs = {"build"}};
	struct visit looked AUTO(visit_fini) = fixture_visit(fixture, who, CONTACT_LOOK);
	assert_int_not_equal(looked.contact.workflow_id, 0);
	assert_int_equal(looked.history.history.execution_count, 2);
	assert_int_equal(looked.history.own_execution, 1);
	assert_int_equal(looked.history.history.executions[1].need_count, 1);
	fixture_reload(fixture, &build);
	assert_int_equal(build.history.history.execution_count, 1);
}

static void persist_begins_namespace_workflow_and_execution(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit first AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	assert_true(first.contact.namespace_id > 0);
	assert_true(first.contact.workflow_id > 0);
	assert_true(first.contact.execution_id > 0);
	assert_int_equal(first.history.own_execution, 0);
	assert_string_equal(first.contact.warning, "");
	const struct history_execution *execution = first.history.history.executions;
	assert_string_equal(execution->run, "1");
	assert_string_equal(execution->attempt, "1");
	assert_string_equal(execution->shard, "");
	struct visit again AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.namespace = "default",
						       .workflow = "w",
						       .run = "1",
						       .job = "build",
						       .attempt = "1"});
	assert_int_equal(again.contact.execution_id, first.contact.execution_id);
	assert_int_equal(fixture_figures(fixture).namespaces, 1);
}

static void namespaces_share_no_names(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit here AUTO(visit_fini) = fixture_persists(
		fixture, (struct who){.namespace = "a", .workflow = "w", .job = "j"});
	struct visit there AUTO(visit_fini) = fixture_persists(
		fixture, (struct who){.namespace = "b", .workflow = "w", .job = "j"});
	assert_int_not_equal(here.contact.workflow_id, there.contact.workflow_id);
	assert_int_equal(there.history.history.execution_count, 1);
}

static void anonymous_attach_has_no_execution(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	struct visit attached AUTO(visit_fini) =
		fixture_visit(fixture, (struct who){.workflow = "w"}, CONTACT_ATTACH);
	assert_int_equal(attached.contact.workflow_id, build.contact.workflow_id);
	assert_int_equal(attached.contact.execution_id, 0);
	assert_int_equal(attached.history.own_execution, VIEW_NONE);
	assert_int_equal(attached.history.history.execution_count, 1);
}

static void a_persist_names_workflow_and_job(void **state)
{
	struct catalogue_fixture *fixture = *state;
	fixture_assert_refused(fixture, (struct who){.job = "build"}, CONTACT_PERSIST,
			       ERR_USAGE, "a workflow is missing [name-workflow]");
	fixture_assert_refused(fixture, (struct who){.workflow = "w"}, CONTACT_PERSIST,
			       ERR_USAGE, "a persist needs a job [name-job]");
}

static void w4_two_executions_of_one_name_are_refused(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct who unsaid = {.workflow = "w", .job = "test", .shard = "linux"};
	struct visit first AUTO(visit_fini) = fixture_persists(fixture, unsaid);
	struct who said = unsaid;
	said.execution = "e1";
	struct visit second AUTO(visit_fini) = fixture_persists(fixture, said);
	assert_int_equal(second.contact.execution_id, first.contact.execution_id);
	struct visit third AUTO(visit_fini) = fixture_persists(fixture, unsaid);
	assert_int_equal(third.contact.execution_id, first.contact.execution_id);
	said.execution = "e2";
	const char *sentence = "two executions call themselves `test linux` [name-shard]";
	fixture_assert_refused(fixture, said, CONTACT_PERSIST, ERR_IDENTITY, sentence);
	fixture_assert_refused(fixture, said, CONTACT_ATTACH, ERR_IDENTITY, sentence);
	fixture_assert_refused(fixture, said, CONTACT_LOOK, ERR_IDENTITY, sentence);
	said.attempt = "2";
	struct visit other AUTO(visit_fini) = fixture_persists(fixture, said);
	assert_int_not_equal(other.contact.execution_id, first.contact.execution_id);
}

static void w4_runs_and_executions_ascend_as_they_are_heard_of(void **state)
{
	struct catalogue_fixture *fixture = *state;
	static const char *const runs[] = {"x", "a", "x", "m"};
	static const char *const jobs[] = {"one", "one", "two", "one"};
	for (size_t i = 0; i < 4; i++) {
		struct visit made AUTO(visit_fini) = fixture_persists(
			fixture,
			(struct who){.workflow = "w", .run = runs[i], .job = jobs[i]});
		assert_int_equal(made.history.own_execution, i);
	}
	struct visit last AUTO(visit_fini) =
		fixture_visit(fixture, (struct who){.workflow = "w"}, CONTACT_LOOK);
	const struct history_execution *at = last.history.history.executions;
	assert_int_equal(last.history.history.execution_count, 4);
	assert_true(at[0].run_heard < at[1].run_heard);
	assert_true(at[1].run_heard < at[3].run_heard);
	assert_int_equal(at[0].run_heard, at[2].run_heard);
	for (size_t i = 1; i < 4; i++)
		assert_true(at[i - 1].heard < at[i].heard);
}

static void w5_needs_of_the_latest_contact_are_remembered(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct who who = {.workflow = "w", .job = "test", .needs = {"b", "a", "b"}};
	struct visit first AUTO(visit_fini) = fixture_persists(fixture, who);
	const struct history_execution *made = first.history.history.executions;
	assert_true(made->has_needs);
	assert_int_equal(made->need_count, 3);
	assert_string_equal(made->needs[0], "b");
	assert_string_equal(made->needs[1], "a");
	struct who silent = {.workflow = "w", .job = "test"};
	struct visit second AUTO(visit_fini) = fixture_persists(fixture, silent);
	assert_int_equal(second.history.history.executions[0].need_count, 3);
	silent.has_needs = true;
	struct visit third AUTO(visit_fini) =
		fixture_visit(fixture, silent, CONTACT_ATTACH);
	assert_true(third.history.history.executions[0].has_needs);
	assert_int_equal(third.history.history.executions[0].need_count, 0);
}

/* ---- segments, settings, the file ------------------------------------------------ */

static void segments_are_vouched_for_and_updated(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	(void)fixture_commit(fixture, &build, 2, 2);
	(void)fixture_commit(fixture, &build, 1, 1);
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count;
	assert_int_equal(
		catalogue_segments(fixture->catalogue, &rows, &count, &fixture->error),
		0);
	assert_int_equal(count, 2);
	assert_int_equal(rows[0].id.bytes[0], 1);
	assert_int_equal(rows[1].vouched, 1002);
	assert_int_equal(rows[1].state, SEGMENT_OPEN);
	rows[1].state = SEGMENT_SEALED;
	memcpy(rows[1].location, "moved.seg", sizeof("moved.seg"));
	assert_int_equal(
		catalogue_update_segment(fixture->catalogue, &rows[1], &fixture->error),
		0);
	rows[0].id.bytes[0] = 77;
	assert_int_equal(
		catalogue_update_segment(fixture->catalogue, &rows[0], &fixture->error),
		ERR_NOT_FOUND);
	struct segment_row *after AUTO_FREE = NULL;
	assert_int_equal(
		catalogue_segments(fixture->catalogue, &after, &count, &fixture->error),
		0);
	assert_int_equal(after[1].state, SEGMENT_SEALED);
	assert_string_equal(after[1].location, "moved.seg");
	assert_int_equal(fixture_figures(fixture).vouched_bytes, 2003);
}

static void everything_is_there_after_reopening(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	(void)fixture_commit(fixture, &build, 1, 1);
	assert_int_equal(catalogue_setting(fixture->catalogue, "clean_stop"), 0);
	assert_int_equal(catalogue_set_setting(fixture->catalogue, "clean_stop", 5,
					       &fixture->error),
			 0);
	assert_int_equal(catalogue_set_setting(fixture->catalogue, "clean_stop", -6,
					       &fixture->error),
			 0);
	fixture_reopen(fixture);
	assert_int_equal(catalogue_setting(fixture->catalogue, "clean_stop"), -6);
	struct visit again AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	assert_int_equal(again.contact.execution_id, build.contact.execution_id);
	assert_int_equal(again.history.history.layer_count, 1);
	assert_false(catalogue_is_read_only(fixture->catalogue));
}

static void two_catalogues_live_side_by_side(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct catalogue_fixture other = {.directory = scratch_new()};
	fixture_open(&other);
	struct visit here AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	assert_true(here.contact.workflow_id > 0);
	assert_int_equal(fixture_figures(&other).workflows, 0);
	assert_int_equal(fixture_figures(fixture).workflows, 1);
	assert_int_equal(catalogue_close(other.catalogue, &other.error), 0);
	scratch_free(other.directory);
}

#define CATALOGUE_TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOGUE_TEST(w8_attach_to_an_unknown_workflow_leaves_no_trace),
		CATALOGUE_TEST(w6_look_keeps_nothing),
		CATALOGUE_TEST(persist_begins_namespace_workflow_and_execution),
		CATALOGUE_TEST(namespaces_share_no_names),
		CATALOGUE_TEST(anonymous_attach_has_no_execution),
		CATALOGUE_TEST(a_persist_names_workflow_and_job),
		CATALOGUE_TEST(w4_two_executions_of_one_name_are_refused),
		CATALOGUE_TEST(w4_runs_and_executions_ascend_as_they_are_heard_of),
		CATALOGUE_TEST(w5_needs_of_the_latest_contact_are_remembered),
		CATALOGUE_TEST(segments_are_vouched_for_and_updated),
		CATALOGUE_TEST(everything_is_there_after_reopening),
		CATALOGUE_TEST(two_catalogues_live_side_by_side),
	};
	return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
