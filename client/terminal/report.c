#include "client/terminal/report.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "client/terminal/advice.h"
#include "client/terminal/report_conflicts.h"
#include "client/terminal/terminal.h"
#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/options/string_list.h"

#define EXPLANATION_SIZE (ERROR_TEXT_SIZE + ADVICE_TEXT_SIZE)

struct report {
	bool json, quiet, silent;
	bool object_begun;
	struct buffer text;        /* owned; the JSON object so far */
	struct json_writer writer; /* into text */
	pthread_mutex_t lock;      /* guards warnings */
	struct string_list warnings;
	struct report_conflicts conflicts;
	struct string_list faults; /* sentences */
	uint64_t fault_count;      /* with those that are not named */
	int output_errno;          /* the first failure of standard output; 0: none */
};

struct report *report_new(bool json, bool quiet)
{
	struct report *report = must_calloc(1, sizeof(*report));
	report->json = json;
	report->quiet = quiet;
	(void)pthread_mutex_init(&report->lock, NULL);
	json_writer_init(&report->writer, &report->text);
	return report;
}

struct report *report_new_silent(void)
{
	struct report *report = report_new(true, true);
	report->silent = true;
	return report;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	buffer_fini(&report->text);
	string_list_fini(&report->warnings);
	report_conflicts_fini(&report->conflicts);
	string_list_fini(&report->faults);
	(void)pthread_mutex_destroy(&report->lock);
	free(report);
}

bool report_is_json(const struct report *report)
{
	return report->json;
}

/* ---- sentences and lines ----------------------------------------------------------- */

__attribute__((format(printf, 1, 0))) static char *sentence_of(const char *format,
							       va_list arguments)
{
	char *sentence = NULL;
	if (vasprintf(&sentence, format, arguments) < 0)
		return must_strdup("out of memory");
	return sentence;
}

void report_warning(struct report *report, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *sentence AUTO_FREE = sentence_of(format, arguments);
	va_end(arguments);
	if (!report->silent)
		terminal_say("warning: ", sentence);
	(void)pthread_mutex_lock(&report->lock);
	string_list_add(&report->warnings, sentence);
	(void)pthread_mutex_unlock(&report->lock);
}

void report_note(struct report *report, const char *format, ...)
{
	if (report->quiet)
		return;
	va_list arguments;
	va_start(arguments, format);
	char *sentence AUTO_FREE = sentence_of(format, arguments);
	va_end(arguments);
	terminal_say("", sentence);
}

static void note_output(struct report *report, bool written)
{
	if (!written && report->output_errno == 0)
		report->output_errno = errno ? errno : EIO;
}

__attribute__((format(printf, 2, 0))) static void
print_line(struct report *report, const char *format, va_list arguments)
{
	terminal_draw(NULL);
	note_output(report, vprintf(format, arguments) >= 0 && putchar('\n') != EOF);
}

void report_line(struct report *report, const char *format, ...)
{
	if (report->json || report->quiet)
		return;
	va_list arguments;
	va_start(arguments, format);
	print_line(report, format, arguments);
	va_end(arguments);
}

void report_answer(struct report *report, const char *format, ...)
{
	if (report->json)
		return;
	va_list arguments;
	va_start(arguments, format);
	print_line(report, format, arguments);
	va_end(arguments);
}

/* ---- the object -------------------------------------------------------------------- */

struct json_writer *report_json(struct report *report)
{
	if (!report->json)
		return NULL;
	if (!report->object_begun)
		json_writer_object_begin(&report->writer, NULL);
	report->object_begun = true;
	return &report->writer;
}

void report_json_warnings(struct report *report)
{
	struct json_writer *writer = report_json(report);
	if (!writer)
		return;
	json_writer_array_begin(writer, "warnings");
	(void)pthread_mutex_lock(&report->lock);
	for (size_t i = 0; i < report->warnings.count; i++)
		json_writer_text(writer, NULL, report->warnings.items[i]);
	(void)pthread_mutex_unlock(&report->lock);
	json_writer_array_end(writer);
}

void report_keep_conflicts(struct report *report, const struct msg_error *conflict)
{
	report_conflicts_fini(&report->conflicts);
	report_conflicts_copy(&report->conflicts, conflict);
}

