/*
 * One attach into DIR after the other. Two that write at the same time would each have
 * replaced and deleted what the other had put there, and none of them would have its view
 * at its end.
 */
#ifndef BATON_CLIENT_DESTINATION_TURN_H
#define BATON_CLIENT_DESTINATION_TURN_H

#include "client/destination/internal.h"

/* Holds DIR, by flock() on a descriptor of it, until that is closed. While another attach
 * holds it waits, and says so. What is not told to be an attach by its stage (stage.h)
 * has turn_wait_ms: it may be a script that holds the lock around this very command.
 * Where a file system has no such lock all is looked at again in the end. */
int turn_take(struct destination *dest, int directory_fd, struct error *error);

#endif
