/*
 * Unit tests: what a progress line says, and figures for people.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/terminal/human.h"
#include "client/terminal/progress.h"
#include "client/terminal/progress_line.h"

#define MIB (1024u * 1024u)

static void assert_line(struct progress_figures figures, const char *expected)
{
	char line[PROGRESS_LINE_SIZE];
	figures.verb = "attach";
	assert_string_equal(progress_line(&figures, line, sizeof(line)), expected);
}

static void an_unknown_total_gives_neither_percentage_nor_time(void **state)
{
	(void)state;
	assert_line((struct progress_figures){.files = 1234, .bytes = 5 * MIB},
		    "attach: 1,234 files, 5.0 MiB");
	assert_line((struct progress_figures){.files = 1,
					      .bytes = 1,
					      .bytes_per_second = MIB},
		    "attach: 1 file, 1 B, 1.0 MiB/s");
}

static void a_known_total_gives_both(void **state)
{
	(void)state;
	assert_line((struct progress_figures){.files = 10,
					      .bytes = 25 * MIB,
					      .total_files = 40,
					      .total_bytes = 100 * MIB,
					      .bytes_per_second = 10 * MIB,
					      .work_per_second =
						      (75 * MIB + 30 * 4096) * 2 / 15},
		    "attach: 10 of 40 files, 25 MiB of 100 MiB (25 %), 10 MiB/s, 7.50 s "
		    "left");
}

/* Half of the files are done, and a large one is to come: bytes tell. */
static void time_left_goes_by_bytes_and_by_files(void **state)
{
	(void)state;
	struct progress_figures figures = {.files = 1000,
					   .bytes = MIB,
					   .total_files = 2000,
					   .bytes_per_second = MIB,
					   .work_per_second = 2 * MIB};
	assert_line(figures, "attach: 1,000 of 2,000 files, 1.0 MiB, 1.0 MiB/s");
	figures.total_bytes = 101 * MIB;
	assert_line(figures, "attach: 1,000 of 2,000 files, 1.0 MiB of 101 MiB (0 %), "
			     "1.0 MiB/s, 52.0 s left");
	/* only empty files are to come */
	figures.total_bytes = MIB;
	assert_line(figures, "attach: 1,000 of 2,000 files, 1.0 MiB of 1.0 MiB (99 %), "
			     "1.0 MiB/s, 1.95 s left");
}

static void a_total_that_was_too_small_says_no_nonsense(void **state)
{
	(void)state;
	assert_line((struct progress_figures){.files = 9,
					      .bytes = 3 * MIB,
					      .total_files = 8,
					      .total_bytes = 2 * MIB,
					      .bytes_per_second = MIB},
		    "attach: 9 of 8 files, 3.0 MiB of 2.0 MiB (99 %), 1.0 MiB/s");
}

static void the_line_is_cut_to_the_width(void **state)
{
	(void)state;
	struct progress_figures figures = {.verb = "persist", .files = 1234567};
	char line[16];
	assert_string_equal(progress_line(&figures, line, sizeof(line)),
			    "persist: 1,234,");
	assert_string_equal(progress_line(&figures, line, 1), "");
}

static void the_rate_follows_slowly(void **state)
{
	(void)state;
	assert_int_equal(progress_rate(0, 500, 500), 1000);
	assert_int_equal(progress_rate(1000, 1000, 1000), 1000);
	uint64_t slower = progress_rate(1000, 0, 1000);
	assert_true(slower > 500 && slower < 1000);
	assert_int_equal(progress_rate(1000, 7, 0), 1000);
}

/* Time is the test's: each wait of the thread that draws needs a permit, and is either a
 * turn that has come or lasts until the end. */
static sem_t permits;
static atomic_uint turns;

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				  const struct timespec *until);

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
				  const struct timespec *until)
{
	(void)until;
	while (sem_wait(&permits) < 0)
		;
	if (turns == 0)
		return pthread_cond_wait(cond, mutex);
	turns--;
	return ETIMEDOUT;
}

/* What is said on standard error goes into a pipe meanwhile. */
struct heard {
	int standard_error, from; /* owned */
};

static struct heard listen_begin(void)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	struct heard heard = {dup(STDERR_FILENO), ends[0]};
	assert_true(heard.standard_error >= 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(ends[1]);
	assert_int_equal(sem_init(&permits, 0, 0), 0);
	return heard;
}

