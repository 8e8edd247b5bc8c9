/*
 * Removal and compaction: what nothing reaches goes, and its bytes come back; what
 * anything reaches stays, whoever does what meanwhile (L4, L5, L8).
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/layer/reader.h"
#include "daemon/store/removal/collector.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/table.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

#define FILES 120u
#define LEN_MAX 3000u
/* Some frames each. */
#define SEGMENT_LEN 20000u

static int setup(void **state)
{
	int failed = store_fixture_setup(state);
	struct store_fixture *fixture = *state;
	fixture->segment_len = SEGMENT_LEN;
	store_fixture_open(fixture);
	return failed;
}

/* Whatever a test did, a check finds nothing. */
static int teardown(void **state)
{
	struct store_fixture *fixture = *state;
	uint64_t damaged = 0;
	char text[2048];
	assert_ok(tree_check(fixture->store, &damaged, text, sizeof(text),
			     &fixture->error));
	if (damaged)
		fail_msg("%s", text);
	return store_fixture_teardown(state);
}

static int64_t persist_as(struct store_fixture *fixture, struct who who,
			  const struct store_tree *tree, int64_t base)
{
	struct tree_persist input = {
		.who = who, .key = ++fixture->key, .tree = tree, .base = base};
	struct layer_record record;
	assert_ok(tree_persist(fixture->store, &input, &record, NULL, &fixture->error));
	return record.id;
}

static int64_t persist(struct store_fixture *fixture, const char *workflow,
		       const struct store_tree *tree)
{
	return persist_as(fixture, (struct who){.workflow = workflow, .job = "build"},
			  tree, 0);
}

static void verify(struct store_fixture *fixture, int64_t layer,
		   const struct store_tree *tree)
{
	assert_ok(tree_verify(fixture->store, layer, tree, &fixture->error));
}

static void restart(struct store_fixture *fixture)
{
	store_fixture_close(fixture);
	store_fixture_open(fixture);
	index_rebuild_wait(fixture->store->rebuild);
}

/* Runs SQL on the catalogue of the store, which is opened anew. */
static void change(struct store_fixture *fixture, const char *sql)
{
	store_fixture_close(fixture);
	catalogue_file_run(fixture->directory, sql);
	store_fixture_open(fixture);
	index_rebuild_wait(fixture->store->rebuild);
}

/* As long ago as removal waits for. */
static void expire(struct store_fixture *fixture, const char *workflow)
{
	char sql[256];
	(void)snprintf(sql, sizeof(sql),
		       "UPDATE workflows SET expired_ms = 5, expired_running_ms = 0"
		       " WHERE name = '%s';"
		       "INSERT OR REPLACE INTO settings VALUES ('running_ms', %lld)",
		       workflow, (long long)COLLECTOR_WAIT_MS);
	change(fixture, sql);
}

static struct collector_options options(void)
{
	return (struct collector_options){.wait_ms = COLLECTOR_WAIT_MS, .least_gain = 1};
}

static struct collector_report collect(struct store_fixture *fixture)
{
	struct collector_options now = options();
	struct collector *collector = collector_new(fixture->store);
	struct collector_report report;
	assert_ok(collector_run(collector, &now, &report, &fixture->error));
	collector_free(collector);
	return report;
}

static uint64_t stored_bytes(struct store_fixture *fixture)
{
	struct store_figures figures;
	assert_ok(store_figures(fixture->store, &figures, &fixture->error));
	return figures.stored_bytes;
}

/* ---- what goes -------------------------------------------------------------------- */

static void l5_whole_segments_of_a_removed_workflow_go(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree gone AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	struct store_tree stays AUTO(tree_fini) = tree_new(FILES, 50000, LEN_MAX);
	int64_t first = persist(fixture, "gone", &gone);
	int64_t second = persist(fixture, "stays", &stays);
	uint64_t before = stored_bytes(fixture);
	expire(fixture, "gone");
	struct collector_report report = collect(fixture);
	assert_int_equal(report.workflows, 1);
	assert_int_equal(report.layers, 1);
	assert_true(report.removed > 0);
	assert_true(stored_bytes(fixture) < before * 6 / 10);
	assert_int_equal(tree_verify(fixture->store, first, &gone, &fixture->error),
			 ERR_NOT_FOUND);
	verify(fixture, second, &stays);
	restart(fixture);
	verify(fixture, second, &stays);
	/* What is gone is sent again, and is there again. */
	int64_t third = persist(fixture, "new", &gone);
	verify(fixture, third, &gone);
}

