/*
 * Files that the stat record knows: their units are taken from it, unread. Units of the
 * base are cited as they are; others are asked about like any, and read if the daemon
 * lacks them. Any thread.
 */
#ifndef BATON_CLIENT_CONTENT_RECALL_H
#define BATON_CLIENT_CONTENT_RECALL_H

#include "client/content/batch.h"
#include "client/content/reading.h"

enum recalled {
	RECALLED, /* its units are known, and are in the batch as far as they are new */
	RECALL_FULL, /* they do not fit any more */
	RECALL_READ, /* it is to be read like others */
};

/* Takes the units of a file from the stat record. */
enum recalled recall_file(struct reading *reading, uint32_t entry, struct batch *batch);

/* Whether the daemon has a recalled unit; <0: an error. */
int recall_answered(struct reading *reading, const struct batch_unit *unit,
		    const uint8_t *candidates, uint8_t count, struct error *error);

/* What one answer of the daemon has said so far of recalled units. */
struct recall_count {
	uint32_t recalled, lacked;
	uint32_t entry; /* the latest of which a unit was lacked */
};

/* Counts one more. If the daemon lacks a unit of a file, the file is read after all; if
 * it lacks most of them, so are all files to come. */
void recall_count(struct reading *reading, struct recall_count *count,
		  const struct batch_unit *unit, bool is_held);

#endif
