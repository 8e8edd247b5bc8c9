/*
 * Writing a view's tree into a directory (rules T4, T5).
 *
 * One mechanism: an entry whose directory is there already is made in a staging directory
 * (stage.h) and renamed to its place once complete; an entry whose directory this attach
 * makes is made directly under its name. So a missing DIR is one entry of its parent:
 * all of it appears by one rename. In an existing DIR new directories appear whole at the
 * end, and files as they are complete; but where DIR was empty all waits for the end, so
 * that a failure can leave it empty again.
 *
 * - Equal entries (type, bytes, mode) are kept as they are; the mode is what the file
 *   system makes of the row's. Bytes are compared unit by
 *   unit where the size is equal: by XXH3-128, and where that agrees by SHA-256. A kept
 *   entry whose time differs gets the row's, unless times_now or it has other hard links,
 *   which may lie outside DIR. Anything else is made anew, never changed in place.
 *   What the stat record of DIR (record/record.h) shows to be unchanged is not read.
 * - With keep_existing what is there is never changed, its time and mode neither, and
 *   directories are merged. What cannot be merged, a directory and something else, is
 *   refused: nothing of the view is left out in silence.
 * - Directories without owner's permissions get them while work goes on in them.
 * - Directories that are there get the mode of their row, if they have one; times are set
 *   on those that this attach made. A mode or time that cannot be had, because the
 *   directory is another's or the file system keeps none, is a warning.
 * - Attaches into one DIR write one after the other (turn.h), so that each has its view
 *   there when it ends.
 * - Others may put things into DIR at the same time. What they have put where an entry
 *   belongs is met as if it had been there before: directories are merged, DIR itself
 * too, other things are replaced, each by one rename.
 * - What the file system takes for one name of two is refused before anything is written
 *   (alike.h).
 * - Nothing below DIR is reached by a joined path: each component is opened relative to
 *   the one above, links not followed. What is moved away under our hands is an error.
 *
 * The umask of the process is 0 from destination_begin() to destination_close(). All but
 * destination_unit() belongs to one thread. Failures are ERR_LOCAL, ERR_NO_ROOM,
 * ERR_INTERRUPTED and name the path.
 */
#ifndef BATON_CLIENT_DESTINATION_DESTINATION_H
#define BATON_CLIENT_DESTINATION_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "client/record/record.h"
#include "client/select/own.h"
#include "client/terminal/report.h"
#include "client/view/table.h"
#include "proto/base/error.h"
#include "proto/path/glob.h"

struct destination_options {
	const char *directory; /* borrowed */
	bool delete_extra;     /* remove what the view does not have */
	bool keep_existing;    /* what is there stays as it is, whatever it holds */
	/* borrowed; what it does not take stays in spite of delete_extra; NULL: none */
	const struct glob_filter *filter;
	/* borrowed; what delete_extra leaves and nothing is written to; NULL: none */
	const struct own_places *own;
	bool dry_run;      /* nothing follows but destination_list() */
	bool times_now;    /* all that is made gets one instant, and not the row's time */
	bool look_again;   /* at the end: each entry is there, and is no other one */
	bool keeps_record; /* leave a stat record of DIR */
	/* borrowed; of DIR: what it says of files need not be read; NULL: none */
	const struct record *record;
	bool reads_all;        /* it is: the record serves for nothing but names */
	struct report *report; /* borrowed; for warnings; NULL: none are said */
	/* Bytes written, from which on the clock is waited for, so that the record proves
	 * all of them; of less it may not prove the latest. */
	uint64_t settle_from;
	/* How long what holds DIR's lock and is not told to be an attach is waited for.
	 */
	uint64_t turn_wait_ms;
};

/* Two ticks of the clock, some 8 ms, are what reading so much again takes. */
#define DESTINATION_SETTLE_FROM (UINT64_C(4) << 20)

struct destination_counts {
	uint64_t files;     /* in the view */
	uint64_t unchanged; /* files there already */
	uint64_t kept;      /* files and links that keep_existing left: not the view's */
	uint64_t written;   /* files in their place through this attach */
};

struct destination;

/*
 * Looks at DIR and decides what is to be done; nothing is written yet, but that what a
 * file system makes of a mode may be tried in a stage. table is borrowed.
 * ERR_LOCAL also: DIR is a file; a directory that is not empty where a file belongs,
 * without delete_extra, or with something in it that the filter does not take.
 * *ret_destination is set also on failure, and to be closed.
 */
int destination_open(const struct view_table *table,
		     const struct destination_options *options,
		     struct destination **ret_destination, struct error *error);

/* Whether the entry has still to be made or changed. */
bool destination_needs(const struct destination *destination, uint32_t entry);

enum destination_action {
	DESTINATION_WRITE,
	DESTINATION_KEEP,
	DESTINATION_DELETE,
};

/* Names what would be done, by path as escape_encode() writes it. Directories that are
 * there are not mentioned; below a directory that is to be deleted nothing is. */
typedef void destination_on_path(void *context, enum destination_action action,
				 const char *path);
int destination_list(struct destination *destination, destination_on_path *on_path,
		     void *context, struct error *error);

/* Makes the staging directories, the new directories, links and empty files. */
int destination_begin(struct destination *destination, struct error *error);

/* The bytes of a mention (all of them, once each) of a file that is needed, on worker
 * `worker`; a download_sink's on_unit with the destination as context. */
int destination_unit(void *destination, unsigned worker, uint32_t mention,
		     const uint8_t *bytes, struct error *error);

/* All bytes are there: modes, times, what is still staged to its place, deleting. */
int destination_finish(struct destination *destination, struct error *error);

/* Writes the stat record, after destination_finish(). It is a cache: a failure (-1 and
 * errno) may be ignored. base: a layer whose rows are the entries with in_base; NULL:
 * none. view: what the table is; its tag may be 0. */
int destination_record(struct destination *destination, const struct record_base *base,
		       const struct record_view *view);

struct destination_counts destination_counts(const struct destination *destination);

/* After a failure: whether something that was there, or was made, is there no longer, so
 * that the attach may succeed if it begins anew. */
bool destination_was_disturbed(const struct destination *destination);

/* Removes staging directories, restores modes and the umask; before a finish also what
 * can be taken back. NULL is fine. Frees. */
void destination_close(struct destination *destination);

/* The same after a failure, whose sentence then ends with the state that DIR is in.
 * Returns error->code. */
int destination_abandon(struct destination *destination, struct error *error);

#endif
