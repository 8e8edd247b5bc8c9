/*
 * For tests of the receiving side: a link whose other end is a script, written before
 * it is read. Small enough for the socket's buffers, so that no thread is needed.
 */
#ifndef BATON_TESTS_VIEW_EXAMPLE_H
#define BATON_TESTS_VIEW_EXAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/link/link.h"
#include "proto/manifest/manifest.h"
#include "proto/message/message.h"
#include "proto/unit/codec.h"
#include "proto/unit/frame.h"

struct script {
	struct link link;
	int far; /* owned; the daemon's end */
	struct error error;
};

static inline int script_setup(void **state)
{
	int ends[2];
	struct script *script = must_calloc(1, sizeof(*script));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	int room = 4 * 1024 * 1024;
	(void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	script->far = ends[1];
	link_init(&script->link, transport_of_socket(ends[0]), -1, "the daemon");
	link_greeted(&script->link);
	script->link.silence_ms = 10000;
	*state = script;
	return 0;
}

static inline int script_teardown(void **state)
{
	struct script *script = *state;
	link_fini(&script->link);
	(void)close(script->far);
	free(script);
	return 0;
}

#define SCRIPT_TEST(test)                                                                \
	cmocka_unit_test_setup_teardown(test, script_setup, script_teardown)

static inline void script_says(struct script *script, uint16_t type, const void *payload,
			       size_t len)
{
	struct buffer wire AUTO(buffer_fini) = {0};
	buffer_put_u32(&wire, (uint32_t)len);
	buffer_put_u16(&wire, type);
	buffer_put_u8(&wire, MSG_FLAG_CRITICAL);
	buffer_put_u8(&wire, 0);
	buffer_put(&wire, payload, len);
	assert_int_equal(
		send(script->far, wire.at, wire.len, MSG_NOSIGNAL | MSG_DONTWAIT),
		wire.len);
}

static inline void script_says_control(struct script *script, uint16_t type,
				       const void *message)
{
	struct buffer payload AUTO(buffer_fini) = {0};
	message_encode(&payload, type, message);
	script_says(script, type, payload.at, payload.len);
}

static inline struct unit_name unit_of(const char *bytes)
{
	size_t len = strlen(bytes);
	return (struct unit_name){
		.key = {.xxh = xxh128_of(bytes, len), .len = (uint32_t)len},
		.sha = sha256_of(bytes, len)};
}

/* A file of at most two units: text, and more where that is not NULL. */
static inline struct row file_row(const char *path, const char *text, const char *more,
				  struct unit_name units[2])
{
	struct row row = {.path = path,
			  .path_len = strlen(path),
			  .type = ROW_FILE,
			  .mode = 0644,
			  .time = {1600000000, 1},
			  .units = units};
	if (*text)
		units[row.unit_count++] = unit_of(text);
	if (more)
		units[row.unit_count++] = unit_of(more);
	for (size_t i = 0; i < row.unit_count; i++)
		row.size += units[i].key.len;
	return row;
}

/* The bytes of a frame with these texts as units. */
static inline void put_frame(struct buffer *out, const char *const *texts, uint32_t count)
{
	struct unit_name units[64];
	struct buffer raw AUTO(buffer_fini) = {0};
	for (uint32_t i = 0; i < count; i++) {
		units[i] = unit_of(texts[i]);
		buffer_put(&raw, texts[i], strlen(texts[i]));
	}
	uint8_t *packed AUTO_FREE = must_alloc(raw.len);
	struct codec *packer = codec_new(1);
	enum codec_id used;
	size_t packed_len;
	struct error error = {0};
	assert_int_equal(codec_pack(packer, raw.at, raw.len, packed, raw.len, &used,
				    &packed_len, &error),
			 0);
	codec_free(packer);
	struct frame_header header = {.kind = FRAME_CONTENT,
				      .codec = (uint8_t)used,
				      .unit_count = count,
				      .raw_len = (uint32_t)raw.len,
				      .stored_len = (uint32_t)packed_len,
				      .payload_xxh = xxh128_of(packed, packed_len)};
	frame_head_encode(out, &header, units);
	buffer_put(out, packed, packed_len);
}

#endif
