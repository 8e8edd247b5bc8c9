/* Trusted and untrusted jobs of one namespace (rule A10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/view/view.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_fixture.h"

static struct layer_record persist(struct catalogue_fixture *fixture, struct who who,
				   uint32_t number)
{
	struct visit visit AUTO(visit_fini) = fixture_persists(fixture, who);
	return fixture_commit(fixture, &visit, number, number);
}

/* The ids of what a visitor's view holds, in its order, as "1 2" of the numbers that the
 * layers were made from (their count of files). */
static void assert_view(struct catalogue_fixture *fixture, struct who who,
			const char *expected)
{
	struct visit visit AUTO(visit_fini) = fixture_visit(fixture, who, CONTACT_LOOK);
	const struct view_request request = {
		.run = "1",
		.job = who.job,
		.execution = visit.history.own_execution,
		.layer = VIEW_NONE,
	};
	struct view view AUTO(view_fini) = {0};
	char text[256] = "";
	assert_int_equal(
		view_make(&visit.history.history, &request, &view, &fixture->error), 0);
	for (size_t i = 0; i < view.layer_count; i++) {
		const struct layer_record *record =
			&visit.history.records[view.layers[i].layer];
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u",
			 i ? " " : "", (unsigned)record->totals.files);
	}
	assert_string_equal(text, expected);
}

static const struct who trusted_build = {.workflow = "w", .job = "build"};
static const struct who untrusted_build = {
	.workflow = "w", .job = "build", .tier = TIER_UNTRUSTED};
static const struct who trusted_deploy = {.workflow = "w", .job = "deploy"};
static const struct who open_deploy = {.workflow = "w", .job = "deploy", .both = true};
static const struct who untrusted_deploy = {
	.workflow = "w", .job = "deploy", .tier = TIER_UNTRUSTED};

/* ---- what is seen ---------------------------------------------------------------- */

static void a10_a_trusted_asker_sees_no_untrusted_layer(void **state)
{
	struct catalogue_fixture *fixture = *state;
	persist(fixture, trusted_build, 1);
	persist(fixture,
		(struct who){.workflow = "w", .job = "lint", .tier = TIER_UNTRUSTED}, 2);
	assert_view(fixture, trusted_deploy, "1");
	assert_view(fixture, open_deploy, "1 2");
	assert_view(fixture, untrusted_deploy, "1 2");
	struct visit visit AUTO(visit_fini) =
		fixture_visit(fixture, open_deploy, CONTACT_LOOK);
	assert_int_equal(visit.history.records[0].tier, TIER_TRUSTED);
	assert_int_equal(visit.history.records[1].tier, TIER_UNTRUSTED);
	assert_int_equal(visit.history.history.layers[1].tier, TIER_UNTRUSTED);
	assert_int_not_equal(visit.contact.other_workflow_id, 0);
	assert_int_equal(fixture_figures(fixture).namespaces, 1);
}

static void a10_one_name_is_two_executions_and_replaces_in_its_own_tier(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct who again = untrusted_build;
	struct who trusted_again = trusted_build;
	again.attempt = trusted_again.attempt = "2";
	persist(fixture, trusted_build, 1);
	persist(fixture, untrusted_build, 2);
	assert_view(fixture, trusted_deploy, "1");
	assert_view(fixture, untrusted_deploy, "1 2");
	persist(fixture, again, 3);
	assert_view(fixture, trusted_deploy, "1");
	assert_view(fixture, untrusted_deploy, "1 3");
	persist(fixture, trusted_again, 4);
	assert_view(fixture, trusted_deploy, "4");
	assert_view(fixture, untrusted_deploy, "3 4");
}

/* Shards of other numbers are replaced, too, but not those of the other tier. */
static void a10_shards_replace_in_their_own_tier(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct who half = trusted_build, third = untrusted_build;
	half.shard = "1/2";
	third.shard = "1/3";
	third.attempt = "2";
	persist(fixture, half, 1);
	persist(fixture, third, 2);
	assert_view(fixture, trusted_deploy, "1");
	assert_view(fixture, open_deploy, "1 2");
}

/* ---- what an untrusted job cannot spoil ------------------------------------------- */

static void a10_an_execution_id_does_not_take_a_trusted_name(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct who mine = untrusted_build, theirs = trusted_build;
	mine.execution = "squatter";
	theirs.execution = "honest";
	persist(fixture, mine, 1);
	persist(fixture, theirs, 2);
	assert_view(fixture, trusted_deploy, "2");
}

static void a10_an_untrusted_first_contact_fixes_no_parent(void **state)
{
	struct catalogue_fixture *fixture = *state;
	persist(fixture, (struct who){.workflow = "old", .job = "build"}, 1);
	persist(fixture, (struct who){.workflow = "other", .job = "build"}, 2);
	persist(fixture,
		(struct who){.workflow = "w",
			     .job = "build",
			     .retry_of = "other",
			     .tier = TIER_UNTRUSTED},
		3);
	struct who deploy = trusted_deploy;
	deploy.retry_of = "old";
	struct visit visit AUTO(visit_fini) =
		fixture_visit(fixture, deploy, CONTACT_ATTACH);
	assert_string_equal(visit.history.parent, "old");
	assert_view(fixture, trusted_deploy, "1");
}

