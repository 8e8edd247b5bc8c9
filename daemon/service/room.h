/*
 * How many connections there are descriptors for. Any thread.
 */
#ifndef BATON_DAEMON_SERVICE_ROOM_H
#define BATON_DAEMON_SERVICE_ROOM_H

#include <stdint.h>

/* As many as are wanted, and half of the descriptors for sure, where so many requests may
 * run: what there is none for could not be accepted, and idle ones would keep newcomers
 * out without making room. */
uint64_t room_for_connections(uint64_t wanted, uint64_t requests);

#endif
