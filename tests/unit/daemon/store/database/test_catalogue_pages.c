/*
 * Sums of the catalogue's pages: what rots is found, by opening, by use, or at the latest
 * by a check, is told as damage, and nothing is shown wrongly. And a catalogue of an
 * older schema gets what it lacks: columns, indexes, sums.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/database/page_sum.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/catalogue_fixture.h"
#include "tests/harness/scratch.h"

#define LAYERS 24u

/* ---- a catalogue, and what it shows -------------------------------------------------
 */

/* Two workflows, of which one retries the other, so that no table is empty. */
static void fill(struct catalogue_fixture *fixture)
{
	struct visit build AUTO(visit_fini) =
		fixture_persists(fixture, (struct who){.workflow = "w", .job = "build"});
	for (uint32_t i = 1; i <= LAYERS; i++)
		(void)fixture_commit(fixture, &build, i, i);
	struct visit test AUTO(visit_fini) = fixture_persists(
		fixture,
		(struct who){.workflow = "w", .job = "test", .needs = {"build"}});
	const int64_t first = 1;
	fixture_attach(fixture, &test, &first, 1);
	struct visit retry AUTO(visit_fini) = fixture_persists(
		fixture,
		(struct who){.workflow = "again", .job = "test", .retry_of = "w"});
	assert_int_equal(retry.history.history.layer_count, LAYERS);
	assert_int_equal(catalogue_set_setting(fixture->catalogue, "clean_stop", 1,
					       &fixture->error),
			 0);
}

static void show_layer(struct buffer *out, const struct layer_record *record,
		       const struct history_layer *layer)
{
	char text[512];
	int len = snprintf(text, sizeof(text), "%s %s %s %u %llu %llu %llu %zu %lld\n",
			   record->workflow, record->run, record->job, record->sequence,
			   (unsigned long long)record->totals.files,
			   (unsigned long long)record->totals.bytes,
			   (unsigned long long)record->stored_bytes, layer->base_count,
			   (long long)record->created_ms);
	buffer_put(out, text, (size_t)len);
	buffer_put(out, record->digest.bytes, SHA256_LEN);
	buffer_put(out, record->name, LAYER_ID_LEN);
}

/* Everything that a client could be shown of a workflow. */
static int show(struct catalogue *catalogue, const char *workflow, struct buffer *out,
		struct error *error)
{
	struct visit visit AUTO(visit_fini) = {0};
	int result = visit_catalogue(catalogue, &(struct who){.workflow = workflow},
				     CONTACT_LOOK, &visit, error);
	if (result < 0)
		return result;
	const struct history *history = &visit.history.history;
	for (size_t i = 0; i < history->execution_count; i++) {
		const struct history_execution *execution = &history->executions[i];
		buffer_put(out, execution->job, strlen(execution->job) + 1);
		buffer_put_varint(out, execution->attached_count);
		for (size_t j = 0; j < execution->need_count; j++)
			buffer_put(out, execution->needs[j],
				   strlen(execution->needs[j]) + 1);
	}
	for (size_t i = 0; i < history->layer_count; i++)
		show_layer(out, &visit.history.records[i], &history->layers[i]);
	return 0;
}

static int show_all(struct catalogue *catalogue, struct buffer *out, struct error *error)
{
	int result = show(catalogue, "w", out, error);
	if (result == 0)
		result = show(catalogue, "again", out, error);
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count = 0;
	if (result == 0)
		result = catalogue_segments(catalogue, &rows, &count, error);
	if (result == 0)
		buffer_put(out, rows, count * sizeof(*rows));
	return result;
}

/* ---- rot ----------------------------------------------------------------------------
 */

struct rot {
	char *directory; /* owned */
	uint8_t *bytes;  /* owned; of the sound file */
	size_t len;
	struct buffer shown; /* of the sound one */
};

static void rot_fini(struct rot *rot)
{
	buffer_fini(&rot->shown);
	free(rot->bytes);
	scratch_free(rot->directory);
}

/* With pages that are free again. */
static struct rot rot_new(void)
{
	struct catalogue_fixture fixture = {.directory = scratch_new()};
	struct rot rot = {.directory = fixture.directory};
	fixture_open(&fixture);
	fill(&fixture);
	assert_int_equal(catalogue_close(fixture.catalogue, &fixture.error), 0);
	catalogue_file_run(
		rot.directory,
		"CREATE TABLE gone (b); INSERT INTO gone VALUES (randomblob(9000))");
	catalogue_file_run(rot.directory, "DROP TABLE gone");
	fixture_open(&fixture);
	assert_int_equal(show_all(fixture.catalogue, &rot.shown, &fixture.error), 0);
	assert_int_equal(catalogue_check(fixture.catalogue, &fixture.error), 0);
	assert_int_equal(catalogue_close(fixture.catalogue, &fixture.error), 0);
	rot.bytes = catalogue_file_read(rot.directory, CATALOGUE_FILE, &rot.len);
	return rot;
}

