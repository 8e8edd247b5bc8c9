/*
 * Whether the catalogue has forgotten what was acknowledged: a damaged or lost end of its
 * log, or an older copy put back, look like a store in which less was done, and what lies
 * in the segments beyond it like persists that were never acknowledged.
 *
 * Who remembers: the stamp (stamp.h), the log behind its end (ends.h), and the commit
 * frames (commit_frame.h) in bytes that the catalogue does not vouch for. Each says how
 * far the catalogue had come; a larger number than its own, or the name of another
 * catalogue, is damage, and nothing is cut off, deleted or written then (FORMAT.md §1).
 * Without one it is a torn tail. A file that no row names, and that names another
 * catalogue, was brought here where all of this one's segments are there: then it is
 * left, and all else goes on.
 */
#ifndef BATON_STORE_FORGOTTEN_H
#define BATON_STORE_FORGOTTEN_H

#include "daemon/store/disk/parts.h"
#include "daemon/store/survey.h"
#include "proto/base/error.h"

/* Reads what is not vouched for and compares it with store->catalogue: ERR_DAMAGED and
 * the sentence in *ret_refusal where that has forgotten, code 0 where it has not. Sets
 * survey->unsure where something cannot be read, survey->foreign where a file is another
 * store's. */
void forgotten_look(struct store *store, struct survey *survey,
		    struct error *ret_refusal);

#endif
