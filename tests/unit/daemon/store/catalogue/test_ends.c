/*
 * What stands in the catalogue's log behind a broken frame (rule L14): two counted
 * changes that SQLite takes for never written are told, and whatever a power cut leaves
 * of the last one, and of what was not synced before it, is not.
 */
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

#include "daemon/store/database/page_sum.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "tests/harness/assert_ok.h"
#include "tests/harness/catalogue_file.h"
#include "tests/harness/catalogue_steps.h"
#include "tests/harness/scratch.h"

#define LAYERS 6u
#define TORN_TAILS 600u

#define assert_ok(expression) assert_ok_of(expression, error.text)

/* ---- a log, as it grows ------------------------------------------------------------ */

struct bytes {
	uint8_t *at; /* owned */
	size_t len;
};

/* Of one catalogue, while it is open. */
struct grown {
	struct bytes database;
	struct bytes before; /* the log before this one */
	struct bytes log;
	size_t synced_len;    /* of the log; behind it two contacts and one change */
	uint64_t synced, all; /* counted changes: there, and in the whole log */
};

static struct bytes read_file(const char *directory, const char *name)
{
	struct bytes bytes;
	bytes.at = catalogue_file_read(directory, name, &bytes.len);
	return bytes;
}

static void make_contact(struct catalogue *catalogue, const char *workflow,
			 struct visit *ret_visit)
{
	struct error error;
	struct who who = {.workflow = workflow, .job = "build"};
	assert_ok(visit_catalogue(catalogue, &who, CONTACT_PERSIST, ret_visit, &error));
}

static void commit_layers(struct catalogue *catalogue, uint32_t from)
{
	struct error error;
	for (uint32_t i = from; i < from + LAYERS; i++) {
		struct visit visit AUTO(visit_fini) = {0};
		struct layer_record record;
		char workflow[16];
		(void)snprintf(workflow, sizeof(workflow), "w%u", i);
		make_contact(catalogue, workflow, &visit);
		assert_ok(commit_numbered(catalogue, &visit.contact, i + 1, i, &record,
					  &error));
		assert_ok(catalogue_set_setting(catalogue, "clean_stop", i + 1, &error));
	}
}

static void commit_behind_contacts(struct catalogue *catalogue)
{
	struct error error;
	struct visit first AUTO(visit_fini) = {0};
	struct visit second AUTO(visit_fini) = {0};
	struct layer_record record;
	make_contact(catalogue, "first", &first);
	make_contact(catalogue, "second", &second);
	assert_ok(
		commit_numbered(catalogue, &first.contact, 1000, 1000, &record, &error));
}

static int setup(void **state)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	struct grown *grown = must_calloc(1, sizeof(*grown));
	struct catalogue *catalogue;
	struct error error;
	assert_ok(catalogue_open(&io_system, directory, &catalogue, &error));
	commit_layers(catalogue, 0);
	commit_layers(catalogue, LAYERS);
	grown->before = read_file(directory, CATALOGUE_LOG);
	assert_ok(catalogue_close(catalogue, &error));
	assert_ok(catalogue_open(&io_system, directory, &catalogue, &error));
	commit_layers(catalogue, 2 * LAYERS);
	struct bytes synced = read_file(directory, CATALOGUE_LOG);
	grown->synced_len = synced.len;
	free(synced.at);
	grown->synced = catalogue_mark(catalogue).commits;
	commit_behind_contacts(catalogue);
	grown->all = catalogue_mark(catalogue).commits;
	grown->database = read_file(directory, CATALOGUE_FILE);
	grown->log = read_file(directory, CATALOGUE_LOG);
	assert_ok(catalogue_close(catalogue, &error));
	*state = grown;
	return 0;
}

static int teardown(void **state)
{
	struct grown *grown = *state;
	free(grown->database.at);
	free(grown->before.at);
	free(grown->log.at);
	free(grown);
	return 0;
}

static void write_file(const char *directory, const char *name, const uint8_t *bytes,
		       size_t len)
{
	char *path AUTO_FREE = NULL;
	claim(asprintf(&path, "%s/%s", directory, name) > 0);
	int fd AUTO_FD = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
}

struct seen {
	uint64_t own; /* counted changes that the catalogue has */
	bool forgot;  /* its log knows of more */
};

static struct seen look(const char *directory, const struct grown *grown,
			const uint8_t *log, size_t len)
{
	struct catalogue *catalogue;
	struct error error;
	write_file(directory, CATALOGUE_FILE, grown->database.at, grown->database.len);
	write_file(directory, CATALOGUE_LOG, log, len);
	assert_ok(catalogue_open_to_read(&io_system, directory, &catalogue, &error));
	struct seen seen = {.own = catalogue_mark(catalogue).commits};
	seen.forgot = catalogue_log_commits(catalogue) > seen.own;
	assert_ok(catalogue_close(catalogue, &error));
	return seen;
}

/* ---- a flipped bit ------------------------------------------------------------------
 */

