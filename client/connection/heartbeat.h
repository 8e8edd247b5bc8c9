/*
 * A heartbeat: says KEEPALIVE on a link while its owner hashes, compares or waits for a
 * disk and has nothing to say, so that the daemon does not take it for dead (PROTOCOL.md
 * §3). A thread of its own.
 */
#ifndef BATON_CLIENT_CONNECTION_HEARTBEAT_H
#define BATON_CLIENT_CONNECTION_HEARTBEAT_H

#include <stdint.h>

#include "proto/link/link.h"

struct heartbeat;

/* The link is borrowed and must not move until heartbeat_free(). NULL if no thread can be
 * started: then a long silence may end the connection, nothing worse. */
struct heartbeat *heartbeat_new(struct link *link, uint64_t interval_ms);
void heartbeat_free(struct heartbeat *heartbeat); /* NULL is fine */

#endif
