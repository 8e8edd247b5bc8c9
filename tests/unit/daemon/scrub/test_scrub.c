/* L9: everything is read once in a while, and what is damaged is found and marked. */
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

#include "daemon/scrub/scrub.h"
#include "daemon/scrub/step.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/index/rebuild.h"
#include "daemon/store/removal/collector.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/table.h"
#include "proto/base/cleanup.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

#define LAYERS 6u
#define SEGMENTS_LEAST 3u

static char said[1024];
static unsigned said_count;

static void on_damage(void *context, const char *sentence)
{
	(void)context;
	said_count++;
	(void)snprintf(said, sizeof(said), "%s", sentence);
}

static void persist(struct store_fixture *fixture, const char *workflow, uint32_t key,
		    size_t files)
{
	struct store_tree tree AUTO(tree_fini) = tree_new(files, 1000 * key, 3000);
	struct tree_persist input = {
		.who = {.workflow = workflow, .job = "j"}, .key = key, .tree = &tree};
	struct layer_record record;
	struct tree_figures figures;
	assert_ok(
		tree_persist(fixture->store, &input, &record, &figures, &fixture->error));
}

/* Layers in several segments, most of them sealed. */
static void fill(struct store_fixture *fixture)
{
	fixture->segment_len = 20000;
	store_fixture_open(fixture);
	for (uint32_t i = 0; i < LAYERS; i++)
		persist(fixture, "w", i + 1, 20);
}

struct pass {
	uint64_t bytes, steps;
};

static struct pass run_pass(struct store_fixture *fixture, uint64_t len)
{
	struct scrub_step step AUTO(scrub_step_fini);
	struct scrub_place place = {0};
	struct pass pass = {0};
	bool ended = false;
	said_count = 0;
	scrub_step_init(&step, fixture->store);
	step.on_damage = on_damage;
	while (!ended) {
		uint64_t got;
		struct scrub_place before = place;
		ended = scrub_step_run(&step, &place, len, &got);
		assert_true(ended || memcmp(&before, &place, sizeof(place)) != 0);
		pass.bytes += got;
		pass.steps++;
	}
	return pass;
}

static void l9_a_pass_reads_all_frames_in_steps(void **state)
{
	struct store_fixture *fixture = *state;
	fill(fixture);
	uint64_t total = scrub_total(fixture->store);
	struct pass at_once = run_pass(fixture, UINT64_MAX);
	struct pass slowly = run_pass(fixture, 1);
	assert_int_equal(said_count, 0);
	assert_int_equal(at_once.bytes, slowly.bytes);
	assert_true(at_once.bytes > total / 2 && at_once.bytes <= total);
	assert_true(slowly.steps > at_once.steps);
}

/* The n-th segment of those that are full, by its name; NULL: there are no more. */
static char *segment_path(const struct store_fixture *fixture, size_t n)
{
	size_t count;
	struct segment_row *rows AUTO_FREE =
		segment_table_rows(fixture->store->segments, &count);
	char *path = NULL;
	for (size_t i = 0; i < count; i++)
		if (rows[i].state == SEGMENT_SEALED && n-- == 0)
			claim(asprintf(&path, "%s/segments/%s", fixture->directory,
				       rows[i].location) > 0);
	return path;
}

static void flip(const char *path, off_t at)
{
	int fd AUTO_FD = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;
	claim(pread(fd, &byte, 1, at) == 1);
	byte ^= 0x10;
	claim(pwrite(fd, &byte, 1, at) == 1);
}

/* Wherever it lies: told once, and marked, so that the next pass has nothing to say. */
static void l9_a_flipped_bit_is_told_and_marked(void **state)
{
	struct store_fixture *fixture = *state;
	fill(fixture);
	size_t marks = damage_count(fixture->store->damage);
	size_t tried = 0;
	for (char *next; (next = segment_path(fixture, tried)); tried++) {
		char *path AUTO_FREE = next;
		off_t at = tried % 2 ? 90 : 1500; /* a header, a payload */
		flip(path, at);
		(void)run_pass(fixture, 4096);
		assert_int_equal(said_count, 1);
		assert_non_null(strstr(said, "segment `"));
		assert_int_equal(damage_count(fixture->store->damage), ++marks);
		(void)run_pass(fixture, 4096);
		assert_int_equal(said_count, 0);
		flip(path, at);
	}
	assert_true(tried >= SEGMENTS_LEAST);
}

/* What compaction has left out of a file is no damage: the layers of every other workflow
 * go, and what lay between them is read on. */