/* Looks at it as it lies there: true where damage was found; fails where anything else
 * came of it, or something other was shown. */
static bool is_noticed(const struct rot *rot)
{
	struct error error = {0};
	struct catalogue *catalogue = NULL;
	int result = catalogue_open(&io_system, rot->directory, &catalogue, &error);
	struct buffer shown AUTO(buffer_fini) = {0};
	int use = result == 0 ? show_all(catalogue, &shown, &error) : result;
	if (use == 0) {
		assert_int_equal(shown.len, rot->shown.len);
		assert_memory_equal(shown.at, rot->shown.at, shown.len);
	} else if (use != ERR_DAMAGED) {
		fail_msg("%s: %s", error_name(use), error.text);
	}
	if (result == 0) {
		int check = catalogue_check(catalogue, &error);
		assert_true(check == ERR_DAMAGED || (check == 0 && use == 0));
		use = check;
		struct error ignored;
		assert_int_equal(catalogue_close(catalogue, &ignored), 0);
	}
	return use == ERR_DAMAGED;
}

static void heal(const struct rot *rot)
{
	catalogue_file_write(rot->directory, CATALOGUE_FILE, rot->bytes, rot->len, 0);
}

/* In a page: its header, its array of cells, all over its cells, its sum. */
static void a_flipped_bit_of_any_page_is_noticed(void **state)
{
	(void)state;
	struct rot rot AUTO(rot_fini) = rot_new();
	size_t tried = 0;
	for (size_t at = 0; at < rot.len; tried++) {
		uint8_t flipped = rot.bytes[at] ^ (uint8_t)(1 << tried % 8);
		catalogue_file_write(rot.directory, CATALOGUE_FILE, &flipped, 1, at);
		if (!is_noticed(&rot))
			fail_msg("byte %zu of page %zu", at % PAGE_LEN,
				 at / PAGE_LEN + 1);
		heal(&rot);
		size_t in_page = at % PAGE_LEN;
		at += in_page < 12 ? 3 : in_page >= PAGE_LEN - PAGE_SUM_LEN ? 2 : 211;
		if (in_page < PAGE_LEN - PAGE_SUM_LEN && at % PAGE_LEN < in_page)
			at -= at % PAGE_LEN + PAGE_SUM_LEN;
	}
	assert_true(tried > 500);
	assert_false(is_noticed(&rot));
}

/* What the file says of itself, by which the rest is read: every bit. None makes a 2 of
 * schema 4, under which no sum is believed. */
static void a_flipped_bit_of_the_files_header_is_noticed(void **state)
{
	(void)state;
	struct rot rot AUTO(rot_fini) = rot_new();
	for (size_t bit = 0; bit < 100 * 8; bit++) {
		uint8_t flipped = rot.bytes[bit / 8] ^ (uint8_t)(1 << bit % 8);
		catalogue_file_write(rot.directory, CATALOGUE_FILE, &flipped, 1, bit / 8);
		if (!is_noticed(&rot))
			fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
		heal(&rot);
	}
}

static void pages_that_changed_places_are_noticed(void **state)
{
	(void)state;
	struct rot rot AUTO(rot_fini) = rot_new();
	size_t pages = rot.len / PAGE_LEN;
	for (size_t i = 1; i < pages; i++) {
		const uint8_t *other = rot.bytes + (i + 1 < pages ? i + 1 : 1) * PAGE_LEN;
		catalogue_file_write(rot.directory, CATALOGUE_FILE, other, PAGE_LEN,
				     i * PAGE_LEN);
		assert_true(is_noticed(&rot));
		heal(&rot);
	}
}

static void zeros_and_a_lost_tail_are_noticed(void **state)
{
	(void)state;
	struct rot rot AUTO(rot_fini) = rot_new();
	static const uint8_t zeros[PAGE_LEN];
	struct catalogue_fixture fixture = {.directory = rot.directory};
	fixture_open(&fixture);
	assert_int_equal(catalogue_close(fixture.catalogue, &fixture.error), 0);
	catalogue_file_write(rot.directory, CATALOGUE_FILE, zeros, PAGE_LEN, PAGE_LEN);
	assert_true(is_noticed(&rot));
	heal(&rot);
	char *path AUTO_FREE = NULL;
	assert_true(asprintf(&path, "%s/catalogue.db", rot.directory) > 0);
	assert_int_equal(truncate(path, (off_t)(rot.len - PAGE_LEN)), 0);
	assert_true(is_noticed(&rot));
}

