/*
 * The view that lies in DIR already, as its stat record says: an attach names it, so that
 * the daemon need not send the rows of the same view again (PROTOCOL.md §6), and only
 * looks whether all of it is as it was.
 *
 * Measured with 60,000 files as they lie there, through a Unix socket, nine pairs,
 * medians: 454 bytes come instead of 4.7 MB of rows, in 0.27 s instead of 0.44 s; the
 * client computes for 0.106 s instead of 0.138 s, the daemon for 1 ms instead of 22.
 *
 * Belongs to one thread.
 */
#ifndef BATON_CLIENT_VIEW_HELD_H
#define BATON_CLIENT_VIEW_HELD_H

#include "client/record/record.h"
#include "client/view/rows.h"
#include "proto/message/message.h"

struct view_held {
	int root_fd;           /* owned; DIR; -1: none, or no record of it */
	struct record *record; /* owned; NULL: none that may be trusted */
	const struct record_view *named[RECORD_VIEWS_MAX]; /* in ATTACH; borrowed */
	struct text tags[RECORD_VIEWS_MAX];                /* theirs; they borrow */
	size_t named_count;
};

/* Nothing is held yet. */
void view_held_init(struct view_held *held);
/* Opens the record of DIR. If that fails nothing is held. */
void view_held_open(struct view_held *held, const char *directory);
void view_held_close(struct view_held *held);

/* The tags for an ATTACH to the daemon with this URL, borrowed. */
struct text_list view_held_tags(struct view_held *held, const char *server);

/* By what a record_view knows the daemon of this URL. */
struct digest view_held_server(const char *server);

/* Whether all of the view that the daemon found among these tags lies in DIR: each file
 * and link with the very stat of the record, each directory with its mode; and, where
 * alone, nothing else. The digest and the totals are then the view's; else it is as it
 * was.
 */
bool view_held_lies_there(const struct view_held *held, struct view_rows *view,
			  bool alone);

#endif
