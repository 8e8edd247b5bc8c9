/*
 * Percent-encoding (RFC 3986 §2.1). Pure.
 */
#ifndef BATON_DAEMON_HTTP_SYNTAX_PERCENT_H
#define BATON_DAEMON_HTTP_SYNTAX_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"

/* Every %HH becomes its byte; a `+` stays one. Ends with a NUL, in the arena. NULL where
 * a
 * `%` has no two digits behind it, or where a byte would be NUL. */
char *percent_decode(struct arena *arena, const char *text, size_t len, size_t *ret_len);

/* Appends the bytes so that they are one segment of a path: all but what RFC 3986 calls
 * unreserved is encoded. With `keep_slash` a `/` stays, so that a path stays a path. */
void percent_encode(struct buffer *out, const char *bytes, size_t len, bool keep_slash);

#endif