static void a10_an_untrusted_workflow_is_unknown_to_trusted_jobs(void **state)
{
	struct catalogue_fixture *fixture = *state;
	persist(fixture, untrusted_build, 1);
	struct visit visit AUTO(visit_fini) =
		fixture_visit(fixture, trusted_deploy, CONTACT_ATTACH);
	assert_int_equal(visit.contact.workflow_id, 0);
	assert_int_not_equal(visit.contact.other_workflow_id, 0);
	struct catalogue_history history AUTO(catalogue_history_fini) = {0};
	assert_int_equal(catalogue_workflow_history(fixture->catalogue,
						    &(struct scope){0}, text_of("w"),
						    &history, &fixture->error),
			 ERR_NOT_FOUND);
	assert_int_equal(catalogue_workflow_history(
				 fixture->catalogue, &(struct scope){.both = true},
				 text_of("w"), &history, &fixture->error),
			 0);
	assert_int_equal(history.history.layer_count, 1);
}

static void a10_a_layer_is_found_by_its_id_only_in_what_is_shown(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct layer_record record = persist(fixture, untrusted_build, 1);
	const struct scope scopes[] = {
		{.tier = TIER_TRUSTED}, {.both = true}, {.tier = TIER_UNTRUSTED}};
	char id[LAYER_ID_TEXT_SIZE];
	layer_id_text(record.name, id);
	for (size_t i = 0; i < 3; i++) {
		struct catalogue_history history AUTO(catalogue_history_fini) = {0};
		uint32_t position = VIEW_NONE;
		int result = catalogue_find_layer(fixture->catalogue, &scopes[i],
						  text_of(id), &history, &position,
						  &fixture->error);
		assert_int_equal(result, i == 0 ? ERR_NOT_FOUND : 0);
		assert_int_equal(position, i == 0 ? VIEW_NONE : 0);
	}
}

/* ---- what an untrusted job builds on ---------------------------------------------- */

static void a10_an_untrusted_attach_of_trusted_layers_orders_what_it_makes(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct layer_record built = persist(fixture, trusted_build, 1);
	struct who test = {.workflow = "w", .job = "test", .tier = TIER_UNTRUSTED};
	struct visit visit AUTO(visit_fini) =
		fixture_visit(fixture, test, CONTACT_ATTACH);
	assert_int_not_equal(visit.contact.execution_id, 0);
	fixture_attach(fixture, &visit, &built.id, 1);
	fixture_commit(fixture, &visit, 2, 2);
	assert_view(fixture, untrusted_deploy, "1 2");
	struct visit later AUTO(visit_fini) =
		fixture_visit(fixture, untrusted_deploy, CONTACT_LOOK);
	assert_int_equal(later.history.history.layers[1].base_count, 1);
	assert_int_equal(later.history.history.layers[1].bases[0], 0);
	assert_false(later.history.history.layers[0].shadow);
	assert_view(fixture, trusted_deploy, "1");
}

/* What a trusted job made of what it saw with both open is trusted, and stays in sight.
 */
static void a10_a_trusted_layer_may_have_an_untrusted_base(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct layer_record built = persist(fixture, untrusted_build, 1);
	struct visit visit AUTO(visit_fini) =
		fixture_visit(fixture, open_deploy, CONTACT_ATTACH);
	fixture_attach(fixture, &visit, &built.id, 1);
	fixture_commit(fixture, &visit, 2, 2);
	struct who after = {.workflow = "w", .job = "after"};
	assert_view(fixture, after, "2");
	after.both = true;
	assert_view(fixture, after, "1 2");
}

/* ---- retries ---------------------------------------------------------------------- */

static void a10_each_tier_inherits_its_own_and_shows_the_other(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct who lint = {.workflow = "w", .job = "lint", .tier = TIER_UNTRUSTED};
	persist(fixture, trusted_build, 1);
	persist(fixture, lint, 2);
	struct who deploy = {.workflow = "w2",
			     .job = "deploy",
			     .retry_of = "w",
			     .tier = TIER_UNTRUSTED};
	/* Before, and after a trusted job of the retry has been there. */
	assert_view(fixture, deploy, "1 2");
	struct visit first AUTO(visit_fini) =
		fixture_visit(fixture, deploy, CONTACT_ATTACH);
	assert_int_equal(first.history.history.layer_count, 2);
	deploy.retry_of = NULL;
	assert_view(fixture, deploy, "1 2");
	struct who build = {.workflow = "w2", .job = "build", .retry_of = "w"};
	persist(fixture, build, 3);
	assert_view(fixture, deploy, "3 2");
	deploy.tier = TIER_TRUSTED;
	assert_view(fixture, deploy, "3");
}

