/*
 * Unit tests: what goes to standard output and standard error, as text and as JSON, and
 * the exit status.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/terminal/report.h"
#include "client/terminal/terminal.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"

#define CAPTURED_MAX 65536

/* Both streams go to files while this lives. */
struct capture {
	int saved[2];               /* owned */
	FILE *files[2];             /* owned */
	char text[2][CAPTURED_MAX]; /* standard output, standard error */
};

static struct capture capture;

static int begin_capture(void **state)
{
	(void)state;
	memset(capture.text, 0, sizeof(capture.text));
	(void)fflush(NULL);
	for (int i = 0; i < 2; i++) {
		int stream = i == 0 ? STDOUT_FILENO : STDERR_FILENO;
		capture.files[i] = tmpfile();
		capture.saved[i] = dup(stream);
		if (!capture.files[i] || capture.saved[i] < 0 ||
		    dup2(fileno(capture.files[i]), stream) < 0)
			return -1;
	}
	return 0;
}

/* Gives the streams back, so that what is asserted from here on can be seen. */
static void end_capture(void)
{
	(void)fflush(NULL);
	for (int i = 0; i < 2 && capture.files[i]; i++) {
		(void)dup2(capture.saved[i], i == 0 ? STDOUT_FILENO : STDERR_FILENO);
		(void)close(capture.saved[i]);
		rewind(capture.files[i]);
		(void)!fread(capture.text[i], 1, CAPTURED_MAX - 1, capture.files[i]);
		(void)fclose(capture.files[i]);
		capture.files[i] = NULL;
	}
	clearerr(stdout);
}

static int restore(void **state)
{
	(void)state;
	end_capture();
	return 0;
}

static void assert_said(const char *output, const char *errors)
{
	end_capture();
	assert_string_equal(capture.text[0], output);
	assert_string_equal(capture.text[1], errors);
}

/* ---- for people ---- */

static void lines_go_to_output_and_sentences_to_errors(void **state)
{
	(void)state;
	struct report *report = report_new(false, false);
	report_line(report, "%d files", 3);
	report_note(report, "a note");
	report_warning(report, "`%s`: skipped", "x");
	struct error error = {0};
	int status = report_finish(report, 0, &error);
	report_free(report);
	assert_said("3 files\n", "baton: a note\nbaton: warning: `x`: skipped\n");
	assert_int_equal(status, 0);
}

static void quiet_keeps_warnings_and_answers(void **state)
{
	(void)state;
	struct report *report = report_new(false, true);
	report_line(report, "a summary");
	report_note(report, "a note");
	report_answer(report, "an answer");
	report_warning(report, "a warning");
	struct error error = {0};
	(void)report_finish(report, 0, &error);
	report_free(report);
	assert_said("an answer\n", "baton: warning: a warning\n");
}

static void an_error_is_one_sentence_and_its_status(void **state)
{
	(void)state;
	struct report *report = report_new(false, false);
	struct error error = {0};
	int code = error_set(&error, ERR_NOT_FOUND, "`w1`: no such workflow");
	int status = report_finish(report, code, &error);
	report_free(report);
	assert_said("", "baton: `w1`: no such workflow\n");
	assert_int_equal(status, 3);
}

static void what_is_not_clean_text_does_not_reach_the_terminal(void **state)
{
	(void)state;
	struct report *report = report_new(false, false);
	report_warning(report, "a\033[2Jb\nc\xff"
			       "d\xc3\xa4");
	report_free(report);
	assert_said("", "baton: warning: a?[2Jb?c?d\xc3\xa4\n");
}

static void a_sentence_erases_the_progress_line(void **state)
{
	(void)state;
	terminal_draw("half way");
	terminal_say("", "a note");
	terminal_draw("done");
	terminal_draw(NULL);
	terminal_draw(NULL);
	assert_said("", "half way\r\033[Kbaton: a note\ndone\r\033[K");
}

/* ---- for programs ---- */

static void json_is_one_object_and_nothing_else(void **state)
{
	(void)state;
	struct report *report = report_new(true, false);
	report_line(report, "a line");
	report_answer(report, "an answer");
	report_warning(report, "a warning");
	json_writer_unsigned(report_json(report), "files", 3);
	report_json_warnings(report);
	struct error error = {0};
	(void)report_finish(report, 0, &error);
	report_free(report);
	assert_said("{\"files\":3,\"warnings\":[\"a warning\"]}\n",
		    "baton: warning: a warning\n");
}

static void an_error_takes_the_place_of_the_object(void **state)
{
	(void)state;
	struct report *report = report_new(true, false);
	json_writer_array_begin(report_json(report), "entries");
	struct error error = {0};
	int code = error_set(&error, ERR_LOST, "the line went dead");
	int status = report_finish(report, code, &error);
	report_free(report);
	assert_said("{\"error\":{\"exit\":7,\"code\":\"lost\","
		    "\"message\":\"the line went dead\"}}\n",
		    "baton: the line went dead\n");
	assert_int_equal(status, 7);
}

static void without_json_there_is_no_writer(void **state)
{
	(void)state;
	struct report *report = report_new(false, false);
	struct json_writer *writer = report_json(report);
	report_json_warnings(report);
	report_free(report);
	assert_said("", "");
	assert_null(writer);
}

