/*
 * What the steps of an attach into DIR share, each of which is a file: plan, compare,
 * begin, file, publish, meet, extra, finish, root. They use places, modes, known, alike
 * and ranges. Private to client/destination.
 */
#ifndef BATON_CLIENT_DESTINATION_INTERNAL_H
#define BATON_CLIENT_DESTINATION_INTERNAL_H

#include <sys/stat.h>
#include <sys/types.h>

#include "client/destination/destination.h"
#include "client/destination/known.h"
#include "client/files/stage.h"
#include "client/place/modes.h"
#include "client/place/places.h"
#include "client/place/share.h"
#include "client/place/unmet.h"

/* A file of several units. */
struct large_file {
	uint32_t entry;
	uint32_t left; /* units to come; atomic */
};

struct destination {
	struct places places;
	struct modes modes;
	struct known_record known;
	struct ranges ranges;
	struct destination_options options;
	int parent_fd;           /* owned; of a missing DIR, once begun */
	char *name;              /* owned; its last component */
	size_t made_parents;     /* how many directories above it were made */
	struct stage root_stage; /* what becomes it */
	bool missing;
	bool was_empty;
	struct timespec now; /* once begun: the instant that times_now gives to all */
	bool has_umask;
	mode_t umask_before;
	bool must_chmod;  /* this file system does not give the modes asked for */
	bool lacks_modes; /* it does not even when told a second time */
	struct unmet times_left;
	bool changed;   /* something in DIR is not as it was; atomic */
	bool is_shared; /* others put things into DIR at the same time; atomic */
	bool finished;
	struct large_file *large; /* owned; by entry */
	size_t large_count;
	uint64_t trash_count;
	uint64_t written;      /* files; atomic */
	uint32_t next_compare; /* atomic */
};

/* Something lies where the entry belongs that is not what the view has: it is replaced,
 * or it stays. */
static inline void destination_replace(struct destination *dest, uint32_t entry)
{
	if (dest->options.keep_existing)
		set_place(&dest->places, entry, PLACE_KEPT, MARK_EXISTING);
	else
		set_place(&dest->places, entry, PLACE_STAGED, MARK_REPLACE);
}

/* The modification time that an entry gets. */
static inline struct timespec destination_time(const struct destination *dest,
					       uint32_t entry)
{
	const struct view_entry *row = &dest->places.table->entries[entry];
	return dest->options.times_now ? dest->now
				       : (struct timespec){.tv_sec = row->seconds,
							   .tv_nsec = row->nanoseconds};
}

/* With keep_existing: a directory and something else are at one place. */
int destination_refuse_type(struct destination *dest, uint32_t entry,
			    struct error *error);
/* Says what does not make the attach fail. One thread. */
void destination_note(const struct destination *dest, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void destination_warn(const struct destination *dest, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* stages.c: one for each mount that is written to; to remove them again does nothing */
int stages_make(struct destination *dest, struct error *error);
void stages_remove(struct destination *dest);
/* What the file system of this directory makes of a mode; in a dry run, or where that
 * cannot be tried, the mode. */
mode_t stages_held_mode(struct destination *dest, uint32_t directory, mode_t mode);

/* ---- the steps ---- */
int plan_directory(struct destination *dest, struct error *error); /* plan.c */
int compare_files(struct destination *dest, struct error *error);  /* compare.c */
int root_make(struct destination *dest, struct error *error);      /* root.c */
int root_publish(struct destination *dest, struct error *error);
void root_take_back(struct destination *dest);
/* publish.c: from the stage to its place; and back */
int publish_entry(struct destination *dest, unsigned worker, uint32_t entry,
		  struct error *error);
void take_back_all(struct destination *dest);
/* Moves a directory into a stage, with which it goes away. -1 and errno. */
int move_to_trash(struct destination *dest, const struct spot *home, int stage_fd);
/* extra.c: what DIR has and the view does not, as far as the filter takes it;
 * of what lies below one only the topmost */
struct extra {
	const char *path; /* borrowed; below DIR */
	size_t path_len;
	int fd;           /* borrowed; of the directory it lies in */
	const char *name; /* borrowed; in that */
	bool is_dir;
	bool is_mounted;    /* something is mounted there, or it is Baton's own */
	const char *own;    /* what of Baton's it is; NULL: it is not */
	uint32_t directory; /* of the view, in which it lies or above it */
	bool is_direct;     /* it lies in that */
};
typedef int on_extra(void *context, const struct extra *extra, struct error *error);
int each_extra(struct destination *dest, on_extra *call, void *context,
	       struct error *error);
int delete_extras(struct destination *dest, struct error *error); /* delete.c */
/* Whether something is mounted where the entry belongs, or below that. */
bool extra_has_mounts(struct destination *dest, uint32_t entry);
/* Whether a directory where the entry belongs may be deleted with all that is in it. */
bool extra_may_go(struct destination *dest, uint32_t entry, const struct spot *home);

#endif
