/*
 * A small store of which one bit is flipped, or the end is cut off, or blocks change
 * places, or one file is older than the others: it is found, named and kept to what it
 * touches, and no wrong byte is ever given (rule W8).
 *
 * The store is opened to read, so that nothing of it changes and the damage can be taken
 * back. `BATON_TORTURE=1` tries every bit and every length; else one in so many.
 */
#include <errno.h>
#include <fcntl.h>
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
#include "proto/base/array.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/killed.h"
#include "tests/harness/random.h"
#include "tests/harness/scratch.h"
#include "tests/harness/store_tree.h"

#define LAYERS 3u
#define FILES 4u
#define SEGMENT_LEN 1500u
/* Primes, so that bits of every number in a byte are among them. */
#define BIT_STRIDE 4001u
#define CUT_STRIDE 499u
#define RANDOM_BITS 10000u
#define RANDOM_BITS_IN_SUITE 200u

struct small_store {
	char *directory;       /* owned */
	char *earlier[LAYERS]; /* owned; what it was behind each persist */
	struct store_tree trees[LAYERS];
	int64_t layers[LAYERS];
};

struct counts {
	unsigned long long tried, harmless, told, contained, refused;
};

/* ---- the store -------------------------------------------------------------------- */

static void persist(struct small_store *small, uint32_t number)
{
	struct store_options options = {.directory = small->directory,
					.segment_len = SEGMENT_LEN};
	struct tree_persist input = {.who = {.workflow = "w", .job = "build"},
				     .key = number + 1,
				     .tree = &small->trees[number],
				     .base = number ? small->layers[number - 1] : 0};
	struct layer_record record;
	struct store *store;
	struct error error;
	assert_int_equal(store_open(&options, &store, &error), 0);
	assert_int_equal(tree_persist(store, &input, &record, NULL, &error), 0);
	small->layers[number] = record.id;
	assert_int_equal(store_close(store, &error), 0);
	small->earlier[number] = killed_copy(small->directory);
}

static int small_store_setup(void **state)
{
	struct small_store *small = must_calloc(1, sizeof(*small));
	small->directory = scratch_new();
	for (uint32_t i = 0; i < LAYERS; i++) {
		small->trees[i] = tree_new(FILES, 1, 400);
		small->trees[i].files[i].content = 100 + i;
		persist(small, i);
	}
	*state = small;
	return 0;
}

static int small_store_teardown(void **state)
{
	struct small_store *small = *state;
	for (uint32_t i = 0; i < LAYERS; i++) {
		tree_fini(&small->trees[i]);
		scratch_free(small->earlier[i]);
	}
	scratch_free(small->directory);
	free(small);
	return 0;
}

/* ---- looking ---------------------------------------------------------------------- */

/* How many layers cannot be given; none is given wrongly. */
static unsigned count_refused(const struct small_store *small, struct store *store,
			      const char *what)
{
	struct error error;
	unsigned refused = 0;
	for (uint32_t i = 0; i < LAYERS; i++) {
		int err = tree_verify(store, small->layers[i], &small->trees[i], &error);
		/* A bit of a frame's version may make a newer one of it: exit 6, too. */
		if (err && err != ERR_DAMAGED && err != ERR_VERSION &&
		    err != ERR_NOT_FOUND)
			fail_msg("%s: %s", what, error.text);
		if (err == ERR_NOT_FOUND && !store->health.refusal.code)
			fail_msg("%s: a layer is gone without a word", what);
		refused += err != 0;
	}
	return refused;
}

static bool is_told(struct store *store)
{
	uint64_t damaged = 0;
	char text[256];
	struct error error;
	int err = tree_check(store, &damaged, text, sizeof(text), &error);
	assert_true(err == 0 || err == ERR_DAMAGED);
	/* What has another copy is told as healed, and is no damage. */
	return err || damaged > 0 || text[0] || store->health.refusal.code;
}

static void look(const struct small_store *small, const char *directory, const char *what,
		 bool must_be_told, struct counts *counts)
{
	struct store_options options = {.directory = directory, .reads_only = true};
	struct store *store = NULL;
	struct error error;
	counts->tried++;
	int err = store_open(&options, &store, &error);
	if (err) {
		if ((err != ERR_DAMAGED && err != ERR_VERSION) ||
		    !strchr(error.text, '`'))
			fail_msg("%s: refused with %d: %s", what, err, error.text);
		counts->refused++;
		return;
	}
	unsigned refused = count_refused(small, store, what);
	bool told = is_told(store);
	if (!told && (refused || must_be_told))
		fail_msg("%s: nobody is told; %u layers cannot be given", what, refused);
	counts->contained += refused > 0;
	counts->told += told && !refused;
	counts->harmless += !told;
	assert_int_equal(store_close(store, &error), 0);
}

static void print(const char *what, const struct counts *counts)
{
	print_message(
		"# %s: %llu tried: %llu refused the store, %llu kept to layers, %llu "
		"told by check alone, %llu harmless\n",
		what, counts->tried, counts->refused, counts->contained, counts->told,
		counts->harmless);
}

/* ---- damaging a file and taking it back ------------------------------------------- */

struct work {
	const struct small_store *small;
	void (*damage)(struct work *work);
	uint64_t stride;
	const char *folder, *name;
	const struct buffer *bytes;
	struct counts counts;
};

static void try_bytes(struct work *work, const struct buffer *bytes, const char *how,
		      uint64_t at)
{
	const char *directory = work->small->directory;
	char what[128];
	(void)snprintf(what, sizeof(what), "%s, %s %llu", work->name, how,
		       (unsigned long long)at);
	killed_write(directory, work->folder, work->name, bytes);
	look(work->small, directory, what, true, &work->counts);
}

