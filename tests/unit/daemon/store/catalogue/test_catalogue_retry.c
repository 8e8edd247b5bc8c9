/* Workflows that retry others, and workflows that expire. */
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

/* Begins workflow `name` with one layer of job build. */
static struct layer_record begin(struct catalogue_fixture *fixture, const char *name,
				 uint32_t number)
{
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = name, .job = "build"});
	return fixture_commit(fixture, &build, number, number);
}

/* The position of a job's layer that is no shadow; fails where there is not just one. */
static uint32_t only_layer(const struct visit *visit, const char *job)
{
	uint32_t found = VIEW_NONE;
	for (uint32_t i = 0; i < visit->history.history.layer_count; i++) {
		if (visit->history.history.layers[i].shadow ||
		    strcmp(visit->history.records[i].job, job) != 0)
			continue;
		assert_int_equal(found, VIEW_NONE);
		found = i;
	}
	assert_int_not_equal(found, VIEW_NONE);
	return found;
}

static void assert_prefix(const char *text, const char *prefix)
{
	if (strncmp(text, prefix, strlen(prefix)) != 0)
		fail_msg("`%s` does not begin with `%s`", text, prefix);
}

static void expire_all(struct catalogue_fixture *fixture, uint64_t expected)
{
	struct expiry expiry;
	fixture->clocks.uptime_ms += 2;
	assert_int_equal(expire_after(fixture->catalogue, 1, &expiry, &fixture->error),
			 0);
	assert_int_equal(expiry.count, expected);
}

/* ---- the parent ------------------------------------------------------------------ */

static void r1_first_contact_inherits_what_is_visible(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct layer_record built = begin(fixture, "W1", 1);
	struct visit test AUTO(visit_fini) = fixture_persists(
		fixture,
		(struct who){.workflow = "W1", .job = "test", .needs = {"build"}});
	fixture_attach(fixture, &test, &built.id, 1);
	struct layer_record tested = fixture_commit(fixture, &test, 2, 2);
	struct who who = {.workflow = "W2", .job = "deploy", .retry_of = "W1"};
	struct visit retry AUTO(visit_fini) = fixture_visit(fixture, who, CONTACT_ATTACH);
	assert_string_equal(retry.history.parent, "W1");
	const struct history *history = &retry.history.history;
	assert_int_equal(history->layer_count, 2);
	uint32_t build = only_layer(&retry, "build");
	uint32_t at = only_layer(&retry, "test");
	assert_int_equal(retry.history.records[at].id, tested.id);
	assert_string_equal(retry.history.records[at].workflow, "W1");
	assert_true(history->layers[at].inherited);
	assert_int_equal(history->layers[at].base_count, 1);
	assert_int_equal(history->layers[at].bases[0], build);
	const struct history_execution *maker =
		&history->executions[history->layers[at].execution];
	assert_true(maker->inherited);
	assert_string_equal(maker->needs[0], "build");
	assert_int_equal(maker->attached_count, 1);
	assert_int_equal(maker->attached[0], build);
	assert_true(maker->heard <
		    history->executions[retry.history.own_execution].heard);
}

static void r1_what_the_parent_adds_later_is_not_seen(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct layer_record early = begin(fixture, "W1", 1);
	struct who who = {.workflow = "W2", .job = "test", .retry_of = "W1"};
	struct visit retry AUTO(visit_fini) = fixture_persists(fixture, who);
	(void)begin(fixture, "W1", 2);
	fixture_reload(fixture, &retry);
	assert_int_equal(retry.history.records[only_layer(&retry, "build")].id, early.id);
	struct visit parent AUTO(visit_fini) =
		fixture_visit(fixture, (struct who){.workflow = "W1"}, CONTACT_LOOK);
	assert_int_equal(parent.history.history.layer_count, 2);
	assert_int_equal(parent.history.history.execution_count, 1);
	assert_null(parent.history.parent);
}

