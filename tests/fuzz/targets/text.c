/*
 * Names that anybody chose, on their way to a terminal, a log line or JSON: what comes
 * out is clean, the escape leads back, a JSON reader finds one value in the line.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/escape.h"
#include "proto/base/json_writer.h"
#include "proto/base/memory.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

static void check_escape(const char *name, size_t len)
{
	size_t back_len;
	char shown[ESCAPE_SHOWN_SIZE];
	char *text AUTO_FREE = escape_encode(name, len);
	char *back AUTO_FREE = escape_decode(text, strlen(text), &back_len);
	char *other AUTO_FREE = escape_decode(name, len, &back_len);
	(void)other;
	back_len = 0;
	free(take_ptr(&back));
	back = escape_decode(text, strlen(text), &back_len);
	claim(back && same_bytes(name, len, back, back_len));
	claim(text_is_clean(text_of(text)));
	claim(text_is_clean(text_of(escape_shown(name, len, shown))));
}

static void check_clean(const char *name, size_t len)
{
	char clean[64];
	for (size_t size = 16; size <= sizeof(clean); size *= 2) {
		struct text text = {name, len};
		size_t clean_len = text_clean(text, clean, size);
		claim(clean_len < size && strlen(clean) == clean_len);
		claim(text_is_clean(text_of(clean)));
		if (text_is_clean(text) && len < size)
			claim(text_is(text, clean));
		char *whole AUTO_FREE = must_memdup(name, len);
		text_shorten(whole, clean, size);
		claim(strlen(clean) < size);
	}
}

static void check_json(const char *name, size_t len)
{
	struct buffer line AUTO(buffer_fini) = {0};
	struct json_writer writer;
	json_writer_init(&writer, &line);
	json_writer_array_begin(&writer, NULL);
	json_writer_path(&writer, NULL, name, len);
	json_writer_text_len(&writer, NULL, name, len);
	json_writer_array_end(&writer);
	json_writer_line_end(&writer);
	claim(memchr(line.at, '\n', line.len - 1) == NULL);
	json_t *json = json_loadb((const char *)line.at, line.len, JSON_ALLOW_NUL, NULL);
	claim(json_array_size(json) == 2);
	const json_t *path = json_array_get(json, 0);
	char *escaped AUTO_FREE = escape_encode(name, len);
	claim(strcmp(json_string_value(path), escaped) == 0);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *name = len ? (const char *)data : "";
	check_escape(name, len);
	check_clean(name, len);
	check_json(name, len);
	return 0;
}
