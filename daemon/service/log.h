/*
 * The daemon's log: one line per event on standard error, as text or JSON; one line per
 * request with what it did and how long it took. Any thread.
 */
#ifndef BATON_DAEMON_SERVICE_LOG_H
#define BATON_DAEMON_SERVICE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of the choices of --log-level. */
enum log_level {
	LOG_ERROR,
	LOG_WARNING,
	LOG_INFO,
	LOG_DEBUG,
};

struct log {
	enum log_level level; /* lines above it are not written */
	bool json;
};

/* A name and a value of a line; a NULL or empty text is left out. */
struct log_field {
	const char *name;
	const char *text;
	int64_t number; /* used when text is NULL and is_number */
	bool is_number;
};

#define LOG_TEXT(name_, text_) ((struct log_field){.name = (name_), .text = (text_)})
#define LOG_NUMBER(name_, number_)                                                       \
	((struct log_field){                                                             \
		.name = (name_), .number = (int64_t)(number_), .is_number = true})

/* event: one word, "persist". message may be NULL. */
void log_event(const struct log *log, enum log_level level, const char *event,
	       const char *message, const struct log_field *fields, size_t count);
/* A line without fields. */
void log_line(const struct log *log, enum log_level level, const char *event,
	      const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
