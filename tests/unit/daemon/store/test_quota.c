/* Quotas of a namespace (L3): to the byte and to the layer, also for those who write at
 * once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/store/disk/parts.h"
#include "daemon/store/segment/segment.h"
#include "daemon/store/segment/writer.h"
#include "proto/base/cleanup.h"
#include "tests/harness/store_fixture.h"
#include "tests/harness/store_tree.h"

#define OURS 1
#define OTHERS 2
#define HEAD_LEN 100u
#define THREADS 16u

static uint8_t payload[64 * 1024];

static int write_frame(struct segment_writer *writer, size_t len, struct error *error)
{
	struct buffer head AUTO(buffer_fini) = {0};
	struct segment *segment;
	uint64_t offset;
	buffer_put(&head, payload, HEAD_LEN);
	return segment_writer_append(writer, &head, payload, len - HEAD_LEN, &segment,
				     &offset, error);
}

static uint64_t charged(const struct store_fixture *fixture)
{
	return segment_table_charged(fixture->store->segments, OURS);
}

static struct segment_writer begin(struct store_fixture *fixture, int64_t namespace_id)
{
	struct segment_writer writer;
	segment_writer_init(&writer, fixture->store, namespace_id);
	return writer;
}

static void set_quota(struct store_fixture *fixture, uint64_t bytes)
{
	segment_table_set_quota(fixture->store->segments, OURS, bytes);
}

static void l3_a_quota_is_kept_to_the_byte(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	set_quota(fixture, SEGMENT_HEADER_LEN + 1000);
	struct segment_writer writer = begin(fixture, OURS);
	assert_int_equal(write_frame(&writer, 1001, &fixture->error), ERR_QUOTA);
	assert_int_equal(charged(fixture), SEGMENT_HEADER_LEN);
	assert_ok(write_frame(&writer, 1000, &fixture->error));
	assert_int_equal(charged(fixture), SEGMENT_HEADER_LEN + 1000);
	assert_int_equal(write_frame(&writer, 101, &fixture->error), ERR_QUOTA);
	assert_non_null(strstr(fixture->error.text,
			       "its quota is 1064 bytes; 1064 are stored or being "
			       "written, and this needs 101 more"));
	segment_writer_abort(&writer);
	assert_int_equal(charged(fixture), 0);
}

static void l3_not_even_a_segment_begins_beyond_a_quota(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	set_quota(fixture, SEGMENT_HEADER_LEN - 1);
	struct segment_writer writer = begin(fixture, OURS);
	assert_int_equal(write_frame(&writer, 101, &fixture->error), ERR_QUOTA);
	segment_writer_abort(&writer);
	set_quota(fixture, SEGMENT_HEADER_LEN + 101);
	writer = begin(fixture, OURS);
	assert_ok(write_frame(&writer, 101, &fixture->error));
	segment_writer_abort(&writer);
}

static void l3_a_quota_is_about_one_namespace(void **state)
{
	struct store_fixture *fixture = *state;
	store_fixture_open(fixture);
	set_quota(fixture, 1);
	struct segment_writer writer = begin(fixture, OTHERS);
	assert_ok(write_frame(&writer, sizeof(payload), &fixture->error));
	segment_writer_abort(&writer);
}

/* Whoever writes it meanwhile, and however much, all together keep it. */
struct rival {
	struct store_fixture *fixture;
	pthread_t thread;
	size_t len;
	uint64_t written;
	int code;
	struct error error;
};

static void *write_until_refused(void *context)
{
	struct rival *rival = context;
	struct segment_writer writer;
	segment_writer_init(&writer, rival->fixture->store, OURS);
	while ((rival->code = write_frame(&writer, rival->len, &rival->error)) == 0)
		;
	for (size_t i = 0; i < writer.count; i++)
		rival->written += writer.written[i].end;
	segment_writer_abort(&writer);
	return NULL;
}

static void *hold_until_refused(void *context)
{
	struct rival *rival = context;
	struct segment_writer *writer = must_calloc(1, sizeof(*writer));
	segment_writer_init(writer, rival->fixture->store, OURS);
	while ((rival->code = write_frame(writer, rival->len, &rival->error)) == 0)
		;
	for (size_t i = 0; i < writer->count; i++)
		rival->written += writer->written[i].end;
	return writer;
}

static void l3_many_who_write_at_once_keep_a_quota_together(void **state)
{
	struct store_fixture *fixture = *state;
	const uint64_t quota = 1000000;
	struct rival rivals[THREADS] = {0};
	uint64_t sum = 0;
	store_fixture_open(fixture);
	set_quota(fixture, quota);
	for (size_t i = 0; i < THREADS; i++) {
		rivals[i].fixture = fixture;
		rivals[i].len = 500 + 37 * i;
		assert_int_equal(pthread_create(&rivals[i].thread, NULL,
						hold_until_refused, &rivals[i]),
				 0);
	}
	void *writers[THREADS];
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(rivals[i].thread, &writers[i]), 0);
		assert_int_equal(rivals[i].code, ERR_QUOTA);
		sum += rivals[i].written;
	}
	assert_int_equal(charged(fixture), sum);
	assert_true(sum <= quota && quota - sum < 500);
	for (size_t i = 0; i < THREADS; i++) {
		segment_writer_abort(writers[i]);
		free(writers[i]);
	}
	assert_int_equal(charged(fixture), 0);
}

