/* One store under many threads: persists, aborted ones, readers, moves, figures and
 * expiry at once. Every reader compares what it reads; afterwards the store is opened
 * anew and checked whole. Threads keep their error; the test's own thread asserts. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/index/rebuild.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_tree.h"

#define TREES 4u
#define TREE_FILES 120u
#define WRITERS 5u /* the last one is alone in its namespace */
#define READERS 2u
#define ROUNDS (2 * TREES) /* each writer persists each tree twice */
#define LAYERS_MAX (WRITERS * ROUNDS)
#define EXPIRE_EVERY 6u /* layers */
#define THREADS (WRITERS + READERS + 3)

struct published {
	int64_t layer;
	const struct store_tree *tree; /* borrowed */
	struct who who;
	char workflow[32];
};

struct scene {
	char *directory;
	struct store *store;
	struct store_tree trees[TREES];
	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t changed;
	struct published layers[LAYERS_MAX];
	size_t layer_count;
	unsigned generation; /* the workflow that is persisted into */
	unsigned writers;    /* that still write */
	uint64_t moved, expired;
};

struct actor {
	struct scene *scene;
	unsigned number;
	pthread_t thread;
	int code;
	struct error error;
};

static const char *const jobs[WRITERS] = {"a", "b", "c", "d", "e"};

/* ---- what threads tell each other ---------------------------------------------- */

static void publish(struct scene *scene, const struct published *published)
{
	pthread_mutex_lock(&scene->mutex);
	struct published *slot = &scene->layers[scene->layer_count++];
	*slot = *published;
	slot->who.workflow = slot->workflow;
	pthread_cond_broadcast(&scene->changed);
	pthread_mutex_unlock(&scene->mutex);
}

static unsigned generation_of(struct scene *scene)
{
	pthread_mutex_lock(&scene->mutex);
	unsigned generation = scene->generation;
	pthread_mutex_unlock(&scene->mutex);
	return generation;
}

/* This workflow has expired: the next. */
static void leave_generation(struct scene *scene, unsigned generation)
{
	pthread_mutex_lock(&scene->mutex);
	if (scene->generation == generation)
		scene->generation++;
	pthread_mutex_unlock(&scene->mutex);
}

/* Waits until there are at least `count` layers; false when no more will come. */
static bool wait_for_layers(struct scene *scene, size_t count)
{
	pthread_mutex_lock(&scene->mutex);
	while (scene->layer_count < count && scene->writers)
		pthread_cond_wait(&scene->changed, &scene->mutex);
	bool there = scene->layer_count >= count;
	pthread_mutex_unlock(&scene->mutex);
	return there;
}

static bool is_written(struct scene *scene)
{
	pthread_mutex_lock(&scene->mutex);
	bool written = scene->writers > 0;
	pthread_mutex_unlock(&scene->mutex);
	return written;
}

static void count(struct scene *scene, uint64_t *counter, uint64_t more)
{
	pthread_mutex_lock(&scene->mutex);
	*counter += more;
	pthread_mutex_unlock(&scene->mutex);
}

/* ---- writers -------------------------------------------------------------------- */

static void free_transaction(struct transaction **transaction)
{
	transaction_free(*transaction);
}

/* A persist that ends in the middle: all is sent, nothing committed. */
static int give_up(struct scene *scene, const struct tree_persist *persist,
		   struct error *error)
{
	struct store_tree tree AUTO(tree_fini) =
		tree_new(TREE_FILES, 1000000 + persist->key * 1000, 900);
	struct tree_persist input = *persist;
	input.tree = &tree;
	struct transaction *transaction AUTO(free_transaction) = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	struct tree_figures figures;
	int64_t execution;
	return tree_send(scene->store, &input, &transaction, &root, &execution, &figures,
			 error);
}

/* What a round must have found in its namespace: in the second pass the writer's own
 * layers hold everything; in the first the lonely one finds nothing. */
static int judge(const struct actor *actor, unsigned round,
		 const struct tree_figures *figures, struct error *error)
{
	if (round >= TREES && figures->sent)
		return error_set(error, ERR_UNEXPECTED, "sent %llu units again",
				 (unsigned long long)figures->sent);
	if (round < TREES && actor->number == WRITERS - 1 && figures->offered)
		return error_set(error, ERR_UNEXPECTED, "another namespace's units");
	return 0;
}

