/*
 * tests/golden/messages/NAME.hex: what each message looks like on the wire, byte for
 * byte. A control message is there with every field and with only the required ones; a
 * bulk message as a small example. The Python client checks the same files.
 *
 * BATON_GOLDEN_WRITE=1 writes the files instead: only when the protocol changes on
 * purpose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/cleanup.h"
#include "proto/manifest/manifest.h"
#include "proto/unit/codec.h"
#include "proto/unit/digest.h"
#include "proto/unit/frame.h"
#include "tests/harness/message_examples.h"

#define HEX_LINE_LEN 40u /* bytes in a line */

static void put_text(struct buffer *out, const char *text)
{
	buffer_put(out, text, strlen(text));
}

static void put_hex(struct buffer *out, const char *title, const struct buffer *bytes)
{
	put_text(out, "# ");
	put_text(out, title);
	put_text(out, "\n");
	for (size_t at = 0; at < bytes->len; at += HEX_LINE_LEN) {
		char line[2 * HEX_LINE_LEN + 1];
		size_t left = bytes->len - at;
		hex_encode(bytes->at + at, left < HEX_LINE_LEN ? left : HEX_LINE_LEN,
			   line);
		put_text(out, line);
		put_text(out, "\n");
	}
}

static void write_file(const char *path, const struct buffer *text)
{
	FILE *file AUTO_STREAM = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text->at, 1, text->len, file), text->len);
}

static void assert_golden(uint16_t type, const struct buffer *text)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "tests/golden/messages/%s.hex",
		       message_type_name(type));
	if (getenv("BATON_GOLDEN_WRITE"))
		write_file(path, text);
	FILE *file AUTO_STREAM = fopen(path, "r");
	assert_non_null(file);
	char stored[16384];
	size_t len = fread(stored, 1, sizeof(stored), file);
	assert_int_equal(len, text->len);
	assert_memory_equal(stored, text->at, len);
}

static void control_messages_are_byte_for_byte_the_golden_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGE_EXAMPLES; i++) {
		const struct message_example *example = &message_examples[i];
		struct buffer full AUTO(buffer_fini) = {0};
		struct buffer minimal AUTO(buffer_fini) = {0};
		struct buffer text AUTO(buffer_fini) = {0};
		message_encode(&full, example->type, example->full);
		message_encode(&minimal, example->type, example->minimal);
		put_hex(&text, "every field", &full);
		put_hex(&text, "only what is required", &minimal);
		assert_golden(example->type, &text);
	}
}

static void put_run(struct buffer *out, uint8_t first, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buffer_put_u8(out, (uint8_t)(first + i));
}

static void put_ask(struct buffer *out)
{
	buffer_put_u32(out, 2);
	put_run(out, 0x10, XXH128_LEN);
	buffer_put_u32(out, 1);
	put_run(out, 0x20, XXH128_LEN);
	buffer_put_u32(out, 1048576);
}

static void put_offer(struct buffer *out)
{
	buffer_put_u32(out, 2);
	buffer_put_u8(out, 0);
	buffer_put_u8(out, 2);
	put_run(out, 0x40, SHA256_LEN);
	put_run(out, 0x60, SHA256_LEN);
}

static void put_stored(struct buffer *out)
{
	buffer_put_u32(out, 1);
	put_run(out, 0x40, SHA256_LEN);
}

static void put_root(struct buffer *out)
{
	put_text(out, "BTRT");
	buffer_put_u8(out, 1);
	buffer_put_u8(out, 1);
	buffer_put_u16(out, 0);
	buffer_put_varint(out, 1);
	put_run(out, 0x10, XXH128_LEN);
	buffer_put_u32(out, 300);
	put_run(out, 0x40, SHA256_LEN);
	buffer_put_varint(out, 3);
	buffer_put_varint(out, 2);
	buffer_put_varint(out, 1);
	buffer_put_varint(out, 16384);
	buffer_put_varint(out, 3);
	put_run(out, 0x60, SHA256_LEN);
}

