/* Damaged frames: what is in them is taken again, and layers that named them are whole
 * once it has come. */
#include <errno.h>
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
#include "daemon/store/index/rebuild.h"
#include "daemon/store/layer/healing.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/segment/table.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/unit/frame.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

static struct store_tree tree; /* of the test that runs */

static int setup(void **state)
{
	int failed = store_fixture_setup(state);
	store_fixture_open(*state);
	tree = tree_new(200, 1, 3000);
	return failed;
}

static int teardown(void **state)
{
	tree_fini(&tree);
	return store_fixture_teardown(state);
}

static struct layer_record persist(struct store_fixture *fixture, int64_t base,
				   struct tree_figures *figures)
{
	struct layer_record record = {0};
	struct tree_persist input = {.who = {.workflow = "w", .job = "j"},
				     .key = ++fixture->key,
				     .tree = &tree,
				     .base = base};
	assert_ok(
		tree_persist(fixture->store, &input, &record, figures, &fixture->error));
	return record;
}

static int verify(struct store_fixture *fixture, int64_t layer)
{
	return tree_verify(fixture->store, layer, &tree, &fixture->error);
}

/* By a clean stop, or as after a crash: without the clean mark. */
static void restart(struct store_fixture *fixture, bool crash)
{
	store_fixture_close(fixture);
	if (crash)
		store_fixture_crash(fixture);
	store_fixture_open(fixture);
}

/* ---- damage -------------------------------------------------------------------- */

static void segment_path(struct store_fixture *fixture, const struct segment_id *id,
			 char path[512])
{
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count;
	assert_ok(catalogue_segments(store_catalogue(fixture->store), &rows, &count,
				     &fixture->error));
	for (size_t i = 0; i < count; i++)
		if (segment_id_equal(&rows[i].id, id))
			(void)snprintf(path, 512, "%s/segments/%s", fixture->directory,
				       rows[i].location);
}

/* Frame number `number` of a kind, from 0; false behind the last. */
static bool find_frame(struct store_fixture *fixture, const struct segment_id *id,
		       uint8_t kind, size_t number, uint64_t *ret_offset)
{
	char path[512];
	segment_path(fixture, id, path);
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t offset = 64;
	uint8_t bytes[FRAME_HEADER_LEN];
	struct frame_header header;
	while (pread(fd, bytes, sizeof(bytes), (off_t)offset) == sizeof(bytes)) {
		assert_ok(frame_header_decode(bytes, &header, &fixture->error));
		if (header.kind == kind && number-- == 0) {
			*ret_offset = offset;
			return true;
		}
		offset += frame_len(&header);
	}
	return false;
}

static void flip(struct store_fixture *fixture, const struct segment_id *id,
		 uint64_t offset)
{
	char path[512];
	segment_path(fixture, id, path);
	int fd AUTO_FD = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;
	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
}

static struct segment_id segment_of(struct store_fixture *fixture, int64_t layer)
{
	struct layer_place place = {0};
	assert_ok(catalogue_layer_place(store_catalogue(fixture->store), layer, &place,
					&fixture->error));
	free(place.segments);
	return place.root.segment;
}

/* Flips a bit `at` bytes into a frame. */
static uint64_t damage_frame(struct store_fixture *fixture, int64_t layer, uint8_t kind,
			     size_t number, uint64_t at)
{
	struct segment_id id = segment_of(fixture, layer);
	uint64_t offset;
	assert_true(find_frame(fixture, &id, kind, number, &offset));
	flip(fixture, &id, offset + at);
	return offset;
}

/* Bytes into a frame: its first unit's SHA-256; its payload, whatever its table. */
#define IN_TABLE 100u
#define IN_PAYLOAD (72u + 40u * 52u + 20u)
#define IN_SINGLE (72u + 52u + 3u)

