/*
 * Rebuilding the unit index in the background, from the segments (FORMAT.md §1). What is
 * damaged is noted and left out; lookups meanwhile find what is there already.
 */
#ifndef BATON_STORE_INDEX_REBUILD_H
#define BATON_STORE_INDEX_REBUILD_H

#include <stdbool.h>

#include "daemon/store/disk/parts.h"
#include "proto/base/error.h"

struct index_rebuild;

/* Starts the thread; the store is borrowed until _stop. */
int index_rebuild_start(struct store *store, struct index_rebuild **ret_rebuild,
			struct error *error);
/* The same at once, by the caller: whatever lies in a frame that is not known to be
 * damaged gets into the store's index. */
void index_rebuild_run(struct store *store);
/* Waits until it is done. NULL is fine. */
void index_rebuild_wait(struct index_rebuild *rebuild);
/* Interrupts it where it is not done: then false. NULL gives true. */
bool index_rebuild_stop(struct index_rebuild *rebuild);
/* NULL is done. */
bool index_rebuild_is_done(struct index_rebuild *rebuild);

#endif