static void put_want(struct buffer *out)
{
	buffer_put_u8(out, 1);
	buffer_put_u8(out, 0);
	buffer_put_u16(out, 0);
	buffer_put_u64(out, 4096);
	buffer_put_u8(out, 0x05); /* units 4096 and 4098 */
	buffer_put_u8(out, 0x80); /* unit 4111 */
}

/* Two units as they lie in a frame: "alpha" and "be". */
static const char raw_units[] = "alphabe";

static struct unit_name unit_at(size_t offset, uint32_t len)
{
	return (struct unit_name){
		.key = {.xxh = xxh128_of(raw_units + offset, len), .len = len},
		.sha = sha256_of(raw_units + offset, len),
	};
}

static void put_units(struct buffer *out)
{
	const struct unit_key keys[] = {unit_at(0, 5).key, unit_at(5, 2).key};
	units_head_encode(out, FRAME_CONTENT, CODEC_RAW, 7, keys, 2);
	buffer_put(out, raw_units, 7);
}

static void put_frame(struct buffer *out)
{
	const struct unit_name units[] = {unit_at(0, 5), unit_at(5, 2)};
	struct frame_header header = {
		.kind = FRAME_CONTENT,
		.codec = CODEC_RAW,
		.unit_count = 2,
		.raw_len = 7,
		.stored_len = 7,
		.payload_xxh = xxh128_of(raw_units, 7),
	};
	frame_head_encode(out, &header, units);
	buffer_put(out, raw_units, 7);
}

static void put_rows(struct buffer *out)
{
	const struct unit_name unit = unit_at(0, 5);
	const struct row directory = {.path = "out",
				      .path_len = 3,
				      .type = ROW_DIRECTORY,
				      .mode = 0755,
				      .time = {1700000000, 0}};
	const struct row file = {.path = "out/a",
				 .path_len = 5,
				 .type = ROW_FILE,
				 .mode = 0644,
				 .time = {1700000001, 5},
				 .size = 5,
				 .units = &unit,
				 .unit_count = 1};
	struct buffer rows AUTO(buffer_fini) = {0};
	buffer_put_varint(&rows, 0); /* of layer 0 */
	buffer_put_u8(&rows, 0);
	row_encode(&rows, NULL, 0, &directory, NULL);
	buffer_put_varint(&rows, 1); /* of layer 1, in conflict with layer 0 */
	buffer_put_u8(&rows, 3);
	row_encode(&rows, "out", 3, &file, NULL);
	buffer_put_varint(&rows, 2);
	buffer_put_varint(&rows, 0);
	buffer_put_varint(&rows, 1);
	buffer_put_u8(out, CODEC_RAW);
	buffer_put_u8(out, 0);
	buffer_put_u16(out, 0);
	buffer_put_u32(out, (uint32_t)rows.len);
	buffer_put_u32(out, 2);
	buffer_put(out, rows.at, rows.len);
}

static void bulk_messages_are_byte_for_byte_the_golden_ones(void **state)
{
	(void)state;
	static const struct {
		uint16_t type;
		void (*put)(struct buffer *out);
	} bulks[] = {
		{MSG_ASK, put_ask},     {MSG_OFFER, put_offer}, {MSG_STORED, put_stored},
		{MSG_ROOT, put_root},   {MSG_WANT, put_want},   {MSG_UNITS, put_units},
		{MSG_FRAME, put_frame}, {MSG_ROWS, put_rows},
	};
	for (size_t i = 0; i < sizeof(bulks) / sizeof(bulks[0]); i++) {
		struct buffer bytes AUTO(buffer_fini) = {0};
		struct buffer text AUTO(buffer_fini) = {0};
		bulks[i].put(&bytes);
		put_hex(&text, "an example", &bytes);
		assert_golden(bulks[i].type, &text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_messages_are_byte_for_byte_the_golden_ones),
		cmocka_unit_test(bulk_messages_are_byte_for_byte_the_golden_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
