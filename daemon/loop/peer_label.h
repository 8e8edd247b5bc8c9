/*
 * What the log calls the other side of a connection. Any thread.
 */
#ifndef BATON_DAEMON_LOOP_PEER_LABEL_H
#define BATON_DAEMON_LOOP_PEER_LABEL_H

#include <stdbool.h>

#include "proto/transport/transport.h"

#define PEER_LABEL_SIZE 80u

/* "unix uid 0", "tcp 127.0.0.1:4711", "tls …". Returns whether it is a Unix socket. */
bool peer_label(const struct transport *transport, char ret_label[PEER_LABEL_SIZE]);

#endif