static int try_round(struct actor *actor, unsigned round, unsigned generation,
		     int64_t *last)
{
	struct scene *scene = actor->scene;
	bool alone = actor->number == WRITERS - 1;
	struct published made = {
		.tree = &scene->trees[(round + actor->number) % TREES],
		.who = {.namespace = alone ? "alone" : "many",
			.job = jobs[actor->number]},
	};
	(void)snprintf(made.workflow, sizeof(made.workflow), "w%u", generation);
	made.who.workflow = made.workflow;
	struct tree_persist persist = {
		.who = made.who,
		.key = round * WRITERS + actor->number,
		.tree = made.tree,
		.base = round % 2 ? *last : 0,
	};
	struct layer_record record = {0};
	struct tree_figures figures = {0};
	struct error *error = &actor->error;
	int err = round % 3 == 1 ? give_up(scene, &persist, error) : 0;
	if (!err)
		err = tree_persist(scene->store, &persist, &record, &figures, error);
	if (!err)
		err = judge(actor, round, &figures, error);
	if (err)
		return err;
	*last = made.layer = record.id;
	publish(scene, &made);
	return tree_verify(scene->store, record.id, made.tree, error);
}

static void *write_layers(void *context)
{
	struct actor *actor = context;
	struct scene *scene = actor->scene;
	int64_t last = 0;
	for (unsigned round = 0; round < ROUNDS && actor->code == 0;) {
		unsigned generation = generation_of(scene);
		actor->code = try_round(actor, round, generation, &last);
		if (actor->code == 0)
			round++;
		if (actor->code == ERR_NOT_FOUND) {
			leave_generation(scene, generation);
			actor->code = 0;
		}
	}
	pthread_mutex_lock(&scene->mutex);
	scene->writers--;
	pthread_cond_broadcast(&scene->changed);
	pthread_mutex_unlock(&scene->mutex);
	return NULL;
}

/* ---- the others ----------------------------------------------------------------- */

/* Reads a layer the way a job does that attaches it; its workflow may have expired. */
static int attach(struct actor *actor, const struct published *layer)
{
	struct catalogue *catalogue = store_catalogue(actor->scene->store);
	struct who who = layer->who;
	who.job = "reader";
	struct visit visit AUTO(visit_fini) = {0};
	int err = tree_verify(actor->scene->store, layer->layer, layer->tree,
			      &actor->error);
	if (err)
		return err;
	err = visit_catalogue(catalogue, &who, CONTACT_ATTACH, &visit, &actor->error);
	if (!err)
		err = catalogue_record_attach(catalogue, &visit.contact, &layer->layer, 1,
					      &actor->error);
	return err == ERR_NOT_FOUND ? 0 : err;
}

static void *read_layers(void *context)
{
	struct actor *actor = context;
	struct scene *scene = actor->scene;
	for (size_t i = actor->number; actor->code == 0 && wait_for_layers(scene, i + 1);
	     i += READERS) {
		pthread_mutex_lock(&scene->mutex);
		struct published layer = scene->layers[i];
		pthread_mutex_unlock(&scene->mutex);
		layer.who.workflow = layer.workflow;
		actor->code = attach(actor, &layer);
	}
	return NULL;
}

static int move_once(struct actor *actor)
{
	struct scene *scene = actor->scene;
	struct segment_row *rows AUTO_FREE = NULL;
	size_t row_count = 0;
	int err = catalogue_segments(store_catalogue(scene->store), &rows, &row_count,
				     &actor->error);
	for (size_t i = 0; !err && i < row_count; i++) {
		err = tree_move_segment(scene->store, &rows[i].id, &actor->error);
		if (!err)
			count(scene, &scene->moved, 1);
		if (err == ERR_BUSY)
			err = 0;
	}
	return err;
}

static void *move_segments(void *context)
{
	struct actor *actor = context;
	struct scene *scene = actor->scene;
	for (size_t i = 1; actor->code == 0 && wait_for_layers(scene, i); i++)
		actor->code = move_once(actor);
	return NULL;
}

