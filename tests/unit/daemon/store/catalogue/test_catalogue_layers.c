/* Layers, their keys, bases and places; attaches; layers found by their ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/facts/facts.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_fixture.h"
#include "tests/harness/scratch.h"

static void w3_layers_of_one_execution_count_up(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	struct layer_record first = fixture_commit(fixture, &build, 1, 1);
	struct layer_record second = fixture_commit(fixture, &build, 2, 2);
	assert_int_equal(first.sequence, 1);
	assert_int_equal(second.sequence, 2);
	assert_true(first.id < second.id);
	assert_memory_not_equal(first.name, second.name, LAYER_ID_LEN);
	fixture_reload(fixture, &build);
	assert_int_equal(build.history.history.layer_count, 2);
	const struct history_layer *layer = &build.history.history.layers[1];
	const struct layer_record *record = &build.history.records[1];
	struct digest content = numbered_digest(2);
	assert_int_equal(layer->sequence, 2);
	assert_int_equal(layer->execution, build.history.own_execution);
	assert_true(digest_equal(&layer->content, &content));
	assert_int_equal(layer->commit, (uint64_t)second.id);
	assert_int_equal(record->id, second.id);
	assert_int_equal(record->totals.bytes, 20);
	assert_int_equal(record->stored_bytes, 10);
	assert_string_equal(record->job, "build");
	assert_string_equal(record->workflow, "w");
	assert_false(record->inherited);
}

static void w2_same_key_gives_the_same_layer(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	struct layer_record first = fixture_commit(fixture, &build, 1, 1);
	struct layer_record again = fixture_commit(fixture, &build, 1, 1);
	assert_int_equal(again.id, first.id);
	assert_int_equal(fixture_figures(fixture).layers, 1);
	uint8_t key[KEY_LEN];
	numbered_key(1, key);
	struct layer_record found;
	assert_int_equal(catalogue_find_key(fixture->catalogue,
					    build.contact.execution_id, key, &found,
					    &fixture->error),
			 1);
	assert_int_equal(found.id, first.id);
	assert_null(found.job);
	numbered_key(2, key);
	assert_int_equal(catalogue_find_key(fixture->catalogue,
					    build.contact.execution_id, key, &found,
					    &fixture->error),
			 0);
}

static void w2_same_key_with_another_tree_is_refused(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	struct layer_record first = fixture_commit(fixture, &build, 1, 1);
	struct layer_facts layer = {
		.execution = {.id = build.contact.execution_id},
		.digest = numbered_digest(7),
	};
	numbered_key(1, layer.key);
	const struct layer_commit other = {.layer = &layer};
	bool again;
	assert_int_equal(catalogue_commit_layer(fixture->catalogue, &other, &first,
						&again, &fixture->error),
			 ERR_IDENTITY);
	assert_int_equal(fixture_figures(fixture).layers, 1);
}

/* The order is the one in which they were reserved, and a frame may say it: whichever is
 * committed first. What fails leaves its number to others only once it is over. */
static void l13_what_is_reserved_is_what_is_committed(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	struct layer_facts first AUTO(layer_facts_fini) = {0};
	assert_int_equal(facts_reserve(fixture->catalogue, build.contact.execution_id,
				       &first, &fixture->error),
			 0);
	struct layer_record second = fixture_commit(fixture, &build, 1, 1);
	assert_int_equal(second.id, first.id + 1);
	assert_int_equal(second.sequence, first.sequence + 1);
	assert_int_equal(first.sequence, 1);
	assert_true(text_is(first.workflow.name, "w"));
	assert_true(text_is(first.workflow.namespace, "default"));
	assert_true(text_is(first.execution.job, "build"));
	struct segment_row segment = {.namespace_id = build.contact.namespace_id,
				      .vouched = 100,
				      .location = "one.seg",
				      .state = SEGMENT_OPEN};
	first.root.segment = first.placement.segment = segment.id;
	numbered_key(9, first.key);
	const struct layer_commit commit = {
		.layer = &first, .written = &segment, .written_count = 1};
	struct layer_record record;
	bool again;
	assert_int_equal(catalogue_commit_layer(fixture->catalogue, &commit, &record,
						&again, &fixture->error),
			 0);
	assert_int_equal(record.id, first.id);
	assert_int_equal(record.sequence, 1);
	assert_memory_equal(record.name, first.name, LAYER_ID_LEN);
	facts_release(fixture->catalogue, &first);
	struct layer_record third = fixture_commit(fixture, &build, 2, 2);
	assert_int_equal(third.id, second.id + 1);
	assert_int_equal(third.sequence, 3);
}