static void r1_replaced_and_stale_layers_are_not_inherited(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct layer_record first = begin(fixture, "W1", 1);
	struct visit test AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "W1", .job = "test"});
	fixture_attach(fixture, &test, &first.id, 1);
	(void)fixture_commit(fixture, &test, 2, 2);
	struct visit again AUTO(visit_fini) = fixture_persists(
		fixture, (struct who){.workflow = "W1", .job = "build", .attempt = "2"});
	struct layer_record second = fixture_commit(fixture, &again, 3, 3);
	struct who who = {.workflow = "W2", .job = "deploy", .retry_of = "W1"};
	struct visit retry AUTO(visit_fini) = fixture_persists(fixture, who);
	assert_int_equal(retry.history.records[only_layer(&retry, "build")].id,
			 second.id);
	for (size_t i = 0; i < retry.history.history.layer_count; i++) {
		const struct history_layer *layer = &retry.history.history.layers[i];
		assert_true(layer->shadow || retry.history.records[i].id == second.id);
	}
}

static void r1_retries_of_retries_inherit_the_latest(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)begin(fixture, "W1", 1);
	struct visit lint AUTO(visit_fini) = fixture_persists(
		fixture, (struct who){.workflow = "W1", .job = "lint", .needs = {"x"}});
	struct layer_record linted = fixture_commit(fixture, &lint, 2, 2);
	struct visit two AUTO(visit_fini) = fixture_persists(
		fixture,
		(struct who){.workflow = "W2", .job = "build", .retry_of = "W1"});
	struct layer_record rebuilt = fixture_commit(fixture, &two, 3, 3);
	struct visit three AUTO(visit_fini) = fixture_persists(
		fixture, (struct who){.workflow = "W3", .job = "test", .retry_of = "W2"});
	assert_string_equal(three.history.parent, "W2");
	assert_int_equal(three.history.records[only_layer(&three, "build")].id,
			 rebuilt.id);
	uint32_t at = only_layer(&three, "lint");
	assert_int_equal(three.history.records[at].id, linted.id);
	assert_string_equal(three.history.records[at].workflow, "W1");
	const struct history *history = &three.history.history;
	const struct history_execution *maker =
		&history->executions[history->layers[at].execution];
	assert_string_equal(maker->needs[0], "x");
	assert_int_equal(history->execution_count, 3);
}

static void r1_look_at_a_retry_sees_and_keeps_nothing(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)begin(fixture, "W1", 1);
	struct who who = {.workflow = "W2", .retry_of = "W1"};
	struct visit looked AUTO(visit_fini) = fixture_visit(fixture, who, CONTACT_LOOK);
	assert_int_not_equal(looked.contact.workflow_id, 0);
	assert_int_equal(looked.history.history.layer_count, 1);
	assert_int_equal(fixture_figures(fixture).workflows, 1);
}

static void r2_own_layers_of_a_retry_stand_beside_inherited_ones(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)begin(fixture, "W1", 1);
	struct visit retry AUTO(visit_fini) = fixture_persists(
		fixture,
		(struct who){.workflow = "W2", .job = "build", .retry_of = "W1"});
	struct layer_record rebuilt = fixture_commit(fixture, &retry, 2, 2);
	fixture_reload(fixture, &retry);
	assert_int_equal(rebuilt.sequence, 1);
	assert_int_equal(retry.history.history.layer_count, 2);
	const struct view_request everything = {.execution = VIEW_NONE,
						.layer = VIEW_NONE};
	struct view view AUTO(view_fini) = {0};
	assert_int_equal(
		view_make(&retry.history.history, &everything, &view, &fixture->error),
		0);
	assert_int_equal(view.layer_count, 1);
	assert_int_equal(retry.history.records[view.layers[0].layer].id, rebuilt.id);
}

/* ---- what is said of the parent -------------------------------------------------- */

