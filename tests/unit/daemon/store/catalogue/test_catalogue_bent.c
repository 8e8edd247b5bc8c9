/*
 * A catalogue that holds what batond never writes, under sums that are right: each column
 * of each table bent to hostile values, and rows that contradict each other. Whatever is
 * asked of it, the answer is damage or a right one; nobody's process ends, and a workflow
 * that has nothing to do with the bent row is what it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "daemon/view/view.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/catalogue_fixture.h"
#include "tests/harness/scratch.h"

#define LAYERS 3u

/* The columns of each table, and a row of workflow `w`, or of its retry, in each. */
static const struct {
	const char *table, *columns, *row;
} tables[] = {
	{"settings", "name value", "name = 'clean_stop'"},
	{"namespaces", "id name created_ms", "id = 1"},
	{"segments", "segment namespace vouched location state",
	 "segment = (SELECT min(segment) FROM segments)"},
	{"workflows", "id namespace name parent created_ms contact_ms expired_ms",
	 "id = 2"},
	{"workflows", "parent expired_ms", "id = 3"},
	{"executions",
	 "id workflow run run_heard job shard attempt execution has_needs origin "
	 "attached",
	 "id = (SELECT min(id) FROM executions WHERE workflow = 2)"},
	{"executions", "workflow run job has_needs origin attached",
	 "id = (SELECT min(id) FROM executions WHERE origin NOT NULL)"},
	{"execution_needs", "execution position job",
	 "execution = (SELECT max(id) FROM executions WHERE workflow = 2)"},
	{"layers",
	 "id name execution sequence key digest content files directories symlinks bytes "
	 "units new_bytes stored_bytes created_ms root_segment root_offset "
	 "placement_segment placement_offset bases kind labels tier expires_ms",
	 "id = (SELECT max(id) FROM layers)"},
	{"layer_segments", "layer segment", "layer = 2"},
	{"inherited_layers", "workflow layer", "layer = 2"},
};

static const char *const values[] = {
	"NULL",
	"-1",
	"0",
	"2",
	"3",
	"4294967296",
	"9223372036854775807",
	"-9223372036854775808",
	"1e300",
	"'text'",
	"''",
	"'a' || char(0) || 'b'",
	"CAST(x'ff' AS TEXT)",
	"'../../elsewhere'",
	"hex(zeroblob(600))",
	"x''",
	"x'ff'",
	"x'0101010101'",
	"zeroblob(16)",
	"zeroblob(2000000)",
};

static const char *const contradictions[] = {
	"INSERT INTO inherited_layers VALUES (2, 2)",
	"INSERT INTO inherited_layers VALUES (3, 999)",
	"INSERT INTO inherited_layers VALUES (999, 2)",
	"INSERT INTO execution_needs VALUES (999, 0, 'build')",
	"INSERT INTO layer_segments VALUES (2, zeroblob(16))",
	"UPDATE layers SET bases = x'0101' WHERE id = 2",
	"UPDATE layers SET bases = x'02' WHERE id = 2",
	"UPDATE layers SET bases = x'04' WHERE id = 2",
	"UPDATE layers SET bases = x'8080808010' WHERE id = 3",
	"UPDATE executions SET attached = x'8080808010' WHERE workflow = 2",
	"UPDATE executions SET origin = id WHERE origin NOT NULL",
	"UPDATE workflows SET parent = 3 WHERE id = 2",
	"DELETE FROM layers WHERE id = 2",
	"DELETE FROM layers WHERE id > 1",
	"DELETE FROM executions WHERE workflow = 2",
	"DELETE FROM workflows WHERE id = 2",
	"UPDATE layers SET execution = 999 WHERE id = 3",
};

struct bent {
	char *directory; /* owned */
	uint8_t *bytes;  /* owned; a file that takes NULL everywhere */
	size_t len;
	struct buffer other; /* what is shown of the other workflow */
	char layer[LAYER_ID_TEXT_SIZE];
	unsigned tried, refused; /* bent files, and answers that were no damage told */
};

/* ---- the sound one ------------------------------------------------------------------
 */

static void show(const struct catalogue_history *history, struct buffer *out)
{
	for (size_t i = 0; i < history->history.layer_count; i++) {
		const struct layer_record *record = &history->records[i];
		buffer_put(out, record->name, LAYER_ID_LEN);
		buffer_put(out, record->job, strlen(record->job) + 1);
		buffer_put(out, &record->totals, sizeof(record->totals));
	}
}