/* A schema whose text rotted was not made by another batond. */
static void a_flip_in_the_schemas_text_is_damage(void **state)
{
	(void)state;
	struct rot rot AUTO(rot_fini) = rot_new();
	const uint8_t *text = memmem(rot.bytes, rot.len, "CREATE TABLE settings", 21);
	assert_non_null(text);
	catalogue_file_write(rot.directory, CATALOGUE_FILE, "X", 1,
			     (uint64_t)(text - rot.bytes) + 14);
	struct catalogue *catalogue = NULL;
	struct error error;
	assert_int_equal(catalogue_open(&io_system, rot.directory, &catalogue, &error),
			 ERR_DAMAGED);
	assert_non_null(strstr(error.text, "/catalogue.db`: page "));
	assert_non_null(strstr(error.text, "batond check"));
}

/* A page that rots in the log must not come into the database under a sum of its own. */
static void a_page_that_rots_in_the_log_stays_there(void **state)
{
	(void)state;
	struct catalogue_fixture fixture = {.directory = scratch_new()};
	fixture_open(&fixture);
	fill(&fixture);
	size_t len;
	uint8_t *log AUTO_FREE =
		catalogue_file_read(fixture.directory, CATALOGUE_LOG, &len);
	uint8_t flipped = log[len - PAGE_LEN / 2] ^ 4;
	catalogue_file_write(fixture.directory, CATALOGUE_LOG, &flipped, 1,
			     len - PAGE_LEN / 2);
	assert_int_equal(catalogue_close(fixture.catalogue, &fixture.error), ERR_DAMAGED);
	assert_non_null(strstr(fixture.error.text, "catalogue.db-wal`: page "));
	scratch_free(fixture.directory);
}

/* ---- older schemas ------------------------------------------------------------------
 */

/* It shows what it showed before, takes more, and has right sums in the end. */
static void assert_upgrades(const struct rot *rot)
{
	struct catalogue_fixture fixture = {.directory = rot->directory};
	fixture_open(&fixture);
	assert_null(catalogue_unfinished(fixture.catalogue));
	struct buffer shown AUTO(buffer_fini) = {0};
	assert_int_equal(show_all(fixture.catalogue, &shown, &fixture.error), 0);
	assert_int_equal(shown.len, rot->shown.len);
	assert_memory_equal(shown.at, rot->shown.at, shown.len);
	assert_int_equal(catalogue_check(fixture.catalogue, &fixture.error), 0);
	struct visit more AUTO(visit_fini) =
		fixture_persists(&fixture, (struct who){.workflow = "w", .job = "more"});
	(void)fixture_commit(&fixture, &more, 99, 99);
	assert_int_equal(catalogue_close(fixture.catalogue, &fixture.error), 0);
	size_t len;
	uint8_t *bytes AUTO_FREE =
		catalogue_file_read(rot->directory, CATALOGUE_FILE, &len);
	assert_true(page_sums_are_kept(bytes));
	for (size_t at = 0; at < len; at += PAGE_LEN)
		assert_true(page_sum_is_right(bytes + at, (uint32_t)(at / PAGE_LEN + 1)));
	fixture_open(&fixture);
	assert_int_equal(catalogue_check(fixture.catalogue, &fixture.error), 0);
	assert_int_equal(catalogue_close(fixture.catalogue, &fixture.error), 0);
}

static void an_older_catalogue_gets_sums(void **state)
{
	(void)state;
	struct rot rot AUTO(rot_fini) = rot_new();
	catalogue_file_age(rot.directory, 2);
	size_t len;
	uint8_t *aged AUTO_FREE =
		catalogue_file_read(rot.directory, CATALOGUE_FILE, &len);
	assert_false(page_has_sums(aged));
	assert_upgrades(&rot);
}

/* It is read as if it had what it lacks, and stays as it is. */
static void assert_is_read_unchanged(const struct rot *rot)
{
	size_t len, len_after;
	uint8_t *before AUTO_FREE =
		catalogue_file_read(rot->directory, CATALOGUE_FILE, &len);
	struct catalogue *catalogue = NULL;
	struct error error;
	assert_int_equal(
		catalogue_open_to_read(&io_system, rot->directory, &catalogue, &error),
		0);
	struct buffer shown AUTO(buffer_fini) = {0};
	for (int again = 0; again < 2; again++) {
		buffer_clear(&shown);
		assert_int_equal(show_all(catalogue, &shown, &error), 0);
		assert_int_equal(shown.len, rot->shown.len);
		assert_memory_equal(shown.at, rot->shown.at, shown.len);
		assert_int_equal(show(catalogue, "unknown", &shown, &error), 0);
	}
	assert_int_equal(catalogue_check(catalogue, &error), 0);
	assert_int_equal(catalogue_close(catalogue, &error), 0);
	uint8_t *after AUTO_FREE =
		catalogue_file_read(rot->directory, CATALOGUE_FILE, &len_after);
	assert_int_equal(len, len_after);
	assert_memory_equal(before, after, len);
}

