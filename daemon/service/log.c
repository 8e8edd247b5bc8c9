#include "daemon/service/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/base/json_writer.h"
#include "proto/base/text.h"

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARNING] = "warning",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static void time_text(char ret_text[40])
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	struct tm utc;
	gmtime_r(&now.tv_sec, &utc);
	size_t len = strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(ret_text + len, 40 - len, ".%03ldZ", now.tv_nsec / 1000000);
}

static bool field_is_empty(const struct log_field *field)
{
	return !field->is_number && (!field->text || !*field->text);
}

static void put_text(struct buffer *out, const char *text)
{
	buffer_put(out, text, strlen(text));
}

static void put_text_field(struct buffer *out, const struct log_field *field)
{
	char number[24];
	put_text(out, " ");
	put_text(out, field->name);
	put_text(out, "=");
	if (field->is_number) {
		snprintf(number, sizeof(number), "%lld", (long long)field->number);
		put_text(out, number);
		return;
	}
	char *escaped = escape_encode(field->text, strlen(field->text));
	bool quoted = strpbrk(escaped, " \"=") != NULL;
	put_text(out, quoted ? "\"" : "");
	put_text(out, escaped);
	put_text(out, quoted ? "\"" : "");
	free(escaped);
}

static void put_json_line(struct buffer *out, enum log_level level, const char *event,
			  const char *message, const struct log_field *fields,
			  size_t count)
{
	char time[40];
	time_text(time);
	struct json_writer json;
	json_writer_init(&json, out);
	json_writer_object_begin(&json, NULL);
	json_writer_text(&json, "time", time);
	json_writer_text(&json, "level", level_names[level]);
	json_writer_text(&json, "event", event);
	for (size_t i = 0; i < count; i++) {
		if (field_is_empty(&fields[i]))
			continue;
		if (fields[i].is_number)
			json_writer_signed(&json, fields[i].name, fields[i].number);
		else
			json_writer_text(&json, fields[i].name, fields[i].text);
	}
	if (message)
		json_writer_text(&json, "message", message);
	json_writer_object_end(&json);
	json_writer_line_end(&json);
}

static void put_text_line(struct buffer *out, enum log_level level, const char *event,
			  const char *message, const struct log_field *fields,
			  size_t count)
{
	char time[40];
	time_text(time);
	put_text(out, time);
	put_text(out, " ");
	put_text(out, level_names[level]);
	put_text(out, " ");
	put_text(out, event);
	for (size_t i = 0; i < count; i++) {
		if (!field_is_empty(&fields[i]))
			put_text_field(out, &fields[i]);
	}
	if (!message)
		return;
	char *escaped = escape_encode(message, strlen(message));
	put_text(out, ": ");
	put_text(out, escaped);
	free(escaped);
}

void log_event(const struct log *log, enum log_level level, const char *event,
	       const char *message, const struct log_field *fields, size_t count)
{
	if (level > log->level)
		return;
	AUTO(buffer_fini) struct buffer out = {0};
	if (log->json)
		put_json_line(&out, level, event, message, fields, count);
	else
		put_text_line(&out, level, event, message, fields, count);
	if (!log->json)
		put_text(&out, "\n");
	/* One write for a line: lines of several threads do not mix. */
	ssize_t written = write(STDERR_FILENO, out.at, out.len);
	(void)written;
}

void log_line(const struct log *log, enum log_level level, const char *event,
	      const char *format, ...)
{
	char message[1200];
	va_list arguments;
	va_start(arguments, format);
	text_vprint(message, sizeof(message), format, arguments);
	va_end(arguments);
	log_event(log, level, event, message, NULL, 0);
}
