/*
 * The stat record of DIR: what need not be read, and what is to be remembered. Notes of
 * an entry are written by the thread that works on it. Private to client/destination.
 */
#ifndef BATON_CLIENT_DESTINATION_KNOWN_H
#define BATON_CLIENT_DESTINATION_KNOWN_H

#include <sys/stat.h>

#include "client/destination/destination.h"
#include "client/place/places.h"

/* What a file, link or directory was when its bytes were known, for the stat record. */
struct record_note {
	uint64_t inode;
	int64_t changed_ns; /* 0: nothing is known */
};

struct known_record {
	struct places *places;                     /* borrowed */
	const struct view_table *table;            /* borrowed */
	const struct destination_options *options; /* borrowed */
	const struct record *record;               /* borrowed; NULL: none */
	uint32_t *recorded;        /* owned; by entry: the record's; RECORD_NONE */
	bool is_as_recorded;       /* all of the view lies there already */
	struct record_note *notes; /* owned; by entry; NULL: none are kept */
	dev_t device;              /* of DIR */
	int64_t latest_ns;         /* change time among what was made; atomic */
};

/* To be called when DIR is open, unless it is missing. */
void known_open(struct known_record *known, struct places *places,
		const struct destination_options *options);
void known_fini(struct known_record *known);
/* To be called once DIR is open or made. */
void known_note_device(struct known_record *known);
/* Whether all of the view lies in DIR as the record says: nothing has to be done. */
bool known_covers(struct known_record *known);
/* Whether what has this stat is what the view has, as far as the record shows without
 * reading it. */
bool known_holds(const struct known_record *known, uint32_t entry,
		 const struct stat *stat);
/* How what lies where the entry belongs, in an open directory, was called when it was put
 * there; owned by the caller. NULL: the record does not say. */
char *known_name(const struct known_record *known, uint32_t entry, int fd,
		 const struct stat *there);
/* Whether the stat proves what is read from now on, so that the record may say so. */
bool known_can_prove(const struct known_record *known, uint32_t entry,
		     const struct stat *stat);
/* Notes an entry that is kept; known_can_prove() was true before it was compared. */
void known_note_kept(struct known_record *known, uint32_t entry, const struct stat *stat);
/* Notes an entry that was made, once it has its time. */
void known_note_made(struct known_record *known, uint32_t entry, const struct stat *stat);
void known_note_fd(struct known_record *known, uint32_t entry, int fd);
/* Forgets what was noted of an entry: it has been moved, which changes its stamp, or is
 * another's. */
void known_forget(struct known_record *known, uint32_t entry);
/* When all is made, and nothing published yet: waits for the clock if enough was written
 * for that (settle_from), and forgets the notes of what is still too young for its stamp
 * to prove it. */
void known_settle(struct known_record *known);
/* Writes the record, for destination_record(). */
int known_write(struct known_record *known, const struct record_base *base,
		const struct record_view *view);

#endif
