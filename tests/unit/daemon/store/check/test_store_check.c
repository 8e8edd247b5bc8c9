/* What a store says of damage, moving segments, and an index that is wrong. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/store/check/check.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/index/batch.h"
#include "daemon/store/index/index.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

static void open_store(struct store_fixture *fixture, uint64_t segment_len)
{
	fixture->segment_len = segment_len;
	store_fixture_open(fixture);
}

static struct layer_record persist(struct store_fixture *fixture, uint32_t key,
				   const struct store_tree *tree,
				   struct tree_figures *figures)
{
	struct layer_record record = {0};
	struct tree_persist input = {
		.who = {.workflow = "w", .job = "build"}, .key = key, .tree = tree};
	assert_ok(
		tree_persist(fixture->store, &input, &record, figures, &fixture->error));
	return record;
}

static uint64_t check(struct store_fixture *fixture, char *text, size_t room)
{
	uint64_t damaged = 0;
	assert_ok(tree_check(fixture->store, &damaged, text, room, &fixture->error));
	return damaged;
}

static struct segment_row *rows_of(struct store_fixture *fixture, size_t *ret_count)
{
	struct segment_row *rows = NULL;
	assert_ok(catalogue_segments(store_catalogue(fixture->store), &rows, ret_count,
				     &fixture->error));
	return rows;
}

static int open_segment(struct store_fixture *fixture, const struct segment_row *row)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/segments/%s", fixture->directory,
		       row->location);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void flip(int fd, uint64_t offset, uint8_t bits)
{
	uint8_t byte;
	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= bits;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
}

/* ---- check -------------------------------------------------------------------- */

/* Flips each byte in turn: headers, tables, payloads, index, footer. */
static void flip_each_byte(struct store_fixture *fixture, const struct segment_row *row)
{
	int fd AUTO_FD = open_segment(fixture, row);
	for (uint64_t offset = 0; offset < row->vouched; offset++) {
		char text[4096];
		flip(fd, offset, (uint8_t)(1u << offset % 8));
		(void)check(fixture, text, sizeof(text));
		if (text[0] == '\0')
			fail_msg("a flip at %llu of `%s` was not found",
				 (unsigned long long)offset, row->location);
		flip(fd, offset, (uint8_t)(1u << offset % 8));
	}
}

static void check_finds_each_flipped_byte(void **state)
{
	struct store_fixture *fixture = *state;
	open_store(fixture, 1200);
	struct store_tree tree AUTO(tree_fini) = tree_new(6, 1, 100);
	(void)persist(fixture, 1, &tree, NULL);
	tree.files[0].content = 1000;
	(void)persist(fixture, 2, &tree, NULL);
	size_t count;
	struct segment_row *rows AUTO_FREE = rows_of(fixture, &count);
	bool sealed = false;
	for (size_t i = 0; i < count; i++)
		sealed = sealed || rows[i].state == SEGMENT_SEALED;
	assert_true(sealed);
	for (size_t i = 0; i < count; i++)
		flip_each_byte(fixture, &rows[i]);
	assert_int_equal(check(fixture, NULL, 0), 0);
}

static void check_names_the_place_and_the_layers(void **state)
{
	struct store_fixture *fixture = *state;
	open_store(fixture, 0);
	struct store_tree tree AUTO(tree_fini) = tree_new(6, 1, 100);
	struct store_tree other AUTO(tree_fini) = tree_new(6, 1000, 100);
	struct layer_record record = persist(fixture, 1, &tree, NULL);
	struct layer_record sound = persist(fixture, 2, &other, NULL);
	size_t count;
	struct segment_row *rows AUTO_FREE = rows_of(fixture, &count);
	assert_int_equal(count, 1);
	int fd AUTO_FD = open_segment(fixture, &rows[0]);
	/* Inside the payload of the first frame, 64 + 72 + 6 × 52 bytes behind the start.
	 */
	flip(fd, 64 + 72 + 6 * 52 + 10, 1);
	char text[4096], wanted[256], name[LAYER_ID_TEXT_SIZE];
	assert_int_equal(check(fixture, text, sizeof(text)), 1);
	layer_id_text(record.name, name);
	(void)snprintf(wanted, sizeof(wanted),
		       "segment `%s` at 64: frame: the checksum of its payload does not "
		       "match; touches layer %s (workflow `w`, job `build`)\n",
		       rows[0].location, name);
	assert_string_equal(text, wanted);
	/* The table this time: the frame cannot even be named, but what is behind it can.
	 */
	flip(fd, 64 + 72 + 6 * 52 + 10, 1);
	flip(fd, 64 + 72 + 5, 1);
	assert_int_equal(check(fixture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, name));
	layer_id_text(sound.name, name);
	assert_null(strstr(text, name));
	assert_ok(tree_verify(fixture->store, sound.id, &other, &fixture->error));
	assert_true(tree_verify(fixture->store, record.id, &tree, &fixture->error) < 0);
	flip(fd, 64 + 72 + 5, 1);
}