/* So that all contacts so far are longer ago than a life. */
static _Atomic int64_t ahead_ms;

static void clocks_ahead(void *context, struct clocks *ret_clocks)
{
	(void)context;
	clocks_read(ret_clocks);
	ret_clocks->uptime_ms += atomic_load(&ahead_ms);
}

static void *expire_workflows(void *context)
{
	struct actor *actor = context;
	struct scene *scene = actor->scene;
	for (size_t i = EXPIRE_EVERY; actor->code == 0 && wait_for_layers(scene, i);
	     i += EXPIRE_EVERY) {
		struct expiry expiry = {0};
		atomic_fetch_add(&ahead_ms, 2);
		actor->code = expire_after(store_catalogue(scene->store), 1, &expiry,
					   &actor->error);
		count(scene, &scene->expired, expiry.count);
	}
	return NULL;
}

static void *look_at_figures(void *context)
{
	struct actor *actor = context;
	struct store_figures figures;
	uint64_t layers = 0;
	while (actor->code == 0 && is_written(actor->scene)) {
		actor->code = store_figures(actor->scene->store, &figures, &actor->error);
		if (actor->code == 0 && figures.catalogue.layers < layers)
			actor->code = error_set(&actor->error, ERR_UNEXPECTED,
						"layers became fewer");
		layers = figures.catalogue.layers;
	}
	return NULL;
}

/* ---- the scene ------------------------------------------------------------------ */

static void open_store(struct scene *scene)
{
	static struct io io;
	io = io_system;
	io.clocks = clocks_ahead;
	struct store_options options = {
		.directory = scene->directory, .io = &io, .segment_len = 100000};
	struct error error;
	if (store_open(&options, &scene->store, &error))
		fail_msg("%s", error.text);
}

static void close_store(struct scene *scene)
{
	struct error error;
	if (store_close(scene->store, &error))
		fail_msg("%s", error.text);
}

static int setup(void **state)
{
	struct scene *scene = must_calloc(1, sizeof(*scene));
	scene->directory = scratch_new();
	for (uint32_t i = 0; i < TREES; i++)
		scene->trees[i] = tree_new(TREE_FILES, i * 10000, 900);
	pthread_mutex_init(&scene->mutex, NULL);
	pthread_cond_init(&scene->changed, NULL);
	open_store(scene);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;
	for (uint32_t i = 0; i < TREES; i++)
		tree_fini(&scene->trees[i]);
	pthread_cond_destroy(&scene->changed);
	pthread_mutex_destroy(&scene->mutex);
	scratch_free(scene->directory);
	free(scene);
	return 0;
}

static void start(struct scene *scene, struct actor *actor, unsigned number,
		  void *(*run)(void *))
{
	*actor = (struct actor){.scene = scene, .number = number};
	assert_int_equal(pthread_create(&actor->thread, NULL, run, actor), 0);
}

static void join(struct actor *actor)
{
	pthread_join(actor->thread, NULL);
	if (actor->code)
		fail_msg("%s", actor->error.text);
}

static void run_all(struct scene *scene)
{
	struct actor actors[THREADS];
	size_t actor_count = 0;
	scene->writers = WRITERS;
	for (unsigned i = 0; i < WRITERS; i++)
		start(scene, &actors[actor_count++], i, write_layers);
	for (unsigned i = 0; i < READERS; i++)
		start(scene, &actors[actor_count++], i, read_layers);
	start(scene, &actors[actor_count++], 0, move_segments);
	start(scene, &actors[actor_count++], 0, expire_workflows);
	start(scene, &actors[actor_count++], 0, look_at_figures);
	for (size_t i = 0; i < actor_count; i++)
		join(&actors[i]);
}

static size_t segment_files(const struct scene *scene)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/segments", scene->directory);
	DIR *directory = opendir(path);
	assert_non_null(directory);
	size_t found = 0;
	for (struct dirent *entry; (entry = readdir(directory));)
		found += entry->d_name[0] != '.';
	(void)closedir(directory);
	return found;
}

