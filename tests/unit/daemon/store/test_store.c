/* Persisting into a store and reading back; what is offered to whom; bases; opening,
 * closing, recovery. Damage and moves are in test_store_check.c. */
#include <dirent.h>
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

#include "daemon/store/disk/parts.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/segment/table.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/unit/codec.h"
#include "proto/unit/frame.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

static int setup(void **state)
{
	int failed = store_fixture_setup(state);
	store_fixture_open(*state);
	return failed;
}

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

static struct layer_record persist(struct store_fixture *fixture,
				   const struct tree_persist *persist,
				   struct tree_figures *figures)
{
	struct layer_record record = {0};
	assert_ok(
		tree_persist(fixture->store, persist, &record, figures, &fixture->error));
	return record;
}

static void verify(struct store_fixture *fixture, int64_t layer,
		   const struct store_tree *tree)
{
	assert_ok(tree_verify(fixture->store, layer, tree, &fixture->error));
}

static const struct who builder = {.workflow = "w", .job = "build"};

/* ---- round trips -------------------------------------------------------------- */

static void w1_what_is_persisted_is_read_back(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(2000, 1, 5000);
	struct tree_figures figures;
	struct layer_record record = persist(
		fixture, &(struct tree_persist){.who = builder, .key = 1, .tree = &tree},
		&figures);
	assert_int_equal(record.totals.files, 2000);
	assert_int_equal(figures.offered, 0);
	assert_true(figures.pieces > 1);
	assert_true(record.stored_bytes > 0 && record.stored_bytes < record.new_bytes);
	verify(fixture, record.id, &tree);
	store_fixture_close(fixture);
	store_fixture_open(fixture);
	verify(fixture, record.id, &tree);
}

static void w3_the_empty_tree_is_a_layer(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree = {0};
	struct layer_record record = persist(
		fixture, &(struct tree_persist){.who = builder, .key = 1, .tree = &tree},
		NULL);
	verify(fixture, record.id, &tree);
	record = persist(
		fixture,
		&(struct tree_persist){
			.who = builder, .key = 2, .tree = &tree, .base = record.id},
		NULL);
	verify(fixture, record.id, &tree);
}

static void w2_the_same_key_gives_the_same_layer(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(10, 1, 500);
	struct tree_persist once = {.who = builder, .key = 7, .tree = &tree};
	struct layer_record first = persist(fixture, &once, NULL);
	struct layer_record second = persist(fixture, &once, NULL);
	assert_int_equal(first.id, second.id);
	once.without_asking = true;
	assert_int_equal(persist(fixture, &once, NULL).id, first.id);
	tree.files[3].content += 1000000;
	struct layer_record third;
	assert_int_equal(
		tree_persist(fixture->store, &once, &third, NULL, &fixture->error),
		ERR_IDENTITY);
	struct store_figures figures;
	assert_ok(store_figures(fixture->store, &figures, &fixture->error));
	assert_int_equal(figures.catalogue.layers, 1);
}

static void segments_rotate_and_are_sealed(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_close(fixture);
	fixture->segment_len = 100000;
	store_fixture_open(fixture);
	struct store_tree tree AUTO(tree_fini) = tree_new(500, 1, 5000);
	struct layer_record record = persist(
		fixture, &(struct tree_persist){.who = builder, .key = 1, .tree = &tree},
		NULL);
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count;
	assert_ok(catalogue_segments(store_catalogue(fixture->store), &rows, &count,
				     &fixture->error));
	assert_true(count > 3);
	size_t sealed = 0;
	for (size_t i = 0; i < count; i++)
		sealed += rows[i].state == SEGMENT_SEALED;
	assert_true(sealed >= count - 1);
	verify(fixture, record.id, &tree);
}

