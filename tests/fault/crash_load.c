#include "tests/fault/crash_load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/removal/collector.h"
#include "proto/base/array.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/store_tree.h"

#define FILES 8u
#define FILE_LEN_MAX 700u
/* Contents that trees have in common. */
#define SHARED_FILES 4u
#define NAMESPACES 2u
/* Layers that are read after a crash where not all are. */
#define LAYERS_READ 12u

/* ---- keys ------------------------------------------------------------------------- */

static uint32_t key_of(uint32_t round, uint32_t thread, uint32_t number)
{
	return round << 16 | thread << 12 | (number & 0xfff);
}

static uint32_t namespace_of(uint32_t key)
{
	return (key >> 12 & 0xf) % NAMESPACES;
}

static struct store_tree tree_of(uint32_t key)
{
	struct store_tree tree = tree_new(FILES, 100 + key * 37, FILE_LEN_MAX);
	for (uint32_t i = 0; i < SHARED_FILES; i++)
		tree.files[i].content = 1 + i * 7 + key % 5;
	return tree;
}

struct names {
	char namespace[8], workflow[24], parent[24];
};

static struct names names_of(uint32_t key)
{
	struct names names;
	uint32_t round = key >> 16, thread = key >> 12 & 0xf;
	(void)snprintf(names.namespace, sizeof(names.namespace), "n%u",
		       namespace_of(key));
	(void)snprintf(names.workflow, sizeof(names.workflow), "w%u-%u", round, thread);
	(void)snprintf(names.parent, sizeof(names.parent), "w%u-%u", round - 1, thread);
	return names;
}

/* ---- the model -------------------------------------------------------------------- */

void load_model_fini(struct load_model *model)
{
	free(model->persists);
	*model = (struct load_model){0};
}

void load_model_take(struct load_model *model, const struct load_event *event)
{
	for (size_t i = model->count; i-- > 0;)
		if (model->persists[i].key == event->key) {
			model->persists[i] = *event;
			return;
		}
	array_make_room(model->persists, model->count, model->room);
	model->persists[model->count++] = *event;
}

const struct load_event *load_model_any(const struct load_model *model,
					uint32_t namespace, uint32_t random)
{
	for (size_t i = 0; i < model->count; i++) {
		size_t at = (random + i) % model->count;
		const struct load_event *event = &model->persists[at];
		if (event->kind == EVENT_ACKED && namespace_of(event->key) == namespace)
			return event;
	}
	return NULL;
}

void load_model_expire(struct load_model *model, const char *directory, uint32_t round)
{
	char sql[256];
	(void)snprintf(sql, sizeof(sql),
		       "UPDATE workflows SET expired_ms = 5, expired_running_ms = 0"
		       " WHERE name LIKE 'w%u-%%';"
		       "INSERT OR REPLACE INTO settings VALUES ('running_ms', %lld)",
		       round, (long long)COLLECTOR_WAIT_MS);
	catalogue_file_run(directory, sql);
	for (size_t i = 0; i < model->count; i++) {
		struct load_event *event = &model->persists[i];
		if (event->key >> 16 == round && event->kind == EVENT_ACKED)
			event->kind = EVENT_EXPIRED;
	}
}

/* ---- the load --------------------------------------------------------------------- */

struct runner {
	const struct load *load;
	struct store *store;
	uint32_t thread, number;
	uint64_t random;
	struct load_model own; /* what this thread was told */
	int failures;
};

static uint32_t draw(struct runner *runner)
{
	runner->random = runner->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(runner->random >> 33);
}

static void tell(const struct load *load, struct load_event event)
{
	if (load->position)
		event.position = load->position(load->context);
	claim(write(load->events, &event, sizeof(event)) == sizeof(event));
}

static void failed(struct runner *runner, const char *what, const struct error *error)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, error->text);
	runner->failures++;
	tell(runner->load, (struct load_event){.kind = EVENT_FAILED});
}

/* One that was acknowledged, in this round or before. */
static const struct load_event *any_acked(struct runner *runner, uint32_t namespace)
{
	uint32_t random = draw(runner);
	const struct load_event *own = load_model_any(&runner->own, namespace, random);
	if (own && random % 4)
		return own;
	const struct load_event *before =
		load_model_any(runner->load->model, namespace, random);
	return before ? before : own;
}

static int persist(struct runner *runner, uint32_t key, int64_t *ret_layer,
		   struct error *error)
{
	struct names names = names_of(key);
	struct store_tree tree AUTO(tree_fini) = tree_of(key);
	const struct load_event *base = any_acked(runner, namespace_of(key));
	struct tree_persist input = {
		.who = {.namespace = names.namespace,
			.workflow = names.workflow,
			.job = "build",
			.retry_of = names.parent,
			.retry_detected = true},
		.key = key,
		.tree = &tree,
		.base = base && key % 3 ? base->layer : 0,
	};
	struct layer_record record;
	int err = tree_persist(runner->store, &input, &record, NULL, error);
	if (!err)
		*ret_layer = record.id;
	return err;
}

