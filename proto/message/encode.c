/* Structs to msgpack maps, driven by the tables of message.c. */
#include <msgpack.h>
#include <string.h>

#include "proto/message/message.h"
#include "proto/message/table.h"

static int append(void *buffer, const char *data, size_t len)
{
	buffer_put(buffer, data, len);
	return 0;
}

static const void *member(const void *message, size_t offset)
{
	return (const uint8_t *)message + offset;
}

static struct message_list list_at(const void *at)
{
	struct message_list list;
	memcpy(&list, at, sizeof(list));
	return list;
}

static bool is_given(const struct message_field *field, const void *message)
{
	const void *at = member(message, field->at);
	if (field->required)
		return true;
	if (field->list)
		return list_at(at).count > 0;
	switch (field->kind) {
	case MESSAGE_UINT:
		return *(const uint64_t *)at != 0;
	case MESSAGE_BOOL:
		return *(const bool *)at;
	case MESSAGE_MAP:
		return field->has == 0 || *(const bool *)member(message, field->has);
	case MESSAGE_STR:
	case MESSAGE_SENTENCE:
	case MESSAGE_BIN:
	case MESSAGE_PATH:
		break;
	}
	return ((const struct text *)at)->len > 0;
}

static void put_str(msgpack_packer *packer, struct text text)
{
	msgpack_pack_str(packer, text.len);
	msgpack_pack_str_body(packer, text.at, text.len);
}

static void put_sentence(msgpack_packer *packer, struct text text)
{
	char clean[ERROR_TEXT_SIZE];
	size_t len = text_clean(text, clean, sizeof(clean));
	put_str(packer, (struct text){.at = clean, .len = len});
}

static void put_bin(msgpack_packer *packer, struct text text)
{
	msgpack_pack_bin(packer, text.len);
	msgpack_pack_bin_body(packer, text.at, text.len);
}

static void put_map(msgpack_packer *packer, const struct message_table *table,
		    const void *message);

static void put_value(msgpack_packer *packer, const struct message_field *field,
		      const void *at)
{
	switch (field->kind) {
	case MESSAGE_UINT:
		msgpack_pack_uint64(packer, *(const uint64_t *)at);
		return;
	case MESSAGE_BOOL:
		if (*(const bool *)at)
			msgpack_pack_true(packer);
		else
			msgpack_pack_false(packer);
		return;
	case MESSAGE_STR:
		put_str(packer, *(const struct text *)at);
		return;
	case MESSAGE_SENTENCE:
		put_sentence(packer, *(const struct text *)at);
		return;
	case MESSAGE_BIN:
	case MESSAGE_PATH:
		put_bin(packer, *(const struct text *)at);
		return;
	case MESSAGE_MAP:
		put_map(packer, field->map, at);
		return;
	}
}

static void put_list(msgpack_packer *packer, const struct message_field *field,
		     const void *at)
{
	struct message_list list = list_at(at);
	msgpack_pack_array(packer, list.count);
	for (size_t i = 0; i < list.count; i++)
		put_value(packer, field,
			  member(list.items, i * message_field_size(field)));
}

static void put_map(msgpack_packer *packer, const struct message_table *table,
		    const void *message)
{
	size_t given = 0;
	for (size_t i = 0; i < table->count; i++)
		given += is_given(&table->fields[i], message);
	msgpack_pack_map(packer, given);
	for (size_t i = 0; i < table->count; i++) {
		const struct message_field *field = &table->fields[i];
		if (!is_given(field, message))
			continue;
		put_str(packer, text_of(field->key));
		if (field->list)
			put_list(packer, field, member(message, field->at));
		else
			put_value(packer, field, member(message, field->at));
	}
}

void message_encode(struct buffer *out, uint16_t type, const void *message)
{
	const struct message_table *table = message_table_of(type);
	claim(table != NULL);
	msgpack_packer packer;
	msgpack_packer_init(&packer, out, append);
	put_map(&packer, table, message);
}
