/*
 * A second front end: all that a request does, by way of `struct services` and without
 * socket, message, loop or session. What it needs is what this file includes; it words
 * what it is told in its own way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/session/persist_keys.h"
#include "daemon/session/services.h"
#include "daemon/view/view.h"
#include "daemon/workspace/outcome.h"
#include "daemon/workspace/tree.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/advised.h"
#include "tests/harness/assert_ok.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_tree.h"

struct front_end {
	char *directory; /* owned */
	struct log log;
	struct services services; /* what they point to is owned here */
	uint32_t keys;
	struct error error;
};

static struct daemon_figures figures(void *context)
{
	const struct front_end *front = context;
	return (struct daemon_figures){.running = front->keys};
}

#define assert_ok(expression) assert_ok_of(expression, front->error.text)

static int setup(void **state)
{
	struct front_end *front = must_calloc(1, sizeof(*front));
	front->directory = scratch_new();
	front->services = (struct services){
		.keys = persist_keys_new(),
		.log = &front->log,
		.data = front->directory,
		.figures = figures,
		.context = front,
	};
	assert_ok(crew_new(1, &front->services.crew, &front->error));
	struct store_options options = {.directory = front->directory};
	assert_ok(store_open(&options, &front->services.store, &front->error));
	*state = front;
	return 0;
}

static int teardown(void **state)
{
	struct front_end *front = *state;
	assert_ok(store_close(front->services.store, &front->error));
	persist_keys_free(front->services.keys);
	crew_free(front->services.crew);
	scratch_free(front->directory);
	free(front);
	return 0;
}

/* ---- persist --------------------------------------------------------------------- */

/* `content` is that of the only file, `path`. */
static struct layer_record persist(struct front_end *front, const char *job,
				   const char *path, uint32_t content)
{
	struct tree_persist input = {.who = {.workflow = "w", .job = job},
				     .key = ++front->keys};
	struct store_tree tree = tree_new(1, content, 100);
	(void)snprintf(tree.files[0].path, sizeof(tree.files[0].path), "%s", path);
	input.tree = &tree;
	struct layer_record record;
	struct tree_figures sent;
	assert_ok(tree_persist(front->services.store, &input, &record, &sent,
			       &front->error));
	tree_fini(&tree);
	return record;
}

static void contact(struct front_end *front, struct who who, enum contact_kind kind,
		    struct visit *ret_visit)
{
	assert_ok(visit_catalogue(store_catalogue(front->services.store), &who, kind,
				  ret_visit, &front->error));
}

static struct outcome outcome_of(struct front_end *front, const char *job,
				 const struct layer_record *record)
{
	struct visit visit AUTO(visit_fini) = {0};
	struct outcome outcome = {0};
	contact(front, (struct who){.workflow = "w", .job = job}, CONTACT_PERSIST,
		&visit);
	assert_ok(outcome_make(store_catalogue(front->services.store), &visit.contact,
			       "1", record->id, &outcome, &front->error));
	crew_enter(front->services.crew);
	assert_ok(outcome_foresee(front->services.store, &outcome, -1, &front->error));
	crew_leave(front->services.crew);
	return outcome;
}

static void what_a_layer_means_for_its_workspace_is_told_as_facts(void **state)
{
	struct front_end *front = *state;
	struct layer_record first = persist(front, "build", "a", 1);
	struct outcome alone AUTO(outcome_fini) = outcome_of(front, "build", &first);
	assert_int_equal(alone.view.states[alone.layer], LAYER_VISIBLE);
	assert_int_equal(alone.replaced_count, 0);
	assert_false(outcome_has_concurrent(&alone));
	assert_null(alone.conflict_path);

	struct layer_record other = persist(front, "test", "a", 2);
	struct outcome both AUTO(outcome_fini) = outcome_of(front, "test", &other);
	assert_true(outcome_has_concurrent(&both));
	assert_int_equal(both.conflict_path_len, 1);
	assert_string_equal(both.conflict_path, "a");
	assert_int_equal(both.now.records[both.conflict_with].id, first.id);

	struct layer_record apart = persist(front, "docs", "b", 3);
	struct outcome none AUTO(outcome_fini) = outcome_of(front, "docs", &apart);
	assert_true(outcome_has_concurrent(&none));
	assert_null(none.conflict_path);
}