static void check_without_read_data_reads_no_payload_of_contents(void **state)
{
	struct store_fixture *fixture = *state;
	open_store(fixture, 0);
	struct store_tree tree AUTO(tree_fini) = tree_new(6, 1, 100);
	(void)persist(fixture, 1, &tree, NULL);
	size_t count;
	struct segment_row *rows AUTO_FREE = rows_of(fixture, &count);
	int fd AUTO_FD = open_segment(fixture, &rows[0]);
	flip(fd, 64 + 72 + 6 * 52 + 10, 1);
	struct check_options options = {.read_data = false};
	struct check_figures figures;
	assert_ok(check_store(fixture->store, &options, &figures, &fixture->error));
	assert_int_equal(figures.damaged, 0);
	assert_int_equal(figures.layers, 1);
	assert_int_equal(figures.segments, 1);
	/* Files, piece, block, commit, placement, root. */
	assert_int_equal(figures.units, 6 + 1 + 1 + 1 + 1 + 1);
}

/* ---- moving ------------------------------------------------------------------- */

static void free_reader(struct layer_reader **reader)
{
	layer_reader_free(*reader);
}

static void free_scratch(struct layer_scratch **scratch)
{
	layer_scratch_free(*scratch);
}

static void move_all(struct store_fixture *fixture)
{
	size_t count;
	struct segment_row *rows AUTO_FREE = rows_of(fixture, &count);
	for (size_t i = 0; i < count; i++)
		assert_ok(
			tree_move_segment(fixture->store, &rows[i].id, &fixture->error));
}

static void a_running_attach_does_not_notice_a_move(void **state)
{
	struct store_fixture *fixture = *state;
	open_store(fixture, 200000);
	struct store_tree tree AUTO(tree_fini) = tree_new(3000, 1, 400);
	struct layer_record record = persist(fixture, 1, &tree, NULL);
	struct layer_scratch *scratch AUTO(free_scratch) =
		layer_scratch_new(fixture->store);
	struct layer_reader *reader AUTO(free_reader) = NULL;
	assert_ok(layer_reader_open(fixture->store, record.id, scratch, &reader,
				    &fixture->error));
	struct row row;
	for (size_t i = 0; i < tree.count; i++) {
		assert_int_equal(layer_reader_next(reader, &row, &fixture->error), 1);
		assert_ok(tree_verify_row(reader, &io_system, &row, i, &tree.files[i],
					  &fixture->error));
		if (i % 1000 == 500)
			move_all(fixture);
	}
	assert_int_equal(layer_reader_next(reader, &row, &fixture->error), 0);
	assert_ok(tree_verify(fixture->store, record.id, &tree, &fixture->error));
	size_t count;
	struct segment_row *rows AUTO_FREE = rows_of(fixture, &count);
	for (size_t i = 0; i < count; i++)
		assert_non_null(strstr(rows[i].location, ".3.seg"));
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/segments/%.32s.seg", fixture->directory,
		       rows[0].location);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(check(fixture, NULL, 0), 0);
	struct tree_figures figures;
	(void)persist(fixture, 2, &tree, &figures);
	assert_int_equal(figures.sent, 0);
}

static void a_segment_that_is_written_is_not_moved(void **state)
{
	struct store_fixture *fixture = *state;
	open_store(fixture, 0);
	struct store_tree tree AUTO(tree_fini) = tree_new(6, 1, 100);
	(void)persist(fixture, 1, &tree, NULL);
	size_t count;
	struct segment_row *rows AUTO_FREE = rows_of(fixture, &count);
	tree.files[0].content = 1000;
	struct tree_persist input = {
		.who = {.workflow = "w", .job = "build"}, .key = 2, .tree = &tree};
	struct transaction *transaction = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	int64_t execution;
	struct tree_figures figures;
	assert_ok(tree_send(fixture->store, &input, &transaction, &root, &execution,
			    &figures, &fixture->error));
	assert_int_equal(tree_move_segment(fixture->store, &rows[0].id, &fixture->error),
			 ERR_BUSY);
	transaction_free(transaction);
	assert_ok(tree_move_segment(fixture->store, &rows[0].id, &fixture->error));
	(void)persist(fixture, 2, &tree, NULL);
	assert_int_equal(check(fixture, NULL, 0), 0);
}

/* ---- a wrong index ------------------------------------------------------------ */

static void a_unit_that_is_not_where_the_index_says_is_not_offered(void **state)
{
	struct store_fixture *fixture = *state;
	open_store(fixture, 0);
	struct store_tree tree AUTO(tree_fini) = tree_new(6, 1, 100);
	struct layer_record record = persist(fixture, 1, &tree, NULL);
	struct layer_place place;
	assert_ok(catalogue_layer_place(store_catalogue(fixture->store), record.id,
					&place, &fixture->error));
	/* The index is told of a content that no frame holds. */
	tree.files[2].content = 5000;
	struct unit_name name = tree_unit_name(&tree.files[2]);
	struct index_batch *batch = index_batch_new(1, 1);
	index_batch_add(batch, &name.key,
			&(struct unit_place){.sha = name.sha,
					     .segment = place.root.segment,
					     .offset = 64,
					     .position = 2});
	free(place.segments);
	index_add(fixture->store->units, batch);
	struct tree_figures figures;
	struct layer_record second = persist(fixture, 2, &tree, &figures);
	assert_int_equal(figures.sent, 2);
	assert_ok(tree_verify(fixture->store, second.id, &tree, &fixture->error));
}

