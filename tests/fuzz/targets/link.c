/*
 * What comes over a connection, whatever it is: two bytes that say how it arrives and how
 * far the greeting is, then the stream. Headers, limits, KEEPALIVE, ERROR, unknown types.
 */
#include "proto/link/link.h"

#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/link/header.h"
#include "proto/message/message.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_stream.h"

static void check_last_error(struct link *link)
{
	struct message_memory memory AUTO(message_memory_fini) = {0};
	struct msg_error told;
	if (link_last_error(link, &memory, &told))
		claim(told.code || told.message.len || !told.code);
}

/* A message has a known type and a length that its kind allows. */
static void check_message(const struct link *link, const struct link_message *message)
{
	claim(message_type_name(message->type));
	claim(message->len <=
	      (message_type_is_bulk(message->type) ? link->bulk_max : link->control_max));
}

static void receive_all(struct link *link, bool with_room)
{
	uint8_t room[256];
	struct error error = {0};
	int err = 0;
	while (err == 0) {
		struct link_message message = {.payload = with_room ? room : NULL};
		(void)link_has_error(link);
		err = link_receive(link, &message, with_room ? sizeof(room) : 0, &error);
		if (err == 0)
			check_message(link, &message);
		if (message.payload != room)
			free(message.payload);
	}
	claim(error.code == err && text_is_clean(text_of(error.text)));
	check_last_error(link);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reader in = reader_of(data, len);
	size_t step = reader_u8(&in);
	uint8_t how = reader_u8(&in);
	struct memory_stream stream = {.at = in.at, .left = in.left, .step = step};
	struct link link;
	link_init(&link, memory_stream_transport(&stream), -1, "the peer");
	if (how & 1)
		link_greeted(&link);
	receive_all(&link, how & 2);
	link.transport = (struct transport){0};
	link_fini(&link);
	buffer_fini(&stream.sent);
	return 0;
}
