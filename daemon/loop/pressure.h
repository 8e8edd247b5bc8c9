/*
 * What the loop does when places run short (rule A11): who holds one without using it
 * makes room. While nobody waits nobody is asked to.
 */
#ifndef BATON_DAEMON_LOOP_PRESSURE_H
#define BATON_DAEMON_LOOP_PRESSURE_H

#include <stdbool.h>

#include "daemon/loop/peer.h"

/* A connection wants in, and all are taken: closes the one that has been idle between
 * requests for longest. False: there is none. */
bool pressure_make_room(struct peers *peers);

/* Called a few times a second. While requests wait for a worker, or for memory
 * that it holds, ends those that moved
 * less than config->min_rate over the last config->min_rate_over_ms that they waited for
 * their own side; their time at work, and KEEPALIVEs, are not counted. */
void pressure_tick(struct peers *peers);

#endif
