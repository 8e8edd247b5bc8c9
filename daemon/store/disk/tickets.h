/*
 * Who is at work in an open store (FORMAT.md §13). Whoever may come to name bytes of it,
 * or was told of layers, holds a ticket from before it began until it has ended; tickets
 * ascend. Who gives bytes back first makes that nobody new can come by them, then waits
 * until all with an older ticket have ended. No clock has a part in it.
 *
 * Any thread. One mutex inside, which no other lock is taken under.
 */
#ifndef BATON_STORE_DISK_TICKETS_H
#define BATON_STORE_DISK_TICKETS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct tickets;

struct tickets *tickets_new(void);
void tickets_free(struct tickets *tickets); /* none is out (claimed); NULL is fine */

uint64_t tickets_take(struct tickets *tickets);
void tickets_return(struct tickets *tickets, uint64_t ticket);

/* Waits until all that were taken before this call have been returned. False: `stop` was
 * set, and tickets_wake() called. */
bool tickets_wait(struct tickets *tickets, const atomic_bool *stop);
/* Waits at most so long until none is out, or until `stop`. */
void tickets_wait_idle(struct tickets *tickets, unsigned ms, const atomic_bool *stop);
void tickets_wake(struct tickets *tickets);

#endif
