/*
 * The last words to a peer, and its end. Private to peer.c and the loop's thread.
 */
#ifndef BATON_DAEMON_LOOP_PEER_END_H
#define BATON_DAEMON_LOOP_PEER_END_H

#include "daemon/loop/peer.h"

/* Sends a small message without waiting. False: not all of it could be sent, and the
 * connection must be closed. */
bool peer_say(struct peer *peer, uint16_t type, const void *message);

/* Frees what it sent last, if no request has taken it, and wipes it: a HELLO has a token.
 */
void peer_forget_payload(struct peer *peer);

/* Adds it to all peers. */
void peer_remember(struct peers *peers, struct peer *peer);
/* Closes its handle; when that is done, and what runs for it on the pool has ended, it is
 * freed. Not one that is GIVEN. */
void peer_close(struct peer *peer);
/* For what has ended on the pool after the handle was closed (peer->left). */
void peer_free(struct peer *peer);

/* Ends a connection after its last message was sent: reads and drops for a while. */
void peer_leave(struct peer *peer);
/* One line in the log; of strangers not more than refusals.h says. */
void peer_log_refusal(const struct peer *peer, const struct error *error);
/* That, an ERROR to the peer, and peer_leave(). */
void peer_refuse(struct peer *peer, struct error *error);
/* Tells an HTTP client what this port is for. */
void peer_answer_http(struct peer *peer);

#endif
