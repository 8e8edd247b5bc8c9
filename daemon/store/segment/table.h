/*
 * The segments of an open store, in memory: which there are, who has them pinned, who may
 * append to them.
 *
 * A *pin* keeps a segment's file open, and so its bytes readable, whatever happens to its
 * name: a move unlinks the old file at once, and its blocks go when the last pin ends.
 * A *lease* makes its holder the one writer of a segment; it is a pin too. Appended to
 * are segments that this process created, and those that recovery found to end where the
 * catalogue says (FORMAT.md §1).
 *
 * Open are the files that are pinned, and of those that may be appended to the latest
 * SEGMENTS_KEPT_OPEN: the number of namespaces costs no descriptors.
 *
 * Any thread. One mutex inside, which no other lock is taken under.
 */
#ifndef BATON_STORE_SEGMENT_TABLE_H
#define BATON_STORE_SEGMENT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/io.h"
#include "daemon/store/segment/holes.h"
#include "proto/base/error.h"

/* Files that are open though nobody has them pinned: so many namespaces may take turns
 * before a persist has to open its segment anew. */
#define SEGMENTS_KEPT_OPEN 16u

struct segment_table;

struct segment {
	struct segment_id id;
	int64_t namespace_id;
	char location[64];  /* file name below segments/ */
	struct holes holes; /* what is not in the file; constant */
	int fd;             /* owned; -1 while closed */
	/* What follows is the table's, under its mutex. */
	enum segment_state state;
	uint64_t vouched; /* bytes that committed layers may refer to */
	uint64_t charged; /* bytes that its namespace is charged for it: these, and what
			   * its writer may write beyond them */
	uint32_t pins;
	bool created;    /* or adopted: its descriptor writes */
	bool leased;     /* it has its one writer */
	bool appendable; /* created here, or adopted, and not sealed */
	bool current;    /* false: moved away or dropped; gone with its last pin */
	bool closed;     /* nothing in it is offered: it is being looked through */
};

/* For sendfile: the descriptor, borrowed, and where the bytes of this offset lie behind
 * it. */
int segment_fd(const struct segment *segment);
uint64_t segment_place(const struct segment *segment, uint64_t offset);
/* Reads what lies at an offset, in no hole. 0, or -1 with errno, 0 beyond the end. */
int segment_read(const struct io *io, const struct segment *segment, void *ret_data,
		 size_t len, uint64_t offset);

/* `io` and the descriptor of segments/ are borrowed for the table's life. */
struct segment_table *segment_table_new(const struct io *io, int segments_fd);
/* Closes what is open. Nothing may be pinned (claimed). NULL is fine. Returns what
 * segment_table_close_errno would. */
int segment_table_free(struct segment_table *table);
/* The errno of the first close of a written segment that failed; 0: none did. */
int segment_table_close_errno(const struct segment_table *table);

/* Lets an open one of an earlier process, whose file ends where the catalogue's promise
 * ends, be appended to. */
void segment_table_adopt(struct segment_table *table, const struct segment_id *id);

/* Adds one that the catalogue knows. */
void segment_table_add(struct segment_table *table, const struct segment_row *row,
		       const struct holes *holes);

/* Pins the segment of that id: *ret_segment stays valid and open until unpinned.
 * ERR_DAMAGED for one that is missing or marked damaged; ERR_LOCAL. */
int segment_table_pin(struct segment_table *table, const struct segment_id *id,
		      struct segment **ret_segment, struct error *error);
/* The namespace of a segment, be it there or not. ERR_DAMAGED for an unknown one. */
int segment_table_namespace(struct segment_table *table, const struct segment_id *id,
			    int64_t *ret_namespace_id, struct error *error);
void segment_table_pin_again(struct segment_table *table, struct segment *segment);
void segment_table_unpin(struct segment_table *table, struct segment *segment);

/* Leases a segment of the namespace that may be appended to: true; false if there is
 * none, or none that can be opened. */
bool segment_table_lease(struct segment_table *table, int64_t namespace_id,
			 struct segment **ret_segment);
/* Makes a file with a random id and leases it; its name is not durable yet. ERR_LOCAL,
 * ERR_NO_ROOM. */
int segment_table_create(struct segment_table *table, int64_t namespace_id,
			 struct segment **ret_segment, struct error *error);
/* Ends a lease; `appendable`: others may lease it. */
void segment_table_return(struct segment_table *table, struct segment *segment,
			  bool appendable);
/* Ends the lease of a segment that the catalogue never knew; it is unlinked unless
 * `keep_file`. */
void segment_table_drop(struct segment_table *table, struct segment *segment,
			bool keep_file);
/* Leases this very segment, for sealing and moving: ERR_BUSY when it has a writer. It
 * must be pinned by the caller. */
int segment_table_lease_pinned(struct segment_table *table, struct segment *segment,
			       struct error *error);

/* Lets the writer of a leased segment write up to `end`: charges the namespace for it at
 * once, so that all who write together keep its quota. What is not vouched for when the
 * lease ends is given back. ERR_QUOTA: nothing is charged. */
int segment_table_reserve(struct segment_table *table, struct segment *segment,
			  uint64_t end, struct error *error);
/* How many bytes the namespace may have stored from now on; 0: no limit. What is stored
 * beyond it already stays. */
void segment_table_set_quota(struct segment_table *table, int64_t namespace_id,
			     uint64_t quota);
/* What it is charged: bytes that are vouched for, and those that are being written. */
uint64_t segment_table_charged(struct segment_table *table, int64_t namespace_id);

/* What the catalogue was made to say: length, state. */
void segment_table_vouch(struct segment_table *table, struct segment *segment,
			 uint64_t vouched, enum segment_state state);
uint64_t segment_table_vouched(struct segment_table *table, struct segment *segment);
/* A copy of what the table says of it, as a row of the catalogue. */
struct segment_row segment_table_row(struct segment_table *table,
				     struct segment *segment);

/* From now on the id means the file that the row names, with these holes; who has the old
 * one pinned keeps it. An open one may be appended to. The old file's name is unlinked;
 * -1 and errno where that failed. The segment must be leased. */
int segment_table_replace(struct segment_table *table, struct segment *segment,
			  const struct segment_row *row, const struct holes *holes);

/* A leased segment of which nothing is offered any more from now on, until it is open
 * again; and whether it is. One that was moved away or dropped stays closed. What was
 * offered before stays so: see tickets.h. */
void segment_table_close(struct segment_table *table, struct segment *segment);
void segment_table_reopen(struct segment_table *table, struct segment *segment);
bool segment_table_is_closed(struct segment_table *table, const struct segment *segment);

/* The rows of all, ascending by id; owned by the caller (free). */
struct segment_row *segment_table_rows(struct segment_table *table, size_t *ret_count);

#endif
