#include "proto/base/json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/error.h"
#include "proto/base/escape.h"
#include "proto/base/text.h"

/* Digits of a 64-bit number, its sign and a NUL. */
#define NUMBER_SIZE 24

void json_writer_init(struct json_writer *writer, struct buffer *out)
{
	*writer = (struct json_writer){.out = out};
}

/* ---- strings --------------------------------------------------------------------- */

static void put(struct json_writer *writer, const char *text)
{
	buffer_put(writer->out, text, strlen(text));
}

/* RFC 8259 §7: a quotation mark, a backslash, and what is below 0x20. */
static void put_ascii(struct json_writer *writer, uint8_t byte)
{
	char escape[8] = {'\\', (char)byte};
	if (byte == '\n')
		put(writer, "\\n");
	else if (byte == '\t')
		put(writer, "\\t");
	else if (byte == '"' || byte == '\\')
		put(writer, escape);
	else if (byte >= 0x20)
		buffer_put_u8(writer->out, byte);
	else {
		(void)snprintf(escape, sizeof(escape), "\\u%04x", byte);
		put(writer, escape);
	}
}

static void put_bad_byte(struct json_writer *writer, uint8_t byte)
{
	char escape[8];
	(void)snprintf(escape, sizeof(escape), "\\\\x%02x", byte);
	put(writer, escape);
}

static void put_string(struct json_writer *writer, const char *text, size_t len)
{
	buffer_put_u8(writer->out, '"');
	for (size_t at = 0, step; at < len; at += step) {
		step = text_utf8_len(text + at, len - at);
		if (step == 1)
			put_ascii(writer, (uint8_t)text[at]);
		else if (step > 1)
			buffer_put(writer->out, text + at, step);
		else {
			put_bad_byte(writer, (uint8_t)text[at]);
			step = 1;
		}
	}
	buffer_put_u8(writer->out, '"');
}

/* ---- structure ------------------------------------------------------------------- */

static bool in_array(const struct json_writer *writer)
{
	return writer->depth > 0 && (writer->arrays >> (writer->depth - 1) & 1);
}

/* What stands before a value: comma and name. */
static void begin_value(struct json_writer *writer, const char *name)
{
	bool in_object = writer->depth > 0 && !in_array(writer);
	bool named = name;
	claim(named == in_object);
	claim(writer->depth > 0 || !writer->after_value);
	if (writer->after_value)
		put(writer, ",");
	if (name) {
		put_string(writer, name, strlen(name));
		put(writer, ":");
	}
	writer->after_value = true;
}

static void open_container(struct json_writer *writer, const char *name, bool array)
{
	begin_value(writer, name);
	claim(writer->depth < JSON_DEPTH_MAX);
	uint32_t bit = 1u << writer->depth++;
	writer->arrays = array ? writer->arrays | bit : writer->arrays & ~bit;
	writer->after_value = false;
	put(writer, array ? "[" : "{");
}

static void close_container(struct json_writer *writer, bool array)
{
	claim(writer->depth > 0);
	claim(in_array(writer) == array);
	writer->depth--;
	writer->after_value = true;
	put(writer, array ? "]" : "}");
}

void json_writer_object_begin(struct json_writer *writer, const char *name)
{
	open_container(writer, name, false);
}

void json_writer_object_end(struct json_writer *writer)
{
	close_container(writer, false);
}

void json_writer_array_begin(struct json_writer *writer, const char *name)
{
	open_container(writer, name, true);
}

void json_writer_array_end(struct json_writer *writer)
{
	close_container(writer, true);
}

void json_writer_line_end(struct json_writer *writer)
{
	claim(writer->depth == 0);
	claim(writer->after_value);
	writer->after_value = false;
	put(writer, "\n");
}

/* ---- values ---------------------------------------------------------------------- */

void json_writer_text_len(struct json_writer *writer, const char *name, const char *text,
			  size_t len)
{
	begin_value(writer, name);
	put_string(writer, text, len);
}

void json_writer_text(struct json_writer *writer, const char *name, const char *text)
{
	if (text)
		json_writer_text_len(writer, name, text, strlen(text));
	else
		json_writer_null(writer, name);
}

void json_writer_path(struct json_writer *writer, const char *name, const char *path,
		      size_t len)
{
	char *escaped AUTO_FREE = escape_encode(path, len);
	json_writer_text(writer, name, escaped);
}

void json_writer_unsigned(struct json_writer *writer, const char *name, uint64_t value)
{
	char digits[NUMBER_SIZE];
	(void)snprintf(digits, sizeof(digits), "%" PRIu64, value);
	begin_value(writer, name);
	put(writer, digits);
}

void json_writer_signed(struct json_writer *writer, const char *name, int64_t value)
{
	char digits[NUMBER_SIZE];
	(void)snprintf(digits, sizeof(digits), "%" PRId64, value);
	begin_value(writer, name);
	put(writer, digits);
}

void json_writer_boolean(struct json_writer *writer, const char *name, bool value)
{
	begin_value(writer, name);
	put(writer, value ? "true" : "false");
}

void json_writer_null(struct json_writer *writer, const char *name)
{
	begin_value(writer, name);
	put(writer, "null");
}
