/*
 * A client that is told what to do by the bytes of an input: it makes the messages of one
 * session, in which pieces have the names of their bytes and rows have an order, so that
 * a fuzzer gets as far as a commit, and then bends what it likes of them.
 */
#ifndef BATON_TESTS_FUZZ_SCRIPT_H
#define BATON_TESTS_FUZZ_SCRIPT_H

#include "proto/base/bytes.h"
#include "proto/bounds.h"
#include "proto/message/message.h"

#define SCRIPT_LISTS_MAX 4u

/* What one session is: the request that begins it, and all that the client says after. */
struct script {
	uint16_t type;         /* of the request */
	uint8_t asker;         /* enum world_asker, modulo how many there are */
	struct buffer request; /* owned; its payload */
	struct buffer said;    /* owned; messages with their headers */
};

/* What sessions of one input know of those before. */
struct script_memory {
	const char *namespace;          /* borrowed */
	char layer[LAYER_ID_TEXT_SIZE]; /* of the last commit; "": none */
};

/* Reads one session; an input that ends is one that says no more. */
void script_read(struct reader *in, const struct script_memory *memory,
		 struct script *ret_script);
void script_fini(struct script *script);

#endif