static void l9_holes_are_no_damage(void **state)
{
	struct store_fixture *fixture = *state;
	static const char sql[] =
		"UPDATE workflows SET expired_ms = 5, expired_running_ms = 0"
		" WHERE name = 'gone';"
		"INSERT OR REPLACE INTO settings VALUES ('running_ms', 86400000)";
	store_fixture_open(fixture);
	for (uint32_t i = 0; i < LAYERS; i++)
		persist(fixture, i % 2 ? "stays" : "gone", i + 1, i % 2 ? 4 : 60);
	store_fixture_close(fixture);
	catalogue_file_run(fixture->directory, sql);
	store_fixture_open(fixture);
	index_rebuild_wait(fixture->store->rebuild);
	const struct collector_options options = {.wait_ms = COLLECTOR_WAIT_MS,
						  .least_gain = 1};
	struct collector *collector = collector_new(fixture->store);
	struct collector_report report;
	assert_ok(collector_run(collector, &options, &report, &fixture->error));
	collector_free(collector);
	assert_int_equal(report.compacted, 1);
	struct pass pass = run_pass(fixture, 1000);
	assert_true(pass.bytes > 0);
	assert_int_equal(said_count, 0);
	assert_int_equal(damage_count(fixture->store->damage), 0);
}

static void l9_its_place_is_kept(void **state)
{
	struct store_fixture *fixture = *state;
	fill(fixture);
	struct scrub_step step AUTO(scrub_step_fini);
	struct scrub_place place = {0}, again;
	uint64_t got;
	int64_t ended_ms;
	scrub_place_read(fixture->store, &again, &ended_ms);
	assert_memory_equal(&place, &again, sizeof(place));
	assert_int_equal(ended_ms, 0);
	scrub_step_init(&step, fixture->store);
	step.on_damage = on_damage;
	assert_false(scrub_step_run(&step, &place, 1, &got));
	assert_memory_not_equal(&place, &again, sizeof(place));
	scrub_place_write(fixture->store, &place, 1700000000000);
	store_fixture_close(fixture);
	store_fixture_open(fixture);
	scrub_place_read(fixture->store, &again, &ended_ms);
	assert_memory_equal(&place, &again, sizeof(place));
	assert_int_equal(ended_ms, 1700000000000);
	/* What is no place is the first one. */
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/scrub", fixture->directory) > 0);
	flip(path, 3);
	flip(path, 30);
	scrub_place_read(fixture->store, &again, &ended_ms);
	assert_int_equal(again.offset, 0);
}

static void l9_an_empty_store_has_nothing_to_read(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	struct pass pass = run_pass(fixture, 4096);
	assert_int_equal(pass.bytes, 0);
	assert_int_equal(pass.steps, 1);
}

/* A terabyte in thirty days is a step every 2.5 seconds; a small store is read sooner. */
static void l9_it_takes_its_time(void **state)
{
	(void)state;
	const uint64_t days = 30ull * 24 * 3600 * 1000;
	const uint64_t tib = 1ull << 40;
	assert_int_equal(scrub_wait_ms(days, SCRUB_STEP_LEN, tib), 2471);
	assert_int_equal(scrub_wait_ms(days, SCRUB_STEP_LEN, SCRUB_STEP_LEN),
			 SCRUB_SLOWEST_MS);
	uint64_t edge = days / SCRUB_SLOWEST_MS * SCRUB_STEP_LEN;
	assert_int_equal(scrub_wait_ms(days, SCRUB_STEP_LEN, edge), SCRUB_SLOWEST_MS);
	assert_true(scrub_wait_ms(days, SCRUB_STEP_LEN, edge + edge / 100) <
		    SCRUB_SLOWEST_MS);
	assert_int_equal(scrub_wait_ms(days, 1, 0), SCRUB_SLOWEST_MS);
	assert_int_equal(scrub_wait_ms(1000, SCRUB_STEP_LEN, SCRUB_STEP_LEN), 1000);
}

#define SCRUB_TEST(name)                                                                 \
	cmocka_unit_test_setup_teardown(name, store_fixture_setup, store_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRUB_TEST(l9_a_pass_reads_all_frames_in_steps),
		SCRUB_TEST(l9_a_flipped_bit_is_told_and_marked),
		SCRUB_TEST(l9_holes_are_no_damage),
		SCRUB_TEST(l9_its_place_is_kept),
		SCRUB_TEST(l9_an_empty_store_has_nothing_to_read),
		cmocka_unit_test(l9_it_takes_its_time),
	};
	return cmocka_run_group_tests_name("scrub", tests, NULL, NULL);
}
