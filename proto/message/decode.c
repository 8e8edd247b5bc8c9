/* Msgpack maps to structs, driven by the tables of message.c. */
#include <msgpack.h>
#include <string.h>

#include "proto/bounds.h"
#include "proto/message/message.h"
#include "proto/message/table.h"

/* One payload on its way in. */
struct decoding {
	const char *name; /* "PERSIST" */
	msgpack_zone *zone;
	struct error *error;
};

/* Where a value stands, for sentences and limits. */
struct place {
	const struct message_table *table;
	const struct message_field *field;
};

static int refuse(const struct decoding *decoding, struct place place, const char *why)
{
	return error_set(decoding->error, ERR_PROTOCOL, "%s: `%s%s` %s", decoding->name,
			 place.table->prefix, place.field->key, why);
}

static void *member(void *message, size_t offset)
{
	return (uint8_t *)message + offset;
}

static size_t longest(const struct message_field *field)
{
	if (field->len_max > 0)
		return field->len_max;
	switch (field->kind) {
	case MESSAGE_STR:
		return NAME_LEN_MAX;
	case MESSAGE_SENTENCE:
		return ERROR_TEXT_SIZE - 1;
	default:
		return CONTROL_LEN_MAX;
	}
}

static int check_text(const struct decoding *decoding, struct place place,
		      struct text text)
{
	const struct message_field *field = place.field;
	bool is_str = field->kind == MESSAGE_STR || field->kind == MESSAGE_SENTENCE;
	if (field->len_exact > 0 && text.len != field->len_exact)
		return refuse(decoding, place, "has the wrong length");
	if (text.len > longest(field))
		return refuse(decoding, place, "is too long");
	if (field->filled && text.len == 0)
		return refuse(decoding, place, "is empty");
	if (is_str && !field->unclean && !text_is_clean(text))
		return refuse(decoding, place, "is not UTF-8 without control characters");
	if (field->kind == MESSAGE_PATH && text.len > 0 && memchr(text.at, 0, text.len))
		return refuse(decoding, place, "has a NUL in it");
	return 0;
}

static int read_str(const struct decoding *decoding, struct place place,
		    const msgpack_object *object, struct text *ret_text)
{
	if (object->type != MSGPACK_OBJECT_STR)
		return refuse(decoding, place, "is not a str");
	struct text text = {.at = object->via.str.ptr, .len = object->via.str.size};
	*ret_text = text;
	return check_text(decoding, place, text);
}

static int read_bin(const struct decoding *decoding, struct place place,
		    const msgpack_object *object, struct text *ret_text)
{
	if (object->type != MSGPACK_OBJECT_BIN)
		return refuse(decoding, place, "is not a bin");
	struct text text = {.at = object->via.bin.ptr, .len = object->via.bin.size};
	*ret_text = text;
	return check_text(decoding, place, text);
}

static int read_uint(const struct decoding *decoding, struct place place,
		     const msgpack_object *object, uint64_t *ret_value)
{
	if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return refuse(decoding, place, "is not a uint");
	*ret_value = object->via.u64;
	return 0;
}

static int read_bool(const struct decoding *decoding, struct place place,
		     const msgpack_object *object, bool *ret_value)
{
	if (object->type != MSGPACK_OBJECT_BOOLEAN)
		return refuse(decoding, place, "is not a bool");
	*ret_value = object->via.boolean;
	return 0;
}

static int read_map(const struct decoding *decoding, const struct message_table *table,
		    const msgpack_object_map *map, void *ret_message);

static int read_value(const struct decoding *decoding, struct place place,
		      const msgpack_object *object, void *ret_value)
{
	switch (place.field->kind) {
	case MESSAGE_UINT:
		return read_uint(decoding, place, object, ret_value);
	case MESSAGE_BOOL:
		return read_bool(decoding, place, object, ret_value);
	case MESSAGE_STR:
	case MESSAGE_SENTENCE:
		return read_str(decoding, place, object, ret_value);
	case MESSAGE_BIN:
	case MESSAGE_PATH:
		return read_bin(decoding, place, object, ret_value);
	case MESSAGE_MAP:
		break;
	}
	if (object->type != MSGPACK_OBJECT_MAP)
		return refuse(decoding, place, "is not a map");
	return read_map(decoding, place.field->map, &object->via.map, ret_value);
}