/* ---- attach ---------------------------------------------------------------------- */

/* The paths of the view and how its conflicts went, as one text: "a b", "a!". */
static void read_view(struct front_end *front, enum on_conflict on_conflict,
		      char ret_text[128])
{
	struct visit visit AUTO(visit_fini) = {0};
	contact(front, (struct who){.workflow = "w", .job = "deploy"}, CONTACT_ATTACH,
		&visit);
	const struct view_request request = {
		.run = "1", .execution = VIEW_NONE, .layer = VIEW_NONE};
	struct view view AUTO(view_fini) = {0};
	assert_ok(view_make(&visit.history.history, &request, &view, &front->error));
	struct tree_options options = {.merge = {.on_conflict = on_conflict}};
	struct view_tree *tree = NULL;
	assert_ok(tree_open(front->services.store, &visit.history, &view, &options, &tree,
			    &front->error));
	struct merged_row row;
	ret_text[0] = '\0';
	while (tree_next(tree, &row, &front->error) == 1) {
		struct frame_place place;
		size_t len = strlen(ret_text);
		assert_ok(tree_place(tree, &row, 0, &place, &front->error));
		assert_true(place.len > 0);
		(void)snprintf(ret_text + len, 128 - len, "%s%.*s", len ? " " : "",
			       (int)row.row.path_len, row.row.path);
	}
	if (merge_conflict_count(tree_merge(tree)) > 0)
		(void)strcat(ret_text, "!");
	tree_free(tree);
}

static void a_view_is_read_as_one_tree(void **state)
{
	struct front_end *front = *state;
	char text[128];
	(void)persist(front, "build", "a", 1);
	(void)persist(front, "docs", "b", 2);
	read_view(front, ON_CONFLICT_ERROR, text);
	assert_string_equal(text, "a b");
	(void)persist(front, "test", "a", 3);
	read_view(front, ON_CONFLICT_ERROR, text);
	assert_string_equal(text, "b!");
	read_view(front, ON_CONFLICT_LAST, text);
	assert_string_equal(text, "a b");
}

/* ---- what else there is ---------------------------------------------------------- */

static void an_error_says_what_is_so_and_names_what_would_help(void **state)
{
	struct front_end *front = *state;
	struct visit visit AUTO(visit_fini) = {0};
	const struct who nobody = {.job = "build"};
	char text[ADVISED_SIZE];
	int err = visit_catalogue(store_catalogue(front->services.store), &nobody,
				  CONTACT_PERSIST, &visit, &front->error);
	assert_int_equal(err, ERR_USAGE);
	assert_string_equal(advised(&front->error, text),
			    "a workflow is missing [name-workflow]");
}

static void running_persists_and_figures_need_no_connection(void **state)
{
	struct front_end *front = *state;
	struct layer_record record = persist(front, "build", "a", 1);
	struct persist_claim claim = {
		.execution_id = record.execution_id, .arrival = 1, .wake_fd = -1};
	assert_true(persist_claim_enter(front->services.keys, &claim));
	assert_false(persist_claim_is_superseded(front->services.keys, &claim));
	persist_claim_leave(front->services.keys, &claim);
	const struct services *services = &front->services;
	assert_int_equal(services->figures(services->context).running, 1);
	struct store_figures store;
	assert_ok(store_figures(services->store, &store, &front->error));
	assert_int_equal(store.catalogue.layers, 1);
}

#define SERVICES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVICES_TEST(what_a_layer_means_for_its_workspace_is_told_as_facts),
		SERVICES_TEST(a_view_is_read_as_one_tree),
		SERVICES_TEST(an_error_says_what_is_so_and_names_what_would_help),
		SERVICES_TEST(running_persists_and_figures_need_no_connection),
	};
	return cmocka_run_group_tests_name("services", tests, NULL, NULL);
}
