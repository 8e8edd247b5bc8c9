/*
 * What the parts of materialise share. Private to client/destination.
 */
#ifndef BATON_CLIENT_DESTINATION_INTERNAL_H
#define BATON_CLIENT_DESTINATION_INTERNAL_H

#include <sys/stat.h>
#include <sys/types.h>

#include "client/destination/destination.h"
#include "client/files/stage.h"
#include "proto/base/parallel.h"

/* Where an entry is made. */
enum place {
	PLACE_KEPT = 0,   /* it is there */
	PLACE_STAGED = 1, /* in a stage; its directory is there */
	PLACE_NEW = 2,    /* in a directory that is made */
};

/* What else is known of an entry; one byte with its place. */
#define PLACE_MASK 0x03u
#define MARK_COMPARE 0x04u  /* kept, if the bytes are equal */
#define MARK_RETIME 0x08u   /* kept, but its time differs */
#define MARK_OBSTACLE 0x10u /* a link or file has to go, or an empty directory */
#define MARK_TRASH 0x20u    /* a directory with something in it has to go */
#define MARK_DONE 0x40u     /* staged, and now in its place */
#define MARK_MODE 0x80u     /* a directory that is there, whose mode differs */
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

/* A directory on which another file system, or DIR itself, is mounted: what belongs below
 * it can only be renamed from a stage in it. */
struct mount {
	uint32_t entry;
	uint64_t id;
	struct stage stage;
	bool needed;
};

/* A file of several units. */
struct large_file {
	uint32_t entry;
	uint32_t left; /* units to come; atomic */
};

/* A directory whose mode is to be given back. */
struct restore {
	uint32_t entry;
	mode_t mode;
};

/* What a file, link or directory was when its bytes were known, for the stat record. */
struct record_note {
	uint64_t inode;
	int64_t changed_ns; /* 0: nothing is known */
};

struct materialise {
	const struct view_table *table; /* borrowed */
	struct materialise_options options;
	char *shown;             /* owned; DIR for sentences */
	int parent_fd;           /* owned; of a missing DIR, once begun */
	char *name;              /* owned; its last component */
	size_t made_parents;     /* how many directories above it were made */
	struct stage root_stage; /* what becomes it */
	bool missing;
	bool was_empty;
	int root_fd; /* owned; DIR, or borrowed from root_stage */
	bool has_umask;
	mode_t umask_before;
	bool must_chmod;  /* this file system does not give the modes asked for */
	bool changed;     /* something in DIR is not as it was; atomic */
	bool is_anothers; /* DIR was missing, and somebody else made it meanwhile */
	bool finished;
	uint8_t *states; /* owned; by entry: place and marks */
	struct directory_cache caches[PARALLEL_MAX];
	struct mount *mounts; /* owned; by entry; the first is DIR */
	size_t mount_count;
	struct large_file *large; /* owned; by entry */
	size_t large_count;
	struct restore *restores; /* owned; in the order of opening */
	size_t restore_count;
	unsigned ranges; /* that the entries are cut into for the workers; 0: not yet */
	uint64_t trash_count;
	uint64_t written;            /* files; atomic */
	uint32_t next_compare;       /* atomic */
	const struct record *record; /* borrowed; NULL: none */
	uint32_t *recorded;          /* owned; by entry: the record's; RECORD_NONE */
	bool is_as_recorded;         /* all of the view lies there already */
	struct record_note *notes;   /* owned; by entry; NULL: none are kept */
	dev_t device;                /* of DIR */
	int64_t latest_ns;           /* change time among what was made; atomic */
};

static inline enum place place_of(const struct materialise *m, uint32_t entry)
{
	return (enum place)(m->states[entry] & PLACE_MASK);
}

static inline bool is_marked(const struct materialise *m, uint32_t entry, unsigned mark)
{
	return (m->states[entry] & mark) != 0;
}

static inline void set_place(struct materialise *m, uint32_t entry, enum place place,
			     unsigned marks)
{
	m->states[entry] = (uint8_t)((unsigned)place | marks);
}

static inline void set_mark(struct materialise *m, uint32_t entry, unsigned mark)
{
	m->states[entry] = (uint8_t)(m->states[entry] | mark);
}

/* ---- places.c ---- */
/* "`out/a/b`: WHAT: strerror"; number 0: without the last. */
int entry_error(const struct materialise *m, uint32_t entry, int number, const char *what,
		struct error *error);
