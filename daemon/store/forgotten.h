/*
 * Whether the catalogue has forgotten what was acknowledged. When its log has lost its
 * end, or an older copy of it was put back, the store looks like one in which less was
 * done, and what lies in the segments beyond it looks like persists that were never
 * acknowledged.
 *
 * Three places remember how far the catalogue had come: the stamp (stamp.h), the log
 * behind the frame where SQLite takes it to end (ends.h), and the commit frames
 * (commit_frame.h) in bytes that the catalogue does not vouch for. A larger number than
 * the catalogue's own, or the name of another catalogue, is damage: then nothing is cut
 * off, deleted or written (FORMAT.md §1). Where no place says so, what is not vouched for
 * is a torn tail.
 *
 * One exception: a segment file that no row names and that names another catalogue. If
 * all of this catalogue's segments are there, that file was brought here. It is left
 * alone, and all else goes on.
 */
#ifndef BATON_STORE_FORGOTTEN_H
#define BATON_STORE_FORGOTTEN_H

#include "daemon/store/disk/parts.h"
#include "daemon/store/survey.h"
#include "proto/base/error.h"

/* Reads what is not vouched for, and compares it with store->catalogue. *ret_refusal:
 * code 0; ERR_DAMAGED with its sentence if the catalogue has forgotten something. Sets
 * survey->unsure if something cannot be read, survey->foreign if a file is of another
 * store. */
void forgotten_look(struct store *store, struct survey *survey,
		    struct error *ret_refusal);

#endif