/* What a session does when its client says that a frame is damaged. */
static void doubt(struct store_fixture *fixture, int64_t layer, uint64_t offset)
{
	struct segment_id id = segment_of(fixture, layer);
	struct frame_place place = {.offset = offset};
	assert_ok(segment_table_pin(fixture->store->segments, &id, &place.segment,
				    &fixture->error));
	healing_doubt(fixture->store, &place);
	segment_table_unpin(fixture->store->segments, place.segment);
}

static void check_says(struct store_fixture *fixture, uint64_t damaged, const char *word)
{
	uint64_t found;
	char text[8192];
	assert_ok(
		tree_check(fixture->store, &found, text, sizeof(text), &fixture->error));
	if (found != damaged)
		fail_msg("%s", text);
	if (word)
		assert_non_null(strstr(text, word));
	else
		assert_string_equal(text, "");
}

/* ---- contents ------------------------------------------------------------------ */

static void contents_heal(struct store_fixture *fixture, uint64_t at, bool crash)
{
	struct layer_record old = persist(fixture, 0, NULL);
	doubt(fixture, old.id, damage_frame(fixture, old.id, FRAME_CONTENT, 1, at));
	assert_int_equal(verify(fixture, old.id), ERR_DAMAGED);
	check_says(fixture, 1, "touches layer");
	restart(fixture, crash);
	index_rebuild_wait(fixture->store->rebuild);
	struct tree_figures figures;
	struct layer_record new = persist(fixture, 0, &figures);
	assert_in_range(figures.sent, 1, 40);
	assert_int_equal(figures.offered + figures.sent, tree.count + figures.pieces);
	for (int i = 0; i < 3; i++) {
		assert_ok(verify(fixture, new.id));
		assert_ok(verify(fixture, old.id));
		check_says(fixture, 0, "healed:");
		restart(fixture, i == 0);
		index_rebuild_wait(fixture->store->rebuild);
	}
	(void)persist(fixture, 0, &figures);
	assert_int_equal(figures.sent, 0);
}

static void w8_a_damaged_payload_is_taken_again_and_heals_older_layers(void **state)
{
	contents_heal(*state, IN_PAYLOAD, false);
}

static void w8_a_damaged_table_is_taken_again_and_heals_older_layers(void **state)
{
	contents_heal(*state, IN_TABLE, false);
}

static void w8_what_is_damaged_is_known_after_a_crash(void **state)
{
	contents_heal(*state, IN_PAYLOAD, true);
}

/* Whoever says so: the frame itself is asked. */
static void a_sound_frame_is_not_marked(void **state)
{
	struct store_fixture *fixture = *state;
	struct layer_record record = persist(fixture, 0, NULL);
	struct segment_id id = segment_of(fixture, record.id);
	uint64_t offset;
	for (size_t i = 0; find_frame(fixture, &id, FRAME_CONTENT, i, &offset); i++)
		doubt(fixture, record.id, offset);
	assert_false(damage_is_in(fixture->store->damage, &id));
	struct tree_figures figures;
	(void)persist(fixture, 0, &figures);
	assert_int_equal(figures.sent, 0);
}

/* Its pieces and blocks would be taken over with what they name. */
static void what_is_damaged_is_no_base(void **state)
{
	struct store_fixture *fixture = *state;
	struct layer_record old = persist(fixture, 0, NULL);
	struct tree_figures figures;
	(void)persist(fixture, old.id, &figures);
	assert_int_equal(figures.pieces_of_base, figures.pieces);
	doubt(fixture, old.id,
	      damage_frame(fixture, old.id, FRAME_CONTENT, 1, IN_PAYLOAD));
	struct tree_persist input = {.who = {.workflow = "w", .job = "j"},
				     .key = ++fixture->key,
				     .tree = &tree,
				     .base = old.id};
	struct layer_record new;
	assert_int_equal(
		tree_persist(fixture->store, &input, &new, NULL, &fixture->error),
		ERR_DAMAGED);
	new = persist(fixture, 0, NULL);
	assert_ok(verify(fixture, new.id));
	(void)persist(fixture, new.id, &figures);
	assert_int_equal(figures.pieces_of_base, figures.pieces);
}