/* The untrusted first contact names a parent that only trusted jobs know. */
static void
a10_a_retry_of_a_trusted_workflow_shows_it_and_keeps_nothing_there(void **state)
{
	struct catalogue_fixture *fixture = *state;
	persist(fixture, trusted_build, 1);
	struct who deploy = {.workflow = "w2",
			     .job = "deploy",
			     .retry_of = "w",
			     .tier = TIER_UNTRUSTED};
	struct visit visit AUTO(visit_fini) =
		fixture_visit(fixture, deploy, CONTACT_ATTACH);
	assert_string_equal(visit.history.parent, "w");
	assert_int_equal(visit.history.history.layer_count, 1);
	struct visit trusted AUTO(visit_fini) = fixture_visit(
		fixture, (struct who){.workflow = "w2", .job = "deploy"}, CONTACT_ATTACH);
	assert_int_equal(trusted.contact.workflow_id, 0);
	fixture_assert_refused(fixture,
			       (struct who){.workflow = "w3",
					    .job = "deploy",
					    .retry_of = "nowhere",
					    .tier = TIER_UNTRUSTED},
			       CONTACT_ATTACH, ERR_NOT_FOUND,
			       "workflow `nowhere`, which `w3` is to retry, is unknown"
			       " [retry-none]");
}

/* What is looked at aside is undone and not counted: no change, no sync. */
static void a10_looking_at_the_other_tier_changes_nothing(void **state)
{
	struct catalogue_fixture *fixture = *state;
	persist(fixture, trusted_build, 1);
	struct who deploy = {.workflow = "w2",
			     .job = "deploy",
			     .retry_of = "w",
			     .tier = TIER_UNTRUSTED};
	struct visit visit AUTO(visit_fini) =
		fixture_visit(fixture, deploy, CONTACT_ATTACH);
	uint64_t commits = catalogue_mark(fixture->catalogue).commits;
	struct catalogue_figures before = fixture_figures(fixture);
	assert_view(fixture, deploy, "1");
	struct visit again AUTO(visit_fini) =
		fixture_visit(fixture, deploy, CONTACT_ATTACH);
	assert_int_equal(catalogue_mark(fixture->catalogue).commits, commits);
	assert_int_equal(fixture_figures(fixture).workflows, before.workflows);
}

#define CATALOGUE_TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* What the other tier's workflow made and what it inherited; nothing of one's own. */
static void the_other_tiers_layers_are_counted(void **state)
{
	struct catalogue_fixture *fixture = *state;
	const struct who retry = {
		.workflow = "w2", .job = "lint", .retry_of = "w", .tier = TIER_UNTRUSTED};
	const struct scope trusted = {.namespace = text_of("default")};
	const struct scope untrusted = {.namespace = text_of("default"),
					.tier = TIER_UNTRUSTED};
	static const struct {
		const char *workflow;
		uint64_t of_untrusted, of_trusted;
	} cases[] = {{"w", 2, 1}, {"w2", 3, 0}, {"w3", 0, 0}};
	persist(fixture, trusted_build, 1);
	persist(fixture, untrusted_build, 2);
	persist(fixture, untrusted_deploy, 3);
	persist(fixture, retry, 4);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct text workflow = text_of(cases[i].workflow);
		uint64_t count;
		assert_int_equal(catalogue_count_other(fixture->catalogue, &trusted,
						       workflow, &count, &fixture->error),
				 0);
		assert_int_equal(count, cases[i].of_untrusted);
		assert_int_equal(catalogue_count_other(fixture->catalogue, &untrusted,
						       workflow, &count, &fixture->error),
				 0);
		assert_int_equal(count, cases[i].of_trusted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOGUE_TEST(a10_a_trusted_asker_sees_no_untrusted_layer),
		CATALOGUE_TEST(
			a10_one_name_is_two_executions_and_replaces_in_its_own_tier),
		CATALOGUE_TEST(a10_shards_replace_in_their_own_tier),
		CATALOGUE_TEST(a10_an_execution_id_does_not_take_a_trusted_name),
		CATALOGUE_TEST(a10_an_untrusted_first_contact_fixes_no_parent),
		CATALOGUE_TEST(a10_an_untrusted_workflow_is_unknown_to_trusted_jobs),
		CATALOGUE_TEST(a10_a_layer_is_found_by_its_id_only_in_what_is_shown),
		CATALOGUE_TEST(
			a10_an_untrusted_attach_of_trusted_layers_orders_what_it_makes),
		CATALOGUE_TEST(a10_a_trusted_layer_may_have_an_untrusted_base),
		CATALOGUE_TEST(a10_each_tier_inherits_its_own_and_shows_the_other),
		CATALOGUE_TEST(
			a10_a_retry_of_a_trusted_workflow_shows_it_and_keeps_nothing_there),
		CATALOGUE_TEST(a10_looking_at_the_other_tier_changes_nothing),
		CATALOGUE_TEST(the_other_tiers_layers_are_counted),
	};
	return cmocka_run_group_tests_name("catalogue_tiers", tests, NULL, NULL);
}
