/*
 * Where each entry of the view lies or will lie: whether it is kept, made in a stage, or
 * made in a new directory; and how that directory is reached. For client/destination
 * alone.
 *
 * Place and marks of an entry are written by the thread that works on it.
 */
#ifndef BATON_CLIENT_PLACE_PLACES_H
#define BATON_CLIENT_PLACE_PLACES_H

#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "client/files/stage.h"
#include "client/view/table.h"
#include "proto/base/error.h"
#include "proto/machine/parallel.h"

/* Where an entry is made. */
enum place {
	PLACE_KEPT = 0,   /* it is there */
	PLACE_STAGED = 1, /* in a stage; its directory is there */
	PLACE_NEW = 2,    /* in a directory that is made */
};

/* What else is known of an entry; in one number with its place. */
#define PLACE_MASK 0x03u
#define MARK_COMPARE 0x04u   /* kept, if the bytes are equal */
#define MARK_RETIME 0x08u    /* kept, but its time differs */
#define MARK_OBSTACLE 0x10u  /* a link or file has to go, or an empty directory */
#define MARK_TRASH 0x20u     /* a directory with something in it has to go */
#define MARK_DONE 0x40u      /* staged, and now in its place */
#define MARK_MODE 0x80u      /* a directory that is there, whose mode differs */
#define MARK_REPLACE 0x100u  /* staged, and a file or link is there that it replaces */
#define MARK_EXISTING 0x200u /* kept, though it is not what the view has */
/* A directory that is there and has been made writable; files alone are compared. */
#define MARK_PREPARED MARK_COMPARE

/* Descriptors of directories, so that the rows of one directory share it. One per worker;
 * what a lookup gives is borrowed until the next. */
#define DIRECTORIES_OPEN 32u
struct directory_cache {
	uint32_t entry[DIRECTORIES_OPEN];
	int fd[DIRECTORIES_OPEN]; /* owned; -1: free */
	uint32_t *chain;          /* owned; PATH_DEPTH_MAX */
};

/* DIR, or a directory below it on which another file system is mounted. What belongs
 * there can only be renamed from a stage in it. */
struct mount {
	uint32_t entry;
	uint64_t id;
	struct stage stage;
	bool needed;
	bool folds;    /* once begun: it takes some names for one (alike.h) */
	bool is_tried; /* without a stage: whether it does is known */
	/* owned; by mode: what the file system makes of it, and 1; 0 and NULL: not known
	 */
	uint16_t *held_modes;
};

struct places {
	const struct view_table *table; /* borrowed */
	bool was_disturbed;             /* others took away what is needed; atomic */
	char *shown;                    /* owned; DIR for sentences */
	int root_fd;      /* owned by whoever opened DIR; DIR, or what becomes it */
	uint16_t *states; /* owned; by entry: place and marks */
	struct directory_cache caches[PARALLEL_MAX];
	struct mount *mounts; /* owned; by entry; the first is DIR */
	size_t mount_count;
};

/* directory: DIR as given. */
void places_init(struct places *places, const struct view_table *table,
		 const char *directory);
void places_fini(struct places *places);

static inline enum place place_of(const struct places *places, uint32_t entry)
{
	return (enum place)(places->states[entry] & PLACE_MASK);
}

static inline bool is_marked(const struct places *places, uint32_t entry, unsigned mark)
{
	return (places->states[entry] & mark) != 0;
}

static inline void set_place(struct places *places, uint32_t entry, enum place place,
			     unsigned marks)
{
	places->states[entry] = (uint16_t)((unsigned)place | marks);
}

static inline void set_mark(struct places *places, uint32_t entry, unsigned mark)
{
	places->states[entry] = (uint16_t)(places->states[entry] | mark);
}

/* The entry's path, DIR in front, for sentences. Owned by the caller. */
char *places_shown(const struct places *places, uint32_t entry);
/* "`out/a/b`: WHAT: strerror"; number 0: without the last. */
int places_error(struct places *places, uint32_t entry, int number, const char *what,
		 struct error *error);
/* The same of an entry that cannot be made or put there: where it is its name that this
 * file system does not take, that is what is said. */
int places_cannot(struct places *places, uint32_t entry, int number, const char *what,
		  struct error *error);
/* Marks a directory as new: all that is in it is made in it. */
void places_set_new_below(struct places *places, uint32_t directory);
/* To be called when something failed in a directory with this status. If we made it
 * writable and it no longer is, another attach has given it back its mode: notes that
 * this one was disturbed. */
void places_note_locked(struct places *places, const struct stat *directory);
/* Descriptor of a directory, borrowed from the worker's cache; -1 and errno. */
int places_fd(struct places *places, unsigned worker, uint32_t entry);
/* Forgets descriptors: the directory has been moved, with all below it. No worker may be
 * at work. */
void places_moved(struct places *places, uint32_t directory);

/* Where an entry lies or is made: a directory, and a name in it. */
struct spot {
	int fd; /* borrowed */
	const char *name;
	char staged[16]; /* what name points to while it is staged */
};
int places_spot(struct places *places, unsigned worker, uint32_t entry,
		struct spot *spot);
/* The entry's final place, whether it is staged or not. */
int places_home(struct places *places, unsigned worker, uint32_t entry,
		struct spot *spot);

/* The innermost mount that contains the directory. */
struct mount *places_mount(struct places *places, uint32_t directory);
void places_add_mount(struct places *places, uint32_t entry, uint64_t id);

#endif
