/*
 * Sessions, one after the other, against a real store: whatever a client sends, what the
 * daemon answers is what its client understands, nobody's tier or grant is passed, and
 * the store stays whole (world.h).
 */
#include <stdlib.h>
#include <string.h>

#include "client/view/rows.h"
#include "daemon/verb/run.h"
#include "proto/base/cleanup.h"
#include "proto/link/meter.h"
#include "proto/unit/frame.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_stream.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/world.h"

#define SESSIONS_MAX 8

/* ---- what came back ---- */

static void check_frame(const struct link_message *message)
{
	struct frame_header header;
	struct error error = {0};
	claim(message->len >= FRAME_HEADER_LEN);
	claim(frame_header_decode(message->payload, &header, &error) == 0);
	claim(frame_len(&header) == message->len);
	struct unit_name *units AUTO_FREE =
		must_calloc(header.unit_count, sizeof(*units));
	claim(frame_table_decode(&header, message->payload, units, &error) == 0);
}

static void check_committed(const struct link_message *message,
			    struct script_memory *memory)
{
	struct message_memory texts AUTO(message_memory_fini) = {0};
	struct msg_committed committed;
	struct error error = {0};
	claim(message_decode(&texts, MSG_COMMITTED, message->payload, message->len,
			     &committed, &error) == 0);
	claim(committed.layer.layer.len == LAYER_ID_DIGITS);
	memcpy(memory->layer, committed.layer.layer.at, LAYER_ID_DIGITS);
}

/* Every message that a persist, a log or a status got. */
static void hear(struct link *link, struct script_memory *memory)
{
	struct error error = {0};
	struct link_message message = {0};
	while (link_receive(link, &message, 0, &error) == 0) {
		if (message.type == MSG_COMMITTED)
			check_committed(&message, memory);
		free(take_ptr(&message.payload));
	}
	struct message_memory texts AUTO(message_memory_fini) = {0};
	struct msg_error told;
	claim(error.code == ERR_LOST || link_last_error(link, &texts, &told));
}

/* A view, as the client reads it, and then the frames. */
static void hear_view(struct link *link)
{
	struct view_rows view;
	struct view_row row;
	struct error error = {0};
	struct message_memory texts AUTO(message_memory_fini) = {0};
	struct msg_error told;
	const struct msg_attach request = {.purpose = text_of("attach")};
	int result = view_rows_open(&view, link, &request, &error);
	while (result >= 0 && !view.held &&
	       (result = view_rows_next(&view, &row, &error)) == 1)
		claim(row.layer < view.layers.count);
	claim(result >= 0 || result == ERR_LOST || link_last_error(link, &texts, &told));
	view_rows_fini(&view);
	struct link_message message = {0};
	while (result >= 0 && (result = link_receive(link, &message, 0, &error)) == 0) {
		if (message.type == MSG_FRAME)
			check_frame(&message);
		free(take_ptr(&message.payload));
	}
}

static void check_answer(const struct script *script, const struct buffer *sent,
			 struct script_memory *memory)
{
	struct memory_stream back = {.at = sent->at, .left = sent->len};
	struct link link;
	link_init(&link, memory_stream_transport(&back), -1, "the daemon");
	link_greeted(&link);
	if (script->type == MSG_ATTACH)
		hear_view(&link);
	else
		hear(&link, memory);
	link.transport = (struct transport){0};
	link_fini(&link);
	buffer_fini(&back.sent);
}

/* ---- a session ---- */

static void run(struct world *world, const struct script *script, struct buffer *ret_sent)
{
	static _Atomic bool too_slow, holds_memory;
	static uint64_t arrival;
	const struct principal *asker = world->askers[script->asker % ASKERS];
	struct memory_stream stream = {.at = script->said.at, .left = script->said.len};
	struct voice voice;
	struct link_meter meter = {0};
	struct request *request = NULL;
	struct error error = {0};
	uint8_t *payload =
		(uint8_t *)must_memdup(script->request.at, script->request.len);
	if (request_decode(script->type, payload, (uint32_t)script->request.len, &request,
			   &error) < 0)
		return;
	voice_init(&voice);
	voice_set_silent(&voice, true);
	request->arrival = ++arrival;
	const struct session_call call = {
		.request = request,
		.voice = &voice,
		.transport = memory_stream_transport(&stream),
		.label = "a fuzzer",
		.principal = asker,
		.local = script->asker & 0x80,
		.tier = asker->tier,
		.silence_ms = 1000,
		.meter = &meter,
		.too_slow = &too_slow,
		.holds_memory = &holds_memory,
	};
	(void)verb_run(&world->services, &call, -1);
	request_free(request);
	voice_fini(&voice);
	*ret_sent = stream.sent;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct world *world = world_begin();
	struct script_memory memory = {.namespace = world->namespace};
	struct reader in = reader_of(data, len);
	for (unsigned i = 0; i < SESSIONS_MAX && in.left > 0; i++) {
		struct script script AUTO(script_fini);
		struct buffer sent AUTO(buffer_fini) = {0};
		script_read(&in, &memory, &script);
		run(world, &script, &sent);
		check_answer(&script, &sent, &memory);
	}
	world_end(world);
	return 0;
}
