/*
 * Waiting, shared by the sending and the receiving half of a link. Private to the files
 * of proto/link.
 */
#ifndef BATON_PROTO_LINK_WAIT_H
#define BATON_PROTO_LINK_WAIT_H

#include "proto/link/link.h"

/* Waits for the events of poll(), or only for the end of the connection where there are
 * none. Returns the socket's revents (> 0), 0 after timeout_ms, ERR_INTERRUPTED when
 * woken. */
int link_poll(struct link *link, short events, int timeout_ms, struct error *error);

/* link_poll() within silence_ms; never 0, but ERR_TIMEOUT. */
int link_await(struct link *link, short events, struct error *error);

/* ERR_INTERRUPTED if the wake-up is readable now, so that a peer that never pauses
 * cannot keep this side from stopping; else 0. */
int link_woken(struct link *link, struct error *error);

/* The sentence for a failed call on the socket. Returns ERR_LOST. */
int link_lost(const struct link *link, int error_number, struct error *error);

#endif