static bool holds_what_counts(const char *folder, const char *name)
{
	return folder[0] != '\0' || strcmp(name, "catalogue.db") == 0;
}

static void on_file(const char *directory, const char *folder, const char *name,
		    void *context)
{
	struct work *work = context;
	if (!holds_what_counts(folder, name))
		return;
	struct buffer bytes AUTO(buffer_fini) = killed_read(directory, folder, name);
	work->folder = folder;
	work->name = name;
	work->bytes = &bytes;
	work->damage(work);
	killed_write(directory, folder, name, &bytes);
}

static void damage_all(void **state, const char *what, void (*damage)(struct work *work),
		       uint64_t stride)
{
	struct work work = {.small = *state,
			    .damage = damage,
			    .stride = getenv("BATON_TORTURE") ? 1 : stride};
	killed_each_file(work.small->directory, on_file, &work);
	assert_true(work.counts.tried > 10);
	print(what, &work.counts);
}

static void flip(struct work *work, uint64_t bit)
{
	uint8_t *byte = &work->bytes->at[bit / 8];
	uint8_t before = *byte;
	*byte ^= (uint8_t)(1u << (bit % 8));
	try_bytes(work, work->bytes, "bit", bit);
	*byte = before;
}

static void flip_bits(struct work *work)
{
	for (uint64_t bit = work->stride / 2; bit < 8 * work->bytes->len;
	     bit += work->stride)
		flip(work, bit);
}

static void flip_random_bits(struct work *work)
{
	uint32_t count = getenv("BATON_TORTURE") ? RANDOM_BITS : RANDOM_BITS_IN_SUITE;
	if (work->folder[0] == '\0')
		return;
	for (uint32_t i = 0; i < count / LAYERS; i++)
		flip(work, random_below((uint32_t)(8 * work->bytes->len)));
}

static void cut_off(struct work *work)
{
	for (uint64_t len = 0; len < work->bytes->len; len += work->stride) {
		struct buffer shorter = {.at = work->bytes->at, .len = (size_t)len};
		try_bytes(work, &shorter, "cut to", len);
	}
}

static void swap(struct work *work, size_t size, size_t one, size_t two)
{
	uint8_t *a = work->bytes->at + one * size, *b = work->bytes->at + two * size;
	uint8_t kept[4096];
	if (memcmp(a, b, size) == 0)
		return;
	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
	try_bytes(work, work->bytes, "swapped block", one);
	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

static void swap_blocks(struct work *work)
{
	uint64_t turn = 0;
	for (size_t size = 512; size <= 4096; size *= 8)
		for (size_t one = 0; (one + 1) * size <= work->bytes->len; one++)
			for (size_t two = one + 1; (two + 1) * size <= work->bytes->len;
			     two++)
				if (turn++ % work->stride == 0)
					swap(work, size, one, two);
}

/* ---- tests ------------------------------------------------------------------------ */

static void w8_every_bit_is_noticed(void **state)
{
	damage_all(state, "bits", flip_bits, BIT_STRIDE);
}

static void w8_any_bits_of_frames_are_noticed(void **state)
{
	random_begin(1);
	damage_all(state, "random bits in segments", flip_random_bits, 1);
}

static void w8_a_file_cut_anywhere_is_noticed(void **state)
{
	damage_all(state, "lengths", cut_off, CUT_STRIDE);
}

static void w8_swapped_blocks_are_noticed(void **state)
{
	damage_all(state, "swapped blocks", swap_blocks, 101);
}

struct older {
	const struct small_store *small;
	const char *from; /* borrowed; a directory */
	struct counts counts;
};

static void try_older(const char *directory, const char *folder, const char *name,
		      void *context)
{
	struct older *older = context;
	struct buffer bytes AUTO(buffer_fini) = killed_read(directory, folder, name);
	struct buffer now AUTO(buffer_fini) =
		killed_read(older->small->directory, folder, name);
	bool differs = bytes.len != now.len || memcmp(bytes.at, now.at, now.len) != 0;
	/* What is short is damage; a segment that was only sealed since may be read. */
	bool must = differs && holds_what_counts(folder, name);
	killed_write(older->small->directory, folder, name, &bytes);
	look(older->small, older->small->directory, name, must, &older->counts);
	killed_write(older->small->directory, folder, name, &now);
}

static void w8_an_older_file_beside_newer_ones_is_noticed(void **state)
{
	struct older older = {.small = *state};
	for (uint32_t i = 0; i + 1 < LAYERS; i++)
		killed_each_file(older.small->earlier[i], try_older, &older);
	assert_true(older.counts.tried > 5);
	print("older files", &older.counts);
}

static void w8_the_small_store_itself_is_sound(void **state)
{
	const struct small_store *small = *state;
	struct counts counts = {0};
	look(small, small->directory, "undamaged", false, &counts);
	assert_int_equal(counts.harmless, 1);
}

#define TEST(name)                                                                       \
	cmocka_unit_test_setup_teardown(name, small_store_setup, small_store_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(w8_the_small_store_itself_is_sound),
		TEST(w8_every_bit_is_noticed),
		TEST(w8_any_bits_of_frames_are_noticed),
		TEST(w8_a_file_cut_anywhere_is_noticed),
		TEST(w8_swapped_blocks_are_noticed),
		TEST(w8_an_older_file_beside_newer_ones_is_noticed),
	};
	return cmocka_run_group_tests_name("every_bit", tests, NULL, NULL);
}
