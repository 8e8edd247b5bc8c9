/*
 * What a command says: warnings and notes on standard error as they come, and at the end
 * either lines for people or, with --json, one object on standard output and nothing
 * else there. Warnings are also collected for the object's `warnings`.
 *
 * Any thread may warn; the rest belongs to the main thread.
 */
#ifndef BATON_CLIENT_TERMINAL_REPORT_H
#define BATON_CLIENT_TERMINAL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/terminal/faults.h"
#include "client/terminal/human.h"
#include "proto/base/error.h"
#include "proto/base/json_writer.h"
#include "proto/message/message.h"

struct report;

/* With json, standard output carries the object and nothing else. */
struct report *report_new(bool json, bool quiet);
/* Collects JSON and prints nothing on either stream: for the library. */
struct report *report_new_silent(void);
void report_free(struct report *report);

bool report_is_json(const struct report *report);

/* "baton: warning: SENTENCE" on standard error (also with --quiet: a warning is not
 * progress), and into `warnings`. */
void report_warning(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "baton: SENTENCE" on standard error, unless --quiet. */
void report_note(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A line for people on standard output; nothing with --json or --quiet. */
void report_line(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same, but also with --quiet: what was asked for (ls, log, status …). */
void report_answer(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* With --json: the writer, inside the object that report_finish() ends. NULL otherwise.
 */
struct json_writer *report_json(struct report *report);
/* Writes the collected `warnings` array into the JSON object. */
void report_json_warnings(struct report *report);

/* The conflicts of a failed attach, for the error object and the sentence's details;
 * copied. */
void report_keep_conflicts(struct report *report, const struct msg_error *conflict);

/* The paths of an error that is about several, for the error object and behind the
 * sentence; copied. */
void report_keep_faults(struct report *report, const struct faults *faults);

/*
 * Ends: prints the JSON object (if report_json() was asked for it), or the error: one
 * sentence on standard error and with --json {"error": {"exit", "code", "message",
 * "conflicts"?, "conflict_count"?, "faults"?, "fault_count"?}} in place of the object, or
 * for ERR_CONFLICT at the end of one that is whole (ls). Returns the exit status. If
 * standard output could not be written, a success becomes ERR_LOCAL or ERR_NO_ROOM; a
 * reader that went away (EPIPE) is not an error.
 */
int report_finish(struct report *report, int code, const struct error *error);

/* Ends without printing: the object, or the error's, with a newline; freed by the caller.
 */
char *report_take_object(struct report *report, int code, const struct error *error);

#endif