char *entry_shown(const struct materialise *m, uint32_t entry); /* owned by the caller */
/* Descriptor of a directory, borrowed from the worker's cache; -1 and errno. */
int directory_fd(struct materialise *m, unsigned worker, uint32_t entry);
void directory_cache_fini(struct directory_cache *cache);

/* Where an entry is made or lies: a directory and a name in it. */
struct spot {
	int fd; /* borrowed */
	const char *name;
	char staged[16]; /* what name points to while it is staged */
};
int entry_spot(struct materialise *m, unsigned worker, uint32_t entry, struct spot *spot);
/* In the directory it belongs to, staged or not. */
int entry_home(struct materialise *m, unsigned worker, uint32_t entry, struct spot *spot);
struct mount *mount_of(struct materialise *m, uint32_t directory);

/* Gives a directory that is there all of its owner's permissions until the end. */
int unlock_directory(struct materialise *m, uint32_t entry, mode_t need,
		     struct error *error);
void remember_mode(struct materialise *m, uint32_t entry, mode_t mode);
/* The mode of a directory through an O_PATH descriptor; -1 and errno. */
int chmod_path_fd(int fd, mode_t mode);
struct timespec entry_time(const struct view_entry *entry);

/* ---- share.c ---- */
/* Something for the entries from first up to end, on worker `worker`. */
typedef int on_range(struct materialise *m, unsigned worker, uint32_t first, uint32_t end,
		     struct error *error);
/* Cuts the entries, but the root, into ranges; before the following. */
void ranges_init(struct materialise *m);
/* A directory of whose entries several ranges have some: what is done to it has to be
 * done before all ranges, or after them. */
bool is_above_ranges(const struct materialise *m, uint32_t entry);
/* Calls it for all ranges, several at a time if there is enough in them. */
int each_range(struct materialise *m, on_range *call, struct error *error);

/* ---- the steps ---- */
int plan_directory(struct materialise *m, struct error *error); /* plan.c */
int compare_files(struct materialise *m, struct error *error);  /* compare.c */
int root_make(struct materialise *m, struct error *error);      /* root.c */
int root_publish(struct materialise *m, struct error *error);
void root_take_back(struct materialise *m);
/* publish.c: from the stage to its place; and back */
int publish_entry(struct materialise *m, unsigned worker, uint32_t entry,
		  struct error *error);
void take_back_all(struct materialise *m);
/* Moves a directory into a stage, with which it goes away. -1 and errno. */
int move_to_trash(struct materialise *m, const struct spot *home, int stage_fd);
/* known.c: the stat record */
void known_open(struct materialise *m);
void known_fini(struct materialise *m);
/* Once DIR is open, or made. */
void known_note_device(struct materialise *m);
bool known_covers(struct materialise *m);
/* Whether what is there, by its stat, is what the view has, unread. */
bool known_holds(const struct materialise *m, uint32_t entry, const struct stat *stat);
/* Whether what is read from now on is what this stat stands for, also next time. */
bool known_can_prove(const struct materialise *m, uint32_t entry,
		     const struct stat *stat);
/* An entry that is kept, and that could be proved before it was compared. */
void known_note_kept(struct materialise *m, uint32_t entry, const struct stat *stat);
/* One that was made, complete with its time. */
void known_note_made(struct materialise *m, uint32_t entry, const struct stat *stat);
void known_note_fd(struct materialise *m, uint32_t entry, int fd);
void known_settle(struct materialise *m);
/* finish.c */
int restore_modes(struct materialise *m, struct error *error);
/* The stages of all mounts; again does nothing. */
void remove_stages(struct materialise *m);
/* extra.c: what DIR has and the view does not, as far as the filter takes it;
 * of what lies below one only the topmost */
struct extra {
	const char *path; /* borrowed; below DIR */
	size_t path_len;
	int fd;           /* borrowed; of the directory it lies in */
	const char *name; /* borrowed; in that */
	bool is_dir;
	uint32_t directory; /* of the view, in which it lies or above it */
	bool is_direct;     /* it lies in that */
};
typedef int on_extra(void *context, const struct extra *extra, struct error *error);
int each_extra(struct materialise *m, on_extra *call, void *context, struct error *error);
int delete_extras(struct materialise *m, struct error *error);
/* Whether a directory where the entry belongs may be deleted with all that is in it. */
bool extra_may_go(struct materialise *m, uint32_t entry, const struct spot *home);

#endif
