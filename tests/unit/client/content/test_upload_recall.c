/* A persist that knows files from the stat record (client/content/recall.c): what is not
 * read, and that what the daemon lacks is sent all the same. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/commands/persist/session.h"
#include "client/content/units.h"
#include "client/question/how.h"
#include "client/record/record.h"
#include "client/record/writer.h"
#include "client/upload/upload.h"
#include "tests/harness/fake_daemon.h"
#include "tests/harness/scratch_tree.h"

struct fixture {
	struct scratch scratch, cache;
	struct fake fake;
	unsigned opened; /* files, by the latest upload */
	struct upload_result result;
	bool has_result;
	struct digest digest; /* of the upload before the latest */
};

static int setup(void **state)
{
	struct fixture *fixture = must_calloc(1, sizeof(*fixture));
	scratch_init(&fixture->scratch);
	scratch_init(&fixture->cache);
	(void)setenv("XDG_CACHE_HOME", fixture->cache.path, 1);
	fixture->fake.window = ASK_WINDOW_UNITS;
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	if (fixture->has_result)
		upload_result_fini(&fixture->result);
	fake_fini(&fixture->fake);
	scratch_fini(&fixture->scratch);
	scratch_fini(&fixture->cache);
	free(fixture);
	return 0;
}

/* A daemon that knows nothing. */
static void new_daemon(struct fixture *fixture)
{
	fake_fini(&fixture->fake);
	fixture->fake = (struct fake){.window = ASK_WINDOW_UNITS};
}

static void on_opened(void *context, const char *path, unsigned attempt)
{
	(void)path;
	(void)attempt;
	__atomic_fetch_add(&((struct fixture *)context)->opened, 1, __ATOMIC_RELAXED);
}

/* How one upload goes. */
struct manner {
	const struct root *base; /* borrowed; the daemon has it */
	const char *exclude;
	bool keeps_no_record;
};

static void run(struct fixture *fixture, struct persist *persist,
		const struct manner *manner)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fixture->fake.asked = fixture->fake.sent = fixture->fake.sent_pieces = 0;
	fake_start(&fixture->fake, fds[1]);
	struct link link;
	link_init(&link, transport_of_socket(fds[0]), -1, "the fake daemon");
	link.silence_ms = 60000;
	link_greeted(&link);
	struct upload_request request = {
		.link = &link,
		.ask_window = fixture->fake.window,
		.selection = &persist->selection,
		.record = persist->record,
		.base = manner->base,
		.workers = 2,
		.on_opened = on_opened,
		.context = fixture,
	};
	if (fixture->has_result)
		upload_result_fini(&fixture->result);
	struct error error = {0};
	fixture->has_result = true;
	fixture->opened = 0;
	int code = upload_run(&request, &fixture->result, &error);
	if (code != 0)
		fail_msg("%s", error.text);
	link_fini(&link);
	fake_join(&fixture->fake);
}

static void remember(struct fixture *fixture, struct persist *persist,
		     const struct manner *manner)
{
	struct persist_outcome outcome = {
		.upload = fixture->result,
		.has_upload = true,
		.base_held = manner->base != NULL,
		.committed.layer.layer = text_of("0123456789abcdef"),
	};
	if (manner->keeps_no_record)
		return;
	persist_record_begin(persist, &outcome.upload, outcome.base_held);
	persist_record_end(persist, &outcome);
	record_writer_free(take_ptr(&persist->record_writer));
}

static void upload_as(struct fixture *fixture, struct manner manner)
{
	struct options options = {.root = fixture->scratch.path};
	struct persist persist = {.options = &options};
	struct error error;
	fixture->digest = fixture->result.digest;
	string_list_add(&options.arguments, ".");
	if (manner.exclude)
		string_list_add(&options.exclude, manner.exclude);
	struct selection_how how = how_to_select(&options);
	assert_int_equal(selection_open(&persist.selection, &how, &error), 0);
	persist_record_open(&persist);
	run(fixture, &persist, &manner);
	remember(fixture, &persist, &manner);
	record_close(persist.record);
	selection_close(&persist.selection);
	string_list_fini(&options.arguments);
	string_list_fini(&options.exclude);
}

static void upload(struct fixture *fixture)
{
	upload_as(fixture, (struct manner){0});
}

/* Until a write gives the directory and all in it another change time. */
static void let_the_clock_move(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	struct stat status = {.st_ctim = now};
	struct stamp stamp = stamp_of(&status);
	while (!stamp_is_settled(&stamp))
		;
}