static void persist_new(struct runner *runner)
{
	struct error error;
	struct load_event event = {
		.kind = EVENT_SENT,
		.key = key_of(runner->load->round, runner->thread, runner->number++)};
	tell(runner->load, event);
	if (persist(runner, event.key, &event.layer, &error)) {
		failed(runner, "persist", &error);
		return;
	}
	event.kind = EVENT_ACKED;
	tell(runner->load, event);
	load_model_take(&runner->own, &event);
}

/* The same persist again is the same layer (rule W2). */
static void persist_again(struct runner *runner)
{
	struct error error;
	const struct load_event *known = any_acked(runner, runner->thread % NAMESPACES);
	int64_t layer = 0;
	if (!known)
		return;
	int err = persist(runner, known->key, &layer, &error);
	if (err || layer != known->layer)
		failed(runner, err ? "persist again" : "persist again: another layer",
		       &error);
}

static void attach(struct runner *runner)
{
	struct error error;
	const struct load_event *known = any_acked(runner, runner->thread % NAMESPACES);
	if (!known)
		return;
	struct names names = names_of(known->key);
	struct store_tree tree AUTO(tree_fini) = tree_of(known->key);
	struct who who = {
		.namespace = names.namespace, .workflow = names.workflow, .job = "test"};
	struct visit visit AUTO(visit_fini) = {0};
	struct catalogue *catalogue = store_catalogue(runner->store);
	int err = visit_catalogue(catalogue, &who, CONTACT_ATTACH, &visit, &error);
	if (!err)
		err = tree_verify(runner->store, known->layer, &tree, &error);
	if (!err)
		err = catalogue_record_attach(catalogue, &visit.contact, &known->layer, 1,
					      &error);
	if (err)
		failed(runner, "attach", &error);
}

/* Removal may have taken it meanwhile. */
static bool is_there(const struct runner *runner, const struct segment_id *id)
{
	struct error error;
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count = 0;
	bool found = catalogue_segments(store_catalogue(runner->store), &rows, &count,
					&error) != 0;
	for (size_t i = 0; i < count; i++)
		found = found || memcmp(&rows[i].id, id, sizeof(*id)) == 0;
	return found;
}

static void move(struct runner *runner)
{
	struct error error;
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count = 0;
	if (catalogue_segments(store_catalogue(runner->store), &rows, &count, &error) ||
	    count == 0)
		return;
	const struct segment_id *id = &rows[draw(runner) % count].id;
	int err = tree_move_segment(runner->store, id, &error);
	if (err && err != ERR_BUSY && is_there(runner, id))
		failed(runner, "move", &error);
}

static void *run(void *context)
{
	struct runner *runner = context;
	while (runner->number < runner->load->persists && !runner->failures) {
		uint32_t what = draw(runner) % 100;
		if (what < 60 || runner->own.count == 0)
			persist_new(runner);
		else if (what < 75)
			persist_again(runner);
		else if (what < 92)
			attach(runner);
		else
			move(runner);
	}
	load_model_fini(&runner->own);
	return NULL;
}

/* ---- removal ------------------------------------------------------------------------
 */

/* Passes of removal in a row that may stop. */
#define STOPPED_MAX 3u

struct collecting {
	struct runner runner;
	struct collector *collector;
	atomic_bool stop;
};

static void *collect(void *context)
{
	struct collecting *it = context;
	const struct collector_options options = {.wait_ms = COLLECTOR_WAIT_MS,
						  .least_gain = 1};
	/* A pass that meets what is being committed may take it for damage and stop,
	 * which removes nothing; one after the other must not. */
	unsigned stopped = 0;
	index_rebuild_wait(it->runner.store->rebuild);
	while (!atomic_load(&it->stop) && !it->runner.failures) {
		struct collector_report report;
		struct error error;
		int err = collector_run(it->collector, &options, &report, &error);
		if (err && err != ERR_INTERRUPTED)
			failed(&it->runner, "removal", &error);
		stopped = report.stopped.code ? stopped + 1 : 0;
		if (stopped == STOPPED_MAX)
			failed(&it->runner, "removal stopped", &report.stopped);
		uint32_t segments = (uint32_t)(report.removed + report.compacted);
		if (segments > 0)
			tell(it->runner.load, (struct load_event){.kind = EVENT_COLLECTED,
								  .key = segments});
	}
	return NULL;
}

