/*
 * Names in a `Host` header. Pure.
 */
#ifndef BATON_DAEMON_HTTP_SYNTAX_HOST_NAME_H
#define BATON_DAEMON_HTTP_SYNTAX_HOST_NAME_H

#include <stdbool.h>

#include "proto/base/text.h"

/* Whether it names loopback: `localhost`, a name that ends with `.localhost` (RFC 6761
 * §6.3), 127.0.0.0/8, ::1; with or without a port. */
bool host_name_is_loopback(struct text host);

#endif