/* In the first `len` bytes of the log, which count `all` changes. */
static void flip_and_look(const char *directory, const struct grown *grown, size_t len,
			  uint64_t all, size_t at)
{
	grown->log.at[at] ^= 1;
	struct seen seen = look(directory, grown, grown->log.at, len);
	grown->log.at[at] ^= 1;
	assert_true(seen.own <= all);
	if (seen.forgot != (seen.own + 2 <= all))
		fail_msg("byte %zu of %zu: %llu of %llu changes, %s", at, len,
			 (unsigned long long)seen.own, (unsigned long long)all,
			 seen.forgot ? "told" : "not told");
}

/* Of each frame the number of its page, its salt, its sum, a byte of its page. */
static void flip_all(const struct grown *grown, size_t len, uint64_t all)
{
	char *directory AUTO(scratch_fini) = scratch_new();
	static const size_t places[] = {3, 9, 18, LOG_FRAME_HEADER_LEN + 100};
	for (size_t frame = LOG_HEADER_LEN; frame < len; frame += LOG_FRAME_LEN)
		for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
			flip_and_look(directory, grown, len, all, frame + places[i]);
	/* Not of the first four, which say what the words of all sums are. */
	for (size_t at = 4; at < LOG_HEADER_LEN; at++)
		flip_and_look(directory, grown, len, all, at);
}

static void l14_a_flip_that_loses_two_changes_is_told(void **state)
{
	const struct grown *grown = *state;
	flip_all(grown, grown->log.len, grown->all);
}

/* The last change is one frame: with the sum of the one before it broken it follows only
 * from what that should be. */
static void l14_a_broken_sum_hides_no_frame_behind_it(void **state)
{
	const struct grown *grown = *state;
	flip_all(grown, grown->synced_len, grown->synced);
}

static void the_log_as_it_was_tells_nothing(void **state)
{
	const struct grown *grown = *state;
	char *directory AUTO(scratch_fini) = scratch_new();
	struct seen seen = look(directory, grown, grown->log.at, grown->log.len);
	assert_int_equal(seen.own, grown->all);
	assert_false(seen.forgot);
	assert_true(grown->all == grown->synced + 1);
}

/* ---- a power cut --------------------------------------------------------------------
 */

static uint64_t next_random(uint64_t *random)
{
	*random = *random * 6364136223846793005u + 1442695040888963407u;
	return *random >> 33;
}

/* Of what was not synced any part may be there: in pieces of one sector, of one page, of
 * one frame, or of several, each as it was written, as it was before, or zeros. */
static void tear(const struct grown *grown, struct bytes *log, uint64_t *random)
{
	static const size_t lens[] = {512, PAGE_LEN, LOG_FRAME_LEN, 3 * LOG_FRAME_LEN};
	size_t step = lens[next_random(random) % 4];
	memcpy(log->at, grown->log.at, grown->log.len);
	for (size_t at = grown->synced_len; at < log->len; at += step) {
		size_t len = log->len - at < step ? log->len - at : step;
		uint64_t kind = next_random(random) % 3;
		if (kind == 1)
			memcpy(log->at + at, grown->before.at + at, len);
		else if (kind == 2)
			memset(log->at + at, 0, len);
	}
}

static void a_torn_tail_in_any_order_tells_nothing(void **state)
{
	const struct grown *grown = *state;
	char *directory AUTO(scratch_fini) = scratch_new();
	uint8_t *copy AUTO_FREE = must_alloc(grown->log.len);
	struct bytes log = {copy, grown->log.len};
	assert_true(grown->before.len >= grown->log.len);
	uint64_t random = 14;
	size_t whole = 0;
	for (uint32_t i = 0; i < TORN_TAILS; i++) {
		tear(grown, &log, &random);
		struct seen seen = look(directory, grown, log.at, log.len);
		if (seen.own < grown->synced || seen.forgot)
			fail_msg("tail %u: %llu changes%s", i,
				 (unsigned long long)seen.own,
				 seen.forgot ? ", and a false alarm" : "");
		whole += seen.own == grown->all;
	}
	assert_true(whole < TORN_TAILS / 2);
}

/* A log that begins anew is written over the one before, from its beginning on. */
static void a_log_that_begins_anew_tells_nothing_of_the_one_before(void **state)
{
	const struct grown *grown = *state;
	char *directory AUTO(scratch_fini) = scratch_new();
	uint8_t *log AUTO_FREE = must_alloc(grown->before.len);
	for (size_t len = 0; len < grown->log.len; len += LOG_FRAME_LEN / 3) {
		memcpy(log, grown->before.at, grown->before.len);
		memcpy(log, grown->log.at, len);
		struct seen seen = look(directory, grown, log, grown->before.len);
		if (len >= LOG_HEADER_LEN && seen.forgot)
			fail_msg("%zu bytes of the new one: a false alarm", len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_log_as_it_was_tells_nothing),
		cmocka_unit_test(l14_a_flip_that_loses_two_changes_is_told),
		cmocka_unit_test(l14_a_broken_sum_hides_no_frame_behind_it),
		cmocka_unit_test(a_torn_tail_in_any_order_tells_nothing),
		cmocka_unit_test(a_log_that_begins_anew_tells_nothing_of_the_one_before),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