/* All that was committed is there, sound, and nothing else. */
static void examine(struct scene *scene, size_t layer_count)
{
	struct error error;
	struct store_figures figures;
	uint64_t damaged = 0;
	char text[2048];
	index_rebuild_wait(scene->store->rebuild);
	assert_int_equal(tree_check(scene->store, &damaged, text, sizeof(text), &error),
			 0);
	if (damaged)
		fail_msg("%s", text);
	for (size_t i = 0; i < scene->layer_count; i++)
		if (tree_verify(scene->store, scene->layers[i].layer,
				scene->layers[i].tree, &error))
			fail_msg("%s", error.text);
	assert_int_equal(store_figures(scene->store, &figures, &error), 0);
	assert_int_equal(figures.catalogue.layers, layer_count);
	assert_int_equal(figures.catalogue.segments, segment_files(scene));
	assert_true(figures.index_ready);
}

static void w1_many_sessions_moves_and_expiry_at_once(void **state)
{
	struct scene *scene = *state;
	run_all(scene);
	assert_int_equal(scene->layer_count, LAYERS_MAX);
	assert_true(scene->moved > 0);
	assert_true(scene->expired > 0);
	examine(scene, LAYERS_MAX);
	close_store(scene);
	open_store(scene);
	examine(scene, LAYERS_MAX);
	close_store(scene);
}

/* ---- a rebuild meanwhile -------------------------------------------------------- */

static void *persist_and_verify(void *context)
{
	struct actor *actor = context;
	struct scene *scene = actor->scene;
	struct layer_record record;
	struct tree_persist persist = {
		.who = {.workflow = "rebuild", .job = jobs[actor->number]},
		.key = 1,
		.tree = &scene->trees[actor->number % TREES],
	};
	actor->code = tree_persist(scene->store, &persist, &record, NULL, &actor->error);
	if (actor->code == 0)
		actor->code =
			tree_verify(scene->store, record.id, persist.tree, &actor->error);
	return NULL;
}

static void persist_by_all(struct scene *scene)
{
	struct actor actors[WRITERS];
	for (unsigned i = 0; i < WRITERS; i++)
		start(scene, &actors[i], i, persist_and_verify);
	for (unsigned i = 0; i < WRITERS; i++)
		join(&actors[i]);
}

static void persists_go_on_while_the_index_is_rebuilt(void **state)
{
	struct scene *scene = *state;
	for (unsigned attempt = 0; attempt < 2; attempt++) {
		persist_by_all(scene);
		close_store(scene);
		char path[512];
		(void)snprintf(path, sizeof(path), "%s/clean", scene->directory);
		assert_int_equal(unlink(path), 0);
		open_store(scene);
	}
	/* A stop in the middle of the rebuild. */
	persist_by_all(scene);
	close_store(scene);
	open_store(scene);
	examine(scene, WRITERS);
	close_store(scene);
}

/* ---- one key ------------------------------------------------------------------- */

static void *persist_with_one_key(void *context)
{
	struct actor *actor = context;
	struct scene *scene = actor->scene;
	struct layer_record record;
	struct tree_persist persist = {
		.who = {.workflow = "w", .job = "build"},
		.key = 1,
		.tree = &scene->trees[actor->number % 2],
	};
	actor->code = tree_persist(scene->store, &persist, &record, NULL, &actor->error);
	if (actor->code == 0)
		publish(scene,
			&(struct published){.layer = record.id, .tree = persist.tree});
	return NULL;
}

static void w2_one_key_at_once_makes_one_layer(void **state)
{
	struct scene *scene = *state;
	struct actor actors[8];
	for (unsigned i = 0; i < 8; i++)
		start(scene, &actors[i], i, persist_with_one_key);
	for (unsigned i = 0; i < 8; i++)
		pthread_join(actors[i].thread, NULL);
	/* Half of them have another tree: these are refused, or the others. */
	assert_int_equal(scene->layer_count, 4);
	for (unsigned i = 0; i < 8; i++)
		if (actors[i].code)
			assert_int_equal(actors[i].code, ERR_IDENTITY);
	for (unsigned i = 1; i < 4; i++)
		assert_int_equal(scene->layers[i].layer, scene->layers[0].layer);
	examine(scene, 1);
	close_store(scene);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(w1_many_sessions_moves_and_expiry_at_once),
		TEST(persists_go_on_while_the_index_is_rebuilt),
		TEST(w2_one_key_at_once_makes_one_layer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