/* ---- what a layer is made of ---------------------------------------------------- */

/* Where pieces and units lie follows from their names. */
static void made_anew(struct store_fixture *fixture, int64_t layer, size_t number)
{
	(void)damage_frame(fixture, layer, FRAME_PLACEMENT, number, IN_SINGLE);
	assert_ok(verify(fixture, layer));
	check_says(fixture, 0, "healed:");
	restart(fixture, true);
	assert_ok(verify(fixture, layer));
}

static void w8_placement_and_blocks_are_made_anew(void **state)
{
	struct store_fixture *fixture = *state;
	struct layer_record record = persist(fixture, 0, NULL);
	struct segment_id id = segment_of(fixture, record.id);
	size_t count = 0;
	uint64_t offset;
	while (find_frame(fixture, &id, FRAME_PLACEMENT, count, &offset))
		count++;
	assert_true(count >= 2);
	for (size_t i = 0; i < count; i++) {
		made_anew(fixture, record.id, i);
		/* Back: a layer does not know the blocks that a lost placement named. */
		(void)damage_frame(fixture, record.id, FRAME_PLACEMENT, i, IN_SINGLE);
	}
}

static void w8_a_piece_heals_when_the_same_rows_come_again(void **state)
{
	struct store_fixture *fixture = *state;
	struct layer_record old = persist(fixture, 0, NULL);
	(void)damage_frame(fixture, old.id, FRAME_PIECE, 0, IN_SINGLE);
	assert_int_equal(verify(fixture, old.id), ERR_DAMAGED);
	struct tree_figures figures;
	struct layer_record new = persist(fixture, 0, &figures);
	assert_in_range(figures.sent, 1, figures.pieces);
	assert_ok(verify(fixture, new.id));
	assert_ok(verify(fixture, old.id));
	check_says(fixture, 0, "healed:");
}

static void w8_a_root_heals_when_the_same_tree_comes_again(void **state)
{
	struct store_fixture *fixture = *state;
	struct layer_record old = persist(fixture, 0, NULL);
	(void)damage_frame(fixture, old.id, FRAME_ROOT, 0, IN_SINGLE);
	assert_int_equal(verify(fixture, old.id), ERR_DAMAGED);
	check_says(fixture, 1, "touches layer");
	(void)persist(fixture, 0, NULL);
	assert_ok(verify(fixture, old.id));
	check_says(fixture, 0, "healed:");
}

/* A segment as a whole: nothing of it is there, or nothing of it is believed. */
static void segment_heals(struct store_fixture *fixture, bool is_short)
{
	struct layer_record old = persist(fixture, 0, NULL);
	struct segment_id id = segment_of(fixture, old.id);
	char path[512];
	segment_path(fixture, &id, path);
	store_fixture_close(fixture);
	assert_int_equal(is_short ? truncate(path, 3000) : unlink(path), 0);
	store_fixture_open(fixture);
	assert_int_equal(verify(fixture, old.id), ERR_DAMAGED);
	check_says(fixture, 1, "touches layer");
	struct tree_figures figures;
	struct layer_record new = persist(fixture, 0, &figures);
	assert_int_equal(figures.offered, 0);
	for (int i = 0; i < 2; i++) {
		assert_ok(verify(fixture, new.id));
		assert_ok(verify(fixture, old.id));
		check_says(fixture, 0, "healed:");
		restart(fixture, true);
	}
}

static void w8_a_missing_segment_heals_when_its_tree_comes_again(void **state)
{
	segment_heals(*state, false);
}

static void w8_a_short_segment_heals_when_its_tree_comes_again(void **state)
{
	segment_heals(*state, true);
}

/* Jobs that persist the same at the same time leave two copies, of which the index names
 * one. */
