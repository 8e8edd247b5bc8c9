/*
 * The store: one data directory, its lock, its three parts (FORMAT.md).
 *
 * What sessions use: store_open/_close here, transaction.h to persist, layer/reader.h to
 * read, catalogue.h for what exists. Any thread, except store_open and store_close.
 */
#ifndef BATON_STORE_STORE_H
#define BATON_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/io.h"
#include "proto/base/error.h"

struct store;

struct store_options {
	const char *directory; /* borrowed during the call; created (0700) if missing,
				* with its parents */
	const struct io *io;   /* borrowed for the store's life; NULL: io_system */
	uint64_t segment_len;  /* seal at this length; 0: 128 MiB */
	bool reads_only;       /* changes nothing, not even what recovery would: check */
	bool may_mark; /* with it: but for `damaged`, so that nobody reads beside */
	/* Told once, from any thread, when a failed write or sync has made the store
	 * read-only: the daemon ends itself. */
	void (*on_failure)(void *context, const char *sentence);
	void *context;
	/* Told of what is worth a line in the log: recovery, rebuilt index. May be NULL.
	 */
	void (*on_note)(void *context, const char *sentence);
};

/* Opens and recovers (FORMAT.md §1). A catalogue that has forgotten is opened all the
 * same, to read from (store_refusal). ERR_BUSY "another batond (process N) uses DIR";
 * ERR_VERSION; ERR_DAMAGED; ERR_LOCAL. */
int store_open(const struct store_options *options, struct store **ret_store,
	       struct error *error);
/* Seals nothing, syncs the unit index, writes the clean mark, closes. NULL is fine. All
 * transactions and readers must have ended (claimed). */
int store_close(struct store *store, struct error *error);

/* Whoever shows layers, reads or persists is in the store from before it looks until it
 * has ended: what it was told of is not removed meanwhile. Returns what to leave with. */
uint64_t store_enter(struct store *store);
void store_leave(struct store *store, uint64_t ticket);

/* Waits until the unit index is whole, where it has to be rebuilt. */
void store_await_index(struct store *store);

struct catalogue *store_catalogue(struct store *store); /* borrowed */
bool store_is_read_only(struct store *store);
/* Device and inode of the data directory, then of the one that it lies in, and so on up
 * to the root or until there is no room for two more. Returns how many numbers. */
size_t store_ancestry(const struct store *store, uint64_t *ret_numbers, size_t room);
/* Why no change is taken, though nothing has failed: ERR_DAMAGED, the catalogue has
 * forgotten what was acknowledged (forgotten.h); code 0 where changes are taken. What can
 * be read may lack something then. Borrowed; the same until store_close. */
const struct error *store_refusal(const struct store *store);
/* For what is not found: ERR_DAMAGED where the catalogue may only have forgotten it, else
 * the error as it is. Returns its code. */
int store_not_found(const struct store *store, struct error *error);

struct store_figures {
	struct catalogue_figures catalogue;
	uint64_t stored_bytes; /* of segment files */
	uint64_t free_bytes;   /* of the file system, for us */
	uint64_t units_indexed;
	bool index_ready; /* false while it is being rebuilt */
	bool read_only;
};
/* How many frames are marked as damaged (FORMAT.md §8). */
uint64_t store_damaged_frames(struct store *store);
int store_figures(struct store *store, struct store_figures *ret_figures,
		  struct error *error);

#endif