/* What is left lies dense, is read at the offsets that it had, and grows again. */
static void l5_a_sparse_segment_is_compacted_again_and_again(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree trees[4];
	int64_t layers[4];
	char name[8];
	/* One segment, of which each tree has a share. */
	store_fixture_close(fixture);
	fixture->segment_len = 0;
	store_fixture_open(fixture);
	for (uint32_t i = 0; i < 4; i++) {
		trees[i] = tree_new(FILES, 1 + i * 50000, LEN_MAX);
		(void)snprintf(name, sizeof(name), "w%u", i);
		layers[i] = persist(fixture, name, &trees[i]);
	}
	for (uint32_t i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "w%u", i);
		expire(fixture, name);
		uint64_t before = stored_bytes(fixture);
		struct collector_report report = collect(fixture);
		if (report.compacted > 0)
			assert_true(stored_bytes(fixture) < before);
		for (uint32_t j = i + 1; j < 4; j++)
			verify(fixture, layers[j], &trees[j]);
		restart(fixture);
		for (uint32_t j = i + 1; j < 4; j++)
			verify(fixture, layers[j], &trees[j]);
	}
	/* Of a quarter that is needed, and what is smaller than a frame. */
	struct store_figures figures;
	assert_ok(store_figures(fixture->store, &figures, &fixture->error));
	assert_int_equal(figures.catalogue.segments, 1);
	int64_t more = persist(fixture, "more", &trees[0]);
	assert_ok(store_figures(fixture->store, &figures, &fixture->error));
	assert_int_equal(figures.catalogue.segments, 1);
	restart(fixture);
	verify(fixture, more, &trees[0]);
	verify(fixture, layers[3], &trees[3]);
	for (uint32_t i = 0; i < 4; i++)
		tree_fini(&trees[i]);
}

static void l2_a_layer_that_a_person_ended_goes_at_once(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	int64_t layer = persist(fixture, "w", &tree);
	change(fixture, "UPDATE layers SET ended_ms = 5");
	struct collector_report report = collect(fixture);
	assert_int_equal(report.layers, 1);
	assert_int_equal(report.workflows, 0);
	assert_int_equal(stored_bytes(fixture), 0);
	assert_int_equal(tree_verify(fixture->store, layer, &tree, &fixture->error),
			 ERR_NOT_FOUND);
	/* The same persist sent again is not answered with what is gone. */
	struct tree_persist again = {.who = {.workflow = "w", .job = "build"},
				     .key = fixture->key,
				     .tree = &tree};
	struct layer_record record;
	assert_int_equal(
		tree_persist(fixture->store, &again, &record, NULL, &fixture->error),
		ERR_NOT_FOUND);
	verify(fixture, persist(fixture, "w", &tree), &tree);
}

/* ---- what stays ------------------------------------------------------------------- */

static void assert_nothing_goes(struct store_fixture *fixture)
{
	struct collector_report report = collect(fixture);
	assert_int_equal(
		report.workflows + report.layers + report.removed + report.compacted, 0);
}

static void l4_nothing_goes_before_daemons_have_run_for_a_day_since(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	int64_t layer = persist(fixture, "w", &tree);
	assert_nothing_goes(fixture);
	expire(fixture, "w");
	change(fixture,
	       "UPDATE settings SET value = value - 1 WHERE name = 'running_ms'");
	assert_nothing_goes(fixture);
	change(fixture,
	       "UPDATE workflows SET kept_ms = 7;"
	       "UPDATE settings SET value = value + 1 WHERE name = 'running_ms'");
	assert_nothing_goes(fixture);
	/* Nobody has counted since when. */
	change(fixture, "UPDATE workflows SET kept_ms = NULL, expired_running_ms = NULL");
	assert_nothing_goes(fixture);
	verify(fixture, layer, &tree);
	change(fixture, "UPDATE workflows SET expired_running_ms = 0");
	assert_int_equal(collect(fixture).layers, 1);
}

/* R4: what a retry inherited lives as long as the retry may come back. */
static void l4_what_a_retry_inherited_stays_as_long_as_it_does(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	struct store_tree other AUTO(tree_fini) = tree_new(FILES, 50000, LEN_MAX);
	int64_t inherited = persist(fixture, "parent", &tree);
	int64_t own = persist_as(
		fixture,
		(struct who){.workflow = "retry", .job = "test", .retry_of = "parent"},
		&other, 0);
	/* Both have expired, and the retry may still come back. */
	change(fixture, "UPDATE workflows SET expired_ms = 5, expired_running_ms = 1"
			" WHERE name = 'retry'");
	expire(fixture, "parent");
	struct collector_report report = collect(fixture);
	assert_int_equal(report.workflows, 1);
	assert_int_equal(report.layers, 0);
	assert_nothing_goes(fixture);
	verify(fixture, inherited, &tree);
	expire(fixture, "retry");
	report = collect(fixture);
	assert_int_equal(report.layers, 2);
	assert_int_equal(stored_bytes(fixture), 0);
	assert_int_equal(tree_verify(fixture->store, own, &other, &fixture->error),
			 ERR_NOT_FOUND);
}