static size_t open_descriptors(void)
{
	size_t count = 0;
	DIR *directory = opendir("/proc/self/fd");
	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void persist_in_namespace(struct store_fixture *fixture, size_t number,
				 const struct store_tree *tree)
{
	char namespace[16];
	(void)snprintf(namespace, sizeof(namespace), "n%zu", number);
	struct tree_persist input = {
		.who = {.namespace = namespace, .workflow = "w", .job = "j"},
		.key = ++fixture->key,
		.tree = tree};
	struct layer_record record = persist(fixture, &input, NULL);
	verify(fixture, record.id, tree);
}

/* On both sides of what is kept open, and far beyond; each goes on in its own segment. */
static void a_namespace_that_was_written_holds_no_descriptor(void **state)
{
	struct store_fixture *fixture = *state;
	size_t before = open_descriptors();
	struct store_tree tree AUTO(tree_fini) = tree_new(3, 1, 100);
	for (size_t i = 0; i < 300; i++) {
		persist_in_namespace(fixture, i, &tree);
		size_t kept = i < SEGMENTS_KEPT_OPEN ? i + 1 : SEGMENTS_KEPT_OPEN;
		assert_int_equal(open_descriptors(), before + kept);
	}
	for (size_t i = 0; i < 300; i++)
		persist_in_namespace(fixture, i * 7 % 300, &tree);
	assert_int_equal(open_descriptors(), before + SEGMENTS_KEPT_OPEN);
	size_t count;
	struct segment_row *rows AUTO_FREE = NULL;
	assert_ok(catalogue_segments(store_catalogue(fixture->store), &rows, &count,
				     &fixture->error));
	assert_int_equal(count, 300);
}

/* ---- offers ------------------------------------------------------------------- */

static void w1_units_are_offered_only_after_the_commit(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(10, 1, 500);
	struct tree_persist first = {.who = builder, .key = 1, .tree = &tree};
	struct transaction *open = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	struct transaction_commit commit = {0};
	struct tree_figures figures;
	assert_ok(tree_send(fixture->store, &first, &open, &root, &commit.execution_id,
			    &figures, &fixture->error));
	struct tree_persist second = {
		.who = {.workflow = "w", .job = "other"}, .key = 2, .tree = &tree};
	(void)persist(fixture, &second, &figures);
	assert_int_equal(figures.offered, 0);
	commit.root = root.at;
	commit.root_len = root.len;
	struct layer_record record;
	bool again;
	assert_ok(transaction_commit(open, &commit, &record, &again, &fixture->error));
	transaction_free(open);
	second.key = 3;
	struct layer_record third = persist(fixture, &second, &figures);
	assert_int_equal(figures.sent, 0);
	assert_int_equal(figures.offered, 11);
	assert_int_equal(third.new_bytes, 0);
	verify(fixture, third.id, &tree);
	verify(fixture, record.id, &tree);
}

static void w1_an_aborted_persist_leaves_nothing(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(100, 1, 5000);
	struct store_tree other AUTO(tree_fini) = tree_new(10, 5000, 500);
	struct layer_record kept = persist(
		fixture, &(struct tree_persist){.who = builder, .key = 1, .tree = &other},
		NULL);
	struct tree_persist lost = {.who = builder, .key = 2, .tree = &tree};
	struct transaction *open = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	int64_t execution;
	struct tree_figures figures;
	assert_ok(tree_send(fixture->store, &lost, &open, &root, &execution, &figures,
			    &fixture->error));
	transaction_free(open);
	(void)persist(fixture, &lost, &figures);
	assert_int_equal(figures.offered, 0);
	verify(fixture, kept.id, &other);
}

static void dedup_stays_inside_the_namespace(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(10, 1, 500);
	struct tree_persist here = {
		.who = {.namespace = "a", .workflow = "w", .job = "j"},
		.key = 1,
		.tree = &tree};
	struct layer_record record = persist(fixture, &here, NULL);
	here.who.namespace = "b";
	struct tree_figures figures;
	(void)persist(fixture, &here, &figures);
	assert_int_equal(figures.offered, 0);
	here.key = 2;
	here.base = record.id;
	struct layer_record ignored;
	assert_int_equal(
		tree_persist(fixture->store, &here, &ignored, NULL, &fixture->error),
		ERR_DENIED);
}

/* Nor does it learn anything by naming a layer of the other tier. */
static void a10_dedup_stays_inside_the_tier(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(10, 1, 500);
	struct tree_persist persists[] = {
		{.who = {.workflow = "w", .job = "j"}, .key = 1, .tree = &tree},
		{.who = {.workflow = "w", .job = "j", .tier = TIER_UNTRUSTED},
		 .key = 2,
		 .tree = &tree},
	};
	struct tree_figures figures;
	int64_t layers[2];
	for (size_t i = 0; i < 2; i++) {
		layers[i] = persist(fixture, &persists[i], &figures).id;
		assert_int_equal(figures.offered, 0);
		verify(fixture, layers[i], &tree);
	}
	for (size_t i = 0; i < 2; i++) {
		persists[i].key += 10;
		(void)persist(fixture, &persists[i], &figures);
		assert_int_equal(figures.sent, 0);
		persists[i].key += 10;
		persists[i].base = layers[1 - i];
		struct layer_record ignored;
		assert_int_equal(tree_persist(fixture->store, &persists[i], &ignored,
					      NULL, &fixture->error),
				 ERR_DENIED);
	}
}

/* A root whose pieces were never offered here. Contents: see below. */
static void citing_what_was_not_offered_is_denied(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(10, 1, 500);
	struct tree_persist known = {.who = builder, .key = 1, .tree = &tree};
	(void)persist(fixture, &known, NULL);
	known.key = 2;
	struct transaction *sent = NULL, *silent = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	struct transaction_commit commit = {0};
	struct tree_figures figures;
	assert_ok(tree_send(fixture->store, &known, &sent, &root, &commit.execution_id,
			    &figures, &fixture->error));
	transaction_free(sent);
	struct visit visit AUTO(visit_fini) = {0};
	assert_ok(visit_catalogue(store_catalogue(fixture->store), &builder,
				  CONTACT_PERSIST, &visit, &fixture->error));
	assert_ok(transaction_begin(fixture->store, visit.contact.namespace_id, &silent,
				    &fixture->error));
	commit.root = root.at;
	commit.root_len = root.len;
	numbered_key(2, commit.key);
	struct layer_record record;
	bool again;
	assert_int_equal(
		transaction_commit(silent, &commit, &record, &again, &fixture->error),
		ERR_DENIED);
	transaction_free(silent);
}

/* Sends a tree's pieces, but none of its contents. */
struct pieces_only {
	struct transaction *transaction;
	struct error *error;
};

static int put_piece(void *context, const struct root_piece *piece, const uint8_t *bytes,
		     size_t len, struct error *error)
{
	struct pieces_only *to = context;
	struct frame_input frame = {
		.kind = FRAME_PIECE,
		.codec = CODEC_RAW,
		.raw_len = (uint32_t)len,
		.units = &piece->name,
		.unit_count = 1,
		.payload = bytes,
		.payload_len = len,
	};
	return transaction_put(to->transaction, &frame, error);
}

static void look_ahead(struct store_fixture *fixture, struct transaction *transaction)
{
	while (transaction_has_ahead(transaction))
		assert_ok(transaction_look_ahead(transaction, &fixture->error));
}

static int commit_pieces_only(struct store_fixture *fixture,
			      const struct store_tree *tree, int64_t base,
			      uint64_t claimed_files, bool looks_ahead)
{
	struct visit visit AUTO(visit_fini) = {0};
	assert_ok(visit_catalogue(store_catalogue(fixture->store), &builder,
				  CONTACT_PERSIST, &visit, &fixture->error));
	struct pieces_only to = {0};
	assert_ok(transaction_begin(fixture->store, visit.contact.namespace_id,
				    &to.transaction, &fixture->error));
	struct buffer root AUTO(buffer_fini) = {0};
	if (base)
		assert_ok(transaction_base(to.transaction, base, &root, &fixture->error));
	struct piece_writer writer AUTO(piece_writer_fini) = {0};
	piece_writer_init(&writer, (struct piece_sink){put_piece, &to});
	for (size_t i = 0; i < tree->count; i++) {
		struct unit_name name = tree_unit_name(&tree->files[i]);
		struct row row = {
			.path = tree->files[i].path,
			.path_len = strlen(tree->files[i].path),
			.type = ROW_FILE,
			.mode = 0644,
			.size = tree->files[i].len,
			.units = &name,
			.unit_count = 1,
		};
		assert_ok(piece_writer_add(&writer, &row, &fixture->error));
	}
	assert_ok(piece_writer_finish(&writer, &fixture->error));
	if (claimed_files)
		writer.root.pieces[0].totals.files = claimed_files;
	if (looks_ahead)
		look_ahead(fixture, to.transaction);
	buffer_clear(&root);
	root_encode(&root, &writer.root);
	struct transaction_commit commit = {.execution_id = visit.contact.execution_id,
					    .key = {99, (uint8_t)base},
					    .root = root.at,
					    .root_len = root.len};
	struct layer_record record;
	bool again;
	int err = transaction_commit(to.transaction, &commit, &record, &again,
				     &fixture->error);
	transaction_free(to.transaction);
	return err;
}

static void expect_refusals(struct store_fixture *fixture, bool looks_ahead)
{
	struct store_tree tree AUTO(tree_fini) = tree_new(10, 1, 500);
	struct layer_record base = persist(
		fixture, &(struct tree_persist){.who = builder, .key = 1, .tree = &tree},
		NULL);
	assert_int_equal(commit_pieces_only(fixture, &tree, 0, 0, looks_ahead),
			 ERR_DENIED);
	/* The base's contents may be cited, in whatever place. */
	tree.files[2].content = tree.files[7].content;
	tree.files[2].len = tree.files[7].len;
	assert_int_equal(commit_pieces_only(fixture, &tree, base.id, 0, looks_ahead), 0);
	tree.files[2].content = 123456;
	assert_int_equal(commit_pieces_only(fixture, &tree, base.id, 0, looks_ahead),
			 ERR_DENIED);
}

static void expect_lies_found(struct store_fixture *fixture, bool looks_ahead)
{
	struct store_tree tree AUTO(tree_fini) = tree_new(10, 1, 500);
	struct layer_record base = persist(
		fixture, &(struct tree_persist){.who = builder, .key = 1, .tree = &tree},
		NULL);
	assert_int_equal(commit_pieces_only(fixture, &tree, base.id, 9, looks_ahead),
			 ERR_DAMAGED);
	assert_non_null(strstr(fixture->error.text, "piece 0 of the manifest"));
}

static void a_commit_cites_only_what_it_may(void **state)
{
	expect_refusals(*state, false);
}

static void a_root_must_not_lie_about_its_pieces(void **state)
{
	expect_lies_found(*state, false);
}

static void what_is_checked_ahead_is_refused_like_any(void **state)
{
	expect_refusals(*state, true);
	expect_lies_found(*state, true);
}

/* ---- bases -------------------------------------------------------------------- */

static uint64_t read_calls;

static ssize_t counting_pread(void *context, int fd, void *data, size_t len, off_t offset)
{
	read_calls++;
	return io_system.pread(context, fd, data, len, offset);
}

/* Opens the store anew, so that its reads are counted. */
static void count_reads(struct store_fixture *fixture)
{
	static struct io io;
	io = io_system;
	io.pread = counting_pread;
	store_fixture_close(fixture);
	struct store_options options = store_fixture_options(fixture);
	options.io = &io;
	assert_ok(store_open(&options, &fixture->store, &fixture->error));
}

static void one_changed_file_costs_its_piece_and_its_neighbours(void **state)
{
	struct store_fixture *fixture = *state;
	count_reads(fixture);
	struct store_tree tree AUTO(tree_fini) = tree_new(40000, 1, 20);
	struct tree_figures figures;
	struct layer_record base = persist(
		fixture, &(struct tree_persist){.who = builder, .key = 1, .tree = &tree},
		&figures);
	assert_true(figures.pieces > 30);
	tree.files[20000].content += 1000000;
	struct tree_persist changed = {
		.who = builder, .key = 2, .tree = &tree, .base = base.id};
	struct transaction *sent = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	struct transaction_commit commit = {.key = {2}};
	assert_ok(tree_send(fixture->store, &changed, &sent, &root, &commit.execution_id,
			    &figures, &fixture->error));
	assert_int_equal(figures.pieces - figures.pieces_of_base, 1);
	assert_int_equal(figures.sent, 2);
	commit.root = root.at;
	commit.root_len = root.len;
	struct layer_record record;
	bool again;
	read_calls = 0;
	struct layer_place before, after;
	assert_ok(transaction_commit(sent, &commit, &record, &again, &fixture->error));
	transaction_free(sent);
	/* The contents beside the changed one were offered: their frames' tables are read
	 * too, some 1200 rows of 40 to a frame. */
	assert_true(read_calls < 200);
	assert_ok(catalogue_layer_place(store_catalogue(fixture->store), base.id, &before,
					&fixture->error));
	assert_ok(catalogue_layer_place(store_catalogue(fixture->store), record.id,
					&after, &fixture->error));
	assert_true(after.root.offset - before.root.offset < 600000);
	free(before.segments);
	free(after.segments);
	verify(fixture, record.id, &tree);
	tree.files[20000].content -= 1000000;
	verify(fixture, base.id, &tree);
	store_fixture_close(fixture);
	store_fixture_open(fixture);
}

/* Sends the tree, looks ahead if so, commits and verifies; the reads of the commit. */
static uint64_t reads_of_commit(struct store_fixture *fixture,
				struct tree_persist *persist, bool looks_ahead)
{
	struct transaction *sent = NULL;
	struct buffer root AUTO(buffer_fini) = {0};
	struct transaction_commit commit = {.key = {(uint8_t)++persist->key}};
	struct tree_figures figures;
	assert_ok(tree_send(fixture->store, persist, &sent, &root, &commit.execution_id,
			    &figures, &fixture->error));
	assert_true(transaction_has_ahead(sent));
	if (looks_ahead)
		look_ahead(fixture, sent);
	commit.root = root.at;
	commit.root_len = root.len;
	struct layer_record record;
	bool again;
	read_calls = 0;
	assert_ok(transaction_commit(sent, &commit, &record, &again, &fixture->error));
	transaction_free(sent);
	uint64_t reads = read_calls;
	verify(fixture, record.id, persist->tree);
	return reads;
}

/* Sent pieces, then offered ones. */
static void a_commit_reads_no_piece_that_was_checked_ahead(void **state)
{
	struct store_fixture *fixture = *state;
	count_reads(fixture);
	struct store_tree tree AUTO(tree_fini) = tree_new(4000, 1, 20);
	struct tree_persist persist = {.who = builder, .tree = &tree};
	/* the catalogue reads, too */
	uint64_t sent = reads_of_commit(fixture, &persist, true);
	uint64_t offered = reads_of_commit(fixture, &persist, true);
	uint64_t without = reads_of_commit(fixture, &persist, false);
	assert_true(sent + 4 < without);
	assert_true(offered + 4 < without);
	store_fixture_close(fixture);
	store_fixture_open(fixture);
}

/* Sends a tree of several pieces, checks them ahead, and commits with another root. */
static int commit_ahead(struct store_fixture *fixture, void (*spoil)(struct root *))
{
	struct store_tree tree AUTO(tree_fini) = tree_new(4000, 1, 20);
	struct tree_persist persist = {.who = builder, .tree = &tree};
	struct transaction *sent = NULL;
	struct buffer bytes AUTO(buffer_fini) = {0};
	struct root root AUTO(root_fini) = {0};
	struct transaction_commit commit = {.key = {7}};
	struct tree_figures figures;
	assert_ok(tree_send(fixture->store, &persist, &sent, &bytes, &commit.execution_id,
			    &figures, &fixture->error));
	look_ahead(fixture, sent);
	assert_ok(root_decode(bytes.at, bytes.len, &root, &fixture->error));
	assert_true(root.piece_count > 2);
	spoil(&root);
	buffer_clear(&bytes);
	root_encode(&bytes, &root);
	commit.root = bytes.at;
	commit.root_len = bytes.len;
	struct layer_record record;
	bool again;
	int err = transaction_commit(sent, &commit, &record, &again, &fixture->error);
	transaction_free(sent);
	return err;
}

static void one_file_more(struct root *root)
{
	root->pieces[1].totals.files++;
}

static void another_content(struct root *root)
{
	root->pieces[1].content.bytes[0] ^= 1;
}

static void swapped(struct root *root)
{
	struct root_piece first = root->pieces[0];
	root->pieces[0] = root->pieces[1];
	root->pieces[1] = first;
}

static void twice(struct root *root)
{
	root->pieces[1] = root->pieces[0];
}

static void what_was_checked_ahead_must_be_as_the_root_says(void **state)
{
	struct store_fixture *fixture = *state;
	assert_int_equal(commit_ahead(fixture, one_file_more), ERR_DAMAGED);
	assert_int_equal(commit_ahead(fixture, another_content), ERR_DAMAGED);
	assert_non_null(strstr(fixture->error.text, "piece 1 of the manifest"));
	assert_int_equal(commit_ahead(fixture, swapped), ERR_DAMAGED);
	assert_non_null(strstr(fixture->error.text, "not in order"));
	assert_int_equal(commit_ahead(fixture, twice), ERR_DAMAGED);
}

static void pieces_of_the_base_with_one_missing_between_are_checked(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(4000, 1, 20);
	struct tree_persist whole = {.who = builder, .key = 1, .tree = &tree};
	struct layer_record base = persist(fixture, &whole, NULL);
	struct buffer bytes AUTO(buffer_fini) = {0};
	struct transaction *transaction = NULL;
	struct visit visit AUTO(visit_fini) = {0};
	assert_ok(visit_catalogue(store_catalogue(fixture->store), &builder,
				  CONTACT_PERSIST, &visit, &fixture->error));
	assert_ok(transaction_begin(fixture->store, visit.contact.namespace_id,
				    &transaction, &fixture->error));
	assert_ok(transaction_base(transaction, base.id, &bytes, &fixture->error));
	struct root root AUTO(root_fini) = {0};
	assert_ok(root_decode(bytes.at, bytes.len, &root, &fixture->error));
	assert_true(root.piece_count > 2);
	struct root_piece first = root.pieces[0];
	root.pieces[0] = root.pieces[1];
	root.pieces[1] = first;
	buffer_clear(&bytes);
	root_encode(&bytes, &root);
	struct transaction_commit commit = {.execution_id = visit.contact.execution_id,
					    .key = {3},
					    .root = bytes.at,
					    .root_len = bytes.len};
	struct layer_record record;
	bool again;
	assert_int_equal(transaction_commit(transaction, &commit, &record, &again,
					    &fixture->error),
			 ERR_DAMAGED);
	assert_non_null(strstr(fixture->error.text, "not in order"));
	transaction_free(transaction);
}

static void a_file_removed_from_the_base_is_a_smaller_tree(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(4000, 1, 20);
	struct tree_persist whole = {.who = builder, .key = 1, .tree = &tree};
	whole.base = persist(fixture, &whole, NULL).id;
	for (uint32_t i = 0; i < 12; i++) {
		size_t at = 331 * i;
		memmove(&tree.files[at], &tree.files[at + 1],
			(tree.count - at - 1) * sizeof(*tree.files));
		tree.count--;
		whole.key++;
		whole.base = persist(fixture, &whole, NULL).id;
		verify(fixture, whole.base, &tree);
	}
}

/* ---- opening and recovery ----------------------------------------------------- */

static void a_second_daemon_is_refused_with_the_first_ones_process(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_options options = store_fixture_options(fixture);
	struct store *second = NULL;
	assert_int_equal(store_open(&options, &second, &fixture->error), ERR_BUSY);
	char sentence[256];
	(void)snprintf(sentence, sizeof(sentence),
		       "another batond (process %ld) uses `%s`", (long)getpid(),
		       fixture->directory);
	assert_string_equal(fixture->error.text, sentence);
}

static void write_file(struct store_fixture *fixture, const char *name, const char *text)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static bool file_exists(struct store_fixture *fixture, const char *name)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
	return access(path, F_OK) == 0;
}

