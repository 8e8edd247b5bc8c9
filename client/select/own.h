/*
 * What is Baton's own: the data directory of the daemon, the folder of the stat records.
 * Where one lies in a tree it is no part of it. It is known by its device and inode,
 * whatever it is called there and wherever it is mounted.
 */
#ifndef BATON_CLIENT_SELECT_OWN_H
#define BATON_CLIENT_SELECT_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define OWN_PLACES_MAX 2u

struct own_place {
	uint64_t device, inode;
	const char *what;  /* for sentences: "it is a …" */
	const char *holds; /* a file in it, without which it is not that; NULL: any */
};

struct own_places {
	struct own_place items[OWN_PLACES_MAX];
	size_t count;
	const uint64_t *data; /* borrowed; as WELCOME has them; NULL: none */
	size_t data_count;
};

/* Of WELCOME, borrowed; none where the daemon may be on another machine. */
void own_places_add_data(struct own_places *places, const uint64_t *numbers,
			 size_t count);
/* Where it is there; NULL is fine. */
void own_places_add_records(struct own_places *places, const char *folder);

/* What a directory is; NULL: not Baton's, or `places` is NULL. fd: it itself; -1: it is
 * not open. */
const char *own_places_what(const struct own_places *places, uint64_t device,
			    uint64_t inode, int fd);

/* The file by which any batond's data directory is known, this daemon's or another's, and
 * whether the open directory, which has one of that name, is one. It holds the layers of
 * others, and keys. */
#define OWN_STORE_FILE "format"
bool own_places_is_store(int fd);
#define OWN_STORE_WHAT "data directory of batond"

/* Whether a directory is the daemon's data directory, or one that holds it. */
bool own_places_is_data(const struct own_places *places, const struct stat *status);
bool own_places_holds_data(const struct own_places *places, const struct stat *status);

/* What a directory is, and its status: of one that was opened, fd, or could not be, -1
 * and errno: one of Baton's own is not to be opened by everybody. 0, or -1 and errno. */
int own_places_look(const struct own_places *places, int parent_fd, const char *name,
		    int fd, struct stat *ret_status, const char **ret_what);

#endif