/* At the same time, so that each has a segment of its own. */
static void persist_twice(struct store_fixture *fixture, struct layer_record layers[2])
{
	struct tree_persist input = {.who = {.workflow = "w", .job = "j"},
				     .key = ++fixture->key,
				     .tree = &tree,
				     .without_asking = true};
	struct transaction *second = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	struct transaction_commit commit = {0};
	struct tree_figures ignored;
	assert_ok(tree_send(fixture->store, &input, &second, &root, &commit.execution_id,
			    &ignored, &fixture->error));
	numbered_key(input.key, commit.key);
	commit.root = root.at;
	commit.root_len = root.len;
	input.key = ++fixture->key;
	assert_ok(tree_persist(fixture->store, &input, &layers[0], NULL,
			       &fixture->error));
	bool again;
	assert_ok(transaction_commit(second, &commit, &layers[1], &again,
				     &fixture->error));
	transaction_free(second);
	restart(fixture, false);
}

/* Where the index names the other one it is found at once, else by the next start. */
static void one_of_two_copies_rots(struct store_fixture *fixture, size_t rotten)
{
	struct layer_record layers[2];
	persist_twice(fixture, layers);
	int64_t id = layers[rotten].id;
	doubt(fixture, id, damage_frame(fixture, id, FRAME_CONTENT, 0, IN_PAYLOAD));
	if (rotten == 1)
		assert_ok(verify(fixture, id));
	restart(fixture, false);
	for (size_t i = 0; i < 2; i++)
		assert_ok(verify(fixture, layers[i].id));
	check_says(fixture, 0, "healed:");
	struct tree_figures figures;
	(void)persist(fixture, 0, &figures);
	assert_int_equal(figures.sent, 0);
}

static void w8_the_first_of_two_copies_rots(void **state)
{
	one_of_two_copies_rots(*state, 0);
}

static void w8_the_second_of_two_copies_rots(void **state)
{
	one_of_two_copies_rots(*state, 1);
}

static void ignore_damage(void *context, const char *sentence)
{
	(void)context;
	(void)sentence;
}

static void mark_by_check(struct store_fixture *fixture)
{
	struct store_options options = {
		.directory = fixture->directory, .reads_only = true, .may_mark = true};
	struct store *store;
	assert_ok(store_open(&options, &store, &fixture->error));
	struct check_options check_options = {
		.read_data = true, .mark = true, .on_damage = ignore_damage};
	struct check_figures figures;
	assert_ok(check_store(store, &check_options, &figures, &fixture->error));
	assert_int_equal(figures.unmarked, 1);
	assert_ok(store_close(store, &fixture->error));
}

/* The index of a clean stop names the one that rotted since. */
static void w8_one_of_two_copies_is_marked_by_a_check(void **state)
{
	struct store_fixture *fixture = *state;
	struct layer_record layers[2];
	persist_twice(fixture, layers);
	(void)damage_frame(fixture, layers[0].id, FRAME_CONTENT, 0, IN_PAYLOAD);
	store_fixture_close(fixture);
	mark_by_check(fixture);
	store_fixture_open(fixture);
	for (size_t i = 0; i < 2; i++)
		assert_ok(verify(fixture, layers[i].id));
	struct tree_figures figures;
	(void)persist(fixture, 0, &figures);
	assert_int_equal(figures.sent, 0);
}

static void w8_a_segment_is_lost_of_which_another_is_a_copy(void **state)
{
	struct store_fixture *fixture = *state;
	struct layer_record layers[2];
	persist_twice(fixture, layers);
	struct segment_id id = segment_of(fixture, layers[0].id);
	char path[512];
	segment_path(fixture, &id, path);
	store_fixture_close(fixture);
	assert_int_equal(unlink(path), 0);
	store_fixture_open(fixture);
	for (size_t i = 0; i < 2; i++)
		assert_ok(verify(fixture, layers[i].id));
	check_says(fixture, 0, "healed:");
}