static void a_newer_or_foreign_format_is_refused(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_close(fixture);
	struct store_options options = store_fixture_options(fixture);
	write_file(fixture, "format", "batond store 4\n");
	assert_int_equal(store_open(&options, &fixture->store, &fixture->error),
			 ERR_VERSION);
	write_file(fixture, "format", "something\n");
	assert_int_equal(store_open(&options, &fixture->store, &fixture->error),
			 ERR_DAMAGED);
	write_file(fixture, "format", "");
	assert_int_equal(store_open(&options, &fixture->store, &fixture->error),
			 ERR_DAMAGED);
	write_file(fixture, "format", "batond store 3\n");
	store_fixture_open(fixture);
}

static void assert_format(struct store_fixture *fixture, const char *wanted)
{
	char path[512], text[64] = "";
	(void)snprintf(path, sizeof(path), "%s/format", fixture->directory);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, wanted);
}

/* An older batond would write pages of the catalogue and leave their sums as they were,
 * or read holes as if they were frames. */
static void an_older_format_is_raised_before_anything_else_changes(void **state)
{
	struct store_fixture *fixture = *state;
	static const char *const older[] = {"batond store 1\n", "batond store 2\n"};
	for (size_t i = 0; i < 2; i++) {
		store_fixture_close(fixture);
		write_file(fixture, "format", older[i]);
		store_fixture_open(fixture);
		assert_format(fixture, "batond store 3\n");
	}
}