static int run_threads(const struct load *load, struct store *store)
{
	struct runner runners[LOAD_THREADS];
	pthread_t threads[LOAD_THREADS], collecting_thread;
	struct collecting collecting = {.runner = {.load = load, .store = store},
					.collector = collector_new(store)};
	int failures = 0;
	if (load->collects)
		claim(pthread_create(&collecting_thread, NULL, collect, &collecting) ==
		      0);
	for (uint32_t i = 0; i < LOAD_THREADS; i++) {
		runners[i] = (struct runner){.load = load,
					     .store = store,
					     .thread = i,
					     .random = load->round * 7919ull + i};
		claim(pthread_create(&threads[i], NULL, run, &runners[i]) == 0);
	}
	for (uint32_t i = 0; i < LOAD_THREADS; i++) {
		claim(pthread_join(threads[i], NULL) == 0);
		failures += runners[i].failures;
	}
	atomic_store(&collecting.stop, true);
	collector_stop(collecting.collector);
	if (load->collects)
		claim(pthread_join(collecting_thread, NULL) == 0);
	collector_free(collecting.collector);
	return failures + collecting.runner.failures;
}

int load_run(const struct load *load)
{
	struct store_options options = {.directory = load->directory,
					.io = load->io,
					.segment_len = LOAD_SEGMENT_LEN};
	struct store *store = NULL;
	struct error error;
	if (store_open(&options, &store, &error)) {
		(void)fprintf(stderr, "load: %s\n", error.text);
		return 1;
	}
	tell(load, (struct load_event){.kind = EVENT_OPENED});
	int failures = run_threads(load, store);
	return store_close(store, &error) ? failures + 1 : failures;
}

/* ---- afterwards ------------------------------------------------------------------- */

static int verify_one(struct store *store, const struct load_event *event,
		      struct error *error)
{
	struct store_tree tree AUTO(tree_fini) = tree_of(event->key);
	int err = tree_verify(store, event->layer, &tree, error);
	struct error why = *error;
	return err ? error_set(error, ERR_UNEXPECTED, "persist %x, acknowledged: %s",
			       event->key, why.text)
		   : 0;
}

static bool must_be_there(const struct load_event *event, uint64_t position)
{
	return event->kind == EVENT_ACKED && event->position <= position;
}

static int verify_acked(struct store *store, const struct load_model *model,
			uint64_t position, size_t step, struct error *error)
{
	int err = 0;
	for (size_t i = 0; i < model->count && !err; i += step)
		if (must_be_there(&model->persists[i], position))
			err = verify_one(store, &model->persists[i], error);
	return err;
}

/* NULL: nobody was told of it. */
static const struct load_event *find_told(const struct load_model *model, int64_t layer)
{
	for (size_t i = 0; i < model->count; i++)
		if (model->persists[i].kind != EVENT_SENT &&
		    model->persists[i].layer == layer)
			return &model->persists[i];
	return NULL;
}

/* A layer that nobody was told of is one that was sent. */
static int verify_unknown(struct store *store, const struct load_model *model,
			  int64_t layer, struct error *error)
{
	for (size_t i = model->count; i-- > 0;) {
		struct load_event event = model->persists[i];
		event.layer = layer;
		if (event.kind == EVENT_SENT && verify_one(store, &event, error) == 0)
			return 0;
	}
	return error_set(error, ERR_UNEXPECTED, "layer %lld was never sent",
			 (long long)layer);
}

/* As many as were acknowledged, and at most as many as were sent. */
static int verify_layers(struct store *store, const struct load_model *model,
			 uint64_t position, struct error *error)
{
	int64_t *ids AUTO_FREE = NULL;
	size_t count, known = 0, acked = 0;
	int err = catalogue_layer_ids(store_catalogue(store), &ids, &count, error);
	for (size_t i = 0; i < count && !err; i++) {
		const struct load_event *event = find_told(model, ids[i]);
		known += event && must_be_there(event, position);
		if (!event)
			err = verify_unknown(store, model, ids[i], error);
		else if (event->kind == EVENT_ACKED && !must_be_there(event, position))
			err = verify_one(store, event, error);
	}
	for (size_t i = 0; i < model->count; i++)
		acked += must_be_there(&model->persists[i], position);
	if (err || known >= acked)
		return err;
	return error_set(error, ERR_UNEXPECTED, "%zu layers are gone", acked - known);
}

static int verify_data(struct store *store, struct error *error)
{
	uint64_t damaged;
	char text[1024];
	int err = tree_check(store, &damaged, text, sizeof(text), error);
	return err || damaged == 0 ? err
				   : error_set(error, ERR_UNEXPECTED, "check: %s", text);
}

int load_verify(const char *directory, const struct load_model *model, uint64_t position,
		bool all, struct error *error)
{
	struct store_options options = {.directory = directory,
					.segment_len = LOAD_SEGMENT_LEN};
	struct store *store = NULL;
	size_t step = all ? 1 : 1 + model->count / LAYERS_READ;
	struct error ignored;
	int err = store_open(&options, &store, error);
	if (!err && store->health.refusal.code)
		err = error_set(error, ERR_UNEXPECTED, "%s", store->health.refusal.text);
	if (!err)
		err = verify_layers(store, model, position, error);
	if (!err)
		err = verify_acked(store, model, position, step, error);
	if (!err && all)
		err = verify_data(store, error);
	if (store)
		index_rebuild_wait(store->rebuild);
	return store_close(store, err ? &ignored : error) && !err ? error->code : err;
}