static void r3_first_contact_fixes_the_parent(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)begin(fixture, "W0", 1);
	(void)begin(fixture, "W1", 2);
	(void)begin(fixture, "W2", 3);
	struct who who = {.workflow = "W2", .job = "test", .retry_of = "W1"};
	fixture_assert_refused(fixture, who, CONTACT_ATTACH, ERR_IDENTITY,
			       "workflow `W2` was begun without a parent, not as a retry "
			       "of `W1` [retry-late]");
	who.workflow = "W3";
	struct visit first AUTO(visit_fini) = fixture_persists(fixture, who);
	struct visit second AUTO(visit_fini) = fixture_persists(fixture, who);
	assert_int_equal(first.contact.workflow_id, second.contact.workflow_id);
	who.retry_of = "W0";
	fixture_assert_refused(
		fixture, who, CONTACT_PERSIST, ERR_IDENTITY,
		"workflow `W3` was begun as a retry of `W1`, not as a retry of `W0` "
		"[retry-differs]");
	who.retry_none = true;
	fixture_assert_refused(
		fixture, who, CONTACT_LOOK, ERR_IDENTITY,
		"workflow `W3` was begun as a retry of `W1` [retry-differs]");
}

static void r3_not_said_takes_what_was_fixed(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)begin(fixture, "W1", 1);
	struct who who = {.workflow = "W2", .job = "test", .retry_of = "W1"};
	struct visit first AUTO(visit_fini) = fixture_persists(fixture, who);
	assert_string_equal(first.history.parent, "W1");
	who.retry_of = NULL;
	struct visit second AUTO(visit_fini) = fixture_persists(fixture, who);
	assert_string_equal(second.history.parent, "W1");
	struct who none = {.workflow = "W1", .job = "test", .retry_none = true};
	struct visit third AUTO(visit_fini) = fixture_persists(fixture, none);
	assert_null(third.history.parent);
}

static void r3_unknown_parent_given_by_hand_is_not_found(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct who who = {.workflow = "W2", .job = "test", .retry_of = "W1"};
	const char *sentence = "workflow `W1`, which `W2` is to retry, is unknown "
			       "[retry-none]";
	fixture_assert_refused(fixture, who, CONTACT_PERSIST, ERR_NOT_FOUND, sentence);
	fixture_assert_refused(fixture, who, CONTACT_ATTACH, ERR_NOT_FOUND, sentence);
	fixture_assert_refused(fixture, who, CONTACT_LOOK, ERR_NOT_FOUND, sentence);
	assert_int_equal(fixture_figures(fixture).namespaces, 0);
	who.retry_none = true;
	struct visit afresh AUTO(visit_fini) = fixture_persists(fixture, who);
	assert_null(afresh.history.parent);
}

static void r3_unknown_parent_that_was_detected_is_a_note(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct who who = {.workflow = "W2",
			  .job = "test",
			  .retry_of = "W1",
			  .retry_detected = true};
	struct visit nothing AUTO(visit_fini) =
		fixture_visit(fixture, who, CONTACT_ATTACH);
	assert_int_equal(nothing.contact.workflow_id, 0);
	assert_string_equal(
		nothing.contact.warning,
		"workflow `W1`, which `W2` seems to retry, is unknown: nothing "
		"is inherited");
	struct visit first AUTO(visit_fini) = fixture_persists(fixture, who);
	assert_prefix(first.contact.warning, "workflow `W1`, which `W2` seems to retry");
	assert_null(first.history.parent);
	struct visit second AUTO(visit_fini) = fixture_persists(fixture, who);
	assert_string_equal(
		second.contact.warning,
		"workflow `W2` was begun without a parent; that it retries `W1` "
		"was only detected and is not used");
}