static void one_segment(struct store_fixture *fixture, struct segment_row *ret_row)
{
	struct segment_row *rows AUTO_FREE = NULL;
	size_t count;
	assert_ok(catalogue_segments(store_catalogue(fixture->store), &rows, &count,
				     &fixture->error));
	assert_int_equal(count, 1);
	*ret_row = rows[0];
}

static void segment_path(struct store_fixture *fixture, const struct segment_row *row,
			 char *ret_path, size_t room)
{
	(void)snprintf(ret_path, room, "%s/segments/%s", fixture->directory,
		       row->location);
}

static void w1_bytes_that_nobody_vouches_for_are_dropped_at_start(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(10, 1, 500);
	struct tree_persist whole = {.who = builder, .key = 1, .tree = &tree};
	struct layer_record record = persist(fixture, &whole, NULL);
	struct segment_row row;
	one_segment(fixture, &row);
	store_fixture_close(fixture);
	char path[512];
	segment_path(fixture, &row, path, sizeof(path));
	FILE *file = fopen(path, "a");
	assert_true(fputs("half a frame", file) >= 0);
	assert_int_equal(fclose(file), 0);
	write_file(fixture, "segments/00112233445566778899aabbccddeeff.seg", "BATONSEG");
	store_fixture_open(fixture);
	assert_non_null(strstr(fixture->notes, "12 bytes of persists"));
	assert_non_null(strstr(fixture->notes, "1 segment files"));
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, row.vouched);
	assert_false(
		file_exists(fixture, "segments/00112233445566778899aabbccddeeff.seg"));
	verify(fixture, record.id, &tree);
	/* What an earlier process left open is appended to where that ended. */
	tree.files[0].content += 1000000;
	whole.key = 2;
	record = persist(fixture, &whole, NULL);
	assert_int_equal(stat(path, &status), 0);
	assert_true((uint64_t)status.st_size > row.vouched);
	one_segment(fixture, &row);
	assert_int_equal(status.st_size, row.vouched);
	verify(fixture, record.id, &tree);
}