/* Frames that a living layer shares with one that is gone. */
static void l4_what_another_layer_needs_of_it_stays(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	int64_t base = persist(fixture, "old", &tree);
	struct store_tree grown AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	grown.files[7].content = 99999;
	int64_t layer = persist_as(
		fixture, (struct who){.workflow = "new", .job = "build"}, &grown, base);
	expire(fixture, "old");
	assert_int_equal(collect(fixture).layers, 1);
	verify(fixture, layer, &grown);
	restart(fixture);
	verify(fixture, layer, &grown);
}

/* ---- at the same time ----------------------------------------------------------------
 */

struct collecting {
	struct store_fixture *fixture;
	struct collector *collector;
	struct collector_report report;
	struct error error;
	void (*on_finding)(void *context, const struct collector_finding *finding);
	void *context;
	pthread_t thread;
	atomic_bool done;
	int code;
};

static void *run_collector(void *context)
{
	struct collecting *collecting = context;
	struct collector_options now = options();
	now.on_finding = collecting->on_finding;
	now.context = collecting->context;
	collecting->code = collector_run(collecting->collector, &now, &collecting->report,
					 &collecting->error);
	atomic_store(&collecting->done, true);
	return NULL;
}

static void begin_collecting_with(
	struct store_fixture *fixture, struct collecting *collecting,
	void (*on_finding_)(void *context, const struct collector_finding *finding),
	void *context)
{
	*collecting = (struct collecting){.fixture = fixture,
					  .collector = collector_new(fixture->store),
					  .on_finding = on_finding_,
					  .context = context};
	assert_int_equal(
		pthread_create(&collecting->thread, NULL, run_collector, collecting), 0);
}

static void begin_collecting(struct store_fixture *fixture, struct collecting *collecting)
{
	begin_collecting_with(fixture, collecting, NULL, NULL);
}

static void end_collecting(struct collecting *collecting)
{
	assert_int_equal(pthread_join(collecting->thread, NULL), 0);
	collector_free(collecting->collector);
	if (collecting->code)
		fail_msg("%s", collecting->error.text);
}

/* Everything that was sent was offered to the session when its units' layer was removed:
 * the collector waits for it, and then leaves what it committed. */
static void l4_what_a_session_was_offered_stays(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	(void)persist(fixture, "old", &tree);
	expire(fixture, "old");
	struct tree_persist input = {.who = {.workflow = "new", .job = "build"},
				     .key = ++fixture->key,
				     .tree = &tree};
	struct transaction *open = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	struct transaction_commit commit = {0};
	struct tree_figures figures = {0};
	assert_ok(tree_send(fixture->store, &input, &open, &root, &commit.execution_id,
			    &figures, &fixture->error));
	assert_int_equal(figures.sent, 0);
	struct collecting collecting;
	begin_collecting(fixture, &collecting);
	numbered_key(input.key, commit.key);
	commit.root = root.at;
	commit.root_len = root.len;
	struct layer_record record;
	bool again;
	assert_ok(transaction_commit(open, &commit, &record, &again, &fixture->error));
	assert_false(atomic_load(&collecting.done));
	transaction_free(open);
	end_collecting(&collecting);
	assert_int_equal(collecting.report.layers, 1);
	verify(fixture, record.id, &tree);
	restart(fixture);
	verify(fixture, record.id, &tree);
}

struct late {
	struct store_fixture *fixture;
	uint64_t ticket;
	atomic_bool taken;
};

/* Told of the layer that was given up, before its segments are closed: somebody comes,
 * and is waited for then. */
static void come_late(void *context, const struct collector_finding *finding)
{
	struct late *late = context;
	if (finding->deed != COLLECTOR_LAYER)
		return;
	late->ticket = store_enter(late->fixture->store);
	atomic_store(&late->taken, true);
}

