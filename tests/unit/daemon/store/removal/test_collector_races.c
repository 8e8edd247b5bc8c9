/*
 * Sessions that begin in the middle of a pass of the collector: what they were offered
 * stays, and nothing is offered that is about to go (L4). And what is left alone where
 * damage is known (L8).
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
#include "daemon/store/removal/collector.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/table.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

#define FILES 6u
#define LEN_MAX 500u
/* Persists beside a pass that waits: time in which one that did not would have gone on.
 */
#define OTHERS 20u

static int setup(void **state)
{
	int failed = store_fixture_setup(state);
	store_fixture_open(*state);
	return failed;
}

static struct tree_persist persist_of(struct store_fixture *fixture,
				      const char *namespace, const char *workflow,
				      const struct store_tree *tree)
{
	return (struct tree_persist){
		.who = {.namespace = namespace, .workflow = workflow, .job = "build"},
		.key = ++fixture->key,
		.tree = tree};
}

static int64_t persist(struct store_fixture *fixture, const char *namespace,
		       const char *workflow, const struct store_tree *tree)
{
	struct tree_persist input = persist_of(fixture, namespace, workflow, tree);
	struct layer_record record;
	assert_ok(tree_persist(fixture->store, &input, &record, NULL, &fixture->error));
	return record.id;
}

/* As long ago as removal waits for. */
static void expire_old(struct store_fixture *fixture)
{
	char sql[256];
	(void)snprintf(sql, sizeof(sql),
		       "UPDATE workflows SET expired_ms = 5, expired_running_ms = 0"
		       " WHERE name = 'old';"
		       "INSERT OR REPLACE INTO settings VALUES ('running_ms', %lld)",
		       (long long)COLLECTOR_WAIT_MS);
	store_fixture_close(fixture);
	catalogue_file_run(fixture->directory, sql);
	store_fixture_open(fixture);
	index_rebuild_wait(fixture->store->rebuild);
}

/* ---- a session ----------------------------------------------------------------------
 */

struct session {
	struct tree_persist input;
	struct transaction *transaction; /* owned */
	struct buffer root;
	struct transaction_commit commit;
	struct tree_figures figures;
};

static void session_send(struct store_fixture *fixture, const char *workflow,
			 const struct store_tree *tree, struct session *session)
{
	*session = (struct session){.input = persist_of(fixture, NULL, workflow, tree)};
	assert_ok(tree_send(fixture->store, &session->input, &session->transaction,
			    &session->root, &session->commit.execution_id,
			    &session->figures, &fixture->error));
	numbered_key(session->input.key, session->commit.key);
	session->commit.root = session->root.at;
	session->commit.root_len = session->root.len;
}

static void session_end(struct session *session)
{
	transaction_free(session->transaction);
	buffer_fini(&session->root);
}

static int64_t session_commit(struct store_fixture *fixture, struct session *session)
{
	struct layer_record record;
	bool again;
	assert_ok(transaction_commit(session->transaction, &session->commit, &record,
				     &again, &fixture->error));
	session_end(session);
	return record.id;
}

/* ---- a pass beside it ----------------------------------------------------------------
 */

/* A pass in which a session begins when the layers of `old` have been given up, and
 * before their segment is closed. */
struct pass {
	struct store_fixture *fixture;
	struct store_tree tree;
	struct session early;
	struct segment *segment; /* borrowed, pinned; that of `old` */
	struct collector *collector;
	pthread_t thread;
	atomic_bool done;
	int code;
	struct error error;
};

static void on_finding(void *context, const struct collector_finding *finding)
{
	struct pass *pass = context;
	if (finding->deed == COLLECTOR_LAYER && !pass->early.transaction)
		session_send(pass->fixture, "early", &pass->tree, &pass->early);
}

static void *run_pass(void *context)
{
	struct pass *pass = context;
	struct collector_options options = {.wait_ms = COLLECTOR_WAIT_MS,
					    .least_gain = 1,
					    .on_finding = on_finding,
					    .context = pass};
	struct collector_report report;
	pass->code = collector_run(pass->collector, &options, &report, &pass->error);
	atomic_store(&pass->done, true);
	return NULL;
}