static void r3_nothing_retries_itself(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct who who = {.workflow = "W1", .job = "test", .retry_of = "W1"};
	fixture_assert_refused(fixture, who, CONTACT_PERSIST, ERR_IDENTITY,
			       "workflow `W1` cannot be a retry of itself");
	(void)begin(fixture, "W1", 1);
	fixture_assert_refused(fixture, who, CONTACT_PERSIST, ERR_IDENTITY,
			       "workflow `W1` was begun without a parent, not as a retry "
			       "of `W1` [retry-late]");
}

/* ---- expiry ---------------------------------------------------------------------- */

static void w8_expired_workflow_is_not_found_with_its_date(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct layer_record built = begin(fixture, "W1", 1);
	expire_all(fixture, 1);
	expire_all(fixture, 0);
	static const enum contact_kind kinds[] = {CONTACT_PERSIST, CONTACT_ATTACH,
						  CONTACT_LOOK};
	struct who who = {.workflow = "W1", .job = "test"};
	struct visit visit = {0};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(visit_catalogue(fixture->catalogue, &who, kinds[i],
						 &visit, &fixture->error),
				 ERR_NOT_FOUND);
		assert_prefix(fixture->error.text, "workflow `W1` expired on 2");
		assert_non_null(strstr(fixture->error.text, " (UTC); "));
	}
	struct catalogue_history history;
	assert_int_equal(catalogue_workflow_history(fixture->catalogue,
						    &(struct scope){0}, text_of("W1"),
						    &history, &fixture->error),
			 ERR_NOT_FOUND);
	char id[LAYER_ID_TEXT_SIZE];
	uint32_t position;
	layer_id_text(built.name, id);
	assert_int_equal(catalogue_find_layer(fixture->catalogue, &(struct scope){0},
					      text_of(id), &history, &position,
					      &fixture->error),
			 ERR_NOT_FOUND);
	assert_prefix(fixture->error.text, "workflow `W1` expired on 2");
}

static void w8_commit_into_an_expired_workflow_is_refused(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "W1", .job = "build"});
	expire_all(fixture, 1);
	struct layer_record record;
	assert_int_equal(commit_numbered(fixture->catalogue, &build.contact, 1, 1,
					 &record, &fixture->error),
			 ERR_NOT_FOUND);
	assert_int_equal(fixture_figures(fixture).segments, 0);
}

static void r3_expired_parent_is_not_found_or_a_note(void **state)
{
	struct catalogue_fixture *fixture = *state;
	(void)begin(fixture, "W1", 1);
	expire_all(fixture, 1);
	struct who who = {.workflow = "W2", .job = "test", .retry_of = "W1"};
	struct visit refused = {0};
	assert_int_equal(visit_catalogue(fixture->catalogue, &who, CONTACT_PERSIST,
					 &refused, &fixture->error),
			 ERR_NOT_FOUND);
	assert_prefix(fixture->error.text,
		      "workflow `W1`, which `W2` is to retry, expired on 2");
	who.retry_detected = true;
	struct visit noted AUTO(visit_fini) = fixture_persists(fixture, who);
	assert_prefix(noted.contact.warning,
		      "workflow `W1`, which `W2` seems to retry, expired on 2");
	assert_null(noted.history.parent);
	assert_int_equal(noted.history.history.layer_count, 0);
}

static void r4_inherited_layers_outlive_the_parent(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct layer_record built = begin(fixture, "W1", 1);
	fixture->clocks.uptime_ms += 2;
	struct visit retry AUTO(visit_fini) = fixture_persists(
		fixture, (struct who){.workflow = "W2", .job = "test", .retry_of = "W1"});
	struct expiry expiry;
	assert_int_equal(expire_after(fixture->catalogue, 1, &expiry, &fixture->error),
			 0);
	assert_int_equal(expiry.count, 1);
	struct visit third AUTO(visit_fini) = fixture_persists(
		fixture, (struct who){.workflow = "W3", .job = "test", .retry_of = "W2"});
	assert_int_equal(third.history.records[only_layer(&third, "build")].id, built.id);
	char id[LAYER_ID_TEXT_SIZE];
	layer_id_text(built.name, id);
	uint32_t position;
	struct catalogue_history found AUTO(catalogue_history_fini) = {0};
	assert_int_equal(catalogue_find_layer(fixture->catalogue, &(struct scope){0},
					      text_of(id), &found, &position,
					      &fixture->error),
			 0);
	assert_int_equal(found.records[position].id, built.id);
	assert_string_equal(found.parent, "W1");
}