/* Ids: namespace 1; workflows `other` 1, `w` 2, `again` 3; layers 1, and 2 … of `w`. */
static void fill(struct catalogue_fixture *fixture)
{
	struct visit other AUTO(visit_fini) = fixture_persists(
		fixture, (struct who){.workflow = "other", .job = "build"});
	(void)fixture_commit(fixture, &other, 100, 100);
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	for (uint32_t i = 1; i <= LAYERS; i++)
		(void)fixture_commit(fixture, &build, i, i);
	struct visit test AUTO(visit_fini) = fixture_persists(
		fixture,
		(struct who){.workflow = "w", .job = "test", .needs = {"build"}});
	const int64_t attached[] = {2, 3};
	fixture_attach(fixture, &test, attached, 2);
	(void)fixture_commit(fixture, &test, 50, 50);
	struct visit retry AUTO(visit_fini) = fixture_persists(
		fixture,
		(struct who){.workflow = "again", .job = "test", .retry_of = "w"});
	assert_int_equal(catalogue_set_setting(fixture->catalogue, "clean_stop", 1,
					       &fixture->error),
			 0);
	assert_int_equal(retry.contact.workflow_id, 3);
}

static void bent_fini(struct bent *bent)
{
	buffer_fini(&bent->other);
	free(bent->bytes);
	scratch_free(bent->directory);
}

#define SCHEMA(from, to)                                                                 \
	"PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, '" from  \
	"', '" to "') WHERE type = 'table'"
#define LAX SCHEMA(" NOT NULL", " /*NN*/")
#define STRICT SCHEMA(" /*NN*/", " NOT NULL")

static struct bent bent_new(void)
{
	struct catalogue_fixture fixture = {.directory = scratch_new()};
	struct bent bent = {.directory = fixture.directory};
	fixture_open(&fixture);
	fill(&fixture);
	struct visit other AUTO(visit_fini) =
		fixture_visit(&fixture, (struct who){.workflow = "other"}, CONTACT_LOOK);
	show(&other.history, &bent.other);
	struct visit w AUTO(visit_fini) =
		fixture_visit(&fixture, (struct who){.workflow = "w"}, CONTACT_LOOK);
	layer_id_text(w.history.records[0].name, bent.layer);
	assert_int_equal(catalogue_close(fixture.catalogue, &fixture.error), 0);
	catalogue_file_run(bent.directory, LAX);
	bent.bytes = catalogue_file_read(bent.directory, CATALOGUE_FILE, &bent.len);
	return bent;
}

/* ---- what is asked ------------------------------------------------------------------
 */

/* A bent name is another name: not there, another execution's, taken already. */
static void answered(struct bent *bent, int result, const struct error *error)
{
	if (result == ERR_DAMAGED)
		bent->refused++;
	else if (result < 0 && result != ERR_NOT_FOUND && result != ERR_IDENTITY)
		fail_msg("%s: %s", error_name(result), error->text);
}

static void look(struct bent *bent, struct catalogue *catalogue, const char *workflow,
		 bool is_other)
{
	struct error error = {0};
	struct visit visit AUTO(visit_fini) = {0};
	int result = visit_catalogue(catalogue, &(struct who){.workflow = workflow},
				     CONTACT_LOOK, &visit, &error);
	answered(bent, result, &error);
	if (result < 0)
		return;
	struct view view AUTO(view_fini) = {0};
	const struct view_request all = {.execution = VIEW_NONE, .layer = VIEW_NONE};
	answered(bent, view_make(&visit.history.history, &all, &view, &error), &error);
	struct buffer shown AUTO(buffer_fini) = {0};
	show(&visit.history, &shown);
	if (!is_other)
		return;
	assert_int_equal(shown.len, bent->other.len);
	assert_memory_equal(shown.at, bent->other.at, shown.len);
}

static void persist(struct bent *bent, struct catalogue *catalogue, struct who who,
		    uint32_t key)
{
	struct error error = {0};
	struct visit visit AUTO(visit_fini) = {0};
	int result = visit_catalogue(catalogue, &who, CONTACT_PERSIST, &visit, &error);
	answered(bent, result, &error);
	if (result < 0)
		return;
	const int64_t layer = 3;
	answered(bent,
		 catalogue_record_attach(catalogue, &visit.contact, &layer, 1, &error),
		 &error);
	struct layer_record record;
	answered(bent,
		 commit_numbered(catalogue, &visit.contact, key, key, &record, &error),
		 &error);
	uint8_t made[KEY_LEN];
	numbered_key(1, made);
	answered(bent,
		 catalogue_find_key(catalogue, visit.contact.execution_id, made, &record,
				    &error),
		 &error);
}

static void find(struct bent *bent, struct catalogue *catalogue)
{
	struct error error = {0};
	struct catalogue_history history AUTO(catalogue_history_fini) = {0};
	uint32_t position;
	answered(bent,
		 catalogue_find_layer(catalogue, &(struct scope){0}, text_of(bent->layer),
				      &history, &position, &error),
		 &error);
	struct catalogue_history whole AUTO(catalogue_history_fini) = {0};
	answered(bent,
		 catalogue_workflow_history(catalogue, &(struct scope){0}, text_of("w"),
					    &whole, &error),
		 &error);
}

