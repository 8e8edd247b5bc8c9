/*
 * By which way a peer came, and what the log calls it. Any thread.
 */
#ifndef BATON_DAEMON_LOOP_PEER_LABEL_H
#define BATON_DAEMON_LOOP_PEER_LABEL_H

#include "daemon/access/access.h"
#include "proto/transport/transport.h"

#define PEER_LABEL_SIZE 80u

/* By the socket's own kind, which stays when the peer has gone: an address may be gone
 * with it. A socket of no known kind lets nobody in without a token. */
enum proof_way peer_way(const struct transport *transport);

/* "unix uid 0", "tcp 127.0.0.1:4711", "tls …". */
void peer_label(const struct transport *transport, char ret_label[PEER_LABEL_SIZE]);

#endif
