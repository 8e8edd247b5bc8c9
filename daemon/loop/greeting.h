/*
 * How a connection begins (PROTOCOL.md §2): HELLO, WELCOME, and the answer to a client
 * that speaks another protocol. Pure.
 */
#ifndef BATON_DAEMON_LOOP_GREETING_H
#define BATON_DAEMON_LOOP_GREETING_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/access/grant/principal.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/text.h"
#include "proto/bounds.h"
#include "proto/message/message.h"

/* Whether a HELLO's payload is one that can be welcomed: ERR_PROTOCOL, ERR_VERSION. Puts
 * its token, if it has one, into an empty buffer. */
int greeting_check(const uint8_t *payload, uint32_t len, struct buffer *ret_token,
		   struct error *error);

/* What the texts of a WELCOME are borrowed from, beside the principal. */
struct greeting_words {
	char principal[NAME_LEN_MAX + 1];
	struct text grants[WELCOME_GRANTS_MAX];
	struct buffer described;
};

/* The answer. Its texts live as long as the words. */
struct msg_welcome greeting_welcome(const struct principal *principal,
				    uint64_t keepalive_ms, uint64_t silence_ms,
				    struct greeting_words *ret_words);
void greeting_words_fini(struct greeting_words *words);

/* Whether a connection that begins with these bytes speaks HTTP, and what to say then. */
bool greeting_is_http(const uint8_t first[4]);
struct text greeting_http_answer(void);

#endif
