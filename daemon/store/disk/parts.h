/*
 * What the modules of the store share of an open one. Not for sessions.
 */
#ifndef BATON_STORE_DISK_PARTS_H
#define BATON_STORE_DISK_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/io.h"
#include "daemon/store/index/index.h"
#include "daemon/store/segment/damage.h"
#include "daemon/store/segment/table.h"
#include "daemon/store/store.h"

struct index_rebuild;

struct store {
	const struct io *io;            /* borrowed */
	struct store_options options;   /* its directory is owned */
	char *directory;                /* owned */
	int directory_fd;               /* owned */
	int segments_fd;                /* owned */
	int lock_fd;                    /* owned; holds the lock */
	struct catalogue *catalogue;    /* owned */
	struct segment_table *segments; /* owned */
	struct unit_index *units;       /* owned */
	struct index_rebuild *rebuild;  /* owned; NULL where none was needed */
	struct damage *damage;          /* owned */
	atomic_bool failed;
	atomic_bool lost_copies; /* a damaged one was found: the index names one of a
				  * unit's copies, and may have named that */
	bool format_is_older; /* `format` is to be raised before anything is changed */
	bool frozen;          /* the catalogue was opened to read: nothing is changed */
	struct error refusal; /* why, where options do not say so; code 0 */
};

/* ERR_READ_ONLY once a write has failed, else 0. */
int store_check_writable(struct store *store, struct error *error);

/* Makes the store read-only and tells options.on_failure of the first failure. Returns
 * error->code, untouched. */
int store_fail(struct store *store, struct error *error);

/* The same when the catalogue has become read-only, or a written segment could not be
 * closed; else nothing. Returns error->code. */
int store_fail_if_broken(struct store *store, struct error *error);

/* A line for the log. */
void store_note(const struct store *store, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