static bool any_is_closed(struct store_fixture *fixture)
{
	struct segment_table *table = fixture->store->segments;
	size_t count;
	struct segment_row *rows AUTO_FREE = segment_table_rows(table, &count);
	bool closed = false;
	for (size_t i = 0; i < count; i++) {
		struct segment *segment;
		assert_ok(
			segment_table_pin(table, &rows[i].id, &segment, &fixture->error));
		closed = closed || segment_table_is_closed(table, segment);
		segment_table_unpin(table, segment);
	}
	return closed;
}

/* A session that begins while its segment is closed is not waited for: so it must not be
 * offered what is about to go. */
static void l4_nothing_in_a_closed_segment_is_offered(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	store_fixture_close(fixture);
	fixture->segment_len = 0;
	store_fixture_open(fixture);
	(void)persist(fixture, "old", &tree);
	expire(fixture, "old");
	struct late late = {.fixture = fixture};
	struct collecting collecting;
	begin_collecting_with(fixture, &collecting, come_late, &late);
	while (!any_is_closed(fixture))
		(void)sched_yield();
	struct tree_persist input = {.who = {.workflow = "new", .job = "build"},
				     .key = ++fixture->key,
				     .tree = &tree};
	struct transaction *open = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	struct transaction_commit commit = {0};
	struct tree_figures figures = {0};
	assert_ok(tree_send(fixture->store, &input, &open, &root, &commit.execution_id,
			    &figures, &fixture->error));
	assert_int_equal(figures.offered, 0);
	store_leave(fixture->store, late.ticket);
	end_collecting(&collecting);
	assert_int_equal(collecting.report.removed, 1);
	numbered_key(input.key, commit.key);
	commit.root = root.at;
	commit.root_len = root.len;
	struct layer_record record;
	bool again;
	assert_ok(transaction_commit(open, &commit, &record, &again, &fixture->error));
	transaction_free(open);
	verify(fixture, record.id, &tree);
}

/* Whoever holds what it was shown is waited for, and a pass that is told to stop does. */
static void l7_a_pass_that_waits_can_be_stopped(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	int64_t layer = persist(fixture, "w", &tree);
	expire(fixture, "w");
	uint64_t ticket = store_enter(fixture->store);
	struct collecting collecting;
	begin_collecting(fixture, &collecting);
	verify(fixture, layer, &tree);
	collector_stop(collecting.collector);
	assert_int_equal(pthread_join(collecting.thread, NULL), 0);
	collector_free(collecting.collector);
	assert_int_equal(collecting.code, ERR_INTERRUPTED);
	assert_int_equal(collecting.report.layers, 0);
	verify(fixture, layer, &tree);
	store_leave(fixture->store, ticket);
	assert_int_equal(collect(fixture).layers, 1);
}

static struct layer_reader *open_reader(struct store_fixture *fixture, int64_t layer,
					struct layer_scratch **ret_scratch)
{
	struct layer_reader *reader = NULL;
	*ret_scratch = layer_scratch_new(fixture->store);
	assert_ok(layer_reader_open(fixture->store, layer, *ret_scratch, &reader,
				    &fixture->error));
	return reader;
}

/* It reads every row and unit where it lay when it was opened. */
static void read_all(struct store_fixture *fixture, struct layer_reader *reader,
		     const struct store_tree *tree)
{
	uint64_t mention = 0;
	struct row row;
	size_t file = 0;
	int got;
	while ((got = layer_reader_next(reader, &row, &fixture->error)) > 0) {
		if (row.unit_count == 0)
			continue;
		assert_ok(tree_verify_row(reader, &io_system, &row, mention,
					  &tree->files[file++], &fixture->error));
		mention += row.unit_count;
	}
	assert_int_equal(got, 0);
	assert_int_equal(file, tree->count);
}

/* A reader keeps the files that it has open, whatever becomes of their names. */
static void l4_a_reader_reads_on_while_its_segment_goes(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree gone AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	struct store_tree stays AUTO(tree_fini) = tree_new(FILES, 50000, LEN_MAX);
	store_fixture_close(fixture);
	fixture->segment_len = 0;
	store_fixture_open(fixture);
	int64_t first = persist(fixture, "gone", &gone);
	int64_t second = persist(fixture, "stays", &stays);
	int64_t third = persist(fixture, "gone", &gone);
	(void)third;
	expire(fixture, "gone");
	struct layer_scratch *scratches[2];
	struct layer_reader *of_gone = open_reader(fixture, first, &scratches[0]);
	struct layer_reader *of_stays = open_reader(fixture, second, &scratches[1]);
	struct collector_report report = collect(fixture);
	assert_int_equal(report.layers, 2);
	assert_int_equal(report.compacted, 1);
	read_all(fixture, of_gone, &gone);
	read_all(fixture, of_stays, &stays);
	layer_reader_free(of_gone);
	layer_reader_free(of_stays);
	layer_scratch_free(scratches[0]);
	layer_scratch_free(scratches[1]);
	verify(fixture, second, &stays);
}

