/*
 * What the machine's clocks say. A clock of the wall may stand wrong at any moment and be
 * set at any other, so the store counts by how long the machine has been up; clocks.c is
 * where the operating system is asked, by way of `struct io`, so that tests set clocks.
 */
#ifndef BATON_STORE_DISK_CLOCKS_H
#define BATON_STORE_DISK_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>

struct clocks {
	uint64_t boot;     /* which start of the machine; 0: it cannot be told */
	int64_t uptime_ms; /* since that start, also while it was suspended; goes forward
			    */
	int64_t awake_ms;  /* the same, but for while it was suspended */
	int64_t wall_ms;   /* since 1970 */
};

/* The same in all time namespaces of the machine, which show each its own uptime. Any
 * thread. */
void clocks_read(struct clocks *ret_clocks);
/* Whether the kernel knows that something keeps the wall's clock right (NTP, PTP); it
 * forgets so when the clock is set by hand. Any thread. */
bool clocks_synchronised(void);

#endif
