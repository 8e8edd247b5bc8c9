/*
 * Control messages of both directions: two bytes of type, then the payload. What was
 * decoded is encoded to bytes that say the same and have one spelling.
 */
#include <stdlib.h>

#include "proto/base/bytes.h"
#include "proto/base/cleanup.h"
#include "proto/message/message.h"
#include "proto/message/table.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same.h"

static void again(uint16_t type, const void *message, size_t size)
{
	struct buffer once AUTO(buffer_fini) = {0}, twice AUTO(buffer_fini) = {0};
	struct message_memory memory AUTO(message_memory_fini) = {0};
	void *other AUTO_FREE = must_calloc(1, size);
	struct error error = {0};
	message_encode(&once, type, message);
	claim(message_decode(&memory, type, once.at, once.len, other, &error) == 0);
	message_encode(&twice, type, other);
	claim(same_bytes(once.at, once.len, twice.at, twice.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct reader in = reader_of(data, len);
	uint16_t type = reader_u16(&in);
	const struct message_table *table = message_table_of(type);
	if (!table)
		return 0;
	struct message_memory memory AUTO(message_memory_fini) = {0};
	void *message AUTO_FREE = must_calloc(1, table->size);
	struct error error = {0};
	int err = message_decode(&memory, type, in.at, in.left, message, &error);
	claim(err == 0 || err == ERR_PROTOCOL);
	claim(err == 0 || text_is_clean(text_of(error.text)));
	if (err == 0)
		again(type, message, table->size);
	return 0;
}