static void l3_what_one_gives_back_another_may_write(void **state)
{
	struct store_fixture *fixture = *state;
	struct rival rival = {.fixture = fixture, .len = 1000};
	store_fixture_open(fixture);
	set_quota(fixture, SEGMENT_HEADER_LEN + 50 * 1000);
	for (int i = 0; i < 3; i++) {
		rival.written = 0;
		(void)write_until_refused(&rival);
		assert_int_equal(rival.code, ERR_QUOTA);
		assert_int_equal(rival.written, SEGMENT_HEADER_LEN + 50 * 1000);
	}
}

/* ---- whole persists --------------------------------------------------------------- */

static int persist(struct store_fixture *fixture, const struct store_tree *tree,
		   const char *namespace, struct layer_record *ret_record)
{
	const struct tree_persist input = {
		.who = {.namespace = namespace, .workflow = "w", .job = "j"},
		.key = ++fixture->key,
		.tree = tree,
	};
	struct tree_figures figures;
	return tree_persist(fixture->store, &input, ret_record, &figures,
			    &fixture->error);
}

static uint64_t bytes_of_files(struct store_fixture *fixture)
{
	size_t count;
	struct segment_row *rows AUTO_FREE =
		segment_table_rows(fixture->store->segments, &count);
	uint64_t sum = 0;
	for (size_t i = 0; i < count; i++) {
		struct stat stat;
		assert_int_equal(
			fstatat(fixture->store->segments_fd, rows[i].location, &stat, 0),
			0);
		sum += (uint64_t)stat.st_size;
	}
	return sum;
}

/* Sealing, too, which comes after the commit, and a start, which counts anew. */
static void l3_what_is_charged_is_what_lies_on_the_disk(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(40, 1, 5000);
	struct store_tree more AUTO(tree_fini) = tree_new(40, 1000, 5000);
	struct layer_record record;
	fixture->segment_len = 20000;
	store_fixture_open(fixture);
	assert_ok(persist(fixture, &tree, "a", &record));
	assert_ok(persist(fixture, &more, "a", &record));
	assert_int_equal(charged(fixture), bytes_of_files(fixture));
	uint64_t before = charged(fixture);
	set_quota(fixture, before + 2000);
	struct store_tree last AUTO(tree_fini) = tree_new(40, 2000, 5000);
	assert_int_equal(persist(fixture, &last, "a", &record), ERR_QUOTA);
	assert_int_equal(charged(fixture), before);
	assert_int_equal(bytes_of_files(fixture), before);
	store_fixture_close(fixture);
	store_fixture_open(fixture);
	assert_int_equal(charged(fixture), before);
}

/* The index of a full segment is no reason to pass it: the segment stays without. */
static void l3_sealing_does_not_pass_a_quota(void **state)
{
	struct store_fixture *fixture = *state;
	struct store_tree tree AUTO(tree_fini) = tree_new(40, 1, 5000);
	struct layer_record record;
	store_fixture_open(fixture);
	assert_ok(persist(fixture, &tree, "a", &record));
	uint64_t unsealed = charged(fixture);
	store_fixture_close(fixture);
	store_fixture_fini(fixture);
	store_fixture_init(fixture);
	fixture->segment_len = unsealed - 100;
	store_fixture_open(fixture);
	set_quota(fixture, unsealed + 16);
	assert_ok(persist(fixture, &tree, "a", &record));
	assert_true(charged(fixture) <= unsealed + 16);
	assert_int_equal(charged(fixture), bytes_of_files(fixture));
	assert_ok(tree_verify(fixture->store, record.id, &tree, &fixture->error));
	assert_non_null(strstr(fixture->notes, "sealing: its quota is"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(l3_a_quota_is_kept_to_the_byte,
						store_fixture_setup,
						store_fixture_teardown),
		cmocka_unit_test_setup_teardown(
			l3_not_even_a_segment_begins_beyond_a_quota, store_fixture_setup,
			store_fixture_teardown),
		cmocka_unit_test_setup_teardown(l3_a_quota_is_about_one_namespace,
						store_fixture_setup,
						store_fixture_teardown),
		cmocka_unit_test_setup_teardown(
			l3_many_who_write_at_once_keep_a_quota_together,
			store_fixture_setup, store_fixture_teardown),
		cmocka_unit_test_setup_teardown(l3_what_one_gives_back_another_may_write,
						store_fixture_setup,
						store_fixture_teardown),
		cmocka_unit_test_setup_teardown(
			l3_what_is_charged_is_what_lies_on_the_disk, store_fixture_setup,
			store_fixture_teardown),
		cmocka_unit_test_setup_teardown(l3_sealing_does_not_pass_a_quota,
						store_fixture_setup,
						store_fixture_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
