/*
 * What all who read files of one persist share: where the files are, what is known of
 * them, which are to be read again, and what the user should hear of them.
 */
#ifndef BATON_CLIENT_CONTENT_READING_H
#define BATON_CLIENT_CONTENT_READING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/content/flow.h"
#include "client/content/units.h"
#include "client/files/stamp.h"
#include "client/options/choices.h"
#include "client/record/record.h"
#include "client/terminal/faults.h"
#include "client/terminal/progress.h"
#include "client/tree/tree.h"
#include "proto/options/string_list.h"

/* How often a file that changes is read again. */
#define READ_AGAIN_MAX 3u

/* The state of a file at one moment, as far as rule T3 looks at it. */
struct source_state {
	dev_t device;
	uint64_t size;
	struct stamp stamp;
};

/* A file to be read again, or looked at again. */
struct revisit {
	uint32_t entry;
	unsigned attempt; /* from 0 */
	struct source_state state;
};

struct revisit_list {
	struct revisit *items; /* owned */
	size_t count, room;
};

struct reading {
	struct flow *flow;   /* borrowed */
	struct tree *tree;   /* borrowed */
	struct units *units; /* borrowed */
	int root_fd;         /* borrowed */
	dev_t device;        /* of the root */
	enum if_changed if_changed;
	uint32_t batch_units;        /* BATCH_UNITS, or less where the window is small */
	const struct record *record; /* borrowed; NULL: none */
	bool has_base;               /* units of the record's base need no question */
	struct progress *progress;   /* borrowed; may be NULL */
	struct text secret;          /* borrowed; no file may hold it; empty: none */
	/* For tests: called between opening and reading a file. May be NULL. */
	void (*on_opened)(void *context, const char *path, unsigned attempt);
	void *context; /* borrowed */

	/* under the flow's lock */
	struct revisit_list again; /* to be read */
	struct revisit_list racy;  /* to be looked at, once the clock has moved on; those
				    * that are not known yet to be read */
	bool is_cold;              /* the daemon lacks much of what was recalled */
	bool beyond_base; /* the stat record knew files that do not stand in its base;
			   * atomic */
	uint64_t skipped; /* entries that could not be kept */
	struct string_list *warnings; /* borrowed */

	struct faults *faults; /* borrowed; files that cannot be stored */
	bool only_opens;       /* some cannot be read: it is only seen whether others can;
				* atomic */
};

void reading_fini(struct reading *reading);

void reading_revisit_locked(struct reading *reading, const struct revisit *revisit);
/* Notes a file that is to be looked at again once the clock has moved on. */
void reading_note_racy(struct reading *reading, const struct revisit *revisit);
/* Takes the next file that is to be read again; false: there is none. */
bool reading_next_again(struct reading *reading, struct revisit *ret_revisit);
bool reading_next_again_locked(struct reading *reading, struct revisit *ret_revisit);

/* Notes something that the user should know and that is no failure. */
void reading_warn(struct reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Counts an entry that could not be kept. */
void reading_skip(struct reading *reading);
/* The entry gives no row, with the warning "left out, because it WHY". */
void reading_leave_out(struct reading *reading, uint32_t entry, const char *why);
/* The persist has failed: from now on files are only opened, to learn which others
 * cannot be read. */
void reading_only_open(struct reading *reading);
bool reading_only_opens(const struct reading *reading);
/* Keeps what is wrong with one file until all such files are known. False: the error is
 * not about one file alone. */
bool reading_put_aside(struct reading *reading, const struct error *error);
/* The file changed once more: does what --if-changed says. ERR_CHANGED. */
int reading_give_up(struct reading *reading, uint32_t entry, struct error *error);

#endif