/* ---- conflicts ---- */

static struct text layers[] = {{"aaaaaaaaaaaaaaaa", 16}, {"bbbbbbbbbbbbbbbb", 16}};
static struct msg_conflict conflicts[] = {
	{{"dist/a.js", 9}, {layers, 2}},
	{{"dist/b\n.js", 10}, {layers, 1}},
	{{"top", 3}, {layers, 2}},
};
static const struct msg_error conflict_message = {
	.conflicts = {conflicts, 3},
	.conflict_count = 25,
};

static void w7_conflicts_are_grouped_by_directory(void **state)
{
	(void)state;
	struct report *report = report_new(false, false);
	report_keep_conflicts(report, &conflict_message);
	struct error error = {0};
	int code = error_set(&error, ERR_CONFLICT, "25 paths disagree");
	int status = report_finish(report, code, &error);
	report_free(report);
	assert_said("", "baton: 25 paths disagree\n"
			"  in dist:\n"
			"    a.js  (layers aaaaaaaaaaaaaaaa and bbbbbbbbbbbbbbbb)\n"
			"    b\\x0a.js  (layers aaaaaaaaaaaaaaaa)\n"
			"  in .:\n"
			"    top  (layers aaaaaaaaaaaaaaaa and bbbbbbbbbbbbbbbb)\n"
			"  and 22 more\n");
	assert_int_equal(status, 4);
}

static void w7_conflicts_stand_beside_a_listing_that_is_whole(void **state)
{
	(void)state;
	struct report *report = report_new(true, false);
	json_writer_unsigned(report_json(report), "entries", 1);
	struct msg_error one = {.conflicts = {conflicts, 1}, .conflict_count = 1};
	report_keep_conflicts(report, &one);
	struct error error = {0};
	int code = error_set(&error, ERR_CONFLICT, "no");
	(void)report_finish(report, code, &error);
	report_free(report);
	end_capture();
	assert_string_equal(capture.text[0],
			    "{\"entries\":1,\"error\":{\"exit\":4,\"code\":\"conflict\","
			    "\"message\":\"no\",\"conflicts\":[{\"path\":\"dist/a.js\","
			    "\"layers\":[\"aaaaaaaaaaaaaaaa\",\"bbbbbbbbbbbbbbbb\"]}],"
			    "\"conflict_count\":1}}\n");
}

/* ---- writing fails ---- */

/* Exit status of a report whose one line goes to fd. */
static int status_of_line_to(int fd)
{
	struct report *report = report_new(false, false);
	(void)fflush(stdout);
	assert_true(dup2(fd, STDOUT_FILENO) >= 0);
	report_line(report, "a line");
	struct error error = {0};
	int status = report_finish(report, 0, &error);
	report_free(report);
	return status;
}

static void a_full_disk_is_noticed_at_the_end(void **state)
{
	(void)state;
	int full AUTO_FD = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (full < 0) {
		end_capture();
		skip();
	}
	int status = status_of_line_to(full);
	end_capture();
	assert_int_equal(status, 8);
	assert_string_equal(capture.text[1], "baton: standard output: cannot be written: "
					     "No space left on device\n");
}

static void a_reader_that_went_away_is_no_failure(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)close(ends[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	int status = status_of_line_to(ends[1]);
	(void)close(ends[1]);
	end_capture();
	assert_int_equal(status, 0);
	assert_string_equal(capture.text[1], "");
}

/* ---- threads ---- */

#define THREADS 4
#define WARNINGS_EACH 50

static void *warn(void *report)
{
	for (int i = 0; i < WARNINGS_EACH; i++)
		report_warning(report, "from a thread");
	return NULL;
}

static void any_thread_may_warn(void **state)
{
	(void)state;
	struct report *report = report_new(true, false);
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, warn, report), 0);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	report_json_warnings(report);
	struct error error = {0};
	(void)report_finish(report, 0, &error);
	report_free(report);
	end_capture();
	size_t lines = 0, items = 0;
	for (const char *at = capture.text[1]; (at = strchr(at, '\n')); at++)
		lines++;
	for (const char *at = capture.text[0]; (at = strstr(at, "from a")); at++)
		items++;
	assert_int_equal(lines, THREADS * WARNINGS_EACH);
	assert_int_equal(items, THREADS * WARNINGS_EACH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_capture, restore)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_go_to_output_and_sentences_to_errors),
		TEST(quiet_keeps_warnings_and_answers),
		TEST(an_error_is_one_sentence_and_its_status),
		TEST(what_is_not_clean_text_does_not_reach_the_terminal),
		TEST(a_sentence_erases_the_progress_line),
		TEST(json_is_one_object_and_nothing_else),
		TEST(an_error_takes_the_place_of_the_object),
		TEST(without_json_there_is_no_writer),
		TEST(w7_conflicts_are_grouped_by_directory),
		TEST(w7_conflicts_stand_beside_a_listing_that_is_whole),
		TEST(a_full_disk_is_noticed_at_the_end),
		TEST(a_reader_that_went_away_is_no_failure),
		TEST(any_thread_may_warn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
