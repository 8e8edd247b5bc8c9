/*
 * The tables that message.c encodes and decodes by: for each message, and each map inside
 * one, its fields. The encoder writes them in this order, the decoder accepts these keys,
 * kinds and limits.
 *
 * Private to message*.c. Constant data, no thread affinity.
 */
#ifndef BATON_PROTO_MESSAGE_TABLE_H
#define BATON_PROTO_MESSAGE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message/message.h"

enum message_kind {
	MESSAGE_UINT,     /* uint64_t */
	MESSAGE_BOOL,     /* bool */
	MESSAGE_STR,      /* struct text: clean */
	MESSAGE_SENTENCE, /* struct text: clean, longer than a name */
	MESSAGE_BIN,      /* struct text: any bytes */
	MESSAGE_PATH,     /* struct text: any bytes but NUL, sent as bin */
	MESSAGE_MAP,      /* the struct of `map` */
};

struct message_table;

struct message_field {
	const char *key;
	enum message_kind kind;
	bool list;            /* `at` has a message_list of them */
	bool required;        /* the key must be there; always encoded */
	bool filled;          /* a text must have bytes */
	bool unclean;         /* a sentence is accepted as it comes */
	uint32_t len_exact;   /* bytes of a text; 0: up to its limit */
	uint32_t len_max;     /* bytes of a text; 0: the limit of its kind */
	uint32_t entries_max; /* of a list; 0: as many as a message may have objects */
	size_t at;            /* offset in the struct */
	size_t has; /* of the bool that says whether a map is there; 0: always */
	const struct message_table *map;
};

struct message_table {
	const char *prefix; /* of its keys in sentences: "layer." */
	const struct message_field *fields;
	size_t count; /* at most 64 */
	size_t size;  /* of the struct, bytes */
};

/* What every list of message.h looks like; copied in and out, never cast onto. */
struct message_list {
	void *items;
	size_t count;
};

/* The table of a control message; NULL for bulk and unknown types. */
const struct message_table *message_table_of(uint16_t type);

/* Bytes that one value of the field takes in memory, also inside a list. */
size_t message_field_size(const struct message_field *field);

/* Checks depth, objects, lengths and the end of a control message's payload. name: of the
 * message, for the sentence. ERR_PROTOCOL. */
int message_validate(const char *name, const void *payload, size_t len,
		     struct error *error);

#endif