/* ---- whose rule it is -------------------------------------------------------------- */

static int inherits_the_first(const struct history *history, uint32_t **ret_layers,
			      size_t *ret_count, struct error *error)
{
	(void)error;
	assert_true(history->layer_count > 0);
	*ret_layers = must_calloc(1, sizeof(**ret_layers));
	*ret_count = 1;
	return 0;
}

static int inherits_not(const struct history *history, uint32_t **ret_layers,
			size_t *ret_count, struct error *error)
{
	(void)history;
	(void)ret_layers;
	(void)ret_count;
	return error_set(error, ERR_DAMAGED, "no rule");
}

static int retry_with(struct catalogue_fixture *fixture,
		      int (*rule)(const struct history *, uint32_t **, size_t *,
				  struct error *),
		      struct visit *ret_visit)
{
	const struct contact_request request = {
		.identity = {.workflow = text_of("W2"),
			     .job = text_of("deploy"),
			     .retry_of = text_of("W1")},
		.kind = CONTACT_PERSIST,
		.inherited = rule,
	};
	return catalogue_contact(fixture->catalogue, &request, &ret_visit->contact,
				 &ret_visit->history, &fixture->error);
}

static void r1_what_is_inherited_is_for_the_caller_to_say(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct layer_record first = begin(fixture, "W1", 1);
	struct visit test AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "W1", .job = "test"});
	(void)fixture_commit(fixture, &test, 2, 2);
	struct visit refused AUTO(visit_fini) = {0};
	assert_int_equal(retry_with(fixture, inherits_not, &refused), ERR_DAMAGED);
	assert_int_equal(fixture_figures(fixture).workflows, 1);
	struct visit retry AUTO(visit_fini) = {0};
	assert_int_equal(retry_with(fixture, inherits_the_first, &retry), 0);
	assert_int_equal(retry.history.history.layer_count, 1);
	assert_int_equal(retry.history.records[0].id, first.id);
}

#define CATALOGUE_TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOGUE_TEST(r1_first_contact_inherits_what_is_visible),
		CATALOGUE_TEST(r1_what_the_parent_adds_later_is_not_seen),
		CATALOGUE_TEST(r1_replaced_and_stale_layers_are_not_inherited),
		CATALOGUE_TEST(r1_retries_of_retries_inherit_the_latest),
		CATALOGUE_TEST(r1_look_at_a_retry_sees_and_keeps_nothing),
		CATALOGUE_TEST(r1_what_is_inherited_is_for_the_caller_to_say),
		CATALOGUE_TEST(r2_own_layers_of_a_retry_stand_beside_inherited_ones),
		CATALOGUE_TEST(r3_first_contact_fixes_the_parent),
		CATALOGUE_TEST(r3_not_said_takes_what_was_fixed),
		CATALOGUE_TEST(r3_unknown_parent_given_by_hand_is_not_found),
		CATALOGUE_TEST(r3_unknown_parent_that_was_detected_is_a_note),
		CATALOGUE_TEST(r3_nothing_retries_itself),
		CATALOGUE_TEST(w8_expired_workflow_is_not_found_with_its_date),
		CATALOGUE_TEST(w8_commit_into_an_expired_workflow_is_refused),
		CATALOGUE_TEST(r3_expired_parent_is_not_found_or_a_note),
		CATALOGUE_TEST(r4_inherited_layers_outlive_the_parent),
	};
	return cmocka_run_group_tests_name("catalogue_retry", tests, NULL, NULL);
}