static void w8_a_short_segment_is_damage_and_nothing_is_removed(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(10, 1, 500);
	struct layer_record record = persist(
		fixture, &(struct tree_persist){.who = builder, .key = 1, .tree = &tree},
		NULL);
	struct segment_row row;
	one_segment(fixture, &row);
	store_fixture_close(fixture);
	char path[512], aside[520];
	segment_path(fixture, &row, path, sizeof(path));
	(void)snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(rename(path, aside), 0);
	store_fixture_open(fixture);
	assert_non_null(strstr(fixture->notes, "missing"));
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(tree_verify(fixture->store, record.id, &tree, &fixture->error),
			 ERR_DAMAGED);
	uint64_t damaged;
	char text[2048];
	assert_ok(tree_check(fixture->store, &damaged, text, sizeof(text),
			     &fixture->error));
	assert_int_equal(damaged, 1);
	assert_non_null(strstr(text, "(workflow `w`, job `build`)"));
	/* Put back, it is what it was. */
	store_fixture_close(fixture);
	assert_int_equal(rename(aside, path), 0);
	store_fixture_open(fixture);
	verify(fixture, record.id, &tree);
}

static void the_unit_index_is_rebuilt_after_an_unclean_stop(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_close(fixture);
	fixture->segment_len = 60000;
	store_fixture_open(fixture);
	struct store_tree tree AUTO(tree_fini) = tree_new(300, 1, 2000);
	struct tree_persist whole = {.who = builder, .key = 1, .tree = &tree};
	(void)persist(fixture, &whole, NULL);
	store_fixture_close(fixture);
	assert_true(file_exists(fixture, "clean"));
	store_fixture_open(fixture);
	assert_false(file_exists(fixture, "clean"));
	assert_null(strstr(fixture->notes, "rebuilt"));
	struct tree_figures figures;
	whole.key = 2;
	(void)persist(fixture, &whole, &figures);
	assert_int_equal(figures.sent, 0);
	store_fixture_close(fixture);
	write_file(fixture, "clean", "12345\n");
	store_fixture_open(fixture);
	assert_non_null(strstr(fixture->notes, "rebuilt"));
	index_rebuild_wait(fixture->store->rebuild);
	struct store_figures after;
	assert_ok(store_figures(fixture->store, &after, &fixture->error));
	assert_true(after.index_ready);
	assert_true(after.units_indexed > 300);
	whole.key = 3;
	struct layer_record record = persist(fixture, &whole, &figures);
	assert_int_equal(figures.sent, 0);
	verify(fixture, record.id, &tree);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(w1_what_is_persisted_is_read_back),
		TEST(w3_the_empty_tree_is_a_layer),
		TEST(w2_the_same_key_gives_the_same_layer),
		TEST(segments_rotate_and_are_sealed),
		TEST(a_namespace_that_was_written_holds_no_descriptor),
		TEST(w1_units_are_offered_only_after_the_commit),
		TEST(w1_an_aborted_persist_leaves_nothing),
		TEST(dedup_stays_inside_the_namespace),
		TEST(a10_dedup_stays_inside_the_tier),
		TEST(citing_what_was_not_offered_is_denied),
		TEST(a_commit_cites_only_what_it_may),
		TEST(a_root_must_not_lie_about_its_pieces),
		TEST(what_is_checked_ahead_is_refused_like_any),
		TEST(a_commit_reads_no_piece_that_was_checked_ahead),
		TEST(what_was_checked_ahead_must_be_as_the_root_says),
		TEST(one_changed_file_costs_its_piece_and_its_neighbours),
		TEST(pieces_of_the_base_with_one_missing_between_are_checked),
		TEST(a_file_removed_from_the_base_is_a_smaller_tree),
		TEST(a_second_daemon_is_refused_with_the_first_ones_process),
		TEST(a_newer_or_foreign_format_is_refused),
		TEST(an_older_format_is_raised_before_anything_else_changes),
		TEST(w1_bytes_that_nobody_vouches_for_are_dropped_at_start),
		TEST(w8_a_short_segment_is_damage_and_nothing_is_removed),
		TEST(the_unit_index_is_rebuilt_after_an_unclean_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
