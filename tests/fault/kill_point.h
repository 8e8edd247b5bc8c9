/*
 * Places in the life of a store at which its process is killed: before or behind the n-th
 * call of a kind. The table belongs to the process, which dies of it.
 */
#ifndef BATON_TESTS_KILL_POINT_H
#define BATON_TESTS_KILL_POINT_H

#include <stdint.h>

#include "daemon/store/disk/io.h"

enum kill_point {
	KILL_NOWHERE,
	KILL_BEFORE_A_SEGMENT_IS_MADE,
	KILL_BEHIND_A_SEGMENT_IS_MADE,
	KILL_IN_A_WRITE_TO_A_SEGMENT, /* a part of it is there */
	KILL_BEFORE_A_SEGMENT_IS_SYNCED,
	KILL_BEFORE_THE_NAMES_ARE_SYNCED,
	KILL_IN_A_WRITE_TO_THE_LOG,
	KILL_BEFORE_THE_LOG_IS_SYNCED,
	KILL_BEHIND_THE_LOG_IS_SYNCED,
	KILL_BEFORE_THE_STAMP,
	KILL_BEFORE_A_FILE_IS_UNLINKED,
	KILL_AT_ANY_CHANGE,
	KILL_POINTS,
};

const char *kill_point_name(enum kill_point point);
/* So many calls of it a load comes to soon. */
uint32_t kill_point_calls(enum kill_point point);

/* The system's table, which ends the process there. Once in a process. */
const struct io *kill_point_table(enum kill_point point, uint32_t nth);

#endif