static int read_list(const struct decoding *decoding, struct place place,
		     const msgpack_object *object, void *ret_list)
{
	if (object->type != MSGPACK_OBJECT_ARRAY)
		return refuse(decoding, place, "is not an array");
	const msgpack_object_array *array = &object->via.array;
	if (place.field->entries_max > 0 && array->size > place.field->entries_max)
		return refuse(decoding, place, "has too many entries");
	if (array->size == 0)
		return 0;
	size_t size = message_field_size(place.field);
	struct message_list list = {.count = array->size};
	list.items = msgpack_zone_malloc(decoding->zone, list.count * size);
	if (!list.items)
		return error_set(decoding->error, ERR_NO_MEMORY, "%s: no memory for `%s`",
				 decoding->name, place.field->key);
	memset(list.items, 0, list.count * size);
	for (size_t i = 0; i < list.count; i++) {
		int err = read_value(decoding, place, &array->ptr[i],
				     member(list.items, i * size));
		if (err < 0)
			return err;
	}
	memcpy(ret_list, &list, sizeof(list));
	return 0;
}

/* PROTOCOL.md §1, growth: unknown keys are ignored unless they begin with '!'. */
static int check_unknown(const struct decoding *decoding,
			 const struct message_table *table, struct text key)
{
	if (key.len == 0 || key.at[0] != '!')
		return 0;
	char shown[64];
	text_clean(key, shown, sizeof(shown));
	return error_set(
		decoding->error, ERR_PROTOCOL,
		"%s: has the critical key `%s%s`, which this version does not know",
		decoding->name, table->prefix, shown);
}

static const struct message_field *field_of(const struct message_table *table,
					    struct text key)
{
	for (size_t i = 0; i < table->count; i++) {
		if (text_is(key, table->fields[i].key))
			return &table->fields[i];
	}
	return NULL;
}

static int read_pair(const struct decoding *decoding, const struct message_table *table,
		     const msgpack_object_kv *pair, void *ret_message, uint64_t *seen)
{
	if (pair->key.type != MSGPACK_OBJECT_STR)
		return error_set(decoding->error, ERR_PROTOCOL,
				 "%s: has a key that is not a str", decoding->name);
	struct text key = {.at = pair->key.via.str.ptr, .len = pair->key.via.str.size};
	const struct message_field *field = field_of(table, key);
	if (!field)
		return check_unknown(decoding, table, key);
	struct place place = {.table = table, .field = field};
	uint64_t bit = UINT64_C(1) << (field - table->fields);
	if (*seen & bit)
		return refuse(decoding, place, "is there twice");
	*seen |= bit;
	if (field->kind == MESSAGE_MAP && field->has > 0)
		*(bool *)member(ret_message, field->has) = true;
	void *value = member(ret_message, field->at);
	return field->list ? read_list(decoding, place, &pair->val, value)
			   : read_value(decoding, place, &pair->val, value);
}

static int read_map(const struct decoding *decoding, const struct message_table *table,
		    const msgpack_object_map *map, void *ret_message)
{
	uint64_t seen = 0;
	for (uint32_t i = 0; i < map->size; i++) {
		int err = read_pair(decoding, table, &map->ptr[i], ret_message, &seen);
		if (err < 0)
			return err;
	}
	for (size_t i = 0; i < table->count; i++) {
		struct place place = {.table = table, .field = &table->fields[i]};
		if (place.field->required && !(seen & UINT64_C(1) << i))
			return refuse(decoding, place, "is required and missing");
	}
	return 0;
}

/* The payload is valid, so what msgpack-c reserves is bounded by CONTROL_OBJECTS_MAX. */
static int unpack(struct message_memory *memory, const struct decoding *decoding,
		  const void *payload, size_t len, msgpack_object *ret_object)
{
	size_t offset = 0;
	if (!decoding->zone || msgpack_unpack(payload, len, &offset, memory->zone,
					      ret_object) != MSGPACK_UNPACK_SUCCESS)
		return error_set(decoding->error, ERR_NO_MEMORY,
				 "%s: no memory to unpack it", decoding->name);
	if (ret_object->type != MSGPACK_OBJECT_MAP)
		return error_set(decoding->error, ERR_PROTOCOL, "%s: is not a map",
				 decoding->name);
	return 0;
}

int message_decode(struct message_memory *memory, uint16_t type, const void *payload,
		   size_t len, void *ret_message, struct error *error)
{
	const struct message_table *table = message_table_of(type);
	claim(table != NULL);
	memset(ret_message, 0, table->size);
	int err = message_validate(message_type_name(type), payload, len, error);
	if (err < 0)
		return err;
	if (!memory->zone)
		memory->zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE);
	struct decoding decoding = {
		.name = message_type_name(type),
		.zone = memory->zone,
		.error = error,
	};
	msgpack_object object;
	err = unpack(memory, &decoding, payload, len, &object);
	if (err == 0)
		err = read_map(&decoding, table, &object.via.map, ret_message);
	if (err < 0)
		memset(ret_message, 0, table->size);
	return err;
}

void message_memory_fini(struct message_memory *memory)
{
	if (memory->zone)
		msgpack_zone_free(memory->zone);
	memory->zone = NULL;
}