static void write_sample(const struct fixture *fixture)
{
	scratch_mkdir(&fixture->scratch, "d");
	scratch_mkdir(&fixture->scratch, "d/empty");
	scratch_text(&fixture->scratch, "a", "some text");
	scratch_text(&fixture->scratch, "d/b", "other text");
	scratch_text(&fixture->scratch, "d/same", "some text");
	scratch_text(&fixture->scratch, "d/zero", "");
	assert_int_equal(symlinkat("b", fixture->scratch.fd, "d/link"), 0);
	let_the_clock_move();
}

static bool has_text(const struct fixture *fixture, const char *path, const char *text)
{
	return fake_has_file(&fixture->fake, &fixture->result.root, path, text,
			     strlen(text));
}

static void assert_same_tree(const struct fixture *fixture)
{
	assert_memory_equal(&fixture->result.digest, &fixture->digest,
			    sizeof(fixture->digest));
}

/* ---- what is not read ---- */

static void what_is_known_is_asked_about_and_not_read(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture);
	upload(fixture);
	assert_true(fixture->opened >= 4);
	upload(fixture);
	assert_int_equal(fixture->opened, 0);
	assert_int_equal(fixture->fake.asked, 3); /* two contents, a piece */
	assert_int_equal(fixture->fake.sent, 0);
	assert_same_tree(fixture);
}

static void what_the_base_has_is_not_asked_about(void **state)
{
	struct fixture *fixture = *state;
	struct error error;
	write_sample(fixture);
	upload(fixture);
	struct root base AUTO(root_fini) = {0};
	assert_int_equal(root_decode(fixture->result.root.at, fixture->result.root.len,
				     &base, &error),
			 0);
	upload_as(fixture, (struct manner){.base = &base});
	assert_int_equal(fixture->opened, 0);
	assert_int_equal(fixture->fake.asked, 0);
	assert_same_tree(fixture);
}

static void one_change_is_all_that_is_read(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture);
	upload(fixture);
	scratch_text(&fixture->scratch, "d/b", "OTHER text");
	scratch_text(&fixture->scratch, "d/new", "new text");
	assert_int_equal(unlinkat(fixture->scratch.fd, "d/zero", 0), 0);
	let_the_clock_move();
	upload(fixture);
	assert_int_equal(fixture->opened, 2);
	assert_int_equal(fixture->fake.sent, 2);
	assert_true(has_text(fixture, "d/b", "OTHER text"));
	assert_true(has_text(fixture, "d/new", "new text"));
	assert_true(has_text(fixture, "d/same", "some text"));
	assert_false(has_text(fixture, "d/zero", ""));
	assert_int_equal(fixture->result.totals.files, 4);
}

/* A file in a directory whose listing is believed. */
static void a_write_in_an_unchanged_directory_is_seen(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture);
	upload(fixture);
	struct stat before;
	assert_int_equal(fstatat(fixture->scratch.fd, "d/b", &before, 0), 0);
	int fd AUTO_FD = openat(fixture->scratch.fd, "d/b", O_WRONLY);
	assert_int_equal(write(fd, "OTHER", 5), 5);
	struct timespec times[2] = {before.st_atim, before.st_mtim};
	assert_int_equal(futimens(fd, times), 0);
	upload(fixture);
	assert_true(has_text(fixture, "d/b", "OTHER text"));
}

static void what_was_left_out_is_not_forgotten(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture);
	upload(fixture);
	upload_as(fixture, (struct manner){.exclude = "d"});
	assert_int_equal(fixture->opened, 0);
	assert_int_equal(fixture->result.totals.files, 1);
	upload(fixture);
	assert_int_equal(fixture->opened, 0);
	assert_int_equal(fixture->result.totals.files, 4);
}

static void an_exclude_also_prunes_what_is_known(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture);
	upload(fixture);
	upload_as(fixture, (struct manner){.exclude = "same"});
	assert_int_equal(fixture->result.totals.files, 3);
	assert_false(has_text(fixture, "d/same", "some text"));
	upload(fixture);
	assert_true(has_text(fixture, "d/same", "some text"));
}

/* The record knows the directory, but not all that is in it. */
static void what_was_left_out_at_first_is_found_later(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture);
	upload_as(fixture, (struct manner){.exclude = "same"});
	upload(fixture);
	assert_true(has_text(fixture, "d/same", "some text"));
	assert_int_equal(fixture->opened, 1);
}

/* ---- what the daemon lacks ---- */

static void another_daemon_gets_everything(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture);
	upload(fixture);
	new_daemon(fixture);
	upload(fixture);
	assert_same_tree(fixture);
	assert_int_equal(fixture->fake.sent, 2);
	assert_true(has_text(fixture, "a", "some text"));
	assert_true(has_text(fixture, "d/b", "other text"));
	assert_true(has_text(fixture, "d/same", "some text"));
}

