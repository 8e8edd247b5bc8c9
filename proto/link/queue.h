/*
 * The messages that wait for a link to take them. Private to the files of proto/link;
 * what others may do with it, link_queue() and link_flush(), stands in link.h.
 */
#ifndef BATON_PROTO_LINK_QUEUE_H
#define BATON_PROTO_LINK_QUEUE_H

#include "proto/link/link.h"

/* Whether answers are queued, or the transport has some of them that the kernel has not.
 */
bool link_waiting(const struct link *link);

/* Sends what the transport takes of the queue without waiting. A broken connection
 * empties the queue and tears the sending half; what the peer had sent can still be
 * received. */
void link_push(struct link *link);

#endif