static void list(struct bent *bent, struct catalogue *catalogue)
{
	struct error error = {0};
	int64_t *ids AUTO_FREE = NULL;
	size_t count = 0;
	answered(bent, catalogue_layer_ids(catalogue, &ids, &count, &error), &error);
	for (size_t i = 0; i < count; i++) {
		struct layer_record record AUTO(layer_record_fini) = {0};
		answered(bent, catalogue_layer_record(catalogue, ids[i], &record, &error),
			 &error);
		struct layer_place place = {0};
		answered(bent, catalogue_layer_place(catalogue, ids[i], &place, &error),
			 &error);
		free(place.segments);
	}
	struct segment_row *rows AUTO_FREE = NULL;
	answered(bent, catalogue_segments(catalogue, &rows, &count, &error), &error);
	struct catalogue_figures figures;
	answered(bent, catalogue_figures(catalogue, &figures, &error), &error);
	(void)catalogue_setting(catalogue, "clean_stop");
}

/* Opens what lies there and asks everything. */
static void ask(struct bent *bent, bool other_is_whole)
{
	struct error error = {0};
	struct catalogue *catalogue = NULL;
	if (catalogue_open(&io_system, bent->directory, &catalogue, &error) < 0)
		fail_msg("%s", error.text);
	look(bent, catalogue, "other", other_is_whole);
	look(bent, catalogue, "w", false);
	look(bent, catalogue, "again", false);
	find(bent, catalogue);
	list(bent, catalogue);
	answered(bent, catalogue_check(catalogue, &error), &error);
	persist(bent, catalogue, (struct who){.workflow = "w", .job = "build"}, 200);
	persist(bent, catalogue,
		(struct who){.workflow = "again",
			     .job = "test",
			     .retry_of = "w",
			     .needs = {"x"}},
		201);
	persist(bent, catalogue,
		(struct who){.workflow = "third", .job = "test", .retry_of = "w"}, 202);
	look(bent, catalogue, "other", other_is_whole);
	struct expiry expiry;
	answered(bent, expire_after(catalogue, INT64_MAX, &expiry, &error), &error);
	assert_false(catalogue_is_read_only(catalogue));
	assert_int_equal(catalogue_close(catalogue, &error), 0);
	bent->tried++;
}

/* ---- tests --------------------------------------------------------------------------
 */

static bool change(struct bent *bent, const char *sql)
{
	char *script AUTO_FREE = NULL;
	assert_true(asprintf(&script, "%s; " STRICT, sql) > 0);
	catalogue_file_write(bent->directory, CATALOGUE_FILE, bent->bytes, bent->len, 0);
	int code = catalogue_file_try(bent->directory, script);
	assert_true(code == SQLITE_OK || code == SQLITE_CONSTRAINT ||
		    code == SQLITE_MISMATCH);
	return code == SQLITE_OK;
}

static void bend_table(struct bent *bent, size_t at)
{
	char *columns AUTO_FREE = strdup(tables[at].columns), *rest = NULL;
	bool shared = strcmp(tables[at].table, "namespaces") == 0;
	for (char *column = strtok_r(columns, " ", &rest); column;
	     column = strtok_r(NULL, " ", &rest))
		for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
			char *sql AUTO_FREE = NULL;
			assert_true(asprintf(&sql, "UPDATE %s SET %s = %s WHERE %s",
					     tables[at].table, column, values[i],
					     tables[at].row) > 0);
			if (getenv("BENT_TELL"))
				(void)fprintf(stderr, "%s\n", sql);
			if (change(bent, sql))
				ask(bent, !shared);
		}
}

static void any_column_may_hold_anything(void **state)
{
	(void)state;
	struct bent bent AUTO(bent_fini) = bent_new();
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		bend_table(&bent, i);
	print_message("# %u bent files, %u answers that were damage\n", bent.tried,
		      bent.refused);
	assert_true(bent.tried > 500 && bent.refused > 500);
}

static void rows_may_contradict_each_other(void **state)
{
	(void)state;
	struct bent bent AUTO(bent_fini) = bent_new();
	for (size_t i = 0; i < sizeof(contradictions) / sizeof(*contradictions); i++) {
		if (getenv("BENT_TELL"))
			(void)fprintf(stderr, "%s\n", contradictions[i]);
		assert_true(change(&bent, contradictions[i]));
		bent.refused = 0;
		ask(&bent, true);
		if (bent.refused == 0)
			fail_msg("nobody noticed: %s", contradictions[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_column_may_hold_anything),
		cmocka_unit_test(rows_may_contradict_each_other),
	};
	return cmocka_run_group_tests_name("catalogue_bent", tests, NULL, NULL);
}