/* ---- damage -------------------------------------------------------------------------
 */

static struct segment_id first_segment(struct store_fixture *fixture, int64_t layer)
{
	struct layer_place place = {0};
	assert_ok(catalogue_layer_place(store_catalogue(fixture->store), layer, &place,
					&fixture->error));
	struct segment_id id = place.root.segment;
	free(place.segments);
	return id;
}

static void l8_damage_stops_removal_in_its_namespace_and_no_other(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	static const struct who here = {
		.namespace = "here", .workflow = "gone", .job = "j"};
	static const struct who stays = {
		.namespace = "here", .workflow = "stays", .job = "j"};
	static const struct who there = {
		.namespace = "there", .workflow = "gone", .job = "j"};
	int64_t layers[3] = {persist_as(fixture, here, &tree, 0),
			     persist_as(fixture, stays, &tree, 0),
			     persist_as(fixture, there, &tree, 0)};
	expire(fixture, "gone");
	struct segment_id id = first_segment(fixture, layers[1]);
	assert_true(damage_add(fixture->store->damage, &id, 64));
	struct collector_report report = collect(fixture);
	assert_int_equal(report.stopped.code, ERR_DAMAGED);
	assert_non_null(strstr(report.stopped.text, "damage"));
	assert_true(report.removed > 0);
	verify(fixture, layers[1], &tree);
	struct store_figures figures;
	assert_ok(store_figures(fixture->store, &figures, &fixture->error));
	assert_true(figures.stored_bytes > 0);
}

/* ---- telling it first ---------------------------------------------------------------
 */

struct told {
	unsigned deeds[3];
	uint64_t freed;
};

static void on_finding(void *context, const struct collector_finding *finding)
{
	struct told *told = context;
	told->deeds[finding->deed]++;
	told->freed += finding->stored - finding->alive;
}

static void l9_a_dry_run_tells_what_the_run_does_and_does_nothing(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree gone AUTO(tree_fini) = tree_new(FILES, 1, LEN_MAX);
	struct store_tree stays AUTO(tree_fini) = tree_new(FILES, 50000, LEN_MAX);
	int64_t first = persist(fixture, "gone", &gone);
	int64_t second = persist(fixture, "stays", &stays);
	expire(fixture, "gone");
	struct told dry = {0}, wet = {0};
	struct collector_options now = options();
	now.on_finding = on_finding;
	now.dry_run = true;
	now.context = &dry;
	uint64_t before = stored_bytes(fixture);
	struct collector *collector = collector_new(fixture->store);
	struct collector_report report;
	assert_ok(collector_run(collector, &now, &report, &fixture->error));
	assert_int_equal(stored_bytes(fixture), before);
	verify(fixture, first, &gone);
	now.dry_run = false;
	now.context = &wet;
	assert_ok(collector_run(collector, &now, &report, &fixture->error));
	collector_free(collector);
	assert_memory_equal(dry.deeds, wet.deeds, sizeof(dry.deeds));
	assert_int_equal(dry.freed, wet.freed);
	assert_true(dry.deeds[COLLECTOR_SEGMENT] > 0);
	assert_true(stored_bytes(fixture) < before);
	verify(fixture, second, &stays);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(l5_whole_segments_of_a_removed_workflow_go),
		TEST(l5_a_sparse_segment_is_compacted_again_and_again),
		TEST(l2_a_layer_that_a_person_ended_goes_at_once),
		TEST(l4_nothing_goes_before_daemons_have_run_for_a_day_since),
		TEST(l4_what_a_retry_inherited_stays_as_long_as_it_does),
		TEST(l4_what_another_layer_needs_of_it_stays),
		TEST(l4_what_a_session_was_offered_stays),
		TEST(l4_nothing_in_a_closed_segment_is_offered),
		TEST(l7_a_pass_that_waits_can_be_stopped),
		TEST(l4_a_reader_reads_on_while_its_segment_goes),
		TEST(l8_damage_stops_removal_in_its_namespace_and_no_other),
		TEST(l9_a_dry_run_tells_what_the_run_does_and_does_nothing),
	};
	return cmocka_run_group_tests_name("collector", tests, NULL, NULL);
}
