/*
 * How much a link moves, and how long it waits for its other side to do so: written by
 * the thread that uses the link, read by any other. {0} is ready.
 */
#ifndef BATON_PROTO_LINK_METER_H
#define BATON_PROTO_LINK_METER_H

#include <stdatomic.h>
#include <stdint.h>

struct link_meter {
	_Atomic uint64_t moved;     /* bytes, as of the last wait */
	_Atomic uint64_t waited_ms; /* in waits that are over */
	_Atomic uint64_t
		since_ms; /* of clock_now_ms(): it waits since then; 0: it works */
};

struct link_pace {
	uint64_t moved;     /* bytes */
	uint64_t waited_ms; /* the present wait included */
};

/* Around a wait for the other side; moved: bytes so far. */
void link_meter_begin(struct link_meter *meter, uint64_t moved);
void link_meter_end(struct link_meter *meter);

struct link_pace link_meter_read(const struct link_meter *meter);

#endif