static void a_daemon_that_has_half_gets_the_other(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture);
	upload(fixture);
	new_daemon(fixture);
	(void)fake_keep(&fixture->fake, "other text", strlen("other text"));
	upload(fixture);
	assert_same_tree(fixture);
	assert_int_equal(fixture->fake.sent, 1);
	assert_true(has_text(fixture, "d/b", "other text"));
	assert_true(has_text(fixture, "a", "some text"));
}

/* Which of two files with one content is asked for is chance; either may have changed. */
static void what_a_changed_file_had_comes_from_another(void **state)
{
	struct fixture *fixture = *state;
	for (int i = 0; i < 2; i++) {
		write_sample(fixture);
		upload(fixture);
		new_daemon(fixture);
		const char *changed = i == 0 ? "a" : "d/same";
		const char *other = i == 0 ? "d/same" : "a";
		scratch_text(&fixture->scratch, changed, "SOME TEXT");
		let_the_clock_move();
		upload(fixture);
		assert_true(has_text(fixture, changed, "SOME TEXT"));
		assert_true(has_text(fixture, other, "some text"));
		assert_int_equal(remove_tree_contents(fixture->scratch.fd), 0);
	}
}

static void write_many(const struct fixture *fixture)
{
	for (int i = 0; i < 6000; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "f%d", i);
		scratch_text(&fixture->scratch, name, name);
	}
	let_the_clock_move();
}

static void many_files_go_to_another_daemon(void **state)
{
	struct fixture *fixture = *state;
	write_many(fixture);
	upload(fixture);
	upload(fixture);
	assert_int_equal(fixture->opened, 0);
	new_daemon(fixture);
	upload(fixture);
	assert_same_tree(fixture);
	assert_int_equal(fixture->fake.sent, 6000);
	assert_true(has_text(fixture, "f0", "f0"));
	assert_true(has_text(fixture, "f5999", "f5999"));
}

static void a_small_window_is_kept(void **state)
{
	struct fixture *fixture = *state;
	write_many(fixture);
	upload(fixture);
	fixture->fake.window = 7;
	fixture->fake.most_unanswered = 0;
	upload(fixture);
	assert_int_equal(fixture->opened, 0);
	assert_true(fixture->fake.most_unanswered <= 7);
	assert_same_tree(fixture);
}

/* A file of more units than may be asked about at once is read. */
static void large_files_are_recalled_too(void **state)
{
	struct fixture *fixture = *state;
	size_t len = 12u << 20;
	uint8_t *data AUTO_FREE = must_alloc(len);
	uint64_t x = 88172645463325252u;
	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		data[i] = (uint8_t)x;
	}
	scratch_write(&fixture->scratch, "large", data, len);
	let_the_clock_move();
	upload(fixture);
	upload(fixture);
	assert_int_equal(fixture->opened, 0);
	new_daemon(fixture);
	upload(fixture);
	assert_same_tree(fixture);
	assert_true(
		fake_has_file(&fixture->fake, &fixture->result.root, "large", data, len));
	fixture->fake.window = 2;
	upload(fixture);
	assert_true(fixture->opened > 0);
	assert_same_tree(fixture);
}

static void lies_in_offers_are_noticed(void **state)
{
	struct fixture *fixture = *state;
	write_sample(fixture);
	upload(fixture);
	fixture->fake.lies_in_offers = true;
	upload(fixture);
	assert_int_equal(fixture->fake.sent, 2);
	assert_same_tree(fixture);
}

#define RECALL_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECALL_TEST(what_is_known_is_asked_about_and_not_read),
		RECALL_TEST(what_the_base_has_is_not_asked_about),
		RECALL_TEST(one_change_is_all_that_is_read),
		RECALL_TEST(a_write_in_an_unchanged_directory_is_seen),
		RECALL_TEST(what_was_left_out_is_not_forgotten),
		RECALL_TEST(an_exclude_also_prunes_what_is_known),
		RECALL_TEST(what_was_left_out_at_first_is_found_later),
		RECALL_TEST(another_daemon_gets_everything),
		RECALL_TEST(a_daemon_that_has_half_gets_the_other),
		RECALL_TEST(what_a_changed_file_had_comes_from_another),
		RECALL_TEST(many_files_go_to_another_daemon),
		RECALL_TEST(a_small_window_is_kept),
		RECALL_TEST(large_files_are_recalled_too),
		RECALL_TEST(lies_in_offers_are_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