/* Restores standard error; what was said and not yet read comes into ret_text. */
static void listen_end(struct heard *heard, char *ret_text, size_t size)
{
	assert_int_equal(dup2(heard->standard_error, STDERR_FILENO), STDERR_FILENO);
	(void)close(heard->standard_error);
	ssize_t len = read(heard->from, ret_text, size - 1);
	assert_true(len >= 0);
	ret_text[len] = '\0';
	(void)close(heard->from);
	(void)sem_destroy(&permits);
}

static void nothing_is_counted_where_progress_is_off(void **state)
{
	(void)state;
	char said[PROGRESS_LINE_SIZE];
	struct heard heard = listen_begin();
	struct progress *progress = progress_new("attach", false);
	assert_null(progress);
	progress_add(progress, 1, 1);
	progress_set_total(progress, 1, 1);
	assert_false(progress_is_shown(progress));
	progress_free(progress);
	listen_end(&heard, said, sizeof(said));
	assert_string_equal(said, "");
}

static void an_early_end_draws_nothing(void **state)
{
	(void)state;
	char said[PROGRESS_LINE_SIZE];
	struct heard heard = listen_begin();
	struct progress *progress = progress_new("attach", true);
	assert_non_null(progress);
	progress_add(progress, 1, 1);
	assert_int_equal(sem_post(&permits), 0);
	assert_false(progress_is_shown(progress));
	progress_free(progress);
	listen_end(&heard, said, sizeof(said));
	assert_string_equal(said, "");
}

static void a_turn_that_comes_says_what_is_done_by_then(void **state)
{
	(void)state;
	static const char expected[] =
		"baton: attach: 3 of 4 files, 5.0 MiB of 10 MiB (50 %)";
	char said[PROGRESS_LINE_SIZE], rest[PROGRESS_LINE_SIZE];
	struct heard heard = listen_begin();
	struct progress *progress = progress_new("attach", true);
	assert_non_null(progress);
	progress_add(progress, 3, 5 * MIB);
	progress_set_total(progress, 4, 10 * MIB);
	turns = 1;
	assert_int_equal(sem_post(&permits), 0);
	ssize_t len = read(heard.from, said, sizeof(said) - 1); /* waits for the line */
	bool shown = progress_is_shown(progress);
	assert_int_equal(sem_post(&permits), 0);
	progress_free(progress);
	listen_end(&heard, rest, sizeof(rest));
	assert_true(len >= (ssize_t)sizeof(expected));
	said[len] = '\0';
	assert_int_equal(said[len - 1], '\n');
	said[sizeof(expected) - 1] = '\0'; /* maybe a rate follows */
	assert_string_equal(said, expected);
	assert_true(shown);
	assert_string_equal(rest, "");
}

static void sizes_change_their_unit_at_1024(void **state)
{
	(void)state;
	char text[HUMAN_TEXT_SIZE];
	assert_string_equal(human_size(0, text), "0 B");
	assert_string_equal(human_size(1023, text), "1023 B");
	assert_string_equal(human_size(1024, text), "1.0 KiB");
	assert_string_equal(human_size(1468006, text), "1.4 MiB");
	assert_string_equal(human_size(1024 * 1024 - 1, text), "1.0 MiB");
	assert_string_equal(human_size(UINT64_MAX, text), "16 EiB");
}

static void counts_have_commas_and_times_their_units(void **state)
{
	(void)state;
	char text[HUMAN_TEXT_SIZE];
	assert_string_equal(human_count(0, text), "0");
	assert_string_equal(human_count(999, text), "999");
	assert_string_equal(human_count(58012, text), "58,012");
	assert_string_equal(human_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
	assert_string_equal(human_seconds(930, text), "0.93 s");
	assert_string_equal(human_seconds(42100, text), "42.1 s");
	assert_string_equal(human_seconds(200000, text), "3 min 20 s");
	assert_string_equal(human_seconds(7500000, text), "2 h 5 min");
	assert_string_equal(human_seconds(UINT64_MAX, text), "213503982334 d 14 h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_total_gives_neither_percentage_nor_time),
		cmocka_unit_test(a_known_total_gives_both),
		cmocka_unit_test(time_left_goes_by_bytes_and_by_files),
		cmocka_unit_test(a_total_that_was_too_small_says_no_nonsense),
		cmocka_unit_test(the_line_is_cut_to_the_width),
		cmocka_unit_test(the_rate_follows_slowly),
		cmocka_unit_test(nothing_is_counted_where_progress_is_off),
		cmocka_unit_test(an_early_end_draws_nothing),
		cmocka_unit_test(a_turn_that_comes_says_what_is_done_by_then),
		cmocka_unit_test(sizes_change_their_unit_at_1024),
		cmocka_unit_test(counts_have_commas_and_times_their_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
