/*
 * Names that the destination's file system takes for one: it may ignore case, or how a
 * letter is composed, or what stands at the end. What is one name is never decided by a
 * table of letters, but by what the file system does with the names. For
 * client/destination alone.
 */
#ifndef BATON_CLIENT_PLACE_ALIKE_H
#define BATON_CLIENT_PLACE_ALIKE_H

#include <sys/stat.h>

#include "client/place/places.h"

/* Whether the file system under an open directory, in which files may be made, takes some
 * names for one. */
bool alike_folds(int fd);

/* How an earlier attach called what has this stat and lies where the entry belongs, in an
 * open directory; owned by the caller. NULL: not known. */
typedef char *alike_called(void *context, uint32_t entry, int fd,
			   const struct stat *there);

/* What is no failure, but to be told. */
struct alike_findings {
	uint64_t kept; /* entries that stay, under another name than theirs */
	uint32_t first_kept;
	char *first_kept_name; /* owned */
	/* Entries that replace what may be another's: the file system lists all names in
	 * small letters, say. */
	uint64_t unsure;
	uint32_t first_unsure;
};

/* What a check asks, and tells. */
struct alike_names {
	alike_called *called;
	void *context;                   /* borrowed; of called */
	struct alike_findings *findings; /* borrowed */
};

/* ERR_LOCAL, with both names, where two entries of the view would be one, or where one
 * would replace what is there under another name. Stages are made and DIR is as it was;
 * where nothing is to be written only what is there is looked at. */
int alike_check(struct places *places, bool missing, const struct alike_names *names,
		struct error *error);
/* That of the children of one directory that something is there for. */
int alike_met(struct places *places, const struct alike_names *names, uint32_t directory,
	      const uint32_t *children, size_t count, struct error *error);

/* Something lies where the entry belongs, in a directory that is there: ERR_LOCAL with
 * both names if it is what another entry of the view stands for. */
int alike_refuse(struct places *places, unsigned worker, uint32_t entry,
		 struct error *error);

/* All is in its place: ERR_LOCAL where an entry is not there, or is another one, too. */
int alike_look_again(struct places *places, struct error *error);

/* Whether a directory lists this very name; what cannot be listed does not. */
bool alike_lists(int fd, const char *name);
/* Whether the name stands for this in the directory. */
bool alike_is(int fd, const char *name, const struct stat *other);
/* A folder for trying names, in a stage, and how it is called there; -1: none can be
 * made. To be removed, after what is in it. */
#define ALIKE_TRIAL "names"
int alike_open_trial(int stage_fd);
/* Makes a file of that name: 0, or -1 and errno. */
int alike_try(int trial_fd, const char *name);
/* Both names in one sentence. */
int alike_error(const struct places *places, uint32_t entry, uint32_t other,
		struct error *error);

#endif
