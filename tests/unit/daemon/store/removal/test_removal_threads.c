/*
 * Removal while others persist what it removes, on bases that it removes, again and again
 * (L4); and at real size: sixty thousand files in many segments.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/store/catalogue/internal.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/removal/collector.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

#define ACTORS 3u
#define ROUNDS 60u
#define VARIANTS 4u
#define FILES_MANY 60000u

struct scene {
	struct store_fixture *fixture;
	struct store_tree trees[VARIANTS]; /* that share most of their files */
	atomic_uint acting;
	atomic_uint layers_gone;
};

/* No test's assert may fail in a thread: what went wrong is told here. */
struct actor {
	struct scene *scene;
	pthread_t thread;
	unsigned number;
	int64_t layer; /* the latest, which stays; 0: none */
	unsigned variant;
	struct error error; /* code 0: nothing went wrong */
};

/* As a person ends a layer: it is hidden from that moment on. */
static int end_layer(struct store *store, int64_t layer, struct error *error)
{
	struct catalogue *catalogue = store_catalogue(store);
	CATALOGUE_LOCKED(catalogue);
	struct change change AUTO(change_end) = {0};
	int result = change_begin(&change, catalogue, error);
	if (result < 0)
		return result;
	struct query query AUTO(query_end) = query_of(
		catalogue->database, "UPDATE layers SET ended_ms = 5 WHERE id = ?");
	query_number(&query, layer);
	result = query_run(&query, error);
	return result == 0 ? change_commit(&change, error) : result;
}

/* On the layer before, which is ended in the next round, while others build on theirs. */
static int act_once(struct actor *actor, unsigned round)
{
	struct scene *scene = actor->scene;
	struct store *store = scene->fixture->store;
	char workflow[16];
	(void)snprintf(workflow, sizeof(workflow), "w%u", actor->number);
	unsigned variant = (round + actor->number) % VARIANTS;
	struct tree_persist input = {.who = {.workflow = workflow, .job = "build"},
				     .key = 1 + actor->number * ROUNDS + round,
				     .tree = &scene->trees[variant],
				     .base = round % 3 ? actor->layer : 0};
	struct layer_record record;
	int err = tree_persist(store, &input, &record, NULL, &actor->error);
	if (!err)
		err = tree_verify(store, record.id, input.tree, &actor->error);
	if (!err && actor->layer)
		err = end_layer(store, actor->layer, &actor->error);
	actor->layer = record.id;
	actor->variant = variant;
	return err;
}

static void *act(void *context)
{
	struct actor *actor = context;
	int err = 0;
	for (unsigned round = 0; round < ROUNDS && !err; round++)
		err = act_once(actor, round);
	if (!err)
		actor->error = (struct error){0};
	atomic_fetch_sub(&actor->scene->acting, 1);
	return NULL;
}

/* Passes until nobody acts any more, and one behind that. */
static void collect_meanwhile(struct scene *scene)
{
	struct store_fixture *fixture = scene->fixture;
	struct collector *collector = collector_new(fixture->store);
	const struct collector_options options = {.least_gain = 1};
	bool last = false;
	for (bool more = true; more; more = !last) {
		last = atomic_load(&scene->acting) == 0;
		struct collector_report report;
		assert_ok(collector_run(collector, &options, &report, &fixture->error));
		if (report.stopped.code)
			fail_msg("%s", report.stopped.text);
		atomic_fetch_add(&scene->layers_gone, (unsigned)report.layers);
	}
	collector_free(collector);
}

static void assert_sound(struct store_fixture *fixture)
{
	uint64_t damaged = 0;
	char text[2048];
	assert_ok(tree_check(fixture->store, &damaged, text, sizeof(text),
			     &fixture->error));
	if (damaged)
		fail_msg("%s", text);
}

static void make_trees(struct scene *scene)
{
	for (unsigned i = 0; i < VARIANTS; i++) {
		scene->trees[i] = tree_new(60, 1, 400);
		for (unsigned j = 0; j < 10; j++)
			scene->trees[i].files[(i * 10 + j) % 60].content =
				100000 + i * 1000 + j;
	}
}

static void l4_what_is_persisted_while_it_is_removed_is_there(void **state)
{
	struct store_fixture *fixture = *state;
	fixture->segment_len = 4000;
	store_fixture_open(fixture);
	struct scene scene = {.fixture = fixture};
	make_trees(&scene);
	atomic_store(&scene.acting, ACTORS);
	struct actor actors[ACTORS] = {0};
	for (unsigned i = 0; i < ACTORS; i++) {
		actors[i] = (struct actor){.scene = &scene, .number = i};
		assert_int_equal(pthread_create(&actors[i].thread, NULL, act, &actors[i]),
				 0);
	}
	collect_meanwhile(&scene);
	for (unsigned i = 0; i < ACTORS; i++) {
		assert_int_equal(pthread_join(actors[i].thread, NULL), 0);
		if (actors[i].error.code)
			fail_msg("actor %u: %s", i, actors[i].error.text);
	}
	assert_int_equal(atomic_load(&scene.layers_gone), ACTORS * (ROUNDS - 1));
	for (int again = 0; again < 2; again++) {
		for (unsigned i = 0; i < ACTORS; i++)
			assert_ok(tree_verify(fixture->store, actors[i].layer,
					      &scene.trees[actors[i].variant],
					      &fixture->error));
		assert_sound(fixture);
		store_fixture_close(fixture);
		store_fixture_open(fixture);
	}
	for (unsigned i = 0; i < VARIANTS; i++)
		tree_fini(&scene.trees[i]);
}

static int64_t persist_many(struct store_fixture *fixture, const struct store_tree *tree)
{
	struct tree_persist input = {.who = {.workflow = "w", .job = "build"},
				     .key = ++fixture->key,
				     .tree = tree};
	struct layer_record record;
	assert_ok(tree_persist(fixture->store, &input, &record, NULL, &fixture->error));
	return record.id;
}

/* Of the first tree every second directory is the other one's too. */
static void l4_sixty_thousand_files_stay_whole(void **state)
{
	struct store_fixture *fixture = *state;
	fixture->segment_len = 256 * 1024;
	store_fixture_open(fixture);
	struct store_tree first = tree_new(FILES_MANY, 1, 40);
	struct store_tree second = tree_new(FILES_MANY, 1, 40);
	for (size_t i = 0; i < second.count; i++)
		if (i / 5000 % 2)
			second.files[i].content += 1000000;
	int64_t gone = persist_many(fixture, &first);
	int64_t stays = persist_many(fixture, &second);
	assert_ok(end_layer(fixture->store, gone, &fixture->error));
	struct collector *collector = collector_new(fixture->store);
	const struct collector_options options = {.least_gain = 1};
	struct collector_report report;
	assert_ok(collector_run(collector, &options, &report, &fixture->error));
	collector_free(collector);
	assert_int_equal(report.layers, 1);
	assert_true(report.removed + report.compacted > 2);
	assert_ok(tree_verify(fixture->store, stays, &second, &fixture->error));
	assert_sound(fixture);
	tree_fini(&first);
	tree_fini(&second);
}

int main(void)
{
#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(l4_what_is_persisted_while_it_is_removed_is_there),
		TEST(l4_sixty_thousand_files_stay_whole),
	};
	return cmocka_run_group_tests_name("removal_threads", tests, NULL, NULL);
}