static void pin_its_segment(struct pass *pass)
{
	struct store_fixture *fixture = pass->fixture;
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count;
	assert_ok(catalogue_segments(store_catalogue(fixture->store), &rows, &count,
				     &fixture->error));
	assert_int_equal(count, 1);
	assert_ok(segment_table_pin(fixture->store->segments, &rows[0].id, &pass->segment,
				    &fixture->error));
}

/* Until the segment is closed, and for a while. */
static void pass_begin(struct store_fixture *fixture, struct pass *pass)
{
	*pass = (struct pass){.fixture = fixture, .tree = tree_new(FILES, 1, LEN_MAX)};
	(void)persist(fixture, NULL, "old", &pass->tree);
	expire_old(fixture);
	pin_its_segment(pass);
	pass->collector = collector_new(fixture->store);
	assert_int_equal(pthread_create(&pass->thread, NULL, run_pass, pass), 0);
	while (!segment_table_is_closed(fixture->store->segments, pass->segment) &&
	       !atomic_load(&pass->done))
		(void)sched_yield();
	struct store_tree other AUTO(tree_fini) = tree_new(FILES, 5000, LEN_MAX);
	for (uint32_t i = 0; i < OTHERS; i++)
		(void)persist(fixture, "elsewhere", "w", &other);
}

static void pass_end(struct pass *pass)
{
	assert_int_equal(pthread_join(pass->thread, NULL), 0);
	if (pass->code)
		fail_msg("%s", pass->error.text);
	collector_free(pass->collector);
}

static void pass_verify(struct pass *pass, int64_t layer)
{
	struct store_fixture *fixture = pass->fixture;
	segment_table_unpin(fixture->store->segments, pass->segment);
	store_fixture_close(fixture);
	store_fixture_open(fixture);
	assert_ok(tree_verify(fixture->store, layer, &pass->tree, &fixture->error));
	tree_fini(&pass->tree);
}

static void l4_what_was_offered_in_the_middle_of_a_pass_stays(void **state)
{
	struct pass pass;
	pass_begin(*state, &pass);
	assert_false(atomic_load(&pass.done));
	assert_int_equal(pass.early.figures.sent, 0);
	int64_t layer = session_commit(*state, &pass.early);
	pass_end(&pass);
	pass_verify(&pass, layer);
}

static void l4_what_is_about_to_go_is_not_offered(void **state)
{
	struct pass pass;
	struct session late;
	pass_begin(*state, &pass);
	session_send(*state, "late", &pass.tree, &late);
	assert_int_equal(late.figures.offered, 0);
	session_end(&pass.early);
	int64_t layer = session_commit(*state, &late);
	pass_end(&pass);
	pass_verify(&pass, layer);
}

/* ---- damage -------------------------------------------------------------------------
 */

static struct collector_report collect(struct store_fixture *fixture)
{
	struct collector_options options = {.wait_ms = COLLECTOR_WAIT_MS,
					    .least_gain = 1};
	struct collector *collector = collector_new(fixture->store);
	struct collector_report report;
	assert_ok(collector_run(collector, &options, &report, &fixture->error));
	collector_free(collector);
	return report;
}

/* A frame of a layer that stays: nobody knows what it said. */
static void l8_where_damage_is_known_not_a_byte_goes(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree gone AUTO(tree_fini) = tree_new(10 * FILES, 1, LEN_MAX);
	struct store_tree stays AUTO(tree_fini) = tree_new(FILES, 5000, LEN_MAX);
	(void)persist(fixture, NULL, "old", &gone);
	int64_t layer = persist(fixture, NULL, "stays", &stays);
	expire_old(fixture);
	struct layer_place place = {0};
	assert_ok(catalogue_layer_place(store_catalogue(fixture->store), layer, &place,
					&fixture->error));
	free(place.segments);
	assert_true(damage_add(fixture->store->damage, &place.root.segment, 64));
	struct collector_report report = collect(fixture);
	assert_int_equal(report.stopped.code, ERR_DAMAGED);
	assert_int_equal(report.removed + report.compacted + report.freed, 0);
	assert_ok(tree_verify(fixture->store, layer, &stays, &fixture->error));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, store_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(l4_what_was_offered_in_the_middle_of_a_pass_stays),
		TEST(l4_what_is_about_to_go_is_not_offered),
		TEST(l8_where_damage_is_known_not_a_byte_goes),
	};
	return cmocka_run_group_tests_name("collector_races", tests, NULL, NULL);
}