static void w2_the_same_key_of_another_execution_is_another_layer(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit one AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "one"});
	struct visit two AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "two"});
	struct layer_record first = fixture_commit(fixture, &one, 1, 1);
	struct layer_record second = fixture_commit(fixture, &two, 1, 1);
	assert_int_not_equal(first.id, second.id);
	assert_int_equal(second.sequence, 1);
}

static void w6_bases_are_what_was_attached_before(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	struct visit test AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "test"});
	int64_t early = fixture_commit(fixture, &build, 1, 1).id;
	fixture_attach(fixture, &test, &early, 1);
	(void)fixture_commit(fixture, &test, 2, 2);
	int64_t both[] = {early, fixture_commit(fixture, &build, 3, 3).id};
	fixture_attach(fixture, &test, both, 2);
	fixture_attach(fixture, &test, both, 2);
	fixture_reload(fixture, &test);
	const struct history *history = &test.history.history;
	assert_int_equal(history->layer_count, 3);
	assert_int_equal(history->layers[0].base_count, 0);
	assert_int_equal(history->layers[1].base_count, 1);
	assert_int_equal(history->layers[1].bases[0], 0);
	const struct history_execution *own =
		&history->executions[test.history.own_execution];
	assert_int_equal(own->attached_count, 2);
	assert_int_equal(own->attached[0], 0);
	assert_int_equal(own->attached[1], 2);
}

static void r5_bases_of_another_workflow_are_shadows(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit foreign AUTO(visit_fini) = fixture_persists(
		fixture, (struct who){.workflow = "other", .job = "build", .run = "7"});
	struct visit test AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "test"});
	int64_t base = fixture_commit(fixture, &foreign, 1, 1).id;
	fixture_attach(fixture, &test, &base, 1);
	(void)fixture_commit(fixture, &test, 2, 2);
	fixture_reload(fixture, &test);
	const struct history *history = &test.history.history;
	assert_int_equal(history->layer_count, 2);
	assert_true(history->layers[0].shadow);
	assert_false(history->layers[1].shadow);
	assert_int_equal(history->layers[1].bases[0], 0);
	const struct history_execution *maker =
		&history->executions[history->layers[0].execution];
	assert_true(maker->inherited);
	assert_true(maker->fact);
	assert_false(history->executions[test.history.own_execution].fact);
	assert_string_equal(maker->run, "7");
	assert_string_equal(test.history.records[0].workflow, "other");
}

static void layer_has_its_place_and_segments(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	struct layer_record record = fixture_commit(fixture, &build, 9, 9);
	struct layer_place place;
	assert_int_equal(catalogue_layer_place(fixture->catalogue, record.id, &place,
					       &fixture->error),
			 0);
	assert_int_equal(place.root.offset, 64);
	assert_int_equal(place.placement.offset, 512);
	assert_int_equal(place.root.segment.bytes[0], 9);
	assert_int_equal(place.segment_count, 1);
	assert_int_equal(place.segments[0].bytes[0], 9);
	free(place.segments);
	assert_int_equal(
		catalogue_layer_place(fixture->catalogue, 77, &place, &fixture->error),
		ERR_NOT_FOUND);
	struct layer_record whole;
	assert_int_equal(catalogue_layer_record(fixture->catalogue, record.id, &whole,
						&fixture->error),
			 0);
	assert_string_equal(whole.attempt, "1");
	layer_record_fini(&whole);
	int64_t *ids AUTO_FREE = NULL;
	size_t count;
	assert_int_equal(
		catalogue_layer_ids(fixture->catalogue, &ids, &count, &fixture->error),
		0);
	assert_int_equal(count, 1);
	assert_int_equal(ids[0], record.id);
}

