#include "daemon/service/room.h"

#include "proto/machine/descriptor_limit.h"

/* Descriptors that connections leave to what runs: the store's files, and for each
 * request its wake-up, its wait for memory and the segments that it reads. */
#define DESCRIPTORS_KEPT 128u
#define DESCRIPTORS_OF_REQUEST 4u

uint64_t room_for_connections(uint64_t wanted, uint64_t requests)
{
	uint64_t limit = descriptor_limit();
	uint64_t kept = DESCRIPTORS_KEPT + DESCRIPTORS_OF_REQUEST * requests;
	uint64_t room = limit / 2 > kept ? limit - kept : limit / 2;
	return wanted < room ? wanted : room;
}
