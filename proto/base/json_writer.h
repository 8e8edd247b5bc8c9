/*
 * Writes JSON (RFC 8259) as it goes, one value to a line: what `--json` prints and the
 * daemon's JSON logs. Writes only; nothing here reads JSON.
 *
 * Whatever bytes it is given, what comes out is valid JSON in valid UTF-8, without a line
 * break inside. Every value takes the name of the member it is, or NULL in an array and
 * at the top. Values in the wrong place (a member without a name, an end without a
 * beginning, a second value on a line) are our own bugs and are claimed.
 *
 * A writer belongs to one thread.
 */
#ifndef BATON_PROTO_BASE_JSON_WRITER_H
#define BATON_PROTO_BASE_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

/* Objects and arrays inside each other; ours need five. */
#define JSON_DEPTH_MAX 32u

struct json_writer {
	struct buffer *out; /* borrowed */
	uint32_t depth;
	uint32_t arrays;  /* bit n: what is open at depth n + 1 is an array, not an object
			   */
	bool after_value; /* the next one wants a comma, or at depth 0 is one too many */
};

/* Appends to out, which must live as long as the writer; nothing is to be freed. */
void json_writer_init(struct json_writer *writer, struct buffer *out);

void json_writer_object_begin(struct json_writer *writer, const char *name);
void json_writer_object_end(struct json_writer *writer);
void json_writer_array_begin(struct json_writer *writer, const char *name);
void json_writer_array_end(struct json_writer *writer);

/* Text for people. A byte that is not part of valid UTF-8 becomes the four characters
 * \xHH; a backslash is just a backslash, so this does not lead back to the bytes. NULL
 * gives null. */
void json_writer_text(struct json_writer *writer, const char *name, const char *text);
void json_writer_text_len(struct json_writer *writer, const char *name, const char *text,
			  size_t len);

/*
 * A path, or any other name that need not be UTF-8: the string is escape_encode(path), so a
 * reader that takes it out of JSON has the text that escape_decode understands. Most
 * names look as they are; a backslash in one shows as two in the string, and so as four
 * on the line, since JSON escapes each once more:
 *
 *	bytes         the string     on the line
 *	a\b           a\\b           "a\\\\b"
 *	a, 0xff       a\xff          "a\\xff"
 *	a, newline    a\x0a          "a\\x0a"
 */
void json_writer_path(struct json_writer *writer, const char *name, const char *path,
		      size_t len);

/* All digits, also beyond 2^53, where some readers round. */
void json_writer_unsigned(struct json_writer *writer, const char *name, uint64_t value);
void json_writer_signed(struct json_writer *writer, const char *name, int64_t value);
void json_writer_boolean(struct json_writer *writer, const char *name, bool value);
void json_writer_null(struct json_writer *writer, const char *name);

/* Ends the line: exactly one value was written and all is closed. The writer is ready for
 * the next line. */
void json_writer_line_end(struct json_writer *writer);

#endif
