/*
 * How a connection begins (PROTOCOL.md §2): HELLO, WELCOME, and the answer to a client
 * that speaks another protocol. Pure.
 */
#ifndef BATON_DAEMON_LOOP_GREETING_H
#define BATON_DAEMON_LOOP_GREETING_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/base/text.h"
#include "proto/message/message.h"

/* Whether a HELLO's payload is one that can be welcomed: ERR_PROTOCOL, ERR_VERSION. */
int greeting_check(const uint8_t *payload, uint32_t len, struct error *error);

/* The answer; its lists are static. */
struct msg_welcome greeting_welcome(uint64_t keepalive_ms, uint64_t silence_ms);

/* Whether a connection that begins with these bytes speaks HTTP, and what to say then. */
bool greeting_is_http(const uint8_t first[4]);
struct text greeting_http_answer(void);

#endif
