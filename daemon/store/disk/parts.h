/*
 * What the modules of the store share of an open one: its parts, which store.c opens and
 * closes, and its files. Not for sessions.
 */
#ifndef BATON_STORE_DISK_PARTS_H
#define BATON_STORE_DISK_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/disk/health.h"
#include "daemon/store/disk/io.h"

struct catalogue;
struct damage;
struct tickets;
struct index_rebuild;
struct segment_table;
struct index;

struct store {
	const struct io *io; /* borrowed */
	struct health health;
	char *directory;      /* owned; its path */
	uint64_t segment_len; /* segments are sealed at this length */
	bool reads_only;      /* opened to change nothing, not even to recover */
	bool format_is_older; /* `format` is to be raised before anything is changed */
	bool frozen;          /* the catalogue was opened to read: nothing is changed */
	int directory_fd;     /* owned */
	int segments_fd;      /* owned */
	int lock_fd;          /* owned; holds the lock */
	/* All owned. */
	struct catalogue *catalogue;
	struct segment_table *segments;
	struct index *units;
	struct index_rebuild *rebuild; /* NULL where none was needed */
	struct damage *damage;
	struct tickets *tickets; /* of all that read it or write to it */
	/* A damaged copy was found: the index names one of a unit's copies, and may have
	 * named that. */
	atomic_bool lost_copies;
};

#endif
