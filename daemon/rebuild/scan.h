/*
 * What segment files say by themselves: whose they are, where their frames end, and which
 * layers were committed in them. One thread.
 */
#ifndef BATON_DAEMON_REBUILD_SCAN_H
#define BATON_DAEMON_REBUILD_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/store/catalogue/catalogue.h"
#include "daemon/store/disk/parts.h"
#include "daemon/store/disk/stamp.h"
#include "daemon/store/facts/facts.h"
#include "daemon/store/segment/holes.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* A commit frame. */
struct scanned_layer {
	struct stamp_mark mark;
	struct layer_facts facts;  /* owned; id 0: it tells of no layer */
	struct segment_id segment; /* where the frame is */
	size_t file;               /* position in files */
	uint8_t *bytes;            /* owned; what facts borrow from */
};

struct scanned_file {
	struct segment_row row;
	struct holes holes; /* owned */
	uint64_t frames;    /* sound ones */
	uint64_t damaged;   /* times that no frame was where one should be */
	bool is_spare;      /* another file is the same segment, and has more */
};

struct segment_scan {
	struct scanned_file *files; /* owned; ascending by name */
	size_t file_count, file_room;
	struct scanned_layer *layers; /* owned; in the order of files and frames */
	size_t layer_count, layer_room;
};

/* Reads all files in segments/ of a store whose descriptors are open. What cannot be read
 * as a segment is noted by way of store->health and left out. ERR_LOCAL, ERR_NO_MEMORY.
 */
int scan_run(struct store *store, struct segment_scan *ret_scan, struct error *error);
void scan_fini(struct segment_scan *scan);

#endif