static int find_layer(struct catalogue_fixture *fixture, const char *namespace,
		      struct text id, uint32_t *ret_position)
{
	struct catalogue_history history AUTO(catalogue_history_fini) = {0};
	const struct scope scope = {.namespace = text_of(namespace)};
	return catalogue_find_layer(fixture->catalogue, &scope, id, &history,
				    ret_position, &fixture->error);
}

static void layer_is_found_by_a_prefix_that_is_unique(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	(void)fixture_commit(fixture, &build, 1, 1);
	struct layer_record second = fixture_commit(fixture, &build, 2, 2);
	char id[LAYER_ID_TEXT_SIZE];
	layer_id_text(second.name, id);
	uint32_t position = 9;
	assert_int_equal(find_layer(fixture, "default", text_of(id), &position), 0);
	assert_int_equal(position, 1);
	for (size_t len = 8; len < 16; len++) {
		struct text prefix = {.at = id, .len = len};
		assert_int_equal(find_layer(fixture, NULL, prefix, &position), 0);
		assert_int_equal(position, 1);
	}
	assert_int_equal(find_layer(fixture, "x", text_of(id), &position), ERR_NOT_FOUND);
	id[0] = id[0] == '0' ? '1' : '0';
	assert_int_equal(find_layer(fixture, NULL, text_of(id), &position),
			 ERR_NOT_FOUND);
	assert_int_equal(find_layer(fixture, NULL, text_of("abc"), &position), ERR_USAGE);
	assert_int_equal(find_layer(fixture, NULL, text_of("wxyz"), &position),
			 ERR_USAGE);
}

/* Ids are random: with this many, two begin with the same four digits. */
static void layer_prefix_of_several_is_refused(void **state)
{
	struct catalogue_fixture *fixture = *state;
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	static uint8_t seen[65536];
	memset(seen, 0, sizeof(seen));
	for (uint32_t i = 1; i < 2000; i++) {
		struct layer_record record = fixture_commit(fixture, &build, i, i);
		size_t front = (size_t)record.name[0] << 8 | record.name[1];
		if (seen[front]++ == 0)
			continue;
		char id[LAYER_ID_TEXT_SIZE];
		layer_id_text(record.name, id);
		uint32_t position;
		assert_int_equal(find_layer(fixture, NULL,
					    (struct text){.at = id, .len = 4}, &position),
				 ERR_USAGE);
		return;
	}
	fail_msg("2000 layers without a common prefix");
}

#define CATALOGUE_TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOGUE_TEST(w3_layers_of_one_execution_count_up),
		CATALOGUE_TEST(w2_same_key_gives_the_same_layer),
		CATALOGUE_TEST(l13_what_is_reserved_is_what_is_committed),
		CATALOGUE_TEST(w2_same_key_with_another_tree_is_refused),
		CATALOGUE_TEST(w2_the_same_key_of_another_execution_is_another_layer),
		CATALOGUE_TEST(w6_bases_are_what_was_attached_before),
		CATALOGUE_TEST(r5_bases_of_another_workflow_are_shadows),
		CATALOGUE_TEST(layer_has_its_place_and_segments),
		CATALOGUE_TEST(layer_is_found_by_a_prefix_that_is_unique),
		CATALOGUE_TEST(layer_prefix_of_several_is_refused),
	};
	return cmocka_run_group_tests_name("catalogue_layers", tests, NULL, NULL);
}