/* ---- a catalogue that says what cannot be ---------------------------------------- */

/* Of the first layer; the second one is of another segment. Where a placement is said to
 * be elsewhere, what it says follows from names. */
static const struct {
	const char *sql;
	bool heals;
} bent_layers[] = {
	{"UPDATE layers SET root_offset = -1 WHERE id = 1", false},
	{"UPDATE layers SET root_offset = 0 WHERE id = 1", false},
	{"UPDATE layers SET root_offset = 9223372036854775807 WHERE id = 1", false},
	{"UPDATE layers SET root_offset = 17592186044416 WHERE id = 1", false},
	{"UPDATE layers SET placement_offset = 4294967295 WHERE id = 1", true},
	{"UPDATE layers SET placement_offset = root_offset WHERE id = 1", true},
	{"UPDATE layers SET root_segment = zeroblob(16) WHERE id = 1", false},
	{"UPDATE layers SET placement_segment = x'00' WHERE id = 1", false},
	{"UPDATE layers SET digest = zeroblob(32) WHERE id = 1", false},
	{"UPDATE layers SET digest = (SELECT digest FROM layers WHERE id = 2) WHERE id = "
	 "1",
	 false},
	{"DELETE FROM layer_segments WHERE layer = 1", false},
	{"UPDATE OR REPLACE layer_segments SET segment = zeroblob(16) WHERE layer = 1",
	 false},
	{"UPDATE layers SET execution = 999 WHERE id = 1", false},
};

/* In a store of its own. */
static void bend_one_layer(const char *sql, bool heals, const struct store_tree *tree,
			   const struct store_tree *other)
{
	struct store_fixture fixture;
	store_fixture_init(&fixture);
	open_store(&fixture, 4096);
	assert_int_equal(persist(&fixture, 1, tree, NULL).id, 1);
	assert_int_equal(persist(&fixture, 2, other, NULL).id, 2);
	assert_int_equal(check(&fixture, NULL, 0), 0);
	store_fixture_close(&fixture);
	catalogue_file_run(fixture.directory, sql);
	open_store(&fixture, 4096);
	if (tree_verify(fixture.store, 1, tree, &fixture.error) !=
	    (heals ? 0 : ERR_DAMAGED))
		fail_msg("%s: %s", sql, fixture.error.text);
	assert_int_equal(tree_verify(fixture.store, 2, other, &fixture.error), 0);
	char text[4096];
	assert_int_equal(check(&fixture, text, sizeof(text)) == 0, heals);
	assert_true(text[0] != '\0');
	store_fixture_fini(&fixture);
}

static void a_bent_row_refuses_its_layer_alone(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(20, 1, 1000);
	struct store_tree other AUTO(tree_fini) = tree_new(20, 500, 1000);
	for (size_t i = 0; i < sizeof(bent_layers) / sizeof(*bent_layers); i++)
		bend_one_layer(bent_layers[i].sql, bent_layers[i].heals, &tree, &other);
	open_store(fixture, 0);
}

/* What recovery cuts off and deletes goes by these rows. */
static void a_bent_segment_refuses_the_store(void **state)
{
	struct store_fixture *fixture = *state;
	static const char *const bent[] = {
		"UPDATE segments SET location = '../catalogue.db'",
		"UPDATE segments SET location = ''",
		"UPDATE segments SET vouched = -1",
		"UPDATE segments SET vouched = 9223372036854775807",
		"UPDATE segments SET state = 4",
		"UPDATE segments SET state = 'open'",
		"UPDATE OR REPLACE segments SET segment = x'00'",
	};
	struct store_tree tree AUTO(tree_fini) = tree_new(20, 1, 1000);
	open_store(fixture, 0);
	(void)persist(fixture, 1, &tree, NULL);
	store_fixture_close(fixture);
	size_t len;
	uint8_t *sound AUTO_FREE =
		catalogue_file_read(fixture->directory, CATALOGUE_FILE, &len);
	for (size_t i = 0; i < sizeof(bent) / sizeof(*bent); i++) {
		struct store_options options = {.directory = fixture->directory};
		catalogue_file_run(fixture->directory, bent[i]);
		assert_int_equal(store_open(&options, &fixture->store, &fixture->error),
				 ERR_DAMAGED);
		catalogue_file_write(fixture->directory, CATALOGUE_FILE, sound, len, 0);
	}
	open_store(fixture, 0);
	assert_ok(tree_verify(fixture->store, 1, &tree, &fixture->error));
}

int main(void)
{
#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(check_finds_each_flipped_byte),
		TEST(check_names_the_place_and_the_layers),
		TEST(check_without_read_data_reads_no_payload_of_contents),
		TEST(a_running_attach_does_not_notice_a_move),
		TEST(a_segment_that_is_written_is_not_moved),
		TEST(a_unit_that_is_not_where_the_index_says_is_not_offered),
		TEST(a_bent_row_refuses_its_layer_alone),
		TEST(a_bent_segment_refuses_the_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
