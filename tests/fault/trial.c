#include "tests/fault/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/check/check.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/index/rebuild.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/killed.h"
#include "tests/harness/scratch.h"

#define FILES 12u
#define TORN_LEN 700u
/* The one that the killed process had acknowledged, and the one that is new. */
#define KILLED_TREE 3u
#define NEW_TREE 4u

#define assert_ok(what, expression)                                                      \
	do {                                                                             \
		int err_ = (expression);                                                 \
		if (err_)                                                                \
			fail_msg("%s: %s: %s", what, #expression, error.text);           \
	} while (0)

static struct store_options options_of(const char *directory)
{
	return (struct store_options){.directory = directory,
				      .segment_len = TRIAL_SEGMENT_LEN};
}

static struct tree_persist persist_of(const struct stage *stage, const int64_t *layers,
				      uint32_t tree)
{
	return (struct tree_persist){
		.who = {.workflow = "w", .job = "build"},
		.key = tree + 1,
		.tree = &stage->trees[tree],
		.base = tree > 0 ? layers[tree - 1] : 0,
	};
}

/* ---- the stores to begin with ----------------------------------------------------- */

static void persist_in_stage(struct stage *stage, struct store *store, uint32_t tree)
{
	struct tree_persist input = persist_of(stage, stage->layers, tree);
	struct layer_record record;
	struct error error;
	assert_ok("stage", tree_persist(store, &input, &record, NULL, &error));
	stage->layers[tree] = record.id;
}

static void make_stopped(struct stage *stage)
{
	stage->stopped = scratch_new();
	struct store_options options = options_of(stage->stopped);
	struct store *store;
	struct error error;
	assert_ok("stage", store_open(&options, &store, &error));
	for (uint32_t i = 0; i < TRIAL_STORED; i++)
		persist_in_stage(stage, store, i);
	assert_ok("stage", store_close(store, &error));
}

/* A child persists and ends in the middle of everything. */
static void make_log(struct stage *stage)
{
	int pipes[2];
	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store_options options = options_of(stage->killed);
		struct store *store;
		struct error error;
		if (store_open(&options, &store, &error) == 0)
			persist_in_stage(stage, store, KILLED_TREE);
		(void)!write(pipes[1], &stage->layers[KILLED_TREE], sizeof(int64_t));
		_exit(0);
	}
	(void)close(pipes[1]);
	assert_int_equal(read(pipes[0], &stage->layers[KILLED_TREE], sizeof(int64_t)),
			 sizeof(int64_t));
	(void)close(pipes[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(stage->layers[KILLED_TREE] > 0);
}

/* What a persist that was not acknowledged had written: behind the first segment. */
static void tear(const char *directory, const char *folder, const char *name,
		 void *context)
{
	bool *torn = context;
	if (*torn || strcmp(folder, "/segments") != 0)
		return;
	struct buffer bytes AUTO(buffer_fini) = killed_read(directory, folder, name);
	struct buffer unknown AUTO(buffer_fini) = {0};
	static const uint8_t tail[TORN_LEN] = {0};
	buffer_put(&unknown, bytes.at, bytes.len);
	buffer_put(&bytes, tail, sizeof(tail));
	killed_write(directory, folder, name, &bytes);
	killed_write(directory, folder, "00000000000000000000000000000000.seg", &unknown);
	*torn = true;
}

static void make_killed(struct stage *stage)
{
	bool torn = false;
	stage->killed = killed_copy(stage->stopped);
	make_log(stage);
	killed_each_file(stage->killed, tear, &torn);
	assert_true(torn);
}

struct stage *stage_new(void)
{
	struct stage *stage = must_calloc(1, sizeof(*stage));
	for (uint32_t i = 0; i < TRIAL_TREES; i++) {
		stage->trees[i] = tree_new(FILES, 1, 400);
		stage->trees[i].files[i].content = 1000 + i;
	}
	make_stopped(stage);
	make_killed(stage);
	return stage;
}

void stage_free(struct stage *stage)
{
	for (uint32_t i = 0; i < TRIAL_TREES; i++)
		tree_fini(&stage->trees[i]);
	scratch_free(stage->stopped);
	scratch_free(stage->killed);
	free(stage);
}

/* ---- the operations --------------------------------------------------------------- */

static void on_failure(void *context, const char *sentence)
{
	struct trial *trial = context;
	assert_true(strlen(sentence) > 0);
	trial->failures++;
}

static void open_store(struct trial *trial)
{
	struct store_options options = options_of(trial->directory);
	struct error error;
	options.io = trial->io;
	options.on_failure = on_failure;
	options.context = trial;
	trial->code = store_open(&options, &trial->store, &error);
}

static void close_store(struct trial *trial)
{
	struct error error;
	if (trial->store)
		index_rebuild_wait(trial->store->rebuild);
	trial->closed = store_close(take_ptr(&trial->store), &error) == 0;
}

static void faults(const struct trial *trial, bool on)
{
	trial->faults(trial->context, on);
}

/* Of a stopped store, or of a killed one. */
static void run_start(struct trial *trial)
{
	faults(trial, true);
	open_store(trial);
	if (trial->store)
		index_rebuild_wait(trial->store->rebuild);
	faults(trial, false);
	close_store(trial);
}

static void persist(struct trial *trial, uint32_t tree)
{
	struct tree_persist input = persist_of(trial->stage, trial->layers, tree);
	struct layer_record record;
	struct error error;
	trial->code = tree_persist(trial->store, &input, &record, NULL, &error);
	if (trial->code == 0)
		trial->layers[tree] = record.id;
}

static void run_persist(struct trial *trial)
{
	open_store(trial);
	faults(trial, true);
	persist(trial, NEW_TREE);
	faults(trial, false);
	close_store(trial);
}

/* One that was acknowledged before, sent again. */
static void run_persist_again(struct trial *trial)
{
	int64_t layer = trial->layers[0];
	open_store(trial);
	faults(trial, true);
	persist(trial, 0);
	faults(trial, false);
	assert_true(trial->layers[0] == layer);
	close_store(trial);
}

static void attach_one(struct trial *trial, const struct contact *contact, uint32_t tree)
{
	struct error error;
	int64_t layer = trial->layers[tree];
	trial->code =
		tree_verify(trial->store, layer, &trial->stage->trees[tree], &error);
	/* What cannot be read now is neither wrong nor damaged. */
	if (trial->code == ERR_UNEXPECTED || trial->code == ERR_DAMAGED)
		fail_msg("attach: %s", error.text);
	if (trial->code == 0)
		trial->code = catalogue_record_attach(store_catalogue(trial->store),
						      contact, &layer, 1, &error);
}

static void run_attach(struct trial *trial)
{
	struct who who = {.workflow = "w", .job = "test"};
	struct visit visit AUTO(visit_fini) = {0};
	struct error error;
	open_store(trial);
	faults(trial, true);
	trial->code = visit_catalogue(store_catalogue(trial->store), &who, CONTACT_ATTACH,
				      &visit, &error);
	for (uint32_t i = 0; i < TRIAL_STORED && trial->code == 0; i++)
		attach_one(trial, &visit.contact, i);
	faults(trial, false);
	close_store(trial);
}

static void run_stop(struct trial *trial)
{
	open_store(trial);
	persist(trial, NEW_TREE);
	index_rebuild_wait(trial->store->rebuild);
	faults(trial, true);
	close_store(trial);
	trial->code = trial->closed ? 0 : ERR_LOCAL;
	faults(trial, false);
}

static void run_move(struct trial *trial)
{
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count;
	struct error error;
	open_store(trial);
	assert_ok("move", catalogue_segments(store_catalogue(trial->store), &rows, &count,
					     &error));
	faults(trial, true);
	trial->code = tree_move_segment(trial->store, &rows[0].id, &error);
	faults(trial, false);
	close_store(trial);
}

static void run_check(struct trial *trial)
{
	uint64_t damaged;
	char text[1024];
	struct error error;
	open_store(trial);
	faults(trial, true);
	trial->code = tree_check(trial->store, &damaged, text, sizeof(text), &error);
	faults(trial, false);
	close_store(trial);
}

static void run_expire(struct trial *trial)
{
	struct expiry expiry;
	struct error error;
	open_store(trial);
	faults(trial, true);
	trial->code =
		expire_after(store_catalogue(trial->store), 3600 * 1000, &expiry, &error);
	faults(trial, false);
	close_store(trial);
}

const struct operation operations[] = {
	{"start", false, run_start},
	{"recovery", true, run_start},
	{"persist", false, run_persist},
	{"persist after a crash", true, run_persist},
	{"persist sent again", false, run_persist_again},
	{"attach", false, run_attach},
	{"stop", false, run_stop},
	{"move", false, run_move},
	{"check", false, run_check},
	{"expiry", false, run_expire},
};
const size_t operation_count = sizeof(operations) / sizeof(*operations);

void trial_run(struct trial *trial, const struct operation *operation,
	       const struct stage *stage)
{
	uint32_t stored = operation->killed ? KILLED_TREE + 1 : TRIAL_STORED;
	trial->stage = stage;
	trial->directory =
		killed_copy(operation->killed ? stage->killed : stage->stopped);
	memcpy(trial->layers, stage->layers, stored * sizeof(*trial->layers));
	operation->run(trial);
	claim(!trial->store);
}

/* ---- afterwards ------------------------------------------------------------------- */

static bool is_a_tree(const struct trial *trial, struct store *store, int64_t layer)
{
	struct error error;
	for (uint32_t i = 0; i < TRIAL_TREES; i++)
		if (tree_verify(store, layer, &trial->stage->trees[i], &error) == 0)
			return true;
	return false;
}

static void check_layers(const struct trial *trial, struct store *store, const char *what)
{
	struct error error;
	int64_t *ids AUTO_FREE = NULL;
	size_t count;
	assert_ok(what,
		  catalogue_layer_ids(store_catalogue(store), &ids, &count, &error));
	for (size_t i = 0; i < count; i++)
		if (!is_a_tree(trial, store, ids[i]))
			fail_msg("%s: a layer is no tree that was persisted", what);
	for (uint32_t i = 0; i < TRIAL_TREES; i++)
		if (trial->layers[i])
			assert_ok(what, tree_verify(store, trial->layers[i],
						    &trial->stage->trees[i], &error));
}

static void check_sound(struct store *store, const char *what)
{
	uint64_t damaged;
	char text[4096];
	struct error error;
	assert_ok(what, tree_check(store, &damaged, text, sizeof(text), &error));
	if (damaged || store->health.refusal.code)
		fail_msg("%s: %s%s", what, text, store->health.refusal.text);
}

/* What was acknowledged is the same layer, what was not becomes one. */
static void check_goes_on(const struct trial *trial, struct store *store,
			  const char *what)
{
	struct tree_persist input = persist_of(trial->stage, trial->layers, NEW_TREE);
	struct layer_record record;
	struct error error;
	assert_ok(what, tree_persist(store, &input, &record, NULL, &error));
	if (trial->layers[NEW_TREE])
		assert_int_equal(record.id, trial->layers[NEW_TREE]);
	assert_ok(what, tree_verify(store, record.id, input.tree, &error));
}

void trial_check(struct trial *trial, const char *what)
{
	struct store_options options = options_of(trial->directory);
	struct store *store;
	struct error error;
	assert_ok(what, store_open(&options, &store, &error));
	check_layers(trial, store, what);
	check_sound(store, what);
	check_goes_on(trial, store, what);
	index_rebuild_wait(store->rebuild);
	check_sound(store, what);
	assert_ok(what, store_close(store, &error));
	scratch_free(take_ptr(&trial->directory));
}