static void an_older_catalogue_is_read_as_if_it_were_of_today(void **state)
{
	(void)state;
	for (unsigned schema = 2; schema <= 3; schema++) {
		struct rot rot AUTO(rot_fini) = rot_new();
		catalogue_file_age(rot.directory, schema);
		assert_is_read_unchanged(&rot);
	}
}

static void a_catalogue_of_schema_3_gets_what_it_lacks(void **state)
{
	(void)state;
	struct rot rot AUTO(rot_fini) = rot_new();
	catalogue_file_age(rot.directory, 3);
	assert_upgrades(&rot);
}

/* What expired before nobody has counted: removal waits as long as for what expires now.
 */
static void what_had_expired_counts_from_the_upgrade_on(void **state)
{
	(void)state;
	struct rot rot AUTO(rot_fini) = rot_new();
	catalogue_file_age(rot.directory, 3);
	catalogue_file_run(rot.directory,
			   "UPDATE workflows SET expired_ms = 5 WHERE name = 'w'");
	struct catalogue_fixture fixture = {.directory = rot.directory};
	fixture_open(&fixture);
	assert_int_equal(catalogue_close(fixture.catalogue, &fixture.error), 0);
	catalogue_file_run(rot.directory,
			   "INSERT INTO settings SELECT 'seen', count(*) FROM workflows"
			   " WHERE expired_running_ms = 0 AND name = 'w'");
	fixture_open(&fixture);
	assert_int_equal(catalogue_setting(fixture.catalogue, "seen"), 1);
	assert_int_equal(catalogue_close(fixture.catalogue, &fixture.error), 0);
}

/* The number alone does not make it one. */
static void an_older_number_on_other_tables_is_refused(void **state)
{
	(void)state;
	struct rot rot AUTO(rot_fini) = rot_new();
	catalogue_file_age(rot.directory, 3);
	catalogue_file_run(rot.directory, "ALTER TABLE layers ADD COLUMN zoo");
	struct catalogue *catalogue = NULL;
	struct error error;
	size_t len, len_after;
	uint8_t *before AUTO_FREE =
		catalogue_file_read(rot.directory, CATALOGUE_FILE, &len);
	assert_int_equal(catalogue_open(&io_system, rot.directory, &catalogue, &error),
			 ERR_VERSION);
	uint8_t *after AUTO_FREE =
		catalogue_file_read(rot.directory, CATALOGUE_FILE, &len_after);
	assert_int_equal(len, len_after);
	assert_memory_equal(before, after, len);
}

/* An upgrade was cut short before its last step, and an older batond, which had no reason
 * to refuse, wrote every page anew. */
static void sums_that_an_older_batond_left_behind_are_not_believed(void **state)
{
	(void)state;
	struct rot rot AUTO(rot_fini) = rot_new();
	catalogue_file_run(rot.directory, "PRAGMA user_version=2");
	const uint8_t stale[PAGE_SUM_LEN] = {1};
	for (size_t end = PAGE_LEN; end <= rot.len; end += PAGE_LEN)
		catalogue_file_write(rot.directory, CATALOGUE_FILE, stale, sizeof(stale),
				     end - PAGE_SUM_LEN);
	struct catalogue_fixture fixture = {.directory = rot.directory};
	assert_int_equal(catalogue_open_to_read(&io_system, rot.directory,
						&fixture.catalogue, &fixture.error),
			 0);
	assert_int_equal(catalogue_check(fixture.catalogue, &fixture.error), 0);
	assert_int_equal(catalogue_close(fixture.catalogue, &fixture.error), 0);
	assert_upgrades(&rot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flipped_bit_of_any_page_is_noticed),
		cmocka_unit_test(a_flipped_bit_of_the_files_header_is_noticed),
		cmocka_unit_test(pages_that_changed_places_are_noticed),
		cmocka_unit_test(zeros_and_a_lost_tail_are_noticed),
		cmocka_unit_test(a_flip_in_the_schemas_text_is_damage),
		cmocka_unit_test(a_page_that_rots_in_the_log_stays_there),
		cmocka_unit_test(an_older_catalogue_gets_sums),
		cmocka_unit_test(an_older_catalogue_is_read_as_if_it_were_of_today),
		cmocka_unit_test(a_catalogue_of_schema_3_gets_what_it_lacks),
		cmocka_unit_test(what_had_expired_counts_from_the_upgrade_on),
		cmocka_unit_test(an_older_number_on_other_tables_is_refused),
		cmocka_unit_test(sums_that_an_older_batond_left_behind_are_not_believed),
	};
	return cmocka_run_group_tests_name("catalogue_pages", tests, NULL, NULL);
}