static void copies_never_cross_namespaces(void **state)
{
	struct store_fixture *fixture = *state;
	struct layer_record old = persist(fixture, 0, NULL);
	doubt(fixture, old.id,
	      damage_frame(fixture, old.id, FRAME_CONTENT, 0, IN_PAYLOAD));
	(void)damage_frame(fixture, old.id, FRAME_ROOT, 0, IN_SINGLE);
	struct tree_persist input = {
		.who = {.namespace = "other", .workflow = "w", .job = "j"},
		.key = 1,
		.tree = &tree};
	struct layer_record record;
	assert_ok(tree_persist(fixture->store, &input, &record, NULL, &fixture->error));
	assert_ok(verify(fixture, record.id));
	assert_int_equal(verify(fixture, old.id), ERR_DAMAGED);
}

/* ---- the marks ------------------------------------------------------------------ */

static struct damage *open_marks(struct store_fixture *fixture)
{
	struct damage *damage = NULL;
	assert_ok(damage_open(&io_system, fixture->store->directory_fd, &damage,
			      &fixture->error));
	return damage;
}

static void marks_are_kept_and_bounded(void **state)
{
	struct store_fixture *fixture = *state;
	struct damage *damage = open_marks(fixture);
	struct segment_id a = {{1}}, b = {{2}};
	assert_true(damage_mark(damage, &b, 64));
	assert_true(damage_mark(damage, &a, UINT64_MAX));
	assert_false(damage_mark(damage, &b, 64));
	damage_free(damage);
	damage = open_marks(fixture);
	assert_true(damage_has(damage, &b, 64) && damage_has(damage, &a, UINT64_MAX));
	assert_false(damage_has(damage, &b, 65) || damage_has(damage, &a, 64));
	assert_true(damage_is_in(damage, &a));
	assert_false(damage_is_in(damage, &(struct segment_id){{3}}));
	for (uint64_t i = 2; i < DAMAGE_MARKS_MAX; i++)
		assert_true(damage_add(damage, &b, 64 + i));
	assert_false(damage_add(damage, &b, 7));
	assert_false(damage_has(damage, &b, 7));
	damage_free(damage);
}

/* A line that is none is passed over, one that was cut short is written over. */
static void wrong_lines_are_no_marks(void **state)
{
	struct store_fixture *fixture = *state;
	struct segment_id a = {{1}}, b = {{2}}, c = {{3}};
	struct damage *damage = open_marks(fixture);
	assert_true(damage_mark(damage, &a, 64));
	assert_true(damage_mark(damage, &b, 64));
	damage_free(damage);
	int fd AUTO_FD =
		openat(fixture->store->directory_fd, "damaged", O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 3), 1);
	assert_int_equal(pwrite(fd, "half a line", 11, 100), 11);
	damage = open_marks(fixture);
	assert_false(damage_is_in(damage, &a));
	assert_true(damage_has(damage, &b, 64));
	assert_true(damage_mark(damage, &c, 64));
	damage_free(damage);
	damage = open_marks(fixture);
	assert_true(damage_has(damage, &b, 64) && damage_has(damage, &c, 64));
	damage_free(damage);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(w8_a_damaged_payload_is_taken_again_and_heals_older_layers),
		TEST(w8_a_damaged_table_is_taken_again_and_heals_older_layers),
		TEST(w8_what_is_damaged_is_known_after_a_crash),
		TEST(a_sound_frame_is_not_marked),
		TEST(what_is_damaged_is_no_base),
		TEST(w8_placement_and_blocks_are_made_anew),
		TEST(w8_a_piece_heals_when_the_same_rows_come_again),
		TEST(w8_a_root_heals_when_the_same_tree_comes_again),
		TEST(w8_a_missing_segment_heals_when_its_tree_comes_again),
		TEST(w8_a_short_segment_heals_when_its_tree_comes_again),
		TEST(w8_the_first_of_two_copies_rots),
		TEST(w8_the_second_of_two_copies_rots),
		TEST(w8_one_of_two_copies_is_marked_by_a_check),
		TEST(w8_a_segment_is_lost_of_which_another_is_a_copy),
		TEST(copies_never_cross_namespaces),
		TEST(marks_are_kept_and_bounded),
		TEST(wrong_lines_are_no_marks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