void report_keep_faults(struct report *report, const struct faults *faults)
{
	string_list_fini(&report->faults);
	report->faults = (struct string_list){0};
	report->fault_count = faults->total;
	for (size_t i = 0; i < faults->named_count; i++)
		string_list_add(&report->faults, faults->named[i].sentence);
}

static void write_faults(const struct report *report, struct json_writer *writer)
{
	json_writer_array_begin(writer, "faults");
	for (size_t i = 0; i < report->faults.count; i++)
		json_writer_text(writer, NULL, report->faults.items[i]);
	json_writer_array_end(writer);
	json_writer_unsigned(writer, "fault_count", report->fault_count);
}

/* One alone is the sentence. */
static void print_faults(const struct report *report)
{
	if (report->fault_count < 2)
		return;
	for (size_t i = 0; i < report->faults.count; i++)
		(void)fprintf(stderr, "  %s\n", report->faults.items[i]);
	if (report->fault_count > report->faults.count)
		(void)fprintf(stderr, "  and %" PRIu64 " more\n",
			      report->fault_count - report->faults.count);
}

/* ---- the end ----------------------------------------------------------------------- */

static void end_object(struct report *report)
{
	if (!report->object_begun)
		return;
	json_writer_object_end(&report->writer);
	json_writer_line_end(&report->writer);
}

/* The error's sentence with what to do about it. */
static const char *explain(const struct error *error, char ret_text[EXPLANATION_SIZE])
{
	char advice[ADVICE_TEXT_SIZE];
	text_print(ret_text, EXPLANATION_SIZE, "%s%s", error->text,
		   advice_text(error->advice, advice));
	return ret_text;
}

static void write_error(struct report *report, const struct error *error)
{
	struct json_writer *writer = &report->writer;
	char text[EXPLANATION_SIZE];
	json_writer_object_begin(writer, "error");
	json_writer_signed(writer, "exit", error_exit_status(error->code));
	json_writer_text(writer, "code", error_name(error->code));
	json_writer_text(writer, "message", explain(error, text));
	if (error->code == ERR_CONFLICT)
		report_conflicts_json(&report->conflicts, writer);
	if (report->fault_count > 0)
		write_faults(report, writer);
	json_writer_object_end(writer);
}

/* A listing that ends with a conflict is whole and stays; else the error takes the place
 * of what the command had begun to say. */
static void write_error_object(struct report *report, const struct error *error)
{
	if (error->code != ERR_CONFLICT || report->writer.depth != 1) {
		buffer_clear(&report->text);
		json_writer_init(&report->writer, &report->text);
		json_writer_object_begin(&report->writer, NULL);
	}
	report->object_begun = true;
	write_error(report, error);
	end_object(report);
}

char *report_take_object(struct report *report, int code, const struct error *error)
{
	if (code < 0)
		write_error_object(report, error);
	else
		end_object(report);
	return must_memdup(report->text.at, report->text.len);
}

static void report_error(struct report *report, const struct error *error)
{
	char text[EXPLANATION_SIZE];
	terminal_say("", explain(error, text));
	if (error->code == ERR_CONFLICT)
		report_conflicts_print(&report->conflicts, stderr);
	print_faults(report);
	if (report->json)
		write_error_object(report, error);
}

/* Flushes first: until then a write that will fail may lie in the stream's buffer. */
static int output_result(struct report *report, struct error *error)
{
	errno = 0;
	note_output(report, fflush(stdout) == 0 && !ferror(stdout));
	if (report->output_errno == 0 || report->output_errno == EPIPE)
		return 0;
	return error_set_errno(error, ERR_LOCAL, report->output_errno,
			       "standard output: cannot be written");
}

int report_finish(struct report *report, int code, const struct error *error)
{
	terminal_draw(NULL);
	if (code < 0)
		report_error(report, error);
	else
		end_object(report);
	if (report->text.len > 0)
		note_output(report, fwrite(report->text.at, 1, report->text.len,
					   stdout) == report->text.len);
	struct error output_error = {0};
	int output_code = output_result(report, &output_error);
	if (output_code < 0)
		terminal_say("", output_error.text);
	return error_exit_status(code < 0 ? code : output_code);
}
